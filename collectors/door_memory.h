/*
 * The memory of a door's requests: for a body as it comes, as it is inflated or mended, for what its check notes, and
 * for the answer until the peer has read it. All of it stands in blocks of batches, so it counts as `memory`, and it is
 * taken before it is used. If there is none, peers that are slow with a body or an answer are cut off to make room.
 *
 * Only door_memory.c writes these structs. A function that takes a request may cut off the peer of another one.
 */
#ifndef OXP_DOOR_MEMORY_H
#define OXP_DOOR_MEMORY_H

#include "component.h"
#include "http/server.h"

enum {
	DOOR_WAYS_MAX = 2, /* servers */
};
enum { DOOR_ANSWERS_MAX = 4 << 20 }; /* bytes of answers being made or not read yet; beyond that, one at a time */

/* A door's. */
struct door_memory {
	struct host *host;
	struct http_server *servers[DOOR_WAYS_MAX]; /* whose peers may be cut off */
	size_t servers_count;
	size_t replies; /* bytes of answers that are being made or that peers have not read */
};

/*
 * A request's.
 *
 * Invariant: data points to the newest block of `batch`, which has `room` bytes, `size` of them filled. old and work
 * are in batches that are never offered.
 */
struct door_body {
	struct door_memory *memory;
	enum signal signal; /* of its batches */
	struct batch *batch;
	char *data;
	size_t size, room;
	int64_t announced; /* -1: unknown */
	struct batch *before; /* has `old`: the compressed bytes while they are inflated, or the body that is mended */
	struct bytes old;
	struct batch *work_batch;
	char *work;
};

/* Its answer. Invariant: `room` is part of the door's `replies`. */
struct door_reply {
	struct door_memory *memory;
	enum signal signal; /* of the request that it answers */
	struct batch *batch; /* is never offered */
	char *data;
	size_t size, room;
};

void door_memory_init(struct door_memory *, struct host *);
void door_memory_serve(struct door_memory *, struct http_server *); /* one more */

void door_body_init(struct door_body *, struct door_memory *, enum signal);
void door_body_done(struct door_body *);
/* Takes room for what is to come: for what is announced (-1: nothing is), or for a first part of it. False: no room. */
bool door_body_begin(struct door_body *, const struct http_request *, int64_t announced) MUST_CHECK;
/* The same, and copies the piece, unless it was received where door_body_into() says. */
bool door_body_append(struct door_body *, const struct http_request *, struct bytes piece) MUST_CHECK;
/* Where the next piece belongs, of up to *room bytes; *room becomes what there is room for. NULL: nothing. */
char *door_body_into(struct door_body *, const struct http_request *, size_t *room);
/* What is there becomes `old`, and the body begins anew, with room for `size`. False: no room. */
bool door_body_renew(struct door_body *, const struct http_request *, size_t size) MUST_CHECK;
/* After a failed renew(): what was there is the body again. */
void door_body_restore(struct door_body *);
/* Begins again, with room for `size`; `old` stays. False: no room. */
bool door_body_restart(struct door_body *, const struct http_request *, size_t size) MUST_CHECK;
void door_body_old_done(struct door_body *);
/* `size` bytes were written to `data` from outside. */
void door_body_filled(struct door_body *, size_t size);
/* Room for `work`. False: no room. */
bool door_body_work(struct door_body *, const struct http_request *, size_t size) MUST_CHECK;
void door_body_work_done(struct door_body *);

void door_reply_init(struct door_reply *, struct door_memory *, enum signal);
void door_reply_done(struct door_reply *);
/* Room for an answer; a large one finds it when it is the only one. 0, -ENOMEM: no room, or -EBUSY: too many answers
 * have not been read. */
int door_reply_reserve(struct door_reply *, const struct http_request *, size_t size) MUST_CHECK;
/* `size` bytes were written to `data`. */
void door_reply_filled(struct door_reply *, size_t size);
/* Keeps no more than was filled. */
void door_reply_trim(struct door_reply *);
/* The answer leaves the request; its memory goes with the last use of the page. NULL: there is none. */
struct http_page *door_reply_page(struct door_reply *);

#endif
