/*
 * Keeps one kind of message from filling the log: of a file that is truncated again and again, a peer that sends
 * nonsense, a destination that comes and goes.
 *
 * A kind is a message's format and its `who`. Each kind may log LOG_BURST messages in a row, and one more every
 * LOG_EVERY_S. Messages beyond that are held back and counted. One line reports them once the kind may be logged again,
 * or log_tell_held() does. If there are more than LOG_KINDS, the one that has been silent for longest is reported and
 * forgotten.
 */
#ifndef OXP_LOG_LIMIT_H
#define OXP_LOG_LIMIT_H

#include "base/clock.h"

enum { LOG_BURST = 20, LOG_EVERY_S = 3, LOG_KINDS = 64, LOG_WHO_MAX = 96, LOG_LAST_MAX = 256 };

struct log_kind {
	const char *format; /* NULL: free */
	char who[LOG_WHO_MAX];
	int level; /* of the newest, enum log_level */
	unsigned tokens;
	struct mono_time filled; /* when tokens were last added */
	uint64_t held; /* messages that were not written */
	char last[LOG_LAST_MAX]; /* the newest of them */
};

struct log_limit {
	struct log_kind kinds[LOG_KINDS];
	/* log.c */
	uint64_t unwritten; /* messages that found no room in a pipe, or on a disk, since the last that did */
	bool cut; /* the last of them has been begun */
};

/* Finds or adds the kind of that message. If another kind had to give way and has held messages back, it is copied to
 * *ret_gone. */
struct log_kind *log_kind_find(
	struct log_limit *, struct mono_time now, const char *who, const char *format, struct log_kind *ret_gone);
/* Whether the kind may log one more message; if so, that one is counted. */
bool log_kind_take(struct log_kind *, struct mono_time now);

#endif
