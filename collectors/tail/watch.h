/*
 * inotify for `tail`: the folders that are watched, and what inotify says about the names in them.
 *
 * Folders are watched rather than files: one watch serves thousands of files, and reports new ones.
 */
#ifndef OXP_TAIL_WATCH_H
#define OXP_TAIL_WATCH_H

#include "collectors/tail/folders.h"
#include "loop/loop.h"

struct tail_watch {
	int fd; /* -1: there is none */
	struct loop_watch events;
	struct tail_folder_list folders; /* in the order of their watches */
	size_t asked; /* index of the folder that is asked next */
};

void tail_watch_init(struct tail_watch *);
/* 0 or -errno; `ready` is called when there is something to read. */
int tail_watch_begin(struct tail_watch *, struct loop *, void (*ready)(void *context, int fd, unsigned what),
	void *context) MUST_CHECK;
/* Whether `ready` is called. Of one that has begun. */
void tail_watch_listen(struct tail_watch *, bool on);
void tail_watch_stop(struct tail_watch *); /* it is not called any more; fine if it has not begun */
void tail_watch_done(struct tail_watch *); /* the same */
/* Takes the folders that a scan found, and stops watching all others. */
void tail_watch_folders(struct tail_watch *, struct tail_folder_list *);
/* Reports some of the waiting events: inotify's mask and the path, which is NULL if the event is not about a name.
 * False: that was all. */
bool tail_watch_read(struct tail_watch *, void (*tell)(void *context, uint32_t mask, const char *path), void *context);
/* Whether a folder that inotify is silent about has changed since the scan read it. Asks some of them, and others the
 * next time. */
bool tail_watch_changed(struct tail_watch *);
/* Whether events wait. */
bool tail_watch_pending(const struct tail_watch *);

#endif
