/*
 * Whoever waits for a backup, a restore or a look at one, and may want it to end before its time.
 */
#ifndef OXP_STATE_BACKUP_WATCH_H
#define OXP_STATE_BACKUP_WATCH_H

#include "base/base.h"

enum { BACKUP_WHY = 400 };

struct backup_watch {
	bool (*stops)(void *context); /* asked every MiB: what is under way ends with -EINTR */
	void *context;
};
static inline bool backup_stops(const struct backup_watch *w)
{
	return w->stops(w->context);
}

#endif
