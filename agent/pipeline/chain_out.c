#include "pipeline/chain_out.h"

#include <errno.h>

#include "base/trim.h"

enum {
	BLOCK = 64 << 10,
	FIRST = TRIM_LARGE, /* of a record whose size is not known: growing a larger one copies nothing */
	GROW_MIN = 1 << 10,
};

bool chain_out_begin(struct chain_out *o)
{
	if (!o->batch)
		o->batch = batch_new(o->in->budget, o->in->signal);
	return o->batch;
}

void chain_out_end_block(struct chain_out *o)
{
	if (o->block && batch_block_trim(o->batch, o->used))
		o->block = NULL;
	o->room = o->used = 0;
}

static bool new_block(struct chain_out *o, size_t room)
{
	chain_out_end_block(o);
	o->block = batch_block(o->batch, room);
	o->room = o->block ? room : 0;
	return o->block;
}

char *chain_out_room(struct chain_out *o, size_t size, size_t ahead)
{
	size_t want = ahead < BLOCK ? ahead : BLOCK;

	if (size > o->room - o->used && !new_block(o, size > want ? size : want))
		return NULL;
	if (!o->block)
		return NULL;
	o->used += size;
	return o->block + o->used - size;
}

static bool grow_block(struct chain_out *o, size_t room)
{
	char *grown = batch_block_grow(o->batch, room);

	if (!grown)
		return false;
	o->block = grown;
	o->room = room;
	return true;
}

/* Twice as much as there is, but no more than may come. */
static size_t generous(const struct chain_out *o, size_t size, size_t ahead)
{
	size_t more = o->room > FIRST ? o->room : FIRST;

	return size + (ahead < more ? ahead : more) + GROW_MIN;
}

char *chain_out_grow(struct chain_out *o, size_t size, size_t ahead, size_t *ret_room)
{
	size_t room;

	if (size > UINT32_MAX || !chain_out_begin(o))
		return NULL;
	if (o->used > 0)
		chain_out_end_block(o);
	room = generous(o, size, ahead);
	if (size > o->room &&
		(o->block ? !grow_block(o, room) && !grow_block(o, size) : !new_block(o, room) && !new_block(o, size)))
		return NULL;
	*ret_room = o->room;
	return o->block;
}

const char *chain_out_close(struct chain_out *o, size_t size)
{
	const char *data;

	OXP_ASSERT(o->used == 0 && size <= o->room);
	data = batch_block_trim(o->batch, size);
	o->block = NULL;
	o->room = 0;
	return data;
}

int chain_out_no_room(const struct chain_out *o, size_t wanted)
{
	size_t most = budget_most(o->in->budget, o->in->signal);
	size_t has = o->in->charged + (o->batch ? o->batch->charged : 0);

	return has + wanted > most - most / 8 ? -EMSGSIZE : -ENOMEM;
}
