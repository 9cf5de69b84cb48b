/*
 * Keeps one place from filling the log: a file that is truncated again and again, a peer that sends nonsense, a
 * destination that comes and goes.
 *
 * A place is a message's format and its `who`. Each place may log LOG_BURST messages in a row, and one more every
 * LOG_EVERY_S. Messages beyond that are held back and counted. One line reports them once the place may speak again, or
 * log_tell_held() does. If there are more than LOG_PLACES, the one that has been silent for longest is reported and
 * forgotten.
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
	struct mono_time filled; /* when tokens were last added */
	uint64_t held; /* messages that were not written */
	char last[LOG_LAST_MAX]; /* the newest of them */
};

struct log_limit {
	struct log_place places[LOG_PLACES];
};

/* Finds or adds the place of that message. If another place had to make room and has held messages back, it is copied
 * to *ret_gone. */
struct log_place *log_place_find(
	struct log_limit *, struct mono_time now, const char *who, const char *format, struct log_place *ret_gone);
/* Whether the place may log one more message; if so, that one is counted. */
bool log_place_take(struct log_place *, struct mono_time now);

#endif
