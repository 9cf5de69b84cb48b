#include "collectors/listen_log.h"

#include "component.h"
#include "http/taken.h"

void listen_log_failed(struct host *host, const char *option, const char *address, int type, int failed)
{
	char why[LISTEN_WHY_MAX];

	listen_why(address, type, failed, why);
	host_log(host, LOG_LEVEL_ERROR, "cannot listen on %s: %s; set `%s.%s` to another address", address, why,
		host_name(host), option);
}

void listen_log_anew(struct host *host, const char *address, int type, int failed, int before)
{
	char why[LISTEN_WHY_MAX];

	if (failed == 0)
		host_log(host, LOG_LEVEL_INFO, "the socket file of %s was removed: created it again", address);
	if (failed == 0 || failed == before)
		return;
	listen_why(address, type, failed, why);
	host_log(host, LOG_LEVEL_WARN, "the socket file of %s was removed, and cannot be created again: %s", address,
		why);
}
