/*
 * In which order files were born, although the clock that tells it may be set. Pure: whoever looks at the clock says
 * what it showed.
 *
 * A clock that is set begins another age. Births of each age are ordered as the clock showed them, and all of an age
 * come before those of the next. If a clock is set back, some moments are shown twice: a birth is of the newest age
 * that has its moment. That may take a file for a newer one, which is then looked at once too often, but never for an
 * older one, which would not be looked at.
 *
 *	age 0: what was shown up to steps[0].from; age i: from steps[i - 1].to to steps[i].from; the last: until now
 */
#ifndef OXP_TAIL_BIRTHS_H
#define OXP_TAIL_BIRTHS_H

#include "base/clock.h"

/* File systems take births from a clock that stands still for some milliseconds (two to seven at 250 Hz, and 11.5 were
 * seen on a virtual machine that had much to do), while we look at one that does not. So what was born since a look may
 * seem to be that much older, and births of one moment are in no order. */
enum { TAIL_BIRTH_STEP_MS = 100 };

enum { TAIL_AGES_MAX = 8, TAIL_AGES_TEXT = 600 };

struct tail_age_step {
	int64_t from, to; /* what the clock showed: before it was set at the latest, and after it at the earliest */
	int64_t back; /* by how much, as far as is known; forth if it is negative */
};

struct tail_births {
	struct tail_age_step steps[TAIL_AGES_MAX];
	size_t count;
	int64_t newest; /* birth that an earlier run has saved */
	struct wall_time wall; /* the last look at the clock */
	struct mono_time mono;
};

/* The clock shows this: if that does not fit the time that has gone by, it was set. Then the answer is true. */
bool tail_births_look(struct tail_births *, struct wall_time, struct mono_time);
/* A file was born then, and saved by an earlier run. When all are told: if one is yet to be born, the clock was set
 * back while nobody looked. Then the answer is true. */
void tail_births_saw(struct tail_births *, int64_t birth_ns);
bool tail_births_saw_all(struct tail_births *);
/* A number that grows with each birth. 0, which is no birth, stays 0. */
int64_t tail_births_order(const struct tail_births *, struct mono_time now, int64_t birth_ns);
/* The time that has gone by since then; by how much the clock was set in between is no part of it. */
struct duration tail_births_since(const struct tail_births *, struct mono_time now, int64_t then_ns);
/* The steps as text and back; what is no such text, or too much of it, is left out. */
void tail_births_write(const struct tail_births *, char to[TAIL_AGES_TEXT]);
void tail_births_read(struct tail_births *, const char *text);

#endif
