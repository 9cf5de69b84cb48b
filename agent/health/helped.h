/*
 * What the checks share that look in a process of their own (loop/child.h): all of a check but its options and its
 * look.
 */
#ifndef OXP_HELPED_H
#define OXP_HELPED_H

#include "component.h"

/* `kind` is a row of helper.c, whose look is given the words. NULL is an empty one. */
struct helped_task {
	const char *kind;
	const char *const *words;
	size_t count;
};
/* 0, or -errno with the reason logged. */
int helped_create(const struct helped_task *, struct host *, struct check **ret) MUST_CHECK;

/* The functions of the type. */
void helped_start(struct check *);
void helped_cancel(struct check *);
void helped_destroy(struct check *);

#endif
