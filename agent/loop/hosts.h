/*
 * Searches a hosts file for a name. Nothing is cached here: each search reads the file anew. It is read a slice at a
 * time, since a file that blocks advertisements has a hundred thousand lines.
 */
#ifndef OXP_HOSTS_H
#define OXP_HOSTS_H

#include <sys/socket.h>

#include "base/base.h"

enum {
	HOSTS_SLICE = 16 << 10, /* read in one call; a line that is longer is left out */
	HOSTS_MAX = 16 << 20, /* bytes of the file that are looked at */
	HOSTS_FOUND_MAX = 8,
};

struct hosts_search {
	const char *name; /* the caller's */
	int fd; /* -1: there is no file */
	uint64_t at;
	bool within_long_line;
	size_t count;
	struct sockaddr_storage found[HOSTS_FOUND_MAX]; /* in the order of the file, without a port */
};

/* A file that cannot be read, or is not a regular file, has no names. The path may be NULL. */
void hosts_search_init(struct hosts_search *, const char *path, const char *name);
bool hosts_search_next(struct hosts_search *); /* reads on; false: it was read to its end */
void hosts_search_done(struct hosts_search *); /* may be called twice */

#endif
