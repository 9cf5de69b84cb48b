/*
 * At the end of the process: what `tail` has read, or could still read, of files that the next run will not find
 * (lasts.h). What was offered is written to disk by whoever ends the process, who asks which generations last; what was
 * not is read here and goes to disk at once, one slice at a time.
 *
 * A file that has begun to go this way is not read otherwise any more (`leaving`). When all of it is on disk, its
 * position stands at its end: should it be found after all, it is read on from there.
 */
#ifndef OXP_TAIL_LEAVES_H
#define OXP_TAIL_LEAVES_H

#include "collectors/tail/core.h"
#include "collectors/tail/find.h"
#include "collectors/tail/lasts.h"
#include "collectors/tail/look.h"
#include "collectors/tail/table.h"
#include "collectors/tail/turns.h"

struct tail_leaves_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	struct tail_table *table;
	struct tail_ready *ready;
	struct tail_saver *saver;
	struct tail_turns *turns;
	struct tail_gone *gone;
	struct tail_finder *finder;
};

/* What is being waited for. */
enum tail_leave {
	TAIL_LEAVE_IDLE,
	TAIL_LEAVE_ROUND, /* files are looked at */
	TAIL_LEAVE_SLICE, /* one of `file` is on its way to the disk */
	TAIL_LEAVE_FULL, /* there is no room in memory for a slice; it is tried again soon */
	TAIL_LEAVE_LOST, /* time is up: files are looked at to tell what is lost */
};

/* What is lost of a file, while its lines are counted. */
struct tail_losing {
	struct tail_file *file; /* NULL: none */
	uint64_t at, end, bytes, lines;
	bool ended; /* the last line that was counted has an end */
};

struct tail_leaves {
	struct tail_leaves_parts with;
	enum tail_leave now;
	struct loop_soon more;
	struct loop_timer again;
	size_t named, gone; /* files that this round has not looked at */
	/* In SLICE; and at the very end, when no file is dropped any more, the one that is read on next. NULL: none. */
	struct tail_file *file;
	struct tail_file before; /* as it was before the slice */
	struct tail_offer *offer; /* the slice; it keeps the file */
	size_t chunk; /* of a slice: less while there is no room for more */
	bool answered; /* the slice is on disk, or `failed` */
	int failed;
	bool early; /* the slice was begun before this round, which comes to its file, too */
	bool last; /* the pipeline has ended: what fails now is lost */
	uint32_t round; /* of tail_leaves_look(), from 1 */
	struct tail_place place; /* as of this callback */
	struct tail_losing losing; /* goes before anything else, a piece at a time */
	uint64_t counted; /* bytes of what was lost in which lines were counted */
};

void tail_leaves_init(struct tail_leaves *, const struct tail_leaves_parts *);
void tail_leaves_done(struct tail_leaves *);
/* collector_type.look(), .lasting(), .leave(), .abandon(), .lost() */
bool tail_leaves_look(struct tail_leaves *, bool anew);
void tail_leaves_lasting(struct tail_leaves *, void (*add)(void *to, uint64_t generation), void *to);
void tail_leaves_begin(struct tail_leaves *);
void tail_leaves_abandon(struct tail_leaves *);
void tail_leaves_lost(struct tail_leaves *, uint64_t generation, uint64_t records, uint64_t bytes);
/* Nothing else is left to read: last lines without an end, which nobody can read again, are lines. True: there are
 * some, which have their turn now, or that is still to be found out. */
bool tail_leaves_end_lines(struct tail_leaves *);
void tail_leaves_stop(struct tail_leaves *);
bool tail_leaves_is_quiet(const struct tail_leaves *);

#endif
