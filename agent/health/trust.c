#include "health/trust.h"

int trust_init(struct trust *t, const struct trust_config *config, struct host *host)
{
	int failed = 0;

	*t = (struct trust){ .host = host, .tls = { .trust_anyone = !config->verify } };
	held_file_init(&t->ca);
	if (config->ca)
		failed = held_file_renew(&t->ca, config->ca);
	if (failed)
		host_log(host, LOG_LEVEL_ERROR, "ca: %s: %s", config->ca, held_file_why(failed));
	else if (config->ca)
		t->tls.ca = (struct http_file){ .path = t->ca.path, .name = config->ca };
	return failed;
}

void trust_renew(struct trust *t)
{
	int failed = t->tls.ca.name ? held_file_renew(&t->ca, t->tls.ca.name) : 0;

	if (failed && !t->complained)
		host_log(t->host, LOG_LEVEL_WARN, "ca: %s: %s; the file that was there before stays in use",
			t->tls.ca.name, held_file_why(failed));
	t->complained = failed;
}

void trust_done(struct trust *t)
{
	held_file_done(&t->ca);
}
