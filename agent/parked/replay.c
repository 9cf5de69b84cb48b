#include "parked/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "core.h"
#include "proto/json_rename.h"

enum { SLICE = 1 }; /* the token of a slice's batch */

static void on_patience_over(void *context);

void replay_init(struct replay *r, struct core *core, struct pipeline *pipeline)
{
	*r = (struct replay){ .core = core, .pipeline = pipeline };
	loop_timer_init(&r->patience, core->loop, on_patience_over, r);
}

static void forget_parts(struct replay *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->parts[i].reason);
	r->count = r->skipped = 0;
	r->error[0] = '\0';
}

/* The source is freed by the pipeline. */
void replay_done(struct replay *r)
{
	forget_parts(r);
	loop_timer_done(&r->patience);
}

struct ledger_row *replay_row(const struct ledger *ledger, const struct state_parked *of)
{
	struct ledger_row *row = ledger->rows;

	while (row && (strcmp(row->signal, of->signal) != 0 || strcmp(row->source, of->source) != 0 ||
			      strcmp(row->destination, of->destination) != 0))
		row = row->next;
	return row;
}

/* Answering. */

static size_t refused(const struct replay *r)
{
	size_t n = r->skipped;

	for (size_t i = 0; i < r->count; i++)
		n += r->parts[i].reason != NULL;
	return n;
}

/* Answers the request. `waiting` records of the slice are still on their way. */
static void answer(struct replay *r, size_t waiting, const char *error)
{
	size_t bad = refused(r), all = r->count + r->skipped;
	void (*done)(void *, const struct replay_result *) = r->done;

	loop_timer_clear(&r->patience);
	r->done = NULL;
	if (done)
		done(r->context, &(struct replay_result){ .replayed = all - bad - waiting,
					 .refused = bad,
					 .waiting = waiting,
					 .after = r->after,
					 .until = r->until,
					 .more = r->more,
					 .error = error });
}

static void end(struct replay *r)
{
	answer(r, 0, r->error);
	forget_parts(r);
	r->busy = false;
}

static void on_patience_over(void *context)
{
	struct replay *r = context;
	const struct sender *s = r->sender;
	char error[REPLAY_ERROR_MAX];
	size_t sent = r->count - (refused(r) - r->skipped);

	snprintf(error, sizeof error, "%s has not taken them yet: %s", s->name, s->standing.reason);
	r->more = false;
	answer(r, sent, error);
}

/* The books. */

static struct ledger_amount sum_of(const struct replay *r, bool taken)
{
	struct ledger_amount sum = { 0, 0 };

	for (size_t i = 0; i < r->count; i++)
		if (taken == !r->parts[i].reason) {
			sum.records += r->parts[i].amount.records;
			sum.bytes += r->parts[i].amount.bytes;
		}
	return sum;
}

static void move_live(struct replay *r, bool taken, enum ledger_term from, enum ledger_term to)
{
	struct ledger_amount sum = sum_of(r, taken);

	if (r->row)
		ledger_move(r->row->live, from, to, &sum);
}

static void move_settled(struct replay *r, enum ledger_term from, enum ledger_term to)
{
	struct ledger_amount sum = sum_of(r, true);

	if (r->row && r->placed)
		ledger_move(&r->row->settled, from, to, &sum);
}

/* The end of a slice. */

static void on_written(void *context, int failed)
{
	struct replay *r = context;

	if (failed) {
		move_live(r, true, LEDGER_DELIVERED, LEDGER_PARKED);
		move_settled(r, LEDGER_DELIVERED, LEDGER_PARKED);
		snprintf(r->error, sizeof r->error, "they stay parked: %s", strerror(-failed));
	}
	end(r);
}

static void on_settled(void *context, uint64_t token)
{
	struct replay *r = context;
	struct state_change *change = state_change_new();
	struct ledger_amount sum = sum_of(r, true);

	OXP_ASSERT(token == SLICE);
	for (size_t i = 0; i < r->count; i++) {
		const struct replay_part *part = &r->parts[i];
		if (part->reason)
			state_change_repark(change, part->id, part->tries, part->reason);
		else
			state_change_unpark(change, part->id);
	}
	if (r->placed)
		state_change_move(change, r->key, &sum, LEDGER_PARKED, LEDGER_DELIVERED);
	/* Before the rows go: if a kill leaves a record in both, the next start counts it as parked. */
	move_live(r, true, LEDGER_HELD, LEDGER_DELIVERED);
	move_live(r, false, LEDGER_HELD, LEDGER_PARKED);
	move_settled(r, LEDGER_PARKED, LEDGER_DELIVERED);
	state_commit(r->core->state, &change, on_written, r);
}

static void note_error(struct replay *r, uint64_t id, const char *why)
{
	if (!r->error[0])
		snprintf(r->error, sizeof r->error, "%llu: %s", (unsigned long long)id, why);
}

/* A refused record is still on disk, so nothing needs to be kept. */
static enum park on_refused(void *context, const struct refusal *refusal)
{
	struct replay *r = context;
	struct replay_part *part = &r->parts[refusal->item];

	part->reason = oxp_strdup(refusal->reason);
	note_error(r, part->id, refusal->reason);
	return PARK_AS_IT_IS;
}

/* The beginning of a slice. */

static void skip(struct replay *r, const struct state_parked *record, const char *why)
{
	r->skipped++;
	note_error(r, record->id, why);
}

/* Renames the member in the payload. If there is nothing to rename, `renamed` stays empty. Returns NULL, or why it
 * failed. */
static const char *rename_in(const struct replay *r, const struct state_parked *record, struct buffer *renamed)
{
	int failed;

	if (!r->order.from[0])
		return NULL;
	if (strcmp(record->signal, "logs") != 0)
		return "only a log line can be renamed in";
	failed = json_rename(record->payload, r->order.from, r->order.to, renamed);
	if (failed == -EEXIST)
		return "it has a member of the new name already";
	if (failed == -EXDEV)
		return "the member stays in its object: a.b can become a.c, not c";
	return failed == -EBADMSG ? "it is not JSON" : failed < 0 ? strerror(-failed) : NULL;
}

/* Adds the record to the batch and the parts. Returns false if there is no room in memory now. */
static bool add_bytes(struct replay *r, struct batch *batch, const struct state_parked *record, struct bytes payload)
{
	char *block = batch_block(batch, payload.size);
	const struct batch_item item = { .data = block,
		.size = (uint32_t)payload.size,
		.records = record->records,
		.generation = record->generation,
		.offset = record->offset };

	if (!block)
		return false;
	if (payload.size)
		memcpy(block, payload.data, payload.size);
	if (batch_signal(batch) == SIGNAL_LOGS)
		bytes_make_one_line(block, payload.size);
	if (batch_add(batch, &item) < 0)
		return false;
	r->parts[r->count++] = (struct replay_part){
		.id = record->id, .tries = record->tries + 1, .amount = { record->records, record->size }
	};
	return true;
}

static bool add_record(struct replay *r, struct batch *batch, const struct state_parked *record)
{
	const char *why = record->damaged ? "it is damaged" : NULL;
	struct buffer renamed;
	bool fine = true;

	buffer_init(&renamed, STATE_PAYLOAD_MAX + 6 * REPLAY_NAME_MAX);
	if (!why)
		why = rename_in(r, record, &renamed);
	if (why)
		skip(r, record, why);
	else
		fine = add_bytes(r, batch, record, renamed.size ? buffer_bytes(&renamed) : record->payload);
	buffer_done(&renamed);
	if (fine)
		r->after = record->id;
	return fine;
}

/* Makes a batch of the records of the page that fit into memory. */
static struct batch *batch_of(struct replay *r, const struct state_parked_page *page)
{
	enum signal signal = strcmp(page->records[0].signal, "traces") == 0 ? SIGNAL_TRACES : SIGNAL_LOGS;
	struct batch *batch = batch_new(&r->pipeline->budget, signal);
	size_t i = 0;

	while (batch && i < page->count && add_record(r, batch, &page->records[i]))
		i++;
	r->more = i < page->count || (page->count > 0 && r->after < r->until);
	if (batch && r->count > 0)
		return batch;
	if (i < page->count)
		snprintf(r->error, sizeof r->error, "no room in memory now: try again");
	r->more = r->more && i == page->count;
	batch_free(batch);
	return NULL;
}

static const struct source_hooks hooks = { .park = on_refused, .settled = on_settled };

/* The slice before has settled, so its source has nothing left. */
static void send_again(struct replay *r, const struct state_parked *first, struct sender *sender, struct batch **batch)
{
	r->row = replay_row(&r->core->ledger, first);
	r->placed = first->placed;
	snprintf(r->key, sizeof r->key, "%s %s %s", first->signal, first->source, first->destination);
	pipeline_source_free(r->pipeline, r->source);
	r->source = pipeline_source(r->pipeline, &(struct source_options){ .name = "parked",
							 .signal = batch_signal(*batch),
							 .rewind = REWIND_SAVED,
							 .hooks = &hooks,
							 .context = r,
							 .uncounted = true });
	r->sender = sender;
	source_route(r->source, sender);
	move_live(r, true, LEDGER_PARKED, LEDGER_HELD);
	loop_timer_set(&r->patience, DURATION_S(REPLAY_PATIENCE_S));
	batch_token(*batch, SLICE);
	source_restore(r->source, 0, batch);
}

/* Whether the destination is one of the record's signal. Both come from the row, which others may have written. */
static bool fits_destination(const struct state_parked *record)
{
	static const char *const signals[] = { "logs", "traces" };
	size_t n = strlen(record->signal);

	for (size_t i = 0; i < COUNT_OF(signals); i++)
		if (strcmp(record->signal, signals[i]) == 0)
			return strncmp(record->destination, record->signal, n) == 0 && record->destination[n] == '.';
	return false;
}

static void on_read(void *context, const struct state_parked_page *page)
{
	struct replay *r = context;
	struct sender *sender = NULL;
	struct batch *batch = NULL;

	if (page->count)
		sender = pipeline_find_sender(r->pipeline, page->records[0].destination);
	if (!r->until)
		r->until = page->last;
	if (page->failed)
		snprintf(r->error, sizeof r->error, "cannot read what is parked: %s", strerror(-page->failed));
	else if (page->count && !sender)
		snprintf(r->error, sizeof r->error, "no exporter is called %s in this configuration",
			page->records[0].destination);
	else if (page->count && !fits_destination(page->records))
		snprintf(r->error, sizeof r->error,
			"%llu: %s takes no %.20s: the row is damaged; drop it, or replay others by their id",
			(unsigned long long)page->records[0].id, page->records[0].destination, page->records[0].signal);
	else if (core_not_running(r->core))
		snprintf(r->error, sizeof r->error, "%s", core_not_running(r->core));
	else if (page->count)
		batch = batch_of(r, page);
	if (batch)
		send_again(r, page->records, sender, &batch);
	else
		end(r);
}

void replay_begin(struct replay *r, const struct replay_order *order,
	void (*done)(void *, const struct replay_result *), void *context)
{
	OXP_ASSERT(!r->busy);
	r->busy = true;
	r->done = done;
	r->context = context;
	r->order = *order;
	if (order->query.destination)
		r->order.query.destination = r->order.destination;
	r->order.query.rows = REPLAY_MAX;
	r->order.query.payloads = r->order.query.alike = true;
	r->after = order->query.after;
	r->until = order->query.until;
	r->more = false;
	state_parked_read(r->core->state, &r->order.query, on_read, r);
}
