/*
 * Whose turn it is to write to a file, pipe or terminal.
 *
 * Several writers may have the same one, standard output for example, and a line may take many turns of the loop to get
 * out. Whoever has the pen keeps it meanwhile, so that no line comes inside another. The others wait in the order in
 * which they came. Files are told apart by device and inode, however many descriptors lead to them.
 */
#ifndef OXP_PEN_H
#define OXP_PEN_H

#include <sys/queue.h>

#include "loop/loop.h"

struct pen;

/* All that are in use. Zeroed memory is fine. */
struct pens {
	struct pen *first;
};

/* Embedded in the writer's own struct; zeroed memory at first. */
struct pen_turn {
	TAILQ_ENTRY(pen_turn) entry;
	struct pen *pen; /* NULL: it does not wait, and has no pen */
	loop_callback *begin;
	void *context;
};

/* The pen of what the descriptor leads to, the same for each; pen_unref() follows. */
struct pen *pen_ref(struct pens *, struct loop *, int fd) __attribute__((returns_nonnull));
void pen_unref(struct pen *); /* its turns have been left. Takes NULL */
/* begin() is called from a later callback, once everybody who came before has left. */
void pen_wait(struct pen *, struct pen_turn *, loop_callback *begin, void *context);
/* Before or after begin(): the next one's turn. Fine without a turn. */
void pen_leave(struct pen_turn *);

#endif
