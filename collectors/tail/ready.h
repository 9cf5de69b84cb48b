/*
 * The files that have something to read, in turns. While the pipeline has no room, no file gets a turn.
 *
 * Invariant: a file is in the queue exactly if its flag says so, and only if it is open and its generation is on disk.
 */
#ifndef OXP_TAIL_READY_H
#define OXP_TAIL_READY_H

#include "collectors/tail/file.h"
#include "loop/loop.h"

enum tail_room { TAIL_ROOM, TAIL_NO_ROOM, TAIL_NO_MORE /* nothing is read any more */ };

struct tail_ready {
	struct tail_file_list files;
	struct loop_soon run;
	enum tail_room room;
};

/* `take_turn` is called for one turn; it asks for the next one with tail_ready_go(). */
void tail_ready_init(struct tail_ready *, struct loop *, loop_callback *take_turn, void *context);
void tail_ready_done(struct tail_ready *);
void tail_ready_check(const struct tail_ready *);

/* Queues the file, if it may be read now. */
void tail_ready_add(struct tail_ready *, struct tail_file *);
void tail_ready_remove(struct tail_ready *, struct tail_file *);
/* The file whose turn it is, or NULL. */
struct tail_file *tail_ready_first(const struct tail_ready *);
/* It has had its turn. */
void tail_ready_pass(struct tail_ready *, struct tail_file *);
void tail_ready_go(struct tail_ready *);
void tail_ready_room(struct tail_ready *, enum tail_room); /* TAIL_NO_MORE is final */
static inline bool tail_ready_is_empty(const struct tail_ready *r)
{
	return TAILQ_EMPTY(&r->files);
}

#endif
