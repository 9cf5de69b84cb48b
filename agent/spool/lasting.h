/*
 * Which records in the pipeline the next run can read again, as the collectors say: the generations of files that it
 * will find. Everything else that is under way is nowhere but in memory; it is called "ours".
 */
#ifndef OXP_SPOOL_LASTING_H
#define OXP_SPOOL_LASTING_H

#include "pipeline/pipeline.h"

/* Only lasting.c writes it. */
struct lasting {
	uint64_t *generations; /* in ascending order, once lasting_ask() is over */
	size_t count, room; /* elements */
	bool looking; /* lasting_look() has begun, and is not over */
};

/* A part of a send. */
struct portion {
	size_t items;
	struct ledger_amount amount;
};

/* Has all sources find out what they will say, a bit in each call. True: they know. The first call after lasting_ask()
 * begins anew. It is zeroed memory the first time. */
bool lasting_look(struct lasting *, const struct pipeline *) MUST_CHECK;
/* What was found out does not count: the next lasting_look() begins anew. */
void lasting_forget(struct lasting *);
/* Asks all sources. */
void lasting_ask(struct lasting *, const struct pipeline *);
void lasting_done(struct lasting *); /* again is fine */
/* Whether item i of the send has not settled, and nobody can read it again. */
bool lasting_is_ours(const struct lasting *, const struct send *, size_t i);
/* All of those. */
struct portion lasting_ours(const struct lasting *, const struct send *);
/* Whether nothing of the batch can be read again. */
bool lasting_has_none_of(const struct lasting *, const struct batch *);

#endif
