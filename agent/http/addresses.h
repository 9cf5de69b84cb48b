/*
 * Which address of a name is asked: one at a time, and the one that answered last for as long as it answers.
 *
 * An address that failed (no connection, no answer, 502 to 504) is passed over until every other one has failed, too,
 * or one has answered. So a server behind a name is reached wherever it is in the list, and in whatever order a name
 * server gives the list. Names that have not been asked for long are forgotten.
 */
#ifndef OXP_HTTP_ADDRESSES_H
#define OXP_HTTP_ADDRESSES_H

#include "loop/resolve.h"

enum { ADDRESSES_NAMES_MAX = 32 };

struct addresses;

struct addresses *addresses_new(void);
void addresses_free(struct addresses *);
/* The one to ask; of at least one that was found. */
const struct sockaddr_storage *addresses_pick(
	struct addresses *, const char *host, uint16_t port, const struct resolved *);
void addresses_answered(struct addresses *, const char *host, uint16_t port, const struct sockaddr_storage *);
void addresses_failed(struct addresses *, const char *host, uint16_t port, const struct sockaddr_storage *);

#endif
