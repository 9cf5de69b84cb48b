/*
 * Positions of `tail`: a generation is on disk before its first line is offered, and a position is saved once every
 * destination has settled what is before it. Positions that move while a commit is under way go with the next one.
 *
 * Invariant: a file is in `unsaved` or `saving` exactly as its `save` says.
 */
#ifndef OXP_TAIL_SAVER_H
#define OXP_TAIL_SAVER_H

#include "collectors/tail/core.h"
#include "collectors/tail/ready.h"

/*
 * In place of a generation: the position that says `known`, if files begin at their end, and has the steps of the clock
 * as its path (births.h).
 */
enum { TAIL_KNOWN = 0 };

/* TAIL_COMMIT_AGAIN: a commit runs, and another one follows at once. */
enum tail_commit { TAIL_IDLE, TAIL_COMMIT_RUNS, TAIL_COMMIT_AGAIN };

struct tail_saver {
	const struct tail_core *core;
	struct tail_ready *ready;
	struct loop_timer timer;
	struct tail_file_list unsaved, saving; /* for the next commit, in the one under way */
	/* positions that no file of the table has, oldest first: first those of the commit under way */
	struct position *rows;
	size_t rows_count, putting_count, rows_room;
	uint64_t *forgotten; /* generations to forget: first those of the commit under way, then those of the next */
	size_t forgotten_count, forgetting_count, forgotten_room;
	enum tail_commit commit;
	unsigned failures; /* in a row */
	/* files that existed by then have their position on disk, or get it with the next commit */
	struct wall_time known;
	uint64_t *errors;
};

/* Files become ready when their generation is on disk. */
void tail_saver_init(struct tail_saver *, const struct tail_core *, struct tail_ready *);
void tail_saver_done(struct tail_saver *);
void tail_saver_check(const struct tail_saver *);

/* It has begun at its offset, as a file that was not known. */
void tail_saver_name(struct tail_saver *, struct tail_file *);
/* It goes on under the generation of an earlier run, which is on disk. If its beginning is not on disk yet, nothing is
 * offered before it is. If commits fail, the next try includes it. */
void tail_saver_resume(struct tail_saver *, struct tail_file *, bool begun);
/* More of its beginning is known now: nothing more is offered before that is on disk. */
void tail_saver_commit_first(struct tail_saver *, struct tail_file *);
/* The position has changed. */
void tail_saver_moved(struct tail_saver *, struct tail_file *);
/* Saves a position that no file of the table has. If the commit fails, the next try includes it. */
void tail_saver_put(struct tail_saver *, const struct position *);
void tail_saver_forget(struct tail_saver *, uint64_t generation);
/* The file is closed: its position is forgotten. */
void tail_saver_drop(struct tail_saver *, struct tail_file *);
/* The file is closed: its position stays, because the file may come back. */
void tail_saver_leave(struct tail_saver *, struct tail_file *);
/* Of a position that no file has: its file is away. */
void tail_saver_away(struct tail_saver *, const struct position *);
/* What the last run knew, which holds until this one knows more. */
void tail_saver_knew(struct tail_saver *, struct wall_time);
/* All that was there by then is known, and no copy is looked for; the first time that is saved at once. */
void tail_saver_know(struct tail_saver *, struct wall_time);
/* Saves what moved and what is new, in one transaction. */
void tail_saver_commit(struct tail_saver *);
/* Puts what is left into the change that the end of the agent commits. */
void tail_saver_stop(struct tail_saver *);
bool tail_saver_is_quiet(const struct tail_saver *);

#endif
