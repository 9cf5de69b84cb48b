#include "intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "host.h"
#include "parked/parking.h"
#include "recorder/recorder.h"
#include "spool/spool.h"

struct intake *intake_new(struct intakes *all, const struct collector_type *type, struct host *host)
{
	struct intake *i = oxp_new(sizeof *i), **at = &all->first;

	while (*at)
		at = &(*at)->next;
	*at = i;
	i->from = all;
	i->type = type;
	i->host = host;
	return i;
}

/* What the source reports. */

static enum park on_refused(void *context, const struct refusal *refusal)
{
	struct intake *i = context;

	return parking_park(i->from->parking, refusal);
}

static void on_unspool(void *context, const struct batch_row *rows, size_t count)
{
	struct intake *i = context;

	spool_unspool(i->from->spool, rows, count);
}

static void on_taken(void *context, const struct batch *batch)
{
	struct intake *i = context;

	if (batch_signal(batch) == SIGNAL_TRACES && !i->unrecorded)
		recorder_note(i->from->recorder, batch);
}

static void on_room(void *context)
{
	struct intake *i = context;

	spool_refill(i->from->spool);
	if (i->collector && i->type->resume)
		i->type->resume(i->collector);
}

static void on_settled(void *context, uint64_t token)
{
	struct intake *i = context;

	if (i->type->settled)
		i->type->settled(i->collector, token);
}

static bool on_look(void *context, bool anew)
{
	struct intake *i = context;

	return !i->collector || !i->type->look || i->type->look(i->collector, anew);
}

static void on_lasting(void *context, void (*add)(void *to, uint64_t generation), void *to)
{
	struct intake *i = context;

	if (i->collector && i->type->lasting)
		i->type->lasting(i->collector, add, to);
}

static void on_lost(void *context, uint64_t generation, const struct ledger_amount *amount)
{
	struct intake *i = context;

	if (i->collector && i->type->lost)
		i->type->lost(i->collector, generation, amount->records, amount->bytes);
}

const struct source_hooks intake_hooks = { .park = on_refused,
	.unspool = on_unspool,
	.taken = on_taken,
	.refill = on_room,
	.settled = on_settled,
	.look = on_look,
	.lasting = on_lasting,
	.lost = on_lost };

int intake_create(struct intake *i, const void *config)
{
	return i->type->create(config, i->host, &i->collector);
}

void intake_set_unrecorded(struct intake *i)
{
	i->unrecorded = true;
}

void intake_note_unheard(struct intake *i)
{
	i->unheard = true;
}

bool intake_has_positions(const struct intake *i)
{
	return i->collector && i->type->rewind == REWIND_SAVED && i->host->sources[0];
}

int intakes_start(struct intakes *all, const struct log *log)
{
	for (struct intake *i = all->first; i; i = i->next) {
		int failed = i->type->start(i->collector);
		if (failed) {
			log_error(log, i->host->name, "cannot start: %s", strerror(-failed));
			return failed;
		}
		i->started = true;
	}
	return 0;
}

static void on_books_saved(void *context, int failed)
{
	const struct intake *i = context;

	if (failed)
		host_log(i->host, LOG_LEVEL_WARN, "the ledger could not be saved at the start: %s; it is saved later",
			strerror(-failed));
}

void intakes_save_books(struct intakes *all)
{
	for (struct intake *i = all->first; i; i = i->next)
		if (i->unheard && intake_has_positions(i))
			host_positions_commit(i->host, on_books_saved, i);
}

bool intakes_have_begun(const struct intakes *all)
{
	for (const struct intake *i = all->first; i; i = i->next)
		if (i->type->began && !i->type->began(i->collector))
			return false;
	return true;
}

void intakes_drain(struct intakes *all)
{
	for (struct intake *i = all->first; i; i = i->next)
		if (i->started && i->type->drain)
			i->type->drain(i->collector);
}

static bool is_busy(const struct intake *i)
{
	return i->started && i->type->quiet && !i->type->quiet(i->collector);
}

bool intakes_are_quiet(const struct intakes *all)
{
	for (const struct intake *i = all->first; i; i = i->next)
		if (is_busy(i))
			return false;
	return true;
}

void intakes_tell_busy(const struct intakes *all, struct buffer *to)
{
	for (const struct intake *i = all->first; i; i = i->next)
		if (is_busy(i))
			(void)!buffer_printf(to, "%s%s", to->size ? ", " : "", i->host->name);
}

void intakes_stop_doors(struct intakes *all)
{
	for (struct intake *i = all->first; i; i = i->next)
		if (i->started && i->type->when_full != FULL_PAUSE && i->type->stop)
			i->type->stop(i->collector);
}

void intakes_stop(struct intakes *all)
{
	for (struct intake *i = all->first; i; i = i->next)
		if (i->collector && i->type->stop)
			i->type->stop(i->collector);
}

void intakes_leave(struct intakes *all)
{
	for (struct intake *i = all->first; i; i = i->next)
		if (i->started && i->type->leave)
			i->type->leave(i->collector);
}

static void look_whether_left(struct intakes *all)
{
	void (*left)(void *) = all->left;

	for (const struct intake *i = all->first; i; i = i->next)
		if (i->leaving)
			return;
	all->left = NULL;
	if (left)
		left(all->context);
}

static void on_left(void *context)
{
	struct intake *i = context;

	i->leaving = false;
	look_whether_left(i->from);
}

void intakes_leave_rest(struct intakes *all, void (*left)(void *context), void *context)
{
	for (struct intake *i = all->first; i; i = i->next) {
		i->leaving = i->started && i->type->leave;
		host_set_left(i->host, on_left, i);
	}
	all->left = left;
	all->context = context;
	intakes_leave(all);
	look_whether_left(all);
}

void intakes_abandon(struct intakes *all)
{
	for (struct intake *i = all->first; i; i = i->next)
		if (i->leaving)
			i->type->abandon(i->collector);
}

void intakes_done(struct intakes *all)
{
	for (struct intake *i; (i = all->first);) {
		all->first = i->next;
		if (i->collector)
			i->type->destroy(i->collector);
		free(i);
	}
}

void intakes_report(void *context, const char *name, struct json_writer *w)
{
	const struct intakes *all = context;

	json_put_array(w, name);
	for (const struct intake *i = all->first; i; i = i->next) {
		json_put_object(w, NULL);
		json_put_string(w, "name", i->host->name);
		if (i->collector && i->type->report)
			i->type->report(i->collector, w);
		json_put_end(w);
	}
	json_put_end(w);
}
