#include "health/trust.h"

int trust_init(struct trust *t, const struct trust_config *config, struct host *host)
{
	int failed = 0;

	*t = (struct trust){ .tls = { .trust_anyone = !config->verify } };
	held_file_init(&t->ca);
	if (config->ca)
		failed = held_file_renew(&t->ca, config->ca);
	if (failed)
		host_log(host, LOG_LEVEL_ERROR, "ca: %s: %s", config->ca, held_file_why(failed));
	else if (config->ca)
		t->tls.ca = (struct http_file){ .path = t->ca.path, .name = config->ca };
	return failed;
}

void trust_done(struct trust *t)
{
	held_file_done(&t->ca);
}
