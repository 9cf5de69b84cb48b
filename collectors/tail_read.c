/*
 * Reading of `tail`: one slice of one file a callback, in turns; when there is no room, all wait, and ask for less by
 * and by. Lines whose message may go on are read again with what is behind them, or shipped when they have waited.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail_inner.h"

enum {
	AGAIN_MS = 5, /* then room is asked for again; doubles up to the next */
	AGAIN_MAX_MS = 1000,
	ECHOES = 3, /* so often a word of room is believed at once: giving back what was too little is heard, too */
	PATIENCE = 10, /* asked so often with nothing under way, before lines are cut to what there is room for */
	HELD_TICK_MS = 250, /* so often it is asked whether held lines have waited */
	TRACE_MS = 1000, /* so long for the rest of a message */
	PIECES_MS = 5000, /* so long for the rest of a line */
};

void tail_settled(struct collector *c, uint64_t token)
{
	struct tail_offer *offer = (struct tail_offer *)(uintptr_t)token;
	struct tail_file *f = offer->file;

	TAILQ_REMOVE(&c->offers, offer, entry);
	f->offers--;
	if (offer->generation == f->generation) {
		tail_file_save(f, offer);
		tail_moved(c, f);
	}
	free(offer);
	if (f->waits && f->offers == 0)
		tail_mark_ready(c, f);
	c->fulls = 0;
	if (c->full && !c->stopped)
		loop_timer_set(&c->again, DURATION_MS(0));
}

/* Reading. */

void tail_tell_cut_down(struct collector *c, const char *path, uint64_t offset)
{
	++*c->truncations;
	host_log(c->reader.host, LOG_LEVEL_WARN,
		"%s was cut down: reading it from its beginning; what was cut away after byte %llu "
		"and not read is not known",
		path, (unsigned long long)offset);
}

static void truncated(struct collector *c, struct tail_file *f)
{
	uint64_t before = f->generation;

	tail_not_ready(c, f);
	tail_tell_cut_down(c, f->path, f->offset);
	(void)tail_file_begin(f, 0);
	tail_new_generation(c, f);
	tail_forget(c, before);
}

/* Logged when it begins; the next sweep tries again. */
void tail_in_trouble(struct collector *c, struct tail_file *f, const char *what, int error)
{
	bool none_left = error == EMFILE || error == ENFILE;

	++*c->errors;
	if (f->trouble != error && !(none_left && c->out_of_descriptors))
		host_log(c->reader.host, LOG_LEVEL_WARN, "cannot %s %s: %s", what, f->path, tail_links_why(error));
	*c->refused += f->trouble != error && error >= TAIL_LEADS_OUT;
	c->troubled += !f->trouble;
	f->trouble = error;
	c->out_of_descriptors = c->out_of_descriptors || none_left;
}

void tail_out_of_trouble(struct collector *c, struct tail_file *f)
{
	if (f->trouble)
		host_log(c->reader.host, LOG_LEVEL_INFO, "%s can be read again", f->path);
	c->troubled -= f->trouble != 0;
	f->trouble = 0;
}

/* At the end of what there is. Bytes that made no item (empty lines) pass with the offers, or at once when there are
 * none. */
static void at_end(struct collector *c, struct tail_file *f)
{
	tail_not_ready(c, f);
	if (f->offers == 0 && f->saved != f->offset) {
		tail_file_save(f, NULL);
		tail_moved(c, f);
	}
}

/* Nothing of ours is under way: others hold the memory, or it is too small for what we ask. By and by less is asked
 * for. */
static void ask_for_less(struct collector *c, const struct tail_file *f)
{
	struct tail_reader *r = &c->reader;

	bool long_line = f->held + f->unended >= r->chunk;

	if (r->chunk > TAIL_CHUNK_MIN && !long_line) {
		r->chunk /= 2;
	} else if (c->fulls > PATIENCE && long_line && r->lines.line_max > TAIL_CHUNK_MIN) {
		r->lines.line_max /= 2;
		host_log(r->host, LOG_LEVEL_WARN,
			"no room in memory for a long line of %s: lines are cut at %llu bytes from now on", f->path,
			(unsigned long long)r->lines.line_max);
	}
}

static void wait_for_room(struct collector *c, const struct tail_file *f)
{
	uint64_t wait = (uint64_t)AGAIN_MS << (c->fulls < 10 ? c->fulls : 10);

	c->full = true;
	c->fulls++;
	if (TAILQ_EMPTY(&c->offers))
		ask_for_less(c, f);
	loop_timer_set(&c->again, DURATION_MS(wait < AGAIN_MAX_MS ? wait : AGAIN_MAX_MS));
}

static void next_turn(struct collector *c, struct tail_file *f)
{
	TAILQ_REMOVE(&c->ready, f, ready_entry);
	TAILQ_INSERT_TAIL(&c->ready, f, ready_entry);
}

static void passed_hole(struct collector *c, const struct tail_file *f)
{
	++*c->holes;
	*c->hole_bytes += c->reader.hole;
	host_log(c->reader.host, LOG_LEVEL_WARN,
		"%s has a hole: %llu zeros at byte %llu are no lines and were passed; its writer does not append",
		f->path, (unsigned long long)c->reader.hole, (unsigned long long)(f->offset - c->reader.hole));
}

static void act(struct collector *c, struct tail_file *f, enum tail_read answer)
{
	switch (answer) {
	case TAIL_READ_HOLE:
		passed_hole(c, f);
		next_turn(c, f);
		break;
	case TAIL_READ_MORE:
		next_turn(c, f);
		break;
	case TAIL_READ_END:
		tail_out_of_trouble(c, f);
		at_end(c, f);
		break;
	case TAIL_READ_FULL:
		wait_for_room(c, f);
		break;
	case TAIL_READ_FAILED:
		tail_in_trouble(c, f, "read", errno);
		tail_not_ready(c, f);
		break;
	case TAIL_READ_HEAD:
		tail_not_ready(c, f);
		tail_commit_first(c, f);
		break;
	case TAIL_READ_CUT_DOWN:
		truncated(c, f);
		break;
	case TAIL_READ_PACKED:
		tail_is_packed_now(c, f);
		break;
	}
}

static void room_was_found(struct collector *c)
{
	c->fulls = 0;
	if (c->reader.chunk < c->reader.pace.most)
		c->reader.chunk *= 2;
}

/* A slice is as large as keeps it well under a millisecond. */
static void learn_pace(struct tail_reader *r, size_t size, struct duration took)
{
	pace_learn(&r->pace, size, took);
	if (r->chunk > r->pace.most)
		r->chunk = r->pace.most;
}

/* Lines whose message may go on. */

void tail_hold_no_more(struct collector *c, struct tail_file *f)
{
	if (f->in_held)
		TAILQ_REMOVE(&c->held, f, held_entry);
	f->in_held = false;
}

/* After a read that began at `before`. */
static void hold(struct collector *c, struct tail_file *f, uint64_t before)
{
	if (f->held == 0) {
		tail_hold_no_more(c, f);
		return;
	}
	if (!f->in_held || f->offset != before)
		f->held_since = loop_now(c->loop);
	if (!f->in_held)
		TAILQ_INSERT_TAIL(&c->held, f, held_entry);
	f->in_held = true;
	if (!loop_timer_pending(&c->waited))
		loop_timer_set(&c->waited, DURATION_MS(HELD_TICK_MS));
}

void tail_on_waited(void *context)
{
	struct collector *c = context;
	struct tail_file *f;

	TAILQ_FOREACH(f, &c->held, held_entry)
	{
		int64_t wait = f->held_pieces ? PIECES_MS : TRACE_MS;
		f->due = f->due || duration_ms(mono_since(loop_now(c->loop), f->held_since)) >= wait;
		if (f->due || c->reader.ending)
			tail_mark_ready(c, f);
	}
	if (!TAILQ_EMPTY(&c->held))
		loop_timer_set(&c->waited, DURATION_MS(HELD_TICK_MS));
}

/* One slice of one file, then the next file's turn. */
void tail_read_slice(void *context)
{
	struct collector *c = context;
	struct tail_file *f = TAILQ_FIRST(&c->ready);
	struct tail_offer *offer;
	const struct clock *clock = loop_clock(c->loop);
	enum tail_read answer;
	struct mono_time began;
	uint64_t before;
	bool offered;

	if (!f || c->full || c->stopped)
		return;
	offer = oxp_new(sizeof *offer);
	*offer = (struct tail_offer){ .file = f, .generation = f->generation };
	TAILQ_INSERT_TAIL(&c->offers, offer, entry);
	f->offers++;
	before = f->offset;
	began = clock->mono(clock);
	answer = tail_file_read(f, &c->reader, offer, &offered);
	hold(c, f, before);
	if (offered) {
		room_was_found(c);
		learn_pace(&c->reader, (size_t)(f->offset - before), mono_since(clock->mono(clock), began));
	} else {
		TAILQ_REMOVE(&c->offers, offer, entry);
		f->offers--;
		free(offer);
	}
	act(c, f, answer);
	if (!TAILQ_EMPTY(&c->ready) && !c->full)
		loop_soon_run(&c->reading);
}

void tail_on_again(void *context)
{
	struct collector *c = context;

	c->full = false;
	loop_timer_clear(&c->again);
	if (!TAILQ_EMPTY(&c->ready) && !c->stopped)
		loop_soon_run(&c->reading);
}

void tail_resume(struct collector *c)
{
	if (c->fulls <= ECHOES)
		tail_on_again(c);
}
