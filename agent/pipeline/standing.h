/*
 * How a destination stands: when it last took something, whether it takes what it is given, and the last errors in
 * words. It is only shown; nothing that the sender does depends on it.
 */
#ifndef OXP_STANDING_H
#define OXP_STANDING_H

#include "base/clock.h"

/*
 * Whether the destination takes what it is given. It is judged over the time that the caller names, so one failed try
 * changes nothing:
 *
 *   SENDER_DELIVERS  it does, or nothing waits for it
 *   SENDER_STALLED   something has waited for all that time, and nothing settled
 *   SENDER_REFUSES   it answers, but for all that time it has refused everything for good; ends when it takes a record
 */
enum sender_verdict { SENDER_DELIVERS, SENDER_STALLED, SENDER_REFUSES };
enum { SEND_REASON_MAX = 256 };

/* Only standing.c writes it. */
struct standing {
	struct mono_time last_delivered; /* 0: never in this run */
	struct wall_time last_delivered_at; /* the same moment */
	struct mono_time waits_since; /* while something is queued: since when, or when something last settled */
	struct mono_time refused_first, refused_last; /* with nothing taken between or since; 0: none */
	struct mono_time told_refused; /* when the log last said it; 0: never */
	char reason[SEND_REASON_MAX]; /* of the last failure or refusal; "" when none */
	char failure[SEND_REASON_MAX]; /* of the last failure alone: no record is quoted in it; "" when none */
};

/* The first of what is queued has come. */
void standing_waits(struct standing *, struct mono_time now);
void standing_took(struct standing *, struct mono_time now, struct wall_time at);
/* It refused some, and took nothing of the same send. */
void standing_refused(struct standing *, struct mono_time now);
/* `waits`: something is queued. */
enum sender_verdict standing_verdict(const struct standing *, bool waits, struct mono_time now, struct duration bound);
/* Of a failure or a refusal; NULL or "": the one before stays. */
void standing_reason(struct standing *, const char *reason);
/* Of a failure of a whole send; NULL: none is known. */
void standing_failure(struct standing *, const char *reason);
/* It does not fail any more. */
void standing_recovered(struct standing *, bool keep_reason);
/* Whether it is time to log that records are refused. */
bool standing_tells_refused(struct standing *, struct mono_time now);

#endif
