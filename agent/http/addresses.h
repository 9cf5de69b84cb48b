/*
 * Which address of a name is asked: one at a time, the one that answered last as long as it does.
 *
 * One that failed (no connection, no answer, 502 to 504) is passed over until every other has failed, too, or one has
 * answered; so a server behind a name is reached wherever it stands in the list, in whatever order a name server gives
 * that. Of names that were not asked for long nothing is known any more.
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
