#include "collectors/tail/leaves.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES_AT_ONCE = 16, /* looked at in a callback: each takes some ten system calls */
	AGAIN_MS = 20, /* after this memory is asked for again */
	PIECE = 64 << 10,
	PIECES_AT_ONCE = 8, /* counted in a callback: a third of a millisecond */
	COUNTED_MAX = 64 << 20, /* lost bytes of all files in which lines are counted */
};

static void on_more(void *context);

void tail_leaves_init(struct tail_leaves *l, const struct tail_leaves_parts *parts)
{
	l->with = *parts;
	l->chunk = TAIL_CHUNK;
	l->round = 1;
	loop_soon_init(&l->more, parts->core->loop, on_more, l);
	loop_timer_init(&l->again, parts->core->loop, on_more, l);
}

void tail_leaves_done(struct tail_leaves *l)
{
	loop_soon_done(&l->more);
	loop_timer_done(&l->again);
}

/* Files. */

/* Of what was cut down nothing is read, however far that was read which it had before. */
static uint64_t first_unread(const struct tail_file *f)
{
	return tail_is_cut(f) ? 0 : f->offset;
}

static uint64_t unread(const struct tail_file *f)
{
	struct stat info;
	uint64_t size = f->fd >= 0 && fstat(f->fd, &info) == 0 ? (uint64_t)info.st_size : 0;
	uint64_t first = first_unread(f);

	return size > first ? size - first : 0;
}

/* It is read here from now on. */
static void mark(struct tail_leaves *l, struct tail_file *f)
{
	if (f->leaving)
		return;
	tail_turns_drop(l->with.turns, f);
	f->leaving = true;
}

static enum tail_fate fate(struct tail_leaves *l, const struct tail_file *f)
{
	return f->leaving ? TAIL_OURS : tail_fate(f, &l->place);
}

/* Nobody but us has what is under way, or not read, of that file. */
static bool is_ours(struct tail_leaves *l, const struct tail_file *f)
{
	if (!f->generation || (f->offers == 0 && unread(f) == 0))
		return f->leaving;
	return fate(l, f) != TAIL_LASTS;
}

/* Returns false if that was known already. */
static bool look(struct tail_leaves *l, struct tail_file *f)
{
	if (f->looked == l->round)
		return false;
	f->looked = l->round;
	f->fate = (uint8_t)(f->generation ? fate(l, f) : f->leaving ? TAIL_OURS : TAIL_LASTS);
	return true;
}

bool tail_leaves_look(struct tail_leaves *l, bool anew)
{
	const struct tail_offer *offer;
	int looked = 0;

	l->round += anew;
	tail_place_forget(&l->place);
	TAILQ_FOREACH(offer, &l->with.turns->offers, entry)
		if (looked == FILES_AT_ONCE)
			return false;
		else
			looked += look(l, offer->file);
	return true;
}

/* One that was cut down may have a name, and is read on under another generation. */
void tail_leaves_lasting(struct tail_leaves *l, void (*add)(void *to, uint64_t generation), void *to)
{
	const struct tail_offer *offer;

	tail_place_forget(&l->place);
	TAILQ_FOREACH(offer, &l->with.turns->offers, entry) {
		struct tail_file *f = offer->file;
		look(l, f);
		if (f->fate == TAIL_OURS)
			mark(l, f);
		if (f->fate == TAIL_LASTS && offer->generation == f->generation)
			add(to, offer->generation);
	}
	l->round++;
}

/* What is lost. */

static struct tail_losing begin_losing(struct tail_leaves *l, struct tail_file *f, uint64_t bytes)
{
	uint64_t first = first_unread(f), counted = smaller(bytes, COUNTED_MAX - l->counted);

	l->counted += counted;
	return (struct tail_losing){ .file = f, .at = first, .end = first + counted, .bytes = bytes, .ended = true };
}

/* False: all of it is counted, as far as it can be read. */
static bool count_piece(struct tail_losing *c)
{
	char piece[PIECE];
	ssize_t got =
		c->at < c->end ? pread(c->file->fd, piece, smaller(sizeof piece, c->end - c->at), (off_t)c->at) : 0;

	if (got <= 0)
		return false;
	for (ssize_t i = 0; i < got; i++)
		c->lines += piece[i] == '\n';
	c->ended = piece[got - 1] == '\n';
	c->at += (uint64_t)got;
	return true;
}

static void tell_lost(struct tail_leaves *l, const char *path, uint64_t records, uint64_t bytes)
{
	host_log(l->with.core->host, LOG_LEVEL_ERROR,
		"%s: the next run will not find this file, and %llu bytes of it (%llu records) could not be put on "
		"disk: they are lost; expected room below state.max and on the disk of `state`, and time within "
		"exit.within",
		path, (unsigned long long)bytes, (unsigned long long)records);
}

/* At least one line. */
static void end_losing(struct tail_leaves *l, struct tail_losing *c)
{
	uint64_t lines = c->lines + !c->ended;

	lines = lines ? lines : 1;
	host_not_left(l->with.core->host, SIGNAL_LOGS, lines, c->bytes);
	tell_lost(l, c->file->path, lines, c->bytes);
	c->file = NULL;
}

/* They are counted in the next callbacks. */
static void lose_rest(struct tail_leaves *l, struct tail_file *f)
{
	uint64_t bytes = unread(f);

	OXP_ASSERT(!l->losing.file);
	if (bytes > 0)
		l->losing = begin_losing(l, f, bytes);
}

static void lose_on(struct tail_leaves *l)
{
	for (int i = 0; i < PIECES_AT_ONCE && l->losing.file; i++)
		if (!count_piece(&l->losing))
			end_losing(l, &l->losing);
	loop_soon_run(&l->more);
}

/* The slice that was on its way when time was up. What is behind it was counted then. */
static void lose_slice(struct tail_leaves *l)
{
	struct tail_file *f = l->offer->file;
	uint64_t end = f->offset;
	struct tail_losing slice;

	tail_file_go_back(f, &l->before);
	if (end == f->offset)
		return;
	slice = begin_losing(l, f, end - f->offset);
	while (count_piece(&slice))
		;
	end_losing(l, &slice);
}

void tail_leaves_lost(struct tail_leaves *l, uint64_t generation, uint64_t records, uint64_t bytes)
{
	const struct tail_offer *offer;
	const char *path = "a file";

	TAILQ_FOREACH(offer, &l->with.turns->offers, entry)
		if (offer->generation == generation)
			path = offer->file->path;
	tell_lost(l, path, records, bytes);
}

/* Rounds. */

/* All of it is on disk. Under a name that it may be found under after all, it is read on from there; and even if it was
 * removed, the next run looks for those that had its name after it. */
static void end_file(struct tail_leaves *l, struct tail_file *f)
{
	if (!l->last || !f->generation)
		return;
	tail_file_left(f);
	tail_saver_moved(l->with.saver, f);
}

/* The next of a list, which goes to its end; NULL: not one of those that were looked at. */
static struct tail_file *look_at(struct tail_leaves *l, struct tail_file_list *list, size_t *left)
{
	struct tail_file *f;

	for (int i = 0; *left > 0 && i < FILES_AT_ONCE && (f = TAILQ_FIRST(list)); i++) {
		tail_table_pass(l->with.table, f);
		--*left;
		if (is_ours(l, f))
			return f;
	}
	*left = TAILQ_EMPTY(list) ? 0 : *left;
	return NULL;
}

/* None while a scan goes through the lists. */
static struct tail_file *next_file(struct tail_leaves *l)
{
	struct tail_table *table = l->with.table;

	if (!l->last && l->with.look->phase == TAIL_SCAN_ANSWERED)
		return NULL;
	return l->named > 0 ? look_at(l, &table->named, &l->named) : look_at(l, &table->gone, &l->gone);
}

static void go_idle(struct tail_leaves *l)
{
	bool told = l->now != TAIL_LEAVE_IDLE && l->last;

	l->now = TAIL_LEAVE_IDLE;
	loop_timer_clear(&l->again);
	if (told)
		host_left(l->with.core->host);
}

static void begin_round(struct tail_leaves *l)
{
	l->now = TAIL_LEAVE_ROUND;
	l->gone = l->with.table->gone_count;
	l->named = l->with.table->count - l->gone;
}

static void on_left(void *context, int failed)
{
	struct tail_leaves *l = context;

	l->answered = true;
	l->failed = failed;
	if (l->now == TAIL_LEAVE_SLICE)
		loop_soon_run(&l->more);
	else if (failed && l->now == TAIL_LEAVE_IDLE)
		lose_slice(l);
}

/* Nobody writes to it for us any more: what it ends with is its last line. */
static void prepare(struct tail_leaves *l, struct tail_file *f)
{
	mark(l, f);
	if (!tail_file_trait(f)->gone)
		(void)tail_gone_lose(l->with.gone, f);
	if (f->state == TAIL_GONE_FOLLOWED)
		tail_table_move(l->with.table, f, TAIL_GONE_ENDED);
}

static void end_reading(struct tail_leaves *l, struct tail_file *f, enum tail_read answer)
{
	l->file = NULL;
	if (answer != TAIL_READ_END && l->last)
		lose_rest(l, f);
	else
		end_file(l, f);
}

static void try_again(struct tail_leaves *l)
{
	l->now = TAIL_LEAVE_FULL;
	l->chunk = l->chunk / 2 > TAIL_CHUNK_MIN ? l->chunk / 2 : TAIL_CHUNK_MIN;
	loop_timer_set(&l->again, DURATION_MS(AGAIN_MS));
}

/* Reads a slice, and sets `file` if more is to be done about the file. True: that has to be waited for. */
static bool leave_file(struct tail_leaves *l, struct tail_file *f)
{
	const struct tail_leaver leaver = { on_left, l, l->chunk };
	enum tail_read answer;

	l->answered = false;
	l->before = *f;
	answer = tail_turns_leave(l->with.turns, f, &leaver, &l->offer);
	l->file = l->offer || l->last ? f : NULL;
	if (l->offer)
		l->now = TAIL_LEAVE_SLICE;
	else if (answer == TAIL_READ_FULL)
		try_again(l);
	else if (f->offset == l->before.offset)
		end_reading(l, f, answer);
	return l->now != TAIL_LEAVE_ROUND;
}

/* The slice that was on its way. The file that is to be read on, or NULL. */
static struct tail_file *end_slice(struct tail_leaves *l)
{
	struct tail_file *f = l->file;
	bool early = l->early;

	tail_turns_left(l->with.turns, l->offer);
	l->offer = NULL;
	l->now = TAIL_LEAVE_ROUND;
	l->early = false;
	if (!l->failed) {
		if (f->offers == 0) {
			tail_file_left(f);
			tail_saver_moved(l->with.saver, f);
		}
		return early ? NULL : f;
	}
	tail_file_go_back(f, &l->before);
	if (l->last) {
		if (!early)
			lose_rest(l, f);
		return NULL;
	}
	host_log(l->with.core->host, LOG_LEVEL_WARN,
		"%s: the next run will not find this file, and what is left of it could not be written to disk: %s; "
		"trying again at the end",
		f->path, strerror(-l->failed));
	l->named = l->gone = 0;
	return NULL;
}

/* What was cut down begins anew as another file. What it had before is under way, or lost. */
static struct tail_file *find_file(struct tail_leaves *l)
{
	struct tail_file *f = next_file(l);

	if (f && tail_file_trait(f)->open && tail_is_cut(f)) {
		struct tail_file *n = tail_finder_cut_down(l->with.finder, f);
		end_file(l, f);
		f = is_ours(l, n) ? n : NULL;
	}
	if (f && !tail_file_trait(f)->open) {
		end_file(l, f);
		return NULL;
	}
	if (f)
		prepare(l, f);
	return f;
}

static void go_on(struct tail_leaves *l)
{
	struct tail_file *f = l->now == TAIL_LEAVE_SLICE ? end_slice(l) : l->file;

	l->file = NULL;
	if (l->now == TAIL_LEAVE_FULL && !f)
		begin_round(l);
	l->now = TAIL_LEAVE_ROUND;
	if (l->with.core->life == TAIL_STOPPED && !l->last)
		return;
	if (!f && !l->losing.file)
		f = find_file(l);
	if (f && leave_file(l, f))
		return;
	if (l->losing.file || l->file || l->named + l->gone > 0)
		loop_soon_run(&l->more);
	else
		go_idle(l);
}

/* Whether it may hold a last line without an end. */
static bool holds_line(const struct tail_file *f)
{
	return f->state == TAIL_GONE_FOLLOWED && f->held + f->unended > 0 && !f->leaving;
}

/* False: more such files are to be looked at, which goes on by itself. */
static bool look_at_holding(struct tail_leaves *l)
{
	struct tail_file *f;
	int looked = 0;

	tail_place_forget(&l->place);
	TAILQ_FOREACH(f, &l->with.table->gone, entry) {
		if (looked == FILES_AT_ONCE) {
			loop_soon_run(&l->more);
			return false;
		}
		looked += holds_line(f) && look(l, f);
	}
	return true;
}

/* Of the files that were not come to. A slice that fails meanwhile goes last, or the rest would have it, too. */
static void lose_next(struct tail_leaves *l)
{
	struct tail_file *f = l->named + l->gone > 0 ? find_file(l) : NULL;

	if (f)
		lose_rest(l, f);
	if (l->losing.file || l->named + l->gone > 0) {
		loop_soon_run(&l->more);
		return;
	}
	l->now = TAIL_LEAVE_IDLE;
	if (l->offer && l->answered && l->failed)
		lose_slice(l);
	host_left(l->with.core->host);
}

static void on_more(void *context)
{
	struct tail_leaves *l = context;

	tail_place_forget(&l->place);
	if (l->losing.file)
		lose_on(l);
	else if (l->now == TAIL_LEAVE_IDLE)
		(void)look_at_holding(l);
	else if (l->now == TAIL_LEAVE_LOST)
		lose_next(l);
	else if (l->now != TAIL_LEAVE_SLICE || l->answered)
		go_on(l);
}

void tail_leaves_begin(struct tail_leaves *l)
{
	bool slice = l->now == TAIL_LEAVE_SLICE;

	l->last = l->with.core->life == TAIL_STOPPED;
	begin_round(l);
	l->chunk = TAIL_CHUNK;
	l->early = slice;
	if (slice)
		l->now = TAIL_LEAVE_SLICE;
	loop_soon_run(&l->more);
}

void tail_leaves_abandon(struct tail_leaves *l)
{
	struct tail_file *f = l->early ? NULL : l->file;

	loop_timer_clear(&l->again);
	if (l->now == TAIL_LEAVE_IDLE)
		return;
	l->now = TAIL_LEAVE_LOST;
	l->file = NULL;
	if (f)
		lose_rest(l, f);
	loop_soon_run(&l->more);
}

bool tail_leaves_end_lines(struct tail_leaves *l)
{
	struct tail_file *f;
	bool any = false;

	if (!look_at_holding(l))
		return true;
	TAILQ_FOREACH(f, &l->with.table->gone, entry) {
		if (!holds_line(f) || f->fate == TAIL_LASTS)
			continue;
		tail_table_move(l->with.table, f, TAIL_GONE_ENDED);
		tail_ready_add(l->with.ready, f);
		any = true;
	}
	return any;
}

void tail_leaves_stop(struct tail_leaves *l)
{
	loop_timer_clear(&l->again);
}

bool tail_leaves_is_quiet(const struct tail_leaves *l)
{
	return l->now == TAIL_LEAVE_IDLE;
}
