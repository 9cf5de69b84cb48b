/*
 * Positions of `tail`: a generation is on disk before its first line is offered, a position when every destination has
 * settled what is before it. What moves while a commit is under way goes with the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail/inner.h"

enum {
	SAVE_MS = 250, /* from the first position that moved to the commit */
	COMMIT_RETRY_MS = 1000, /* doubles up to the next */
	COMMIT_RETRY_MAX_MS = 30000,
	PUT_AT_ONCE = 512, /* positions, and as many that are forgotten: those of a commit are put in one callback */
};

void tail_mark_ready(struct collector *c, struct tail_file *f)
{
	if (!f->ready && f->state == TAIL_FOLLOWED && !f->spent) {
		f->ready = true;
		TAILQ_INSERT_TAIL(&c->ready, f, ready_entry);
	}
	if (f->ready && !c->full && !c->stopped)
		loop_soon_run(&c->reading);
}

void tail_not_ready(struct collector *c, struct tail_file *f)
{
	if (f->ready)
		TAILQ_REMOVE(&c->ready, f, ready_entry);
	f->ready = false;
}

/* Positions. */

void tail_put_position(struct collector *c, const struct tail_file *f)
{
	const struct position at = tail_file_position(f);

	host_position_put(c->reader.host, &at);
}

void tail_keep_position(struct collector *c, struct tail_file *f)
{
	const struct position at = tail_file_position(f);

	tail_table_remember(&c->table, &at);
	if (f->save != TAIL_SAVED)
		tail_put_position(c, f);
	f->generation = 0;
}

void tail_put_known(struct collector *c)
{
	if (c->config->start == START_END && c->known.ns)
		host_position_put(c->reader.host,
			&(struct position){
				.generation = TAIL_KNOWN, .offset = (uint64_t)c->known.ns, .path = "" });
}

void tail_save_as(struct collector *c, struct tail_file *f, enum tail_save save)
{
	if (f->save != TAIL_SAVED)
		TAILQ_REMOVE(f->save == TAIL_UNSAVED ? &c->unsaved : &c->saving, f, save_entry);
	f->save = (uint8_t)save;
	if (save != TAIL_SAVED)
		TAILQ_INSERT_TAIL(save == TAIL_UNSAVED ? &c->unsaved : &c->saving, f, save_entry);
}

static void save_soon(struct collector *c)
{
	if (c->stopped || c->commit_failures)
		return;
	if (c->draining)
		tail_commit(c);
	else if (!loop_timer_pending(&c->save))
		loop_timer_set(&c->save, DURATION_MS(SAVE_MS));
}

/* The position is another now. Once stopped, whoever ends the agent commits what is put. */
void tail_moved(struct collector *c, struct tail_file *f)
{
	if (f->save == TAIL_SAVING)
		f->moved = true;
	else if (f->save == TAIL_SAVED)
		tail_save_as(c, f, TAIL_UNSAVED);
	if (c->stopped)
		tail_put_position(c, f);
	else
		save_soon(c);
}

void tail_forget(struct collector *c, uint64_t generation)
{
	if (!generation)
		return;
	if (c->forgotten_count == c->forgotten_room) {
		c->forgotten_room = c->forgotten_room ? 2 * c->forgotten_room : 16;
		c->forgotten = realloc(c->forgotten, c->forgotten_room * sizeof *c->forgotten);
		OXP_ASSERT(c->forgotten && "out of memory");
	}
	c->forgotten[c->forgotten_count++] = generation;
	save_soon(c);
}

/* One file of the commit that ended. */
static void file_committed(struct collector *c, struct tail_file *f, bool failed)
{
	bool again = failed || f->moved;

	f->moved = false;
	tail_save_as(c, f, again ? TAIL_UNSAVED : TAIL_SAVED);
	if (f->state != TAIL_COMMITTING)
		return;
	f->state = failed ? TAIL_NEW : TAIL_FOLLOWED;
	tail_mark_ready(c, f);
}

static void commit_failed(struct collector *c, int failed)
{
	uint64_t wait = COMMIT_RETRY_MS;

	++*c->errors;
	if (c->commit_failures++ == 0)
		host_log(c->reader.host, LOG_LEVEL_WARN, "positions cannot be saved: %s; trying again, new files wait",
			strerror(-failed));
	for (unsigned i = 1; i < c->commit_failures && wait < COMMIT_RETRY_MAX_MS; i++)
		wait *= 2;
	loop_timer_set(&c->save, DURATION_MS(wait < COMMIT_RETRY_MAX_MS ? wait : COMMIT_RETRY_MAX_MS));
}

static void commit_worked(struct collector *c)
{
	c->forgotten_count -= c->forgetting_count;
	if (c->forgotten_count > 0)
		memmove(c->forgotten, c->forgotten + c->forgetting_count, c->forgotten_count * sizeof *c->forgotten);
	if (c->commit_failures)
		host_log(c->reader.host, LOG_LEVEL_INFO, "positions are saved again");
	c->commit_failures = 0;
}

static void committed(void *context, int failed)
{
	struct collector *c = context;
	struct tail_file *f;

	c->committing = false;
	while ((f = TAILQ_FIRST(&c->saving)))
		file_committed(c, f, failed != 0);
	if (c->stopped)
		return;
	if (failed)
		commit_failed(c, failed);
	else
		commit_worked(c);
	c->forgetting_count = 0;
	if (!failed && c->commit_again)
		tail_commit(c);
	else if (!failed && (!TAILQ_EMPTY(&c->unsaved) || c->forgotten_count > 0))
		save_soon(c);
}

static void put_unsaved(struct collector *c)
{
	struct tail_file *f;

	for (int i = 0; i < PUT_AT_ONCE && (f = TAILQ_FIRST(&c->unsaved)); i++) {
		if (f->state == TAIL_NEW)
			f->state = TAIL_COMMITTING;
		tail_save_as(c, f, TAIL_SAVING);
		tail_put_position(c, f);
	}
}

/* Saves what moved and what is new, in one transaction; the rest, and what comes meanwhile, goes with the next. */
void tail_commit(struct collector *c)
{
	c->commit_again = c->committing;
	if (c->committing)
		return;
	loop_timer_clear(&c->save);
	c->committing = true;
	put_unsaved(c);
	if (TAILQ_EMPTY(&c->unsaved))
		tail_put_known(c);
	c->forgetting_count = c->forgotten_count < PUT_AT_ONCE ? c->forgotten_count : PUT_AT_ONCE;
	for (size_t i = 0; i < c->forgetting_count; i++)
		host_position_forget(c->reader.host, c->forgotten[i]);
	c->commit_again = !TAILQ_EMPTY(&c->unsaved) || c->forgetting_count < c->forgotten_count;
	host_positions_commit(c->reader.host, committed, c);
}

void tail_on_save(void *context)
{
	tail_commit(context);
}

/* Nothing more of it is offered before generation and beginning are on disk. While commits fail, the next try takes it
 * along. */
void tail_commit_first(struct collector *c, struct tail_file *f)
{
	f->state = TAIL_NEW;
	tail_moved(c, f);
	if (!c->commit_failures && !c->stopped)
		tail_commit(c);
}

void tail_new_generation(struct collector *c, struct tail_file *f)
{
	f->generation = host_generation_next(c->reader.host);
	f->last = f->packed;
	tail_file_learn_head(f);
	tail_commit_first(c, f);
}
