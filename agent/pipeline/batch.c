#include "pipeline/batch.h"

#include <errno.h>
#include <stdlib.h>

enum { ITEMS_FIRST = 16, ITEMS_STEP_MAX = 4096 };

static bool charge(struct batch *b, size_t bytes)
{
	if (b->apart) {
		if (b->reserved < bytes)
			return false;
		b->reserved -= bytes;
		return true;
	}
	if (!budget_take(b->budget, b->signal, bytes))
		return false;
	b->charged += bytes;
	return true;
}

static void discharge(struct batch *b, size_t bytes)
{
	if (b->apart) {
		b->reserved += bytes;
		return;
	}
	b->charged -= bytes;
	budget_give(b->budget, b->signal, bytes);
}

bool batch_reserve(struct batch *b, size_t bytes)
{
	OXP_ASSERT(!b->apart && b->reserved == 0);
	if (!charge(b, bytes))
		return false;
	b->reserved = bytes;
	b->apart = true;
	return true;
}

void batch_unreserve(struct batch *b)
{
	size_t left = b->reserved;

	b->apart = false;
	b->reserved = 0;
	discharge(b, left);
}

struct batch *batch_new(struct budget *budget, enum signal signal)
{
	struct batch *b;

	if (!budget_take(budget, signal, sizeof *b + BATCH_OVERHEAD))
		return NULL;
	b = oxp_new(sizeof *b);
	*b = (struct batch){ .budget = budget, .signal = signal, .refs = 1, .charged = sizeof *b + BATCH_OVERHEAD };
	return b;
}

/* Inserts a block into the list at `before`. Returns NULL if there is no room. */
static struct batch_block *new_block(struct batch *b, struct batch_block **before, size_t size)
{
	struct batch_block *block;
	size_t cost = sizeof *block + size + BATCH_PADDING;

	if (!charge(b, cost))
		return NULL;
	block = malloc(cost);
	if (!block) {
		discharge(b, cost);
		return NULL;
	}
	memset(block->data + size, 0, BATCH_PADDING);
	block->size = size;
	block->next = *before;
	*before = block;
	return block;
}

char *batch_block(struct batch *b, size_t size)
{
	struct batch_block *block = new_block(b, &b->blocks, size);

	return block ? block->data : NULL;
}

/* Whether the whole item lies in the `size` bytes at `from`. */
static bool stands_in(const struct batch_item *item, uintptr_t from, size_t size)
{
	uintptr_t at = (uintptr_t)item->data;

	return at >= from && at - from <= size && item->size <= size - (at - from);
}

/* Items lie in older blocks. */
static bool is_empty(const struct batch *b, const struct batch_block *block)
{
	for (size_t i = 0; i < b->count; i++)
		if (stands_in(&b->items[i], (uintptr_t)block->data, block->size))
			return false;
	return true;
}

char *batch_block_grow(struct batch *b, size_t size)
{
	struct batch_block *grown, *block = b->blocks;
	size_t more;

	OXP_ASSERT(block && size >= block->size && is_empty(b, block));
	more = size - block->size;
	if (!charge(b, more))
		return NULL;
	grown = realloc(block, sizeof *block + size + BATCH_PADDING);
	if (!grown) {
		discharge(b, more);
		return NULL;
	}
	memset(grown->data + size, 0, BATCH_PADDING);
	grown->size = size;
	b->blocks = grown;
	return grown->data;
}

/* A block moved from `from` to `to`: its items follow. */
static void move_items(struct batch *b, uintptr_t from, const struct batch_block *to)
{
	for (size_t i = 0; i < b->count; i++)
		if (stands_in(&b->items[i], from, to->size))
			b->items[i].data = to->data + ((uintptr_t)b->items[i].data - from);
}

char *batch_block_trim(struct batch *b, size_t size)
{
	struct batch_block *shrunk, *block = b->blocks;
	uintptr_t before;

	OXP_ASSERT(block && size <= block->size);
	before = (uintptr_t)block->data;
	if (block->size - size < block->size / 4)
		return block->data; /* not worth the move */
	shrunk = realloc(block, sizeof *block + size + BATCH_PADDING);
	if (!shrunk)
		return block->data;
	discharge(b, shrunk->size - size);
	shrunk->size = size;
	b->blocks = shrunk;
	if ((uintptr_t)shrunk->data != before)
		move_items(b, before, shrunk);
	return shrunk->data;
}

/* Makes room for `more` items. The array is charged like everything else. */
static bool reserve_items(struct batch *b, size_t more)
{
	size_t room = b->room ? b->room : ITEMS_FIRST;
	struct batch_item *grown;

	if (b->count + more <= b->room)
		return true;
	while (room < b->count + more)
		room += room < ITEMS_STEP_MAX ? room : ITEMS_STEP_MAX;
	if (!charge(b, (room - b->room) * sizeof *grown))
		return false;
	grown = realloc(b->items, room * sizeof *grown);
	if (!grown) {
		discharge(b, (room - b->room) * sizeof *grown);
		return false;
	}
	b->items = grown;
	b->room = room;
	return true;
}

/*
 * Replaces line ends with spaces in a copy, since the caller may still read the original bytes. In JSON they can only
 * be white space: a string has none (RFC 8259, sections 2 and 7). The newest block stays the newest.
 */
static bool mend(struct batch *b, struct batch_item *item)
{
	struct batch_block *block = new_block(b, b->blocks ? &b->blocks->next : &b->blocks, item->size);

	if (!block)
		return false;
	memcpy(block->data, item->data, item->size);
	bytes_make_one_line(block->data, item->size);
	item->data = block->data;
	return true;
}

/* Every item passes through here, so a log line never has line ends in it. Returns false if there is no room. */
static bool enter(struct batch *b, struct batch_item *item)
{
	if (b->signal != SIGNAL_LOGS || LIKELY(bytes_one_line((struct bytes){ item->data, item->size })))
		return true;
	return mend(b, item);
}

int batch_add(struct batch *b, const struct batch_item *item)
{
	if (UNLIKELY(b->count == b->room) && !reserve_items(b, 1))
		return -ENOMEM;
	b->items[b->count] = *item;
	if (!enter(b, &b->items[b->count]))
		return -ENOMEM;
	b->count++;
	b->size += item->size;
	b->records += item->records;
	return 0;
}

int batch_replace_last(struct batch *b, const char *data, size_t size)
{
	struct batch_item *item = &b->items[b->count - 1], other = *item;

	OXP_ASSERT(b->refs == 1 && b->count > 0 && size <= UINT32_MAX);
	other.data = data;
	other.size = (uint32_t)size;
	if (!enter(b, &other))
		return -ENOMEM;
	b->size += size - item->size;
	*item = other;
	return 0;
}

static bool reserve_tokens(struct batch *b, size_t more)
{
	uint64_t *grown = oxp_grow(b->tokens, &b->token_room, b->token_count + more, sizeof *grown);

	if (grown)
		b->tokens = grown;
	return grown || b->token_count + more == 0;
}

void batch_token(struct batch *b, uint64_t token)
{
	bool there = reserve_tokens(b, 1);

	OXP_ASSERT(there && "out of memory");
	b->tokens[b->token_count++] = token;
}

static bool reserve_rows(struct batch *b, size_t more)
{
	struct batch_row *grown = oxp_grow(b->rows, &b->row_room, b->row_count + more, sizeof *grown);

	if (grown)
		b->rows = grown;
	return grown || b->row_count + more == 0;
}

void batch_row_add(struct batch *b, size_t route, uint64_t id)
{
	bool there = reserve_rows(b, 1);

	OXP_ASSERT(there && "out of memory");
	b->rows[b->row_count++] = (struct batch_row){ id, route };
}

static void end_notes(struct batch *b, bool taken)
{
	for (struct batch_note *n; (n = b->notes);) {
		b->notes = n->next;
		n->end(n, taken);
	}
}

void batch_note_add(struct batch *b, struct batch_note *n)
{
	n->next = b->notes;
	b->notes = n;
}

void batch_taken(struct batch *b)
{
	end_notes(b, true);
}

int batch_merge(struct batch *into, struct batch **from)
{
	struct batch *b = *from;
	struct batch_block **last = &b->blocks;

	OXP_ASSERT(!into->notes && !b->notes);
	OXP_ASSERT(into->refs == 1 && b->refs == 1 && into->signal == b->signal && into->budget == b->budget);
	if (!reserve_items(into, b->count) || !reserve_tokens(into, b->token_count) ||
		!reserve_rows(into, b->row_count))
		return -ENOMEM;
	if (b->count)
		memcpy(into->items + into->count, b->items, b->count * sizeof *b->items);
	if (b->token_count)
		memcpy(into->tokens + into->token_count, b->tokens, b->token_count * sizeof *b->tokens);
	if (b->row_count)
		memcpy(into->rows + into->row_count, b->rows, b->row_count * sizeof *b->rows);
	into->count += b->count;
	into->token_count += b->token_count;
	into->row_count += b->row_count;
	into->size += b->size;
	into->records += b->records;
	left_out_add(&into->dropped, b->dropped.records, b->dropped.bytes);
	left_out_add(&into->merged, b->merged.records, b->merged.bytes);
	for (; *last; last = &(*last)->next) {
		size_t cost = sizeof **last + (*last)->size + BATCH_PADDING;
		into->charged += cost;
		b->charged -= cost;
	}
	*last = into->blocks;
	into->blocks = b->blocks;
	b->blocks = NULL;
	batch_unref(b);
	*from = NULL;
	return 0;
}

void batch_leave_out(struct batch *b, const struct batch_item *item, bool merged)
{
	left_out_add(merged ? &b->merged : &b->dropped, item->records, item->size);
}

void batch_set_aside(struct batch *b, struct batch *aside)
{
	batch_free(b->aside);
	b->aside = aside;
}

void batch_forget_left_out(struct batch *b)
{
	b->dropped = b->merged = (struct left_out){ 0, 0 };
}

uint64_t *batch_give_tokens(struct batch *b, size_t *ret_count)
{
	uint64_t *tokens = b->tokens;

	*ret_count = b->token_count;
	b->tokens = NULL;
	b->token_count = b->token_room = 0;
	return tokens;
}

struct batch_row *batch_give_rows(struct batch *b, size_t *ret_count)
{
	struct batch_row *rows = b->rows;

	*ret_count = b->row_count;
	b->rows = NULL;
	b->row_count = b->row_room = 0;
	return rows;
}

void batch_give_places(struct batch *b, uint64_t generation, uint64_t *next)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->items[i].generation >= PLACE_NAMED)
			continue;
		b->items[i].generation = generation;
		b->items[i].offset = (*next)++;
	}
}

void batch_take_tokens(struct batch *to, struct batch *from)
{
	OXP_ASSERT(!to->tokens && to->refs == 1 && from->refs == 1);
	to->tokens = from->tokens;
	to->token_count = from->token_count;
	to->token_room = from->token_room;
	from->tokens = NULL;
	from->token_count = from->token_room = 0;
}

void batch_wait(struct batch *b, struct batch_list *list, struct mono_time now)
{
	OXP_ASSERT(!b->waits_in);
	b->waits_in = list;
	b->waits_since = now;
	TAILQ_INSERT_TAIL(list, b, entry);
}

void batch_wait_end(struct batch *b)
{
	if (b->waits_in)
		TAILQ_REMOVE(b->waits_in, b, entry);
	b->waits_in = NULL;
}

static size_t free_blocks(struct batch *b)
{
	size_t freed = 0;

	for (struct batch_block *block; (block = b->blocks);) {
		b->blocks = block->next;
		freed += sizeof *block + block->size + BATCH_PADDING;
		free(block);
	}
	return freed;
}

void batch_move(struct batch *b, const struct batch_map *map)
{
	const char *at = map->data;

	OXP_ASSERT(!b->map.data && map->size == b->size + BATCH_PADDING);
	for (size_t i = 0; i < b->count; at += b->items[i++].size)
		b->items[i].data = at;
	b->map = *map;
	b->mapped_charge = free_blocks(b);
}

void batch_unref(struct batch *b)
{
	struct budget *budget = b->budget;
	enum signal signal = b->signal;
	size_t charged = b->charged;

	OXP_ASSERT(b->refs > 0);
	if (--b->refs > 0)
		return;
	end_notes(b, false);
	batch_wait_end(b);
	free_blocks(b);
	if (b->map.data)
		b->map.unmap(b->map.context, &b->map);
	batch_free(b->aside);
	free(b->items);
	free(b->tokens);
	free(b->rows);
	free(b);
	budget_give(budget, signal, charged);
}

unsigned batch_refs(const struct batch *b)
{
	return b->refs;
}

void batch_free(struct batch *b)
{
	if (b)
		batch_unref(b);
}

const struct batch *batch_keep(const struct batch *b)
{
	((struct batch *)b)->refs++;
	return b;
}

void batch_unkeep(const struct batch *b)
{
	batch_unref((struct batch *)b);
}

enum signal batch_signal(const struct batch *b)
{
	return b->signal;
}

size_t batch_items(const struct batch *b)
{
	return b->count;
}

uint64_t batch_records(const struct batch *b)
{
	return b->records;
}

size_t batch_size(const struct batch *b)
{
	return b->size;
}

const struct batch_item *batch_item(const struct batch *b, size_t i)
{
	return &b->items[i];
}

static bool stands_in_one(const struct batch *b, const struct batch_item *item)
{
	const struct batch_block *block = b->blocks;

	if (b->map.data)
		return stands_in(item, (uintptr_t)b->map.data, b->size);
	while (block && !stands_in(item, (uintptr_t)block->data, block->size))
		block = block->next;
	return block;
}

void batch_check(const struct batch *b)
{
	size_t size = 0, charged = sizeof *b + BATCH_OVERHEAD + b->room * sizeof *b->items;
	uint64_t records = 0;

	charged += b->reserved + b->mapped_charge;
	for (size_t i = 0; i < b->count; i++) {
		size += b->items[i].size;
		records += b->items[i].records;
		OXP_ASSERT(stands_in_one(b, &b->items[i]));
		OXP_ASSERT(b->signal != SIGNAL_LOGS ||
			   bytes_one_line((struct bytes){ b->items[i].data, b->items[i].size }));
	}
	for (const struct batch_block *block = b->blocks; block; block = block->next)
		charged += sizeof *block + block->size + BATCH_PADDING;
	OXP_ASSERT(size == b->size && records == b->records && charged == b->charged);
	OXP_ASSERT(b->count <= b->room && b->token_count <= b->token_room && b->row_count <= b->row_room);
	OXP_ASSERT(b->refs > 0);
}
