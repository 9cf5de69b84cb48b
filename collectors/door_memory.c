#include "collectors/door_memory.h"

#include <errno.h>
#include <stdlib.h>

enum {
	FIRST_ROOM = 64 << 10, /* the most that a body has before any of it has come */
	TOKEN_ROOM = 4 << 10, /* what one has that will be larger: its first bytes say how large it may get */
	GROWTH = 2, /* times what has come of a body: the room that it may have */
	GROWTH_ANNOUNCED = 8, /* the same for one that said how large it gets */
	CUTS_MAX = 16, /* the most peers that are cut off to make room for one request */
};

void door_memory_init(struct door_memory *m, struct host *host)
{
	*m = (struct door_memory){ .host = host };
}

void door_memory_serve(struct door_memory *m, struct http_server *server)
{
	OXP_ASSERT(m->servers_count < DOOR_WAYS_MAX);
	m->servers[m->servers_count++] = server;
}

/* A peer that is slow with a body or an answer gives way to the one that comes. */
static bool make_room(const struct door_memory *m, const struct http_request *request, int *cuts)
{
	bool made = false;

	if (++*cuts > CUTS_MAX)
		return false;
	for (size_t i = 0; i < m->servers_count && !made; i++)
		made = http_server_cut_slow(m->servers[i], request);
	return made;
}

/* Who borrows. */
struct borrower {
	const struct door_memory *memory;
	enum signal signal;
	const struct http_request *request;
};

/* A batch with a block of that size. NULL: no room. */
static char *borrow(const struct borrower *who, size_t size, struct batch **ret)
{
	char *data = NULL;
	int cuts = 0;

	do {
		struct batch *b = host_batch_new(who->memory->host, who->signal);
		data = b ? batch_block(b, size) : NULL;
		if (data)
			*ret = b;
		else
			batch_free(b);
	} while (!data && make_room(who->memory, who->request, &cuts));
	return data;
}

/* A body. */

void door_body_init(struct door_body *b, struct door_memory *memory, enum signal signal)
{
	*b = (struct door_body){ .memory = memory, .signal = signal };
}

void door_body_done(struct door_body *b)
{
	batch_free(b->batch);
	b->batch = NULL;
	door_body_old_done(b);
	door_body_work_done(b);
}

static bool reserve(struct door_body *b, const struct http_request *request, size_t size)
{
	size_t room = size ? size : FIRST_ROOM;

	b->data = borrow(&(struct borrower){ b->memory, b->signal, request }, room, &b->batch);
	b->room = b->data ? room : 0;
	return b->data;
}

bool door_body_begin(struct door_body *b, const struct http_request *request, int64_t announced)
{
	b->announced = announced;
	return reserve(b, request, announced > FIRST_ROOM ? TOKEN_ROOM : announced > 0 ? (size_t)announced : 0);
}

static bool grow(struct door_body *b, size_t room)
{
	char *data = batch_block_grow(b->batch, room);

	if (!data)
		return false;
	b->data = data;
	b->room = room;
	return true;
}

/* What it may have once `size` bytes of it have come. What it announces costs its sender nothing, so that is not the
 * measure. But each time that it grows its bytes are copied, so one that is known to come is let grow faster. */
static size_t room_for(const struct door_body *b, size_t size)
{
	if (b->announced <= 0)
		return GROWTH * size;
	return GROWTH_ANNOUNCED * size < (size_t)b->announced ? GROWTH_ANNOUNCED * size : (size_t)b->announced;
}

/* At least `size` bytes, of which some may not have come yet. */
static bool reserve_more(struct door_body *b, const struct http_request *request, size_t size)
{
	size_t most = room_for(b, b->size);
	int cuts = 0;

	if (size <= b->room || (size < most && grow(b, most)))
		return true;
	do {
		if (grow(b, size))
			return true;
	} while (make_room(b->memory, request, &cuts));
	return false;
}

/* With the first bytes of a body that is larger than FIRST_ROOM. If they allow for all of it, it never moves. */
static bool reserve_first(struct door_body *b, const struct http_request *request, size_t size)
{
	size_t most = room_for(b, size);

	if (most == (size_t)b->announced && grow(b, most))
		return true;
	return reserve_more(b, request, size > FIRST_ROOM ? size : FIRST_ROOM);
}

bool door_body_append(struct door_body *b, const struct http_request *request, struct bytes piece)
{
	bool stays = piece.data == b->data + b->size;

	if (!stays && b->size == 0 && b->announced > FIRST_ROOM && !reserve_first(b, request, piece.size))
		return false;
	if (!reserve_more(b, request, b->size + piece.size))
		return false;
	if (!stays)
		memcpy(b->data + b->size, piece.data, piece.size);
	b->size += piece.size;
	return true;
}

char *door_body_into(struct door_body *b, const struct http_request *request, size_t *room)
{
	size_t most = room_for(b, b->size), left = b->room - b->size;

	/* while half of it is free a body does not grow: it may come in small pieces */
	if (left < *room && left < b->size && most > b->room)
		(void)!reserve_more(b, request, smaller(most, b->size + *room));
	left = b->room - b->size;
	if (left == 0)
		return NULL;
	*room = smaller(*room, left);
	return b->data + b->size;
}

bool door_body_restart(struct door_body *b, const struct http_request *request, size_t size)
{
	batch_free(b->batch);
	b->batch = NULL;
	b->data = NULL;
	b->size = b->room = 0;
	return reserve(b, request, size);
}

bool door_body_renew(struct door_body *b, const struct http_request *request, size_t size)
{
	OXP_ASSERT(!b->before);
	b->before = b->batch;
	b->old = (struct bytes){ b->data, b->size };
	b->batch = NULL;
	return door_body_restart(b, request, size);
}

void door_body_restore(struct door_body *b)
{
	OXP_ASSERT(b->before && !b->batch);
	b->batch = b->before;
	b->data = (char *)b->old.data;
	b->size = b->room = b->old.size;
	b->before = NULL;
	b->old = (struct bytes){ NULL, 0 };
}

void door_body_old_done(struct door_body *b)
{
	batch_free(b->before);
	b->before = NULL;
	b->old = (struct bytes){ NULL, 0 };
}

void door_body_filled(struct door_body *b, size_t size)
{
	OXP_ASSERT(size <= b->room);
	b->size = size;
}

bool door_body_work(struct door_body *b, const struct http_request *request, size_t size)
{
	b->work = borrow(&(struct borrower){ b->memory, b->signal, request }, size, &b->work_batch);
	return b->work;
}

void door_body_work_done(struct door_body *b)
{
	batch_free(b->work_batch);
	b->work_batch = NULL;
	b->work = NULL;
}

/* Its answer. */

void door_reply_init(struct door_reply *r, struct door_memory *memory, enum signal signal)
{
	*r = (struct door_reply){ .memory = memory, .signal = signal };
}

void door_reply_done(struct door_reply *r)
{
	r->memory->replies -= r->room;
	batch_free(r->batch);
	door_reply_init(r, r->memory, r->signal);
}

int door_reply_reserve(struct door_reply *r, const struct http_request *request, size_t size)
{
	struct door_memory *m = r->memory;
	bool fits;
	int cuts = 0;

	do {
		fits = m->replies == 0 || m->replies + size <= DOOR_ANSWERS_MAX;
	} while (!fits && make_room(m, request, &cuts));
	r->data = fits ? borrow(&(struct borrower){ m, r->signal, request }, size, &r->batch) : NULL;
	if (!r->data)
		return fits ? -ENOMEM : -EBUSY;
	m->replies += r->room = size;
	return 0;
}

void door_reply_filled(struct door_reply *r, size_t size)
{
	OXP_ASSERT(size <= r->room);
	r->size = size;
}

void door_reply_trim(struct door_reply *r)
{
	r->data = batch_block_trim(r->batch, r->size);
	r->memory->replies -= r->room - r->size;
	r->room = r->size;
}

/* On its way to the peer. */
struct leaving {
	struct door_memory *memory;
	struct batch *batch;
};

static void gone(void *context, struct bytes bytes)
{
	struct leaving *leaving = context;

	leaving->memory->replies -= bytes.size;
	batch_free(leaving->batch);
	free(leaving);
}

struct http_page *door_reply_page(struct door_reply *r)
{
	struct bytes bytes = { r->data, r->size };
	struct leaving *leaving;

	if (!r->batch)
		return NULL;
	leaving = oxp_new(sizeof *leaving);
	*leaving = (struct leaving){ r->memory, r->batch };
	door_reply_init(r, r->memory, r->signal);
	return http_page_new(bytes, gone, leaving);
}
