/*
 * /etc/resolv.conf (man 5 resolv.conf): the name servers, the search list, and the options ndots, timeout, attempts and
 * rotate. What it does not say is as in libc: the server is 127.0.0.1, the search list the domain of the host's name.
 */
#ifndef OXP_RESOLV_CONF_H
#define OXP_RESOLV_CONF_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { NAME_SERVERS_MAX = 3, SEARCH_DOMAINS_MAX = 32, SEARCH_DOMAIN_SIZE = 254, RESOLV_CONF_MAX = 16 << 10 };

struct resolv_conf {
	size_t servers_count;
	struct sockaddr_storage servers[NAME_SERVERS_MAX];
	size_t search_count;
	char search[SEARCH_DOMAINS_MAX][SEARCH_DOMAIN_SIZE];
	unsigned ndots; /* a name with fewer dots is looked for in the search list first */
	unsigned attempts; /* how often each server is asked */
	bool rotate; /* each question begins with the next server */
	struct duration timeout; /* of one question to one server */
};

/* Of the file, RESOLV_CONF_MAX bytes are read, and a line that goes on behind them is left out. If it is
 * missing, or no regular file, everything is as in libc. */
void resolv_conf_load(struct resolv_conf *, const char *path);
void resolv_conf_parse(struct resolv_conf *, struct bytes text);

#endif
