/*
 * What HTTP/2 costs a server beside bodies and answers: the library's memory, streams with their heads, bytes that
 * have come and that the library has not had, and bytes that it made and that a peer does not take. One ceiling for all
 * connections of a server. It is asked before anything is taken; the library gets no memory beyond it.
 *
 * A peer makes room for itself by what it only announces, so no more than half is used for long: then the connection
 * with most of it gives way, if that is above H2_SEAT_SHARE. A server has no more seats than there are such shares.
 *
 * Invariant: `used` of the room is the sum of its users'. Only h2_room.c writes these structs.
 */
#ifndef OXP_H2_ROOM_H
#define OXP_H2_ROOM_H

#include <nghttp2/nghttp2.h>

#include "base/base.h"

enum { H2_SEAT_SHARE = 48 << 10 };

struct h2_room {
	size_t most, used;
};

struct h2_room_user {
	struct h2_room *room;
	size_t used;
	nghttp2_mem memory; /* for the library's session; the user stays where it is */
};

/* `most` is for `seats`, or for all that there is room for: `limit`, 0 for no other. Returns how many these are. */
size_t h2_room_init(struct h2_room *, size_t seats, size_t limit) MUST_CHECK;
void h2_room_join(struct h2_room *, struct h2_room_user *);
bool h2_room_has(const struct h2_room_user *, size_t more);
/* What the user holds beside the library's memory has changed its size. */
void h2_room_change(struct h2_room_user *, size_t before, size_t now);
/* More than half is used: some user gives way, if it has more than its share. */
bool h2_room_is_tight(const struct h2_room *);

#endif
