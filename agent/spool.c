#include "spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "state/state.h"

enum {
	ROW_BYTES = 1 << 20,
	CHANGE_BYTES = 2048, /* what a change takes besides its payload */
	SPOOLING_MIN = 1 << 20,
	SPOOLING_PART = 8, /* of `memory`, in copies on their way to the disk; a commit each, so not too small a part */
};

/* With the place of the item: what was on its way when the process ended may have arrived, and comes again under the
 * same id. */
struct item_head {
	uint64_t generation, offset;
	uint32_t size, records;
};

/* What is left of one batch for one destination, on its way to the disk: kept as a whole or not at all, whatever
 * becomes of the others. */
struct keeping {
	struct agent *agent;
	struct state_change *change;
	char key[STATE_KEY_MAX];
	uint64_t records; /* that are nowhere else */
	size_t bytes; /* of memory, about */
};

static void on_kept(void *context, int failed)
{
	struct keeping *k = context;
	struct agent *a = k->agent;

	if (failed && a->unkept == 0)
		log_error(a->log, "spool", "not everything could be kept: %s", strerror(-failed));
	a->unkept += failed ? k->records : 0;
	a->spooling -= k->bytes;
	free(k);
	agent_committed(a);
}

static void flush_row(struct keeping *k, struct buffer *row, struct ledger_amount *amount)
{
	if (row->size > 0)
		state_change_spool(k->change, k->key, amount, buffer_bytes(row));
	buffer_clear(row);
	*amount = (struct ledger_amount){ 0, 0 };
}

static bool append_item(struct buffer *row, const struct batch_item *item)
{
	const struct item_head head = { item->generation, item->offset, item->size, item->records };

	return buffer_append(row, &head, sizeof head) == 0 && buffer_append(row, item->data, item->size) == 0;
}

/* Rows of what is left of the send. False: out of memory. */
static bool add_rows(struct keeping *k, const struct send *d)
{
	struct ledger_amount amount = { 0, 0 };
	struct buffer row;
	bool fine = true;

	buffer_init(&row, SIZE_MAX / 2);
	for (size_t i = send_first(d); i < send_end(d) && fine; i++) {
		const struct batch_item *item = batch_item(d->delivery->batch, i);
		if (!send_wants(d, i))
			continue;
		if (row.size + item->size > ROW_BYTES)
			flush_row(k, &row, &amount);
		fine = append_item(&row, item);
		amount.records += item->records;
		amount.bytes += item->size;
	}
	flush_row(k, &row, &amount);
	buffer_done(&row);
	return fine;
}

/* For so much more: waits until all copies are on disk, or the time for it is over. */
static void make_room(struct agent *a, size_t more)
{
	size_t part = a->pipeline.budget.limit / SPOOLING_PART, most = part > SPOOLING_MIN ? part : SPOOLING_MIN;

	if (a->spooling > 0 && a->spooling + more > most && loop_timer_pending(&a->deadline))
		loop_run(a->loop);
}

bool spool_keep(void *agent, const struct send *d)
{
	struct agent *a = agent;
	struct ledger_amount amount = send_left(d);
	uint64_t spooled = d->delivery->spool_id, left = amount.records;
	size_t bytes = amount.bytes + CHANGE_BYTES;
	struct keeping *k;

	if (spooled && left == batch_records(d->delivery->batch))
		return true; /* its row of an earlier end stays as it is */
	make_room(a, bytes);
	k = oxp_new(sizeof *k);
	*k = (struct keeping){ .agent = a,
		.change = state_change_new(),
		.records = spooled ? 0 : left,
		.bytes = bytes };
	ledger_key(d->delivery->source->routes[d->route].row, k->key, sizeof k->key);
	if (!add_rows(k, d)) {
		state_change_free(k->change);
		free(k);
		return false;
	}
	if (spooled) /* the row goes when what is left of it comes */
		state_change_unspool(k->change, spooled);
	a->commits++;
	a->spooling += k->bytes;
	state_commit(a->state, &k->change, on_kept, k);
	return true;
}

/* What is being read back: by the start as much as has room, then one row after another. */
struct restore {
	struct source *source;
	size_t route;
	struct ledger_amount amount;
	uint64_t last; /* row that is in memory, or was; 0: none */
	bool full;
};

struct refill {
	struct refill *next;
	struct agent *agent;
	struct source *source;
	size_t route;
	uint64_t last;
	bool asking, over;
	char key[STATE_KEY_MAX];
};

/* Items out of a payload, into a batch of their own. */
static struct batch *unpack(struct source *source, struct bytes payload)
{
	struct batch *batch = source_batch_new(source);
	char *block = batch ? batch_block(batch, payload.size) : NULL;
	struct item_head head;
	bool fine = block;

	if (fine)
		memcpy(block, payload.data, payload.size);
	for (size_t at = 0; fine && at + sizeof head <= payload.size; at += head.size) {
		memcpy(&head, block + at, sizeof head);
		at += sizeof head;
		fine = head.size <= payload.size - at && batch_add(batch, &(struct batch_item){ .data = block + at,
										  .size = head.size,
										  .records = head.records,
										  .generation = head.generation,
										  .offset = head.offset }) == 0;
	}
	if (fine)
		return batch;
	batch_free(batch);
	return NULL;
}

static bool restore_row(void *context, uint64_t id, const struct ledger_amount *amount, struct bytes payload)
{
	struct restore *r = context;
	struct batch *batch = r->full ? NULL : unpack(r->source, payload);

	r->amount.records += amount->records;
	r->amount.bytes += amount->bytes;
	r->full = r->full || !batch;
	if (batch) {
		source_restore(r->source, r->route, &batch, id);
		r->last = id;
	}
	return true;
}

static void ask_for_row(struct refill *r);

static void on_row(void *context, const struct state_spooled *row)
{
	struct refill *r = context;
	struct batch *batch;

	r->asking = false;
	r->over = row->failed == -ENOENT;
	if (row->failed || r->agent->phase == AGENT_ENDING)
		return;
	batch = unpack(r->source, row->payload);
	if (!batch)
		return; /* asked again when there is room, or the next row goes */
	source_restore(r->source, r->route, &batch, row->id);
	r->last = row->id;
	ask_for_row(r);
}

static void ask_for_row(struct refill *r)
{
	if (r->asking || r->over || r->agent->phase == AGENT_ENDING)
		return;
	r->asking = true;
	state_spool_take(r->agent->state, r->key, r->last, on_row, r);
}

static void refill_later(struct agent *a, const struct restore *from, const char *key)
{
	struct refill *r = oxp_new(sizeof *r);

	*r = (struct refill){
		.next = a->refills, .agent = a, .source = from->source, .route = from->route, .last = from->last
	};
	snprintf(r->key, sizeof r->key, "%s", key);
	a->refills = r;
	log_info(a->log, from->source->name, "not all of the spool fits in memory: the rest comes as it is sent");
}

void spool_done(struct agent *a)
{
	for (struct refill *r; (r = a->refills);) {
		a->refills = r->next;
		free(r);
	}
}

static void on_unspooled(void *context, int failed)
{
	struct agent *a = context;

	if (failed)
		log_warn(a->log, "spool", "a delivered row could not be deleted: %s; it will be sent again",
			strerror(-failed));
}

static void refill(void *context)
{
	struct agent *a = context;

	for (struct refill *r = a->refills; r; r = r->next)
		ask_for_row(r);
}

static void unspool(void *context, uint64_t spool_id)
{
	struct agent *a = context;
	struct state_change *change = state_change_new();

	state_change_unspool(change, spool_id);
	state_commit(a->state, &change, on_unspooled, a);
	refill(a);
}

int spool_restore(struct agent *a, struct source *s, struct ledger_amount *ret_amounts)
{
	char key[STATE_KEY_MAX];
	uint64_t damaged;
	int failed = 0;

	s->unspool = unspool;
	s->refill = refill;
	s->unspool_context = a;
	for (size_t i = 0; i < s->route_count && !failed; i++) {
		struct restore r = { .source = s, .route = i };
		ledger_key(s->routes[i].row, key, sizeof key);
		failed = state_spool_load(a->state, key, restore_row, &r, &damaged);
		ret_amounts[i] = r.amount;
		if (r.full)
			refill_later(a, &r, key);
		if (damaged)
			log_error(a->log, s->name,
				"%llu rows of the spool are damaged: they are set aside and not sent",
				(unsigned long long)damaged);
	}
	return failed;
}

static void tell_left(void *context, const char *key, uint64_t bytes)
{
	struct agent *a = context;
	char own[STATE_KEY_MAX];

	for (const struct ledger_row *row = a->ledger.rows; row; row = row->next) {
		ledger_key(row, own, sizeof own);
		if (strcmp(own, key) == 0)
			return;
	}
	if (bytes)
		log_warn(a->log, "spool", "%llu bytes wait for \"%s\", which is not in the configuration any more",
			(unsigned long long)bytes, key);
}

void spool_tell_left(struct agent *a)
{
	state_spool_keys(a->state, tell_left, a);
}
