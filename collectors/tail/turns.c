#include "collectors/tail/turns.h"

#include <errno.h>
#include <stdlib.h>

enum {
	AGAIN_MS = 5, /* first wait before room is asked for again; it doubles up to the next number */
	AGAIN_MAX_MS = 1000,
	ECHOES = 3, /* how often being told of room is believed at once: giving back what was too little is told, too */
	PATIENCE = 10, /* after this many tries with nothing under way, here or elsewhere, lines are cut to what fits */
	HELD_TICK_MS = 250, /* how often it is checked whether held lines have waited long enough */
	TRACE_MS = 1000, /* how long they wait for the rest of a message */
	PIECES_MS = 5000, /* how long they wait for the rest of a line */
};

static void on_again(void *context);
static void on_told(void *context);
static void on_waited(void *context);

void tail_turns_init(struct tail_turns *t, const struct tail_turns_parts *parts)
{
	const struct tail_core *core = parts->core;
	struct tail_reader *r = &t->reader;

	t->with = *parts;
	tail_reader_init(r, core->host, on_told, t);
	r->chunk = TAIL_CHUNK_FIRST;
	r->pace = (struct pace){ .most = TAIL_CHUNK_FIRST, .least = TAIL_CHUNK_MIN, .ceiling = TAIL_CHUNK };
	r->origin = core->config->origin;
	lines_init(&r->lines, core->host, (enum lines_format)core->config->format, core->config->line_max);
	lines_join(&r->lines, core->host, &core->config->multiline);
	TAILQ_INIT(&t->offers);
	TAILQ_INIT(&t->held);
	loop_timer_init(&t->again, core->loop, on_again, t);
	loop_timer_init(&t->waited, core->loop, on_waited, t);
	t->holes = host_counter(core->host, "holes_total", "Runs of zero bytes in files, which are skipped.");
	t->hole_bytes = host_counter(core->host, "hole_bytes_total", "Bytes in runs of zero bytes, which are skipped.");
}

void tail_turns_done(struct tail_turns *t)
{
	for (struct tail_offer *offer; (offer = TAILQ_FIRST(&t->offers));) {
		TAILQ_REMOVE(&t->offers, offer, entry);
		free(offer);
	}
	loop_timer_done(&t->again);
	loop_timer_done(&t->waited);
	tail_reader_done(&t->reader);
}

/* Offers. */

static struct tail_offer *new_offer(struct tail_turns *t, struct tail_file *f)
{
	struct tail_offer *offer = oxp_new(sizeof *offer);

	*offer = (struct tail_offer){ .file = f, .generation = f->generation };
	TAILQ_INSERT_TAIL(&t->offers, offer, entry);
	f->offers++;
	return offer;
}

static void end_offer(struct tail_turns *t, struct tail_offer *offer)
{
	TAILQ_REMOVE(&t->offers, offer, entry);
	offer->file->offers--;
	free(offer);
}

void tail_turns_settled(struct tail_turns *t, uint64_t token)
{
	struct tail_offer *offer = (struct tail_offer *)(uintptr_t)token, settled = *offer;
	struct tail_file *f = settled.file;

	end_offer(t, offer);
	if (settled.generation == f->generation) {
		tail_file_save(f, &settled);
		tail_saver_moved(t->with.saver, f);
	}
	if (f->waits && f->offers == 0)
		tail_ready_add(t->with.ready, f);
	t->fulls = t->hopeless = 0;
	if (t->with.ready->room == TAIL_NO_ROOM)
		loop_timer_set(&t->again, DURATION_MS(0));
}

/* Room. */

/* Nothing of ours is under way: others hold the memory, or it is too small for what we ask. So less and less is asked
 * for. Only what others cannot give back makes lines shorter. */
static void ask_for_less(struct tail_turns *t, const struct tail_file *f)
{
	struct tail_reader *r = &t->reader;
	bool long_line = f->held + f->unended >= r->chunk;

	t->hopeless = host_others_hold_room(r->host, SIGNAL_LOGS) ? 0 : t->hopeless + 1;
	if (r->chunk > TAIL_CHUNK_MIN && !long_line) {
		r->chunk /= 2;
	} else if (t->hopeless > PATIENCE && long_line && r->lines.line_max > TAIL_CHUNK_MIN) {
		r->lines.line_max /= 2;
		host_log(r->host, LOG_LEVEL_WARN,
			"no room in memory for a long line of %s: lines are cut at %llu bytes from now on", f->path,
			(unsigned long long)r->lines.line_max);
	}
}

static void wait_for_room(struct tail_turns *t, const struct tail_file *f)
{
	uint64_t wait = (uint64_t)AGAIN_MS << (t->fulls < 10 ? t->fulls : 10);

	tail_ready_room(t->with.ready, TAIL_NO_ROOM);
	t->fulls++;
	if (TAILQ_EMPTY(&t->offers))
		ask_for_less(t, f);
	loop_timer_set(&t->again, DURATION_MS(wait < AGAIN_MAX_MS ? wait : AGAIN_MAX_MS));
}

static void room_was_found(struct tail_turns *t)
{
	t->fulls = t->hopeless = 0;
	if (t->reader.chunk < t->reader.pace.most)
		t->reader.chunk *= 2;
}

static void on_again(void *context)
{
	struct tail_turns *t = context;

	tail_ready_room(t->with.ready, TAIL_ROOM);
	loop_timer_clear(&t->again);
	tail_ready_go(t->with.ready);
}

/* The lane has done with long lines. Their file may not be ready any more. */
static void on_told(void *context)
{
	struct tail_turns *t = context;

	tail_ready_room(t->with.ready, TAIL_ROOM);
	tail_reader_next(&t->reader, tail_ready_first(t->with.ready));
	tail_ready_go(t->with.ready);
}

void tail_turns_resume(struct tail_turns *t)
{
	if (t->fulls <= ECHOES)
		on_again(t);
}

/* A slice is small enough to take well under a millisecond. */
static void learn_pace(struct tail_reader *r, size_t size, struct duration took)
{
	pace_learn(&r->pace, size, took);
	if (r->chunk > r->pace.most)
		r->chunk = r->pace.most;
}

/* Lines whose message may go on. */

static void hold_no_more(struct tail_turns *t, struct tail_file *f)
{
	if (f->in_held)
		TAILQ_REMOVE(&t->held, f, held_entry);
	f->in_held = false;
}

/* After a read that began at `before`. */
static void hold(struct tail_turns *t, struct tail_file *f, uint64_t before)
{
	if (f->held == 0) {
		hold_no_more(t, f);
		return;
	}
	if (!f->in_held || f->offset != before)
		f->held_since = loop_now(t->with.core->loop);
	if (!f->in_held)
		TAILQ_INSERT_TAIL(&t->held, f, held_entry);
	f->in_held = true;
	if (!loop_timer_pending(&t->waited))
		loop_timer_set(&t->waited, DURATION_MS(HELD_TICK_MS));
}

static bool has_waited(const struct tail_turns *t, const struct tail_file *f)
{
	int64_t wait = f->held_pieces ? PIECES_MS : TRACE_MS;

	return duration_ms(mono_since(loop_now(t->with.core->loop), f->held_since)) >= wait;
}

static void on_waited(void *context)
{
	struct tail_turns *t = context;
	struct tail_file *f;

	TAILQ_FOREACH(f, &t->held, held_entry) {
		if (has_waited(t, f))
			tail_file_ship_held(f);
		if (f->due || t->reader.ending)
			tail_ready_add(t->with.ready, f);
	}
	if (!TAILQ_EMPTY(&t->held))
		loop_timer_set(&t->waited, DURATION_MS(HELD_TICK_MS));
}

/* Turns. */

static void passed_hole(struct tail_turns *t, struct tail_file *f)
{
	uint64_t zeros = t->reader.hole;

	++*t->holes;
	*t->hole_bytes += zeros;
	host_log(t->reader.host, LOG_LEVEL_WARN,
		"%s has a hole: %llu zeros at byte %llu are not lines and were skipped; its writer does not append",
		f->path, (unsigned long long)zeros, (unsigned long long)(f->offset - zeros));
	tail_ready_pass(t->with.ready, f);
}

/* The end of the file was reached. Bytes that made no item (empty lines) pass with the offers, or at once if there are
 * none. */
static void at_end(struct tail_turns *t, struct tail_file *f)
{
	tail_troubles_end(t->with.troubles, f);
	tail_ready_remove(t->with.ready, f);
	if (f->offers == 0 && f->saved != f->offset) {
		tail_file_save(f, NULL);
		tail_saver_moved(t->with.saver, f);
	}
}

static enum tail_turn end_turn(struct tail_turns *t, struct tail_file *f, enum tail_read answer)
{
	switch (answer) {
	case TAIL_READ_HOLE:
		passed_hole(t, f);
		break;
	case TAIL_READ_PART: /* its turn is not over */
		break;
	case TAIL_READ_MORE:
		tail_ready_pass(t->with.ready, f);
		break;
	case TAIL_READ_END:
		at_end(t, f);
		break;
	case TAIL_READ_FULL:
		wait_for_room(t, f);
		break;
	case TAIL_READ_SLOW:
		tail_ready_room(t->with.ready, TAIL_NO_ROOM);
		break;
	case TAIL_READ_FAILED:
		tail_troubles_begin(t->with.troubles, f, "read", errno);
		tail_ready_remove(t->with.ready, f);
		break;
	case TAIL_READ_HEAD:
		tail_ready_remove(t->with.ready, f);
		tail_saver_commit_first(t->with.saver, f);
		break;
	case TAIL_READ_CUT_DOWN:
		tail_ready_remove(t->with.ready, f);
		return TAIL_TURN_CUT_DOWN;
	case TAIL_READ_PACKED:
		tail_ready_remove(t->with.ready, f);
		return TAIL_TURN_PACKED;
	}
	return TAIL_TURN_OVER;
}

enum tail_turn tail_turns_take(struct tail_turns *t, struct tail_file **ret)
{
	struct tail_file *f = tail_ready_first(t->with.ready);
	const struct clock *clock = loop_clock(t->with.core->loop);
	struct tail_offer *offer;
	enum tail_read answer;
	struct mono_time began;
	uint64_t before;
	bool offered, was_slow = t->reader.lane.stage == LINES_READY;

	*ret = f;
	tail_reader_next(&t->reader, f);
	if (!f)
		return TAIL_TURN_OVER;
	offer = new_offer(t, f);
	before = f->offset;
	began = clock->mono(clock);
	answer = tail_file_read(f, &t->reader, offer, &offered);
	hold(t, f, before);
	t->taken += f->offset - before;
	if (offered)
		room_was_found(t);
	else
		end_offer(t, offer);
	if (offered && !was_slow)
		learn_pace(&t->reader, (size_t)(f->offset - before), mono_since(clock->mono(clock), began));
	return end_turn(t, f, answer);
}

enum tail_read tail_turns_leave(
	struct tail_turns *t, struct tail_file *f, const struct tail_leaver *leaver, struct tail_offer **ret_offer)
{
	struct tail_offer *offer = new_offer(t, f);
	bool offered, in_lane = lines_lane_is_busy(&t->reader.lane);
	enum tail_read answer;

	t->reader.leaver = leaver;
	answer = tail_file_read(f, &t->reader, offer, &offered);
	t->reader.leaver = NULL;
	if (in_lane) /* not any more: others may be read */
		on_told(t);
	*ret_offer = offered ? offer : NULL;
	if (!offered)
		end_offer(t, offer);
	return answer;
}

void tail_turns_left(struct tail_turns *t, struct tail_offer *offer)
{
	end_offer(t, offer);
}

void tail_turns_drop(struct tail_turns *t, struct tail_file *f)
{
	tail_ready_remove(t->with.ready, f);
	hold_no_more(t, f);
}

void tail_turns_drain(struct tail_turns *t)
{
	t->reader.ending = true;
	on_waited(t);
}

void tail_turns_stop(struct tail_turns *t)
{
	tail_ready_room(t->with.ready, TAIL_NO_MORE);
	tail_reader_forget(&t->reader);
	loop_timer_clear(&t->again);
	loop_timer_clear(&t->waited);
}

bool tail_turns_is_quiet(const struct tail_turns *t)
{
	return TAILQ_EMPTY(&t->offers) && tail_ready_is_empty(t->with.ready);
}
