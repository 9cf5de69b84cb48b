#include "collectors/tail/saver.h"

#include <stdlib.h>
#include <string.h>

enum {
	SAVE_MS = 250, /* time from the first position that moved to the commit */
	COMMIT_RETRY_MS = 1000, /* doubles up to the next */
	COMMIT_RETRY_MAX_MS = 30000,
	PUT_AT_ONCE = 512, /* positions, and as many that are forgotten: one callback puts all of a commit */
};

static void on_timer(void *context)
{
	tail_saver_commit(context);
}

void tail_saver_init(struct tail_saver *s, const struct tail_core *core, struct tail_ready *ready)
{
	s->core = core;
	s->ready = ready;
	TAILQ_INIT(&s->unsaved);
	TAILQ_INIT(&s->saving);
	loop_timer_init(&s->timer, core->loop, on_timer, s);
	s->errors = host_counter(
		core->host, "read_errors_total", "Failed attempts to read a file or folder, or to save a position.");
}

/* The first `count` rows are on disk. */
static void end_rows(struct tail_saver *s, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)s->rows[i].path);
	s->rows_count -= count;
	if (s->rows_count > 0)
		memmove(s->rows, s->rows + count, s->rows_count * sizeof *s->rows);
}

void tail_saver_done(struct tail_saver *s)
{
	loop_timer_done(&s->timer);
	end_rows(s, s->rows_count);
	free(s->rows);
	free(s->forgotten);
}

void tail_saver_check(const struct tail_saver *s)
{
	const struct tail_file *f;

	TAILQ_FOREACH(f, &s->unsaved, save_entry)
		OXP_ASSERT(f->save == TAIL_UNSAVED && f->birth != TAIL_COMMITTING && f->generation != 0);
	TAILQ_FOREACH(f, &s->saving, save_entry)
		OXP_ASSERT(f->save == TAIL_SAVING && s->commit != TAIL_IDLE && f->generation != 0);
	OXP_ASSERT(s->forgetting_count <= s->forgotten_count && s->forgotten_count <= s->forgotten_room);
	OXP_ASSERT(s->putting_count <= s->rows_count && s->rows_count <= s->rows_room);
}

static void put_position(struct tail_saver *s, const struct tail_file *f)
{
	const struct position at = tail_file_position(f);

	host_position_put(s->core->host, &at);
}

static void put_known(struct tail_saver *s)
{
	char ages[TAIL_AGES_TEXT];

	tail_births_write(s->core->births, ages);
	if (s->known.ns || ages[0])
		host_position_put(s->core->host,
			&(struct position){ .generation = TAIL_KNOWN, .offset = (uint64_t)s->known.ns, .path = ages });
}

static void save_as(struct tail_saver *s, struct tail_file *f, enum tail_save save)
{
	if (f->save != TAIL_SAVED)
		TAILQ_REMOVE(f->save == TAIL_UNSAVED ? &s->unsaved : &s->saving, f, save_entry);
	f->save = (uint8_t)save;
	if (save != TAIL_SAVED)
		TAILQ_INSERT_TAIL(save == TAIL_UNSAVED ? &s->unsaved : &s->saving, f, save_entry);
}

static void save_soon(struct tail_saver *s)
{
	if (s->core->life == TAIL_STOPPED || s->failures)
		return;
	if (s->core->life == TAIL_DRAINS)
		tail_saver_commit(s);
	else if (!loop_timer_pending(&s->timer))
		loop_timer_set(&s->timer, DURATION_MS(SAVE_MS));
}

void tail_saver_moved(struct tail_saver *s, struct tail_file *f)
{
	if (f->save == TAIL_SAVING)
		f->moved = true;
	else if (f->save == TAIL_SAVED)
		save_as(s, f, TAIL_UNSAVED);
	if (s->core->life == TAIL_STOPPED)
		put_position(s, f);
	else
		save_soon(s);
}

void tail_saver_put(struct tail_saver *s, const struct position *at)
{
	if (s->core->life == TAIL_STOPPED) {
		host_position_put(s->core->host, at);
		return;
	}
	s->rows = oxp_grow(s->rows, &s->rows_room, s->rows_count + 1, sizeof *s->rows);
	OXP_ASSERT(s->rows && "out of memory");
	s->rows[s->rows_count] = *at;
	s->rows[s->rows_count++].path = oxp_strdup(at->path);
	save_soon(s);
}

void tail_saver_forget(struct tail_saver *s, uint64_t generation)
{
	if (!generation)
		return;
	s->forgotten = oxp_grow(s->forgotten, &s->forgotten_room, s->forgotten_count + 1, sizeof *s->forgotten);
	OXP_ASSERT(s->forgotten && "out of memory");
	s->forgotten[s->forgotten_count++] = generation;
	save_soon(s);
}

void tail_saver_drop(struct tail_saver *s, struct tail_file *f)
{
	save_as(s, f, TAIL_SAVED);
	tail_saver_forget(s, f->generation);
	f->birth = TAIL_UNBORN;
	f->moved = false;
	tail_file_unname(f);
}

void tail_saver_leave(struct tail_saver *s, struct tail_file *f)
{
	const struct position at = tail_file_position(f);

	if (f->save != TAIL_SAVED)
		tail_saver_put(s, &at);
	tail_file_unname(f);
	tail_saver_drop(s, f);
}

void tail_saver_away(struct tail_saver *s, const struct position *at)
{
	struct position away = *at;

	away.path = "";
	tail_saver_put(s, &away);
}

/* One file of the commit that ended. */
static void file_committed(struct tail_saver *s, struct tail_file *f, bool failed)
{
	bool again = failed || f->moved;

	f->moved = false;
	save_as(s, f, again ? TAIL_UNSAVED : TAIL_SAVED);
	if (f->birth != TAIL_COMMITTING)
		return;
	f->birth = failed ? TAIL_NEW : TAIL_BORN;
	tail_ready_add(s->ready, f);
}

static void commit_failed(struct tail_saver *s, int failed)
{
	uint64_t wait = COMMIT_RETRY_MS;

	++*s->errors;
	if (s->failures++ == 0)
		host_log(s->core->host, LOG_LEVEL_WARN, "positions cannot be saved: %s; trying again, new files wait",
			strerror(-failed));
	for (unsigned i = 1; i < s->failures && wait < COMMIT_RETRY_MAX_MS; i++)
		wait *= 2;
	loop_timer_set(&s->timer, DURATION_MS(wait < COMMIT_RETRY_MAX_MS ? wait : COMMIT_RETRY_MAX_MS));
}

static void commit_worked(struct tail_saver *s)
{
	end_rows(s, s->putting_count);
	s->forgotten_count -= s->forgetting_count;
	if (s->forgotten_count > 0)
		memmove(s->forgotten, s->forgotten + s->forgetting_count, s->forgotten_count * sizeof *s->forgotten);
	if (s->failures)
		host_log(s->core->host, LOG_LEVEL_INFO, "positions are saved again");
	s->failures = 0;
}

static void on_committed(void *context, int failed)
{
	struct tail_saver *s = context;
	bool again = s->commit == TAIL_COMMIT_AGAIN;
	struct tail_file *f;

	s->commit = TAIL_IDLE;
	while ((f = TAILQ_FIRST(&s->saving)))
		file_committed(s, f, failed != 0);
	if (s->core->life == TAIL_STOPPED)
		return;
	if (failed)
		commit_failed(s, failed);
	else
		commit_worked(s);
	s->putting_count = s->forgetting_count = 0;
	if (!failed && again)
		tail_saver_commit(s);
	else if (!failed && (!TAILQ_EMPTY(&s->unsaved) || s->rows_count > 0 || s->forgotten_count > 0))
		save_soon(s);
}

static bool all_rows_are_put(const struct tail_saver *s)
{
	return s->putting_count == s->rows_count;
}

/* A file that has claimed a row since knows more than the row, and a row that is forgotten must not come after that: so
 * neither goes before all rows have. */
static void put_unsaved(struct tail_saver *s)
{
	struct tail_file *f;

	s->putting_count = smaller(s->rows_count, PUT_AT_ONCE);
	for (size_t i = 0; i < s->putting_count; i++)
		host_position_put(s->core->host, &s->rows[i]);
	for (size_t i = s->putting_count; i < PUT_AT_ONCE && (f = TAILQ_FIRST(&s->unsaved)); i++) {
		if (f->birth == TAIL_NEW)
			f->birth = TAIL_COMMITTING;
		save_as(s, f, TAIL_SAVING);
		put_position(s, f);
	}
}

void tail_saver_commit(struct tail_saver *s)
{
	if (s->commit != TAIL_IDLE) {
		s->commit = TAIL_COMMIT_AGAIN;
		return;
	}
	loop_timer_clear(&s->timer);
	put_unsaved(s);
	if (TAILQ_EMPTY(&s->unsaved) && all_rows_are_put(s))
		put_known(s);
	s->forgetting_count = all_rows_are_put(s) ? smaller(s->forgotten_count, PUT_AT_ONCE) : 0;
	for (size_t i = 0; i < s->forgetting_count; i++)
		host_position_forget(s->core->host, s->forgotten[i]);
	s->commit = !TAILQ_EMPTY(&s->unsaved) || !all_rows_are_put(s) || s->forgetting_count < s->forgotten_count
			    ? TAIL_COMMIT_AGAIN
			    : TAIL_COMMIT_RUNS;
	host_positions_commit(s->core->host, on_committed, s);
}

void tail_saver_commit_first(struct tail_saver *s, struct tail_file *f)
{
	f->birth = TAIL_NEW;
	tail_saver_moved(s, f);
	if (!s->failures && s->core->life != TAIL_STOPPED)
		tail_saver_commit(s);
}

void tail_saver_name(struct tail_saver *s, struct tail_file *f)
{
	tail_file_name(f, host_generation_next(s->core->host));
	tail_saver_commit_first(s, f);
}

void tail_saver_resume(struct tail_saver *s, struct tail_file *f, bool begun)
{
	f->birth = TAIL_BORN;
	if (!begun)
		tail_saver_commit_first(s, f);
}

void tail_saver_knew(struct tail_saver *s, struct wall_time by)
{
	s->known = by;
}

void tail_saver_know(struct tail_saver *s, struct wall_time by)
{
	bool first = s->known.ns == 0;

	s->known = by;
	if (first)
		tail_saver_commit(s);
}

void tail_saver_stop(struct tail_saver *s)
{
	const struct tail_file *f;

	loop_timer_clear(&s->timer);
	for (size_t i = 0; i < s->rows_count; i++)
		host_position_put(s->core->host, &s->rows[i]);
	TAILQ_FOREACH(f, &s->unsaved, save_entry)
		put_position(s, f);
	TAILQ_FOREACH(f, &s->saving, save_entry)
		put_position(s, f);
	for (size_t i = 0; i < s->forgotten_count; i++)
		host_position_forget(s->core->host, s->forgotten[i]);
	put_known(s);
}

bool tail_saver_is_quiet(const struct tail_saver *s)
{
	return s->commit == TAIL_IDLE && !s->failures && TAILQ_EMPTY(&s->unsaved) && s->rows_count == 0;
}
