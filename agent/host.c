#include "host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent_config.h"
#include "memory_limit.h"
#include "pipeline/pipeline.h"
#include "recorder/recorder.h"
#include "series/series.h"
#include "spool/spool.h"
#include "state/state.h"

enum { LABELS_MAX = 300, KEY_MAX = 256 };

struct host *host_new(struct hosts *from, const char *part, const char *name)
{
	struct host *h = oxp_new(sizeof *h);
	int n = asprintf(&h->name, "%s.%s", part, name);

	OXP_ASSERT(n >= 0 && "out of memory");
	h->from = from;
	h->core = from->core;
	h->next = from->first;
	from->first = h;
	return h;
}

void hosts_done(struct hosts *all)
{
	for (struct host *h; (h = all->first);) {
		all->first = h->next;
		state_change_free(h->staged);
		free(h->name);
		free(h);
	}
	own_files_done(&all->written);
}

void host_add_source(struct host *h, struct source *source)
{
	size_t i = 0;

	while (h->sources[i])
		OXP_ASSERT(++i < HOST_SOURCES_MAX);
	h->sources[i] = source;
}

void host_set_samples(struct host *h, struct ledger_row *row, void (*collected)(void *), void *context)
{
	h->samples = row;
	h->collected = collected;
	h->context = context;
}

void host_set_check(struct host *h, void (*checked)(void *, bool, const char *), void *context)
{
	h->checked = checked;
	h->context = context;
}

void host_set_left(struct host *h, void (*left)(void *), void *context)
{
	h->left = left;
	h->left_context = context;
}

const char *host_name(const struct host *h)
{
	return h->name;
}

struct loop *host_loop(struct host *h)
{
	return h->core->loop;
}

struct lane *host_cpu_lane(struct host *h)
{
	return h->core->cpu;
}

struct lane *host_disk_lane(struct host *h)
{
	return h->core->disk;
}

struct http_client *host_http(struct host *h)
{
	return h->core->http;
}

struct resolver *host_resolver(struct host *h)
{
	return h->core->resolver;
}

struct random *host_random(struct host *h)
{
	return &h->core->random;
}

struct series *host_series(struct host *h)
{
	return h->core->series;
}

struct sampler *host_sampler(struct host *h)
{
	return &h->core->sampler;
}

struct store *host_store(struct host *h)
{
	return core_store(h->core);
}

struct quota *host_unfinished(struct host *h)
{
	return &h->core->unfinished;
}

size_t host_line_max(const struct host *h)
{
	return memory_line_max(host_memory(h));
}

size_t host_memory(const struct host *h)
{
	return h->from->budget->limit;
}

size_t host_room(const struct host *h)
{
	return memory_of_listener(h->core->beside);
}

size_t host_memory_most(const struct host *h, enum signal signal)
{
	return budget_most(h->from->budget, signal);
}

const char *host_state_path(struct host *h)
{
	return h->core->state_path;
}

bool host_writes(struct host *h, int fd)
{
	return own_files_add(&h->from->written, fd);
}

bool host_is_written(struct host *h, int fd)
{
	return own_files_have(&h->from->written, fd);
}

struct pen *host_pen(struct host *h, int fd)
{
	return pen_ref(&h->from->pens, h->core->loop, fd);
}

int host_text_now(const struct host *h, const char *text, struct buffer *to)
{
	return tree_text_now(&h->from->config->file->tree, text, &config_world_system, to);
}

uint64_t host_state_id(struct host *h)
{
	return state_id(h->core->state);
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vwrite(h->core->log, level, h->name, format, args);
	va_end(args);
}

static uint64_t *number(struct host *h, enum counter_kind kind, const char *name, const char *help)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof labels, "component=\"%s\"", h->name);
	return &counter_row(&h->core->counters, kind, name, labels, help)->value;
}

uint64_t *host_counter(struct host *h, const char *name, const char *help)
{
	return number(h, COUNTER_GROWS, name, help);
}

uint64_t *host_gauge(struct host *h, const char *name, const char *help)
{
	return number(h, COUNTER_GAUGE, name, help);
}

uint64_t *host_counter_by(struct host *h, const char *reason, const char *name, const char *help)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof labels, "component=\"%s\",reason=\"%s\"", h->name, reason);
	return &counter_row(&h->core->counters, COUNTER_GROWS, name, labels, help)->value;
}

uint64_t *host_own_gauge(struct host *h, const char *label, const char *name, const char *help)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof labels, "%s=\"%s\"", label, strrchr(h->name, '.') + 1);
	return &counter_row(&h->core->counters, COUNTER_GAUGE, name, labels, help)->value;
}

uint64_t *host_common_gauge(struct host *h, const char *name, const char *help)
{
	return &counter_row(&h->core->counters, COUNTER_GAUGE, name, "", help)->value;
}

void host_broke_off(struct host *h)
{
	recorder_broke_off(h->from->recorder, h->name);
}

void host_mapping_conflict(struct host *h, const struct mapping_conflict *conflict)
{
	h->from->conflict(h->from->conflict_context, h->name, conflict);
}

const struct resource *host_resource(struct host *h)
{
	return h->from->config->resource;
}

/* Batches. */

static struct source *find_source(const struct host *h, enum signal signal)
{
	for (size_t i = 0; i < HOST_SOURCES_MAX && h->sources[i]; i++)
		if (h->sources[i]->options.signal == signal)
			return h->sources[i];
	return NULL;
}

static struct source *source_of(const struct host *h, enum signal signal)
{
	struct source *s = find_source(h, signal);

	OXP_ASSERT(s && "host_takes() said so");
	return s;
}

bool host_takes(const struct host *h, enum signal signal)
{
	return signal == SIGNAL_METRICS ? h->samples != NULL : find_source(h, signal) != NULL;
}

struct batch *host_batch_new(struct host *h, enum signal signal)
{
	/* Metrics are not offered: what they are read from stays with their collector. */
	if (signal == SIGNAL_METRICS)
		return batch_new(h->from->budget, signal);
	return source_batch_new(source_of(h, signal));
}

bool host_others_hold_room(const struct host *h, enum signal signal)
{
	return source_others_hold_room(source_of(h, signal));
}

bool host_has_enough(struct host *h, enum signal signal)
{
	return signal != SIGNAL_METRICS && source_has_enough(source_of(h, signal));
}

bool host_ends(const struct host *h)
{
	return h->core->phase == AGENT_LEAVING;
}

enum admit host_offer(struct host *h, struct batch **batch)
{
	struct source *s = source_of(h, batch_signal(*batch));

	if (host_ends(h) && s->options.rewind == REWIND_NONE)
		return spool_offer_anyway(h->from->spool, s, batch);
	return source_offer(s, batch);
}

enum admit host_offer_long(struct host *h, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return source_offer_long(source_of(h, batch_signal(*batch)), batch, done, context);
}

enum admit host_prepare(
	struct host *h, struct batch **batch, void (*done)(void *, int failed, struct batch *), void *context)
{
	return source_prepare_long(source_of(h, batch_signal(*batch)), batch, done, context, context);
}

void host_take(struct host *h, struct batch **prepared)
{
	source_take(source_of(h, batch_signal(*prepared)), prepared);
}

enum admit host_offer_spooled(struct host *h, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return spool_offer(h->from->spool, source_of(h, batch_signal(*batch)), batch, done, context);
}

bool host_withdraw(struct host *h, enum signal signal, const void *context)
{
	return source_withdraw(source_of(h, signal), context);
}

enum admit host_leave(struct host *h, struct batch **batch, void (*done)(void *context, int failed), void *context)
{
	return spool_leave(h->from->spool, source_of(h, batch_signal(*batch)), batch, done, context);
}

struct batch *host_leave_batch(struct host *h, enum signal signal)
{
	return source_leave_batch(source_of(h, signal));
}

void host_not_left(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	source_not_left(source_of(h, signal), records, bytes);
}

void host_left(struct host *h)
{
	if (h->left)
		h->left(h->left_context);
}

void host_lost(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	if (signal == SIGNAL_METRICS) {
		ledger_add(h->samples, LEDGER_RECEIVED, records, bytes);
		ledger_add(h->samples, LEDGER_DROPPED_FULL, records, bytes);
		h->from->lost += records;
		return;
	}
	source_lost(source_of(h, signal), records, bytes);
}

void host_refused(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	source_refused(source_of(h, signal), records, bytes);
}

/* Metrics and checks. */

void host_collected(struct host *h)
{
	h->collected(h->context);
}

void host_samples(struct host *h, const struct series_counts *counts, uint64_t bytes)
{
	uint64_t clash = 0, ceiling = 0, clash_bytes, ceiling_bytes, step_bytes, received = counts->received;

	for (int i = 0; i < SERIES_DROPS; i++)
		*(series_drop_is_ceiling(i) ? &ceiling : &clash) += counts->dropped[i];
	clash_bytes = received ? bytes * clash / received : 0;
	ceiling_bytes = received ? bytes * ceiling / received : 0;
	step_bytes = received ? bytes * counts->filtered / received : 0;
	ledger_add(h->samples, LEDGER_RECEIVED, received, bytes);
	ledger_add(h->samples, LEDGER_MERGED, counts->merged, bytes - clash_bytes - ceiling_bytes - step_bytes);
	ledger_add(h->samples, LEDGER_DROPPED_STEP, counts->filtered, step_bytes);
	ledger_add(h->samples, LEDGER_DROPPED_CEILING, ceiling, ceiling_bytes);
	ledger_add(h->samples, LEDGER_DROPPED_CLASH, clash, clash_bytes);
}

void host_checked(struct host *h, bool fine, const char *why)
{
	h->checked(h->context, fine, why);
}

/* Positions: staged in a change that belongs to this host, and taken by a commit. */

int host_positions_load(struct host *h, void (*visit)(void *, const struct position *), void *context)
{
	return state_positions_load(h->core->state, h->name, visit, context);
}

uint64_t host_generation_next(struct host *h)
{
	return state_generation_next(h->core->state);
}

static struct state_change *staged(struct host *h)
{
	if (!h->staged)
		h->staged = state_change_new();
	return h->staged;
}

void host_position_put(struct host *h, const struct position *position)
{
	state_change_position(staged(h), h->name, position);
}

void host_position_forget(struct host *h, uint64_t generation)
{
	state_change_forget(staged(h), h->name, generation);
}

static void stage_books(struct state_change *change, const struct source *s)
{
	char key[KEY_MAX];

	for (size_t i = 0; i < source_routes(s); i++) {
		const struct ledger_row *row = source_row(s, i);
		ledger_key(row, key, sizeof key);
		state_change_ledger(change, key, &row->settled);
	}
}

void host_positions_commit(struct host *h, void (*done)(void *, int failed), void *context)
{
	struct state_change *change = staged(h);

	for (size_t i = 0; i < HOST_SOURCES_MAX && h->sources[i]; i++)
		stage_books(change, h->sources[i]);
	h->staged = NULL;
	state_commit(h->core->state, &change, done, context);
}
