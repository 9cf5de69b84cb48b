#include "http/addresses.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

enum { NAME_MAX_SIZE = 256 };

/* Invariant: `good` is not one of the failed. */
struct name {
	char host[NAME_MAX_SIZE];
	uint16_t port;
	uint64_t asked; /* when, as a number that grows; 0: free */
	bool has_good;
	struct sockaddr_storage good, failed[RESOLVE_ADDRESSES_MAX];
	size_t failed_count;
};

struct addresses {
	uint64_t asked;
	struct name names[ADDRESSES_NAMES_MAX];
};

struct addresses *addresses_new(void)
{
	return oxp_new(sizeof(struct addresses));
}

void addresses_free(struct addresses *a)
{
	free(a);
}

static bool same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr,
		       sizeof(struct in6_addr)) == 0;
}

static bool has_failed(const struct name *n, const struct sockaddr_storage *at)
{
	for (size_t i = 0; i < n->failed_count; i++)
		if (same(&n->failed[i], at))
			return true;
	return false;
}

/* The entry of that name. If there is none, the name that has not been asked for longest makes room. */
static struct name *find(struct addresses *a, const char *host, uint16_t port)
{
	struct name *n = &a->names[0];

	for (size_t i = 0; i < ADDRESSES_NAMES_MAX; i++) {
		struct name *other = &a->names[i];
		if (other->asked && other->port == port && strcmp(other->host, host) == 0) {
			other->asked = ++a->asked;
			return other;
		}
		if (other->asked < n->asked)
			n = other;
	}
	*n = (struct name){ .port = port, .asked = ++a->asked };
	snprintf(n->host, sizeof n->host, "%s", host);
	return n;
}

const struct sockaddr_storage *addresses_pick(
	struct addresses *a, const char *host, uint16_t port, const struct resolved *found)
{
	struct name *n = find(a, host, port);

	OXP_ASSERT(found->count > 0);
	for (size_t i = 0; n->has_good && i < found->count; i++)
		if (same(&found->addresses[i], &n->good))
			return &found->addresses[i];
	for (size_t i = 0; i < found->count; i++)
		if (!has_failed(n, &found->addresses[i]))
			return &found->addresses[i];
	n->failed_count = 0;
	return &found->addresses[0];
}

void addresses_answered(struct addresses *a, const char *host, uint16_t port, const struct sockaddr_storage *at)
{
	struct name *n = find(a, host, port);

	n->has_good = true;
	n->good = *at;
	n->failed_count = 0;
}

void addresses_failed(struct addresses *a, const char *host, uint16_t port, const struct sockaddr_storage *at)
{
	struct name *n = find(a, host, port);

	if (n->has_good && same(&n->good, at))
		n->has_good = false;
	if (has_failed(n, at))
		return;
	if (n->failed_count == RESOLVE_ADDRESSES_MAX) /* of names whose addresses come and go */
		n->failed_count = 0;
	n->failed[n->failed_count++] = *at;
}
