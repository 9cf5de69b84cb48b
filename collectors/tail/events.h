/* What inotify says about the folders that are watched (watch.h): which files changed, and whether a scan is wanted. */
#ifndef OXP_TAIL_EVENTS_H
#define OXP_TAIL_EVENTS_H

#include "collectors/tail/core.h"
#include "collectors/tail/doubts.h"
#include "collectors/tail/look.h"
#include "collectors/tail/machine.h"
#include "collectors/tail/ready.h"
#include "collectors/tail/table.h"
#include "collectors/tail/wanted.h"
#include "collectors/tail/watch.h"

struct tail_events_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	const struct tail_table *table;
	struct tail_ready *ready;
	struct tail_machine *machine;
	struct tail_doubts *doubts;
	struct tail_wanted *wanted;
	void (*came)(void *context, int fd, unsigned what);
	void *context;
};

struct tail_events {
	struct tail_events_parts with;
	struct tail_watch watch;
	uint64_t *unsought;
	bool stranger; /* something changed under a name that we do not follow */
};

void tail_events_init(struct tail_events *, const struct tail_events_parts *);
void tail_events_done(struct tail_events *);
/* A user may have only a few instances of inotify on a machine, and others take them: each sweep tries until there is
 * one. */
void tail_events_begin(struct tail_events *);
/* Handles some of the waiting events. False: that was all. */
bool tail_events_hear(struct tail_events *);
/* Whether came() is called when there is something to handle. */
void tail_events_listen(struct tail_events *, bool on);
void tail_events_stop(struct tail_events *);
/* Takes the folders that a scan found. Folders that are no longer among them are no longer watched. */
void tail_events_folders(struct tail_events *, struct tail_folder_list *);
/* Whether a folder that inotify is silent about has changed. Asks some of them, and others the next time. */
bool tail_events_folder_changed(struct tail_events *);
bool tail_events_are_waiting(const struct tail_events *);
/* Whether anything changed under a name that we do not follow since this was last asked. */
bool tail_events_take_stranger(struct tail_events *);

#endif
