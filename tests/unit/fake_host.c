#include "unit/fake_host.h"

#include "series/series.h"

#include <stdarg.h>
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>

struct fake_commit {
	struct fake_commit *next;
	struct fake_rows staged;
	struct batch *batch; /* of host_leave(); or NULL */
	void (*done)(void *, int failed);
	void *context;
};

/* Rows. */

static void rows_clear(struct fake_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->rows[i].path);
	free(rows->rows);
	*rows = (struct fake_rows){ .count = 0 };
}

static struct fake_row *rows_find(const struct fake_rows *rows, uint64_t generation)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].at.generation == generation)
			return &rows->rows[i];
	return NULL;
}

static void rows_remove(struct fake_rows *rows, uint64_t generation)
{
	struct fake_row *row = rows_find(rows, generation);

	if (!row)
		return;
	free(row->path);
	*row = rows->rows[--rows->count];
}

static void rows_put(struct fake_rows *rows, const struct fake_row *row)
{
	rows_remove(rows, row->at.generation);
	rows->rows = realloc(rows->rows, (rows->count + 1) * sizeof *rows->rows);
	OXP_ASSERT(rows->rows);
	rows->rows[rows->count] = *row;
	rows->rows[rows->count].path = row->path ? oxp_strdup(row->path) : NULL;
	rows->rows[rows->count].at.path = rows->rows[rows->count].path;
	rows->count++;
}

/* Batches. */

static void tell_room(void *context)
{
	struct host *h = context;

	if (h->type && h->collector && h->type->resume)
		h->type->resume(h->collector);
}

static void freed(void *context)
{
	struct host *h = context;

	loop_soon_run(&h->room);
}

void fake_host_settle(struct host *h, size_t n)
{
	for (; n > 0 && h->held_count > 0; n--) {
		struct batch *b = h->held[0];
		memmove(h->held, h->held + 1, --h->held_count * sizeof *h->held);
		for (size_t i = 0; i < b->token_count; i++)
			h->type->settled(h->collector, b->tokens[i]);
		batch_unref(b);
	}
}

static void settle_soon(void *context)
{
	struct host *h = context;

	if (!h->hold)
		fake_host_settle(h, SIZE_MAX);
}

/* Offsets of a generation ascend. What was offered before a restart and comes again is the same to the byte. */
static bool is_repeated(const struct host *h, const struct batch_item *item)
{
	bool behind = false;

	for (size_t i = h->count; i-- > 0;) {
		const struct fake_item *before = &h->items[i];
		if (before->generation != item->generation)
			continue;
		if (before->offset < item->offset)
			break;
		behind = true;
		if (before->offset > item->offset)
			continue;
		OXP_ASSERT(before->size == item->size && memcmp(before->data, item->data, item->size) == 0);
		return true;
	}
	OXP_ASSERT((!behind || h->may_go_back) && "offsets ascend");
	return false;
}

static void keep_item(struct host *h, const struct batch_item *item)
{
	struct fake_item *kept;

	if (is_repeated(h, item)) {
		h->repeated++;
		return;
	}
	if ((h->count & (h->count - 1)) == 0)
		h->items = realloc(h->items, (h->count ? 2 * h->count : 1) * sizeof *h->items);
	OXP_ASSERT(h->items);
	kept = &h->items[h->count++];
	*kept = (struct fake_item){ .generation = item->generation,
		.offset = item->offset,
		.data = oxp_new(item->size + 1),
		.size = item->size };
	memcpy(kept->data, item->data, item->size);
	kept->data[item->size] = '\0';
}

bool host_takes(const struct host *h, enum signal signal)
{
	return !h->signals || h->signals & signal;
}

struct batch *host_batch_new(struct host *h, enum signal signal)
{
	OXP_ASSERT(host_takes(h, signal));
	h->asked++;
	return h->backed_up ? NULL : batch_new(&h->budget, signal);
}

bool host_others_hold_room(const struct host *h, enum signal signal)
{
	(void)signal;
	return h->backed_up || budget_is_shared(&h->budget);
}

bool host_has_enough(struct host *h, enum signal signal)
{
	h->enough_asked++;
	return h->enough & signal;
}

static void keep_left(struct host *h, struct batch *b)
{
	for (size_t i = 0; i < batch_items(b); i++)
		keep_item(h, batch_item(b, i));
	batch_free(b);
}

static void commit_soon(struct host *h, struct fake_commit *commit);

/* The rows carry the numbers of generations along. */
enum admit host_leave(struct host *h, struct batch **batch, void (*done)(void *context, int failed), void *context)
{
	struct fake_commit *commit = oxp_new(sizeof *commit);

	batch_check(*batch);
	*commit = (struct fake_commit){ .batch = *batch, .done = done, .context = context };
	*batch = NULL;
	commit_soon(h, commit);
	return ADMIT_TAKEN;
}

struct batch *host_leave_batch(struct host *h, enum signal signal)
{
	return batch_new(&h->budget, signal);
}

void host_not_left(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	(void)signal;
	(void)bytes;
	h->not_left += records;
}

void host_left(struct host *h)
{
	h->left = true;
}

bool host_ends(const struct host *h)
{
	(void)h;
	return false;
}

enum admit host_offer(struct host *h, struct batch **batch)
{
	struct batch *b = *batch;

	if (h->refuse)
		return ADMIT_FULL;
	batch_check(b);
	for (size_t i = 0; i < batch_items(b) && !h->only_held; i++) {
		const struct batch_item *item = batch_item(b, i);
		OXP_ASSERT((!item->generation || rows_find(&h->positions, item->generation)) &&
			   "its generation is committed");
		keep_item(h, item);
	}
	h->held = realloc(h->held, (h->held_count + 1) * sizeof(struct batch *));
	OXP_ASSERT(h->held);
	h->held[h->held_count++] = b;
	*batch = NULL;
	loop_soon_run(&h->settling);
	return ADMIT_TAKEN;
}

/* As host_offer_long(). */
enum admit host_prepare(
	struct host *h, struct batch **batch, void (*done)(void *, int failed, struct batch *), void *context)
{
	if (h->refuse)
		return ADMIT_FULL;
	h->prepares++;
	if (!h->offers_wait)
		return ADMIT_TAKEN;
	OXP_ASSERT(!h->preparing.batch);
	h->preparing.batch = *batch;
	h->preparing.done = done;
	h->preparing.context = context;
	*batch = NULL;
	return ADMIT_WAITS;
}

void fake_host_prepared(struct host *h, int failed)
{
	struct batch *batch = h->preparing.batch;

	OXP_ASSERT(batch);
	h->preparing.batch = NULL;
	if (failed)
		batch_free(batch);
	h->preparing.done(h->preparing.context, failed, failed ? NULL : batch);
}

void host_take(struct host *h, struct batch **batch)
{
	bool refuse = h->refuse;

	h->refuse = false;
	OXP_ASSERT(host_offer(h, batch) == ADMIT_TAKEN);
	h->refuse = refuse;
}

static void let_wait(struct host *h, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	OXP_ASSERT(!h->waiting.batch);
	h->waiting.batch = *batch;
	h->waiting.done = done;
	h->waiting.context = context;
	*batch = NULL;
}

/* Nothing takes longer here, unless a test wants one to. */
enum admit host_offer_long(struct host *h, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	if (!h->offers_wait)
		return host_offer(h, batch);
	let_wait(h, batch, done, context);
	return ADMIT_WAITS;
}

bool host_withdraw(struct host *h, enum signal signal, const void *context)
{
	(void)signal;
	if (h->preparing.batch && h->preparing.context == context) {
		fake_host_prepared(h, -ETIMEDOUT);
		return true;
	}
	if (!h->waiting.batch || h->waiting.context != context)
		return false;
	batch_free(h->waiting.batch);
	h->waiting.batch = NULL;
	h->waiting.done(h->waiting.context, -ETIMEDOUT);
	return true;
}

void host_lost(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	OXP_ASSERT(host_takes(h, signal));
	h->lost += records;
	h->lost_bytes += bytes;
}

enum admit host_offer_spooled(
	struct host *h, struct batch **batch, void (*done)(void *context, int failed), void *context)
{
	enum admit answer = ADMIT_TAKEN;

	if (h->offers_wait) {
		let_wait(h, batch, done, context);
		return answer;
	}
	answer = host_offer(h, batch);
	if (answer == ADMIT_TAKEN)
		done(context, 0);
	return answer;
}

void host_broke_off(struct host *h)
{
	h->broke_off++;
}

struct random *host_random(struct host *h)
{
	return &h->random;
}

struct series *host_series(struct host *h)
{
	return h->series;
}

void host_collected(struct host *h)
{
	h->collected++;
}

void host_samples(struct host *h, const struct series_counts *counts, uint64_t bytes)
{
	uint64_t dropped = 0;

	(void)bytes;
	for (int i = 0; i < SERIES_DROPS; i++)
		dropped += counts->dropped[i];
	OXP_ASSERT(counts->received == counts->merged + counts->filtered + dropped);
	h->samples_dropped += dropped;
}

void host_refused(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	OXP_ASSERT(host_takes(h, signal));
	h->refused += records;
	h->refused_bytes += bytes;
}

/* Positions. */

int host_positions_load(struct host *h, void (*visit)(void *, const struct position *), void *context)
{
	for (size_t i = 0; i < h->positions.count; i++)
		visit(context, &h->positions.rows[i].at);
	return 0;
}

uint64_t host_generation_next(struct host *h)
{
	return ++h->generation;
}

void host_position_put(struct host *h, const struct position *position)
{
	rows_put(&h->staged, &(struct fake_row){ .at = *position, .path = (char *)position->path });
}

void host_position_forget(struct host *h, uint64_t generation)
{
	rows_put(&h->staged, &(struct fake_row){ .at.generation = generation, .forget = true });
}

static void apply(struct host *h, const struct fake_rows *staged)
{
	for (size_t i = 0; i < staged->count; i++)
		if (staged->rows[i].forget)
			rows_remove(&h->positions, staged->rows[i].at.generation);
		else
			rows_put(&h->positions, &staged->rows[i]);
}

static void plan_commit(struct host *h)
{
	if (!h->commits || loop_timer_pending(&h->syncing))
		return;
	if (h->commit_takes.ns > 0)
		loop_timer_set(&h->syncing, h->commit_takes);
	else
		loop_soon_run(&h->committing);
}

/* As in the real thing, what a commit that failed carried is gone. */
static void end_commit(void *context)
{
	struct host *h = context;
	struct fake_commit *commit = h->commits;
	int failed = h->commit_error;

	if (!commit)
		return;
	h->commits = commit->next;
	if (!failed)
		apply(h, &commit->staged);
	if (!failed && commit->batch)
		keep_left(h, commit->batch);
	else
		batch_free(commit->batch);
	*(failed ? &h->commits_failed : &h->commits_done) += 1;
	rows_clear(&commit->staged);
	commit->done(commit->context, failed);
	free(commit);
	plan_commit(h);
}

static void commit_soon(struct host *h, struct fake_commit *commit)
{
	struct fake_commit **last = &h->commits;

	while (*last)
		last = &(*last)->next;
	*last = commit;
	plan_commit(h);
}

void host_positions_commit(struct host *h, void (*done)(void *, int failed), void *context)
{
	struct fake_commit *commit = oxp_new(sizeof *commit);

	*commit = (struct fake_commit){ .staged = h->staged, .done = done, .context = context };
	h->staged = (struct fake_rows){ .count = 0 };
	commit_soon(h, commit);
}

const struct position *fake_host_position(const struct host *h, uint64_t generation)
{
	const struct fake_row *row = rows_find(&h->positions, generation);

	return row ? &row->at : NULL;
}

/* What else is lent. */

struct loop *host_loop(struct host *h)
{
	return h->loop;
}

struct lane *host_disk_lane(struct host *h)
{
	return h->disk;
}

bool host_writes(struct host *h, int fd)
{
	(void)h, (void)fd;
	return true;
}

bool host_is_written(struct host *h, int fd)
{
	(void)h, (void)fd;
	return false;
}

struct pen *host_pen(struct host *h, int fd)
{
	return pen_ref(&h->pens, h->loop, fd);
}

int host_text_now(const struct host *h, const char *text, struct buffer *to)
{
	(void)h;
	return buffer_text(to, text);
}

struct quota *host_unfinished(struct host *h)
{
	return &h->unfinished;
}

size_t host_line_max(const struct host *h)
{
	return h->budget.limit;
}

size_t host_room(const struct host *h)
{
	(void)h;
	return 0;
}

size_t host_memory(const struct host *h)
{
	return h->budget.limit;
}

size_t host_memory_most(const struct host *h, enum signal signal)
{
	return budget_most(&h->budget, signal);
}

const char *host_state_path(struct host *h)
{
	return h->state_path ? h->state_path : "/tmp";
}

struct lane *host_cpu_lane(struct host *h)
{
	return h->cpu;
}

/* No unit test calls out. */
struct http_client *host_http(struct host *h)
{
	(void)h;
	return NULL;
}

const char *host_name(const struct host *h)
{
	(void)h;
	return "logs.collect.test";
}

uint64_t host_state_id(struct host *h)
{
	(void)h;
	return 0x0123456789abcdef;
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(h->last_log, sizeof h->last_log, format, args);
	va_end(args);
	h->warnings += level <= LOG_LEVEL_WARN;
}

static struct fake_number *number(struct host *h, const char *name)
{
	size_t i = 0;

	while (h->numbers[i].name[0] && strcmp(h->numbers[i].name, name) != 0)
		OXP_ASSERT(++i < COUNT_OF(h->numbers));
	snprintf(h->numbers[i].name, sizeof h->numbers[i].name, "%s", name);
	return &h->numbers[i];
}

uint64_t *host_counter(struct host *h, const char *name, const char *help)
{
	(void)help;
	return &number(h, name)->value;
}

uint64_t *host_counter_by(struct host *h, const char *reason, const char *name, const char *help)
{
	char both[64];

	(void)help;
	snprintf(both, sizeof both, "%s{%s}", name, reason);
	return &number(h, both)->value;
}

uint64_t *host_gauge(struct host *h, const char *name, const char *help)
{
	(void)help;
	return &number(h, name)->value;
}

uint64_t fake_host_number(const struct host *h, const char *name)
{
	return number((struct host *)h, name)->value;
}

/* Life. */

void fake_host_memory(struct host *h, size_t memory)
{
	budget_init(&h->budget, memory);
	h->budget.freed = freed;
	h->budget.context = h;
}

static void begin_lanes(struct host *h)
{
	int failed = lane_new(h->loop, "disk", 64, &h->disk);

	if (!failed)
		failed = lane_new(h->loop, "cpu", 64, &h->cpu);
	OXP_ASSERT(!failed);
}

static void end_lanes(struct host *h)
{
	lane_free(h->cpu);
	lane_free(h->disk);
}

void fake_host_init(struct host *h, struct loop *loop, const struct collector_type *type, size_t memory)
{
	h->loop = loop;
	begin_lanes(h);
	h->type = type;
	quota_init(&h->unfinished, 2 << 20);
	random_seed(&h->random, 1);
	fake_host_memory(h, memory);
	loop_soon_init(&h->settling, loop, settle_soon, h);
	loop_soon_init(&h->room, loop, tell_room, h);
	loop_soon_init(&h->committing, loop, end_commit, h);
	loop_timer_init(&h->syncing, loop, end_commit, h);
}

static void drop_batches(struct host *h)
{
	for (size_t i = 0; i < h->held_count; i++)
		batch_unref(h->held[i]);
	h->held_count = 0;
}

static void drop_commits(struct host *h)
{
	for (struct fake_commit *commit; (commit = h->commits);) {
		h->commits = commit->next;
		rows_clear(&commit->staged);
		batch_free(commit->batch);
		free(commit);
	}
	rows_clear(&h->staged);
}

/* The lanes give back what they have before the collector that waits for it goes. */
static void end_collector(struct host *h)
{
	end_lanes(h);
	h->type->destroy(h->collector);
	h->collector = NULL;
	begin_lanes(h);
}

void fake_host_kill(struct host *h)
{
	h->type->stop(h->collector);
	end_collector(h);
	drop_batches(h);
	drop_commits(h);
}

struct lasting {
	uint64_t generations[1024];
	size_t count;
};

static void add_lasting(void *to, uint64_t generation)
{
	struct lasting *l = to;

	OXP_ASSERT(l->count < COUNT_OF(l->generations));
	l->generations[l->count++] = generation;
}

static void forget_item(struct host *h, const struct batch_item *item)
{
	for (size_t i = h->count; i-- > 0;) {
		if (h->items[i].generation != item->generation || h->items[i].offset != item->offset)
			continue;
		free(h->items[i].data);
		memmove(&h->items[i], &h->items[i + 1], (--h->count - i) * sizeof *h->items);
		return;
	}
}

static bool lasts(const struct lasting *l, uint64_t generation)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->generations[i] == generation)
			return true;
	return false;
}

/* What lasts is not written to disk, so it has to be offered again. */
static void forget_lasting(struct host *h)
{
	struct lasting l = { .count = 0 };
	bool anew = true;

	while (h->type->look && !h->type->look(h->collector, anew))
		anew = false;
	h->type->lasting(h->collector, add_lasting, &l);
	for (size_t i = 0; i < h->held_count; i++)
		for (size_t j = 0; j < batch_items(h->held[i]); j++)
			if (lasts(&l, batch_item(h->held[i], j)->generation))
				forget_item(h, batch_item(h->held[i], j));
}

static void leave(struct host *h)
{
	enum { TURNS_MAX = 100000 };
	bool hold = h->hold;

	h->hold = true; /* nothing settles any more */
	loop_timer_clear(&h->syncing); /* and the clock may stand still */
	h->commit_takes = DURATION_MS(0);
	plan_commit(h);
	forget_lasting(h);
	h->left = false;
	h->type->leave(h->collector);
	for (int i = 0; !h->left; i++) {
		OXP_ASSERT(i < TURNS_MAX && "it leaves");
		loop_turn(h->loop, DURATION_MS(0));
	}
	h->hold = hold;
}

void fake_host_end(struct host *h)
{
	struct fake_rows staged;

	h->type->stop(h->collector);
	if (h->type->leave)
		leave(h);
	staged = h->staged;
	h->staged = (struct fake_rows){ .count = 0 };
	end_collector(h);
	drop_batches(h);
	drop_commits(h);
	apply(h, &staged);
	rows_clear(&staged);
}

void fake_host_done(struct host *h)
{
	if (h->collector)
		fake_host_kill(h);
	drop_batches(h);
	drop_commits(h);
	rows_clear(&h->positions);
	end_lanes(h);
	loop_soon_done(&h->settling);
	loop_soon_done(&h->room);
	loop_soon_done(&h->committing);
	loop_timer_done(&h->syncing);
	for (size_t i = 0; i < h->count; i++)
		free(h->items[i].data);
	free(h->items);
	free(h->held);
}
