/*
 * Positions of `tail`: a generation is on disk before its first line is offered, and a position is saved once every
 * destination has settled what is before it. What moves while a commit is under way goes with the next.
 *
 * Invariant: a file is in `unsaved` or `saving` exactly as its `save` says.
 */
#ifndef OXP_TAIL_SAVER_H
#define OXP_TAIL_SAVER_H

#include "collectors/tail/core.h"
#include "collectors/tail/ready.h"

/* In place of a generation: the position that says `known`, where files begin at their end, and has the steps of the
 * clock as its path (births.h). */
enum { TAIL_KNOWN = 0 };

enum tail_commit { TAIL_IDLE, TAIL_COMMIT_RUNS, TAIL_COMMIT_AGAIN /* it runs, and another one follows at once */ };

struct tail_saver {
	const struct tail_core *core;
	struct tail_ready *ready;
	struct loop_timer timer;
	struct tail_file_list unsaved, saving; /* for the next commit, in the one under way */
	uint64_t *forgotten; /* generations: of the commit under way, then for the next */
	size_t forgotten_count, forgetting_count, forgotten_room;
	enum tail_commit commit;
	unsigned failures; /* in a row */
	struct wall_time known; /* what was there by then has its position on disk, or gets it with the next commit */
	uint64_t *errors;
};

/* Files become ready when their generation is on disk. */
void tail_saver_init(struct tail_saver *, const struct tail_core *, struct tail_ready *);
void tail_saver_done(struct tail_saver *);
void tail_saver_check(const struct tail_saver *);

/* It has begun at its offset, as a file that nobody knew. */
void tail_saver_name(struct tail_saver *, struct tail_file *);
/* It goes on under the generation of an earlier run, which is on disk; or its beginning is not yet, and then nothing is
 * offered before it is. While commits fail, the next try takes it along. */
void tail_saver_resume(struct tail_saver *, struct tail_file *, bool begun);
/* Its beginning is known better now: nothing more is offered before that is on disk. */
void tail_saver_commit_first(struct tail_saver *, struct tail_file *);
/* The position is another now. */
void tail_saver_moved(struct tail_saver *, struct tail_file *);
void tail_saver_forget(struct tail_saver *, uint64_t generation);
/* The file is closed: its position is forgotten. */
void tail_saver_drop(struct tail_saver *, struct tail_file *);
/* The file is closed: its position stays, as that of a file which may come back. */
void tail_saver_leave(struct tail_saver *, struct tail_file *);
/* Of a position that no file has: its file is away. */
void tail_saver_away(struct tail_saver *, const struct position *);
/* All that was there by then is known; the first time that is saved at once. */
void tail_saver_know(struct tail_saver *, struct wall_time);
/* Saves what moved and what is new, in one transaction. */
void tail_saver_commit(struct tail_saver *);
/* Puts what is left, for whoever ends the agent. */
void tail_saver_stop(struct tail_saver *);
bool tail_saver_is_quiet(const struct tail_saver *);

#endif
