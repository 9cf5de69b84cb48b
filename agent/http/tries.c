#include "http/tries.h"

#include <stdio.h>
#include <string.h>

void tries_init(struct tries *t, struct addresses *addresses, const char *host, uint16_t port)
{
	*t = (struct tries){ .addresses = addresses, .host = host, .port = port };
}

void tries_found(struct tries *t, const struct resolved *found)
{
	t->found = *found;
}

bool tries_left(const struct tries *t)
{
	return t->tried < t->found.count;
}

static size_t address_write(const struct sockaddr_storage *a, char *to, size_t room)
{
	bool v4 = a->ss_family == AF_INET;
	char digits[INET6_ADDRSTRLEN];

	if (v4)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, digits, sizeof digits);
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, digits, sizeof digits);
	return (size_t)snprintf(to, room, v4 ? "%s" : "[%s]", digits);
}

void tries_next(struct tries *t, char to[TRIES_PIN_MAX])
{
	size_t used = 2;

	t->at = addresses_pick(t->addresses, t->host, t->port, &t->found);
	t->tried++;
	memcpy(to, "::", used);
	used += address_write(t->at, to + used, TRIES_PIN_MAX - used);
	snprintf(to + used, TRIES_PIN_MAX - used, ":%u", (unsigned)t->port);
}

void tries_ended(struct tries *t, bool failed)
{
	if (!t->at)
		return;
	(failed ? addresses_failed : addresses_answered)(t->addresses, t->host, t->port, t->at);
	t->at = NULL;
}
