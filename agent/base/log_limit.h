/*
 * What keeps one place from filling the log: a file that is cut down again and again, a peer that sends nonsense, a
 * destination that comes and goes.
 *
 * A place is a message's format and who says it. Each may say LOG_BURST in a row, and one more every LOG_EVERY_S; what
 * comes meanwhile is held back and counted, and told as one line when there is room for it, or by log_tell_held().
 * Bounded: when there are more than LOG_PLACES, the one that was silent longest is forgotten, after it has told.
 */
#ifndef OXP_LOG_LIMIT_H
#define OXP_LOG_LIMIT_H

#include "base/clock.h"

enum { LOG_BURST = 20, LOG_EVERY_S = 3, LOG_PLACES = 64, LOG_WHO_MAX = 96, LOG_LAST_MAX = 256 };

struct log_place {
	const char *format; /* NULL: free */
	char who[LOG_WHO_MAX];
	int level; /* of the newest, enum log_level */
	unsigned tokens;
	struct mono_time filled; /* when tokens were reckoned */
	uint64_t held; /* messages that were not written */
	char last[LOG_LAST_MAX]; /* the newest of them */
};

struct log_limit {
	struct log_place places[LOG_PLACES];
};

/* The place of that message, which is there from now on. One that had to make room is copied to *ret_gone if it has
 * something to tell. */
struct log_place *log_place_find(struct log_limit *, struct mono_time now, const char *who, const char *format,
	struct log_place *ret_gone);
/* Whether it may say one more; that is taken then. */
bool log_place_take(struct log_place *, struct mono_time now);

#endif
