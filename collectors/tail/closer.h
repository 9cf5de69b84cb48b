/*
 * Closes descriptors of files in the disk lane. The last descriptor of a file that was removed frees its blocks, which
 * takes as long as the disk likes; for a file of some GB that is long on any disk.
 */
#ifndef OXP_TAIL_CLOSER_H
#define OXP_TAIL_CLOSER_H

#include "component.h"
#include "loop/lane.h"

enum { TAIL_CLOSER_MAX = 64 /* waiting; one more is closed at once */ };

struct tail_closer {
	struct host *host;
	struct job job;
	int waiting[TAIL_CLOSER_MAX], closing[TAIL_CLOSER_MAX]; /* the lane has the second ones */
	size_t waiting_count, closing_count; /* 0 of the second: there is no job under way */
	bool stopped; /* all are closed at once: the lane ends */
};

void tail_closer_init(struct tail_closer *, struct host *);
/* The descriptor is the closer's; -1 is fine. */
void tail_closer_take(struct tail_closer *, int fd);
void tail_closer_stop(struct tail_closer *);

#endif
