#include "collectors/tail/gone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DELETED_SWEEPS = 2, /* a file without any name is closed once it has not grown for this many sweeps */
	ROTATED_SWEEPS = 60, /* the same for one that has another name: its writer may not have noticed yet */
};

void tail_gone_init(struct tail_gone *g, const struct tail_gone_parts *parts)
{
	g->with = *parts;
	g->rotations = host_counter(
		parts->core->host, "rotations_total", "Files renamed or removed while they were followed.");
}

void tail_gone_drop(struct tail_gone *g, struct tail_file *f)
{
	tail_turns_drop(g->with.turns, f);
	tail_saver_drop(g->with.saver, f);
	tail_troubles_forget(g->with.troubles, f);
	tail_table_drop(g->with.table, f);
}

bool tail_gone_lose(struct tail_gone *g, struct tail_file *f)
{
	if (tail_file_is_unopened(f)) {
		tail_wanted_lost(g->with.wanted, f->path, &f->identity);
		tail_wanted_scan(g->with.wanted, true);
		tail_gone_drop(g, f);
		return false;
	}
	tail_table_move(g->with.table, f, tail_file_trait(f)->twin);
	f->idle_sweeps = 0;
	++*g->rotations;
	tail_ready_add(g->with.ready, f);
	return true;
}

void tail_gone_grew(struct tail_file *f)
{
	f->idle_sweeps = 0;
}

static bool is_deleted(const struct tail_file *f)
{
	struct stat info;

	return tail_file_trait(f)->compressed || (fstat(f->fd, &info) == 0 && info.st_nlink == 0);
}

/* A rotated file that could not be opened, or is compressed and waits. It may have been renamed once more meanwhile; if
 * not, the next sweep looks for it again. */
static void look_for(struct tail_gone *g, const struct tail_file *f)
{
	tail_wanted_lost(g->with.wanted, f->path, &f->identity);
	if (!tail_file_trait(f)->compressed && (!f->trouble || f->trouble == ENOENT))
		tail_wanted_scan(g->with.wanted, true);
}

/* Its folder does not exist, as when a volume is unmounted, or cannot be read. */
static bool is_out_of_sight(const struct tail_file *f)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(f->path, '/');

	if (!slash || slash == f->path)
		return false;
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - f->path), f->path);
	return faccessat(AT_FDCWD, folder, R_OK | X_OK, AT_EACCESS) < 0;
}

/* Read to its end, and closed. While it has a name somewhere it may come back: then its position is that of an earlier
 * run. It is looked for where it had its name only if its folder cannot be seen. */
static void let_go(struct tail_gone *g, struct tail_file *f)
{
	struct position at = tail_file_position(f);
	bool hidden = is_out_of_sight(f), away = !hidden && at.birth_ns && at.head_size > 0;

	if (!f->deleted && (hidden || away)) {
		tail_saver_leave(g->with.saver, f);
		at.path = away ? "" : at.path;
		tail_table_remember(g->with.table, &at);
		if (away)
			tail_saver_away(g->with.saver, &at);
	}
	tail_gone_drop(g, f);
}

/* For how many sweeps a file without a name stays open if it does not grow. If others cannot be opened for want of
 * descriptors, no longer than a deleted one; if there are too many of them, for none. */
static int sweeps_of(const struct tail_gone *g, const struct tail_file *f)
{
	if (tail_machine_is_crowded(g->with.machine, g->with.table->gone_cost))
		return 0;
	return g->with.troubles->out_of_descriptors || f->deleted ? DELETED_SWEEPS : ROTATED_SWEEPS;
}

/* Its writer has not noticed yet, or a batch is under way. */
static bool is_busy(const struct tail_file *f)
{
	return f->ready || f->offers > 0 || f->birth != TAIL_BORN || tail_file_grew(f);
}

struct elder {
	const struct tail_file *of;
	bool busy;
};

static bool is_no_elder(void *context, struct tail_file *f)
{
	struct elder *elder = context;

	elder->busy = f != elder->of && tail_file_trait(f)->gone && tail_file_trait(f)->open &&
		      f->born <= elder->of->born && is_busy(f);
	return !elder->busy;
}

/* A file that was never open: found under a rotated name, or compressed. */
static void tend_unopened(struct tail_gone *g, struct tail_file *f)
{
	if (tail_packed_is_at(g->with.packed, &f->identity))
		return;
	if (tail_file_is_unopened(f))
		look_for(g, f);
	tail_gone_drop(g, f);
}

/* A file that had the name before this one and is not read to its end yet. If the process ended now, the next run would
 * look for all that had the name after that one, and this one must be known then. */
static bool has_busy_elder(struct tail_gone *g, const struct tail_file *f)
{
	struct elder elder = { .of = f };

	tail_table_visit(g->with.table, f->path, is_no_elder, &elder);
	return elder.busy;
}

/* Its sweeps count from here on: a scan that began before it was deleted may have missed what it was compressed to. */
static void note_deleted(struct tail_file *f)
{
	bool known = f->deleted;

	f->deleted = is_deleted(f);
	if (f->deleted && !known)
		tail_gone_grew(f);
}

/* A compressed file whose text it has is not read, as long as this one is known. */
static bool may_be_packed(const struct tail_gone *g)
{
	return g->with.doubts->unsure || g->with.doubts->packed_waiting > 0;
}

static void tend_idle(struct tail_gone *g, struct tail_file *f)
{
	note_deleted(f);
	if (f->save == TAIL_SAVING || may_be_packed(g) || f->idle_sweeps < sweeps_of(g, f))
		return;
	if (f->held + f->unended == 0) {
		if (g->with.troubles->out_of_descriptors || !has_busy_elder(g, f))
			let_go(g, f);
		return;
	}
	if (f->state == TAIL_GONE_FOLLOWED)
		tail_table_move(g->with.table, f, TAIL_GONE_ENDED);
	tail_ready_add(g->with.ready, f);
}

void tail_gone_tend(struct tail_gone *g, struct tail_file *f)
{
	if (f->state == TAIL_GONE_CUT) {
		if (tail_copies_are_gone(g->with.copies, f))
			tail_gone_drop(g, f);
		return;
	}
	f->idle_sweeps = (uint8_t)(f->idle_sweeps + (g->with.look->sweeps && f->idle_sweeps < ROTATED_SWEEPS));
	if (f->birth == TAIL_UNBORN) {
		tend_unopened(g, f);
	} else if (is_busy(f)) {
		tail_gone_grew(f);
		if (f->state == TAIL_GONE_ENDED)
			tail_table_move(g->with.table, f, TAIL_GONE_FOLLOWED);
		tail_ready_add(g->with.ready, f);
	} else {
		tend_idle(g, f);
	}
}
