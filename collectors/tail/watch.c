#include "collectors/tail/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	EVENTS_SIZE = 8 << 10, /* of one callback */
	EVENT_MAX = sizeof(struct inotify_event) + NAME_MAX + 1,
	/* folders that are asked whether they changed, in one call */
	FOLDERS_AT_ONCE = 256,
};

void tail_watch_init(struct tail_watch *w)
{
	w->fd = -1;
}

int tail_watch_begin(
	struct tail_watch *w, struct loop *loop, void (*ready)(void *context, int fd, unsigned what), void *context)
{
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	loop_watch_init(&w->events, loop, w->fd, ready, context);
	tail_watch_listen(w, true);
	return 0;
}

void tail_watch_listen(struct tail_watch *w, bool on)
{
	loop_watch_set(&w->events, on ? WATCH_READ : 0);
}

void tail_watch_stop(struct tail_watch *w)
{
	loop_watch_done(&w->events);
}

void tail_watch_done(struct tail_watch *w)
{
	tail_watch_stop(w);
	tail_folders_clear(&w->folders);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* The first folder of that watch; several paths may lead to it. */
static size_t find_watch(const struct tail_watch *w, int watch)
{
	size_t low = 0, high = w->folders.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (w->folders.items[middle].watch < watch)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_watched(const struct tail_watch *w, int watch)
{
	size_t i = find_watch(w, watch);

	return i < w->folders.count && w->folders.items[i].watch == watch;
}

void tail_watch_folders(struct tail_watch *w, struct tail_folder_list *folders)
{
	struct tail_folder_list before = { .items = NULL };

	tail_folders_move(&w->folders, &before);
	tail_folders_move(folders, &w->folders);
	for (size_t i = 0; i < before.count; i++)
		if (before.items[i].watch >= 0 && !is_watched(w, before.items[i].watch))
			/* the watch is gone already if the folder is */
			(void)inotify_rm_watch(w->fd, before.items[i].watch);
	tail_folders_clear(&before);
}

/* The path as the glob of that folder writes it. Names in the current folder are written with or without `./`. */
static void tell_path(const struct tail_folder *folder, const struct inotify_event *e,
	void (*tell)(void *context, uint32_t mask, const char *path), void *context)
{
	char path[PATH_MAX + NAME_MAX + 2];
	bool root = strcmp(folder->path, "/") == 0;

	if (strcmp(folder->path, ".") == 0)
		tell(context, e->mask, e->name);
	snprintf(path, sizeof path, "%s/%s", root ? "" : folder->path, e->name);
	tell(context, e->mask, path);
}

/* A folder that we do not know is one that a scan has just begun to watch. That is treated like a lost event. */
static void tell_event(const struct tail_watch *w, const struct inotify_event *e,
	void (*tell)(void *context, uint32_t mask, const char *path), void *context)
{
	size_t i = find_watch(w, e->wd);

	if (e->mask & IN_IGNORED)
		return;
	if (e->len == 0 || i == w->folders.count || w->folders.items[i].watch != e->wd)
		tell(context, e->len == 0 ? e->mask : IN_Q_OVERFLOW, NULL);
	for (; e->len > 0 && i < w->folders.count && w->folders.items[i].watch == e->wd; i++)
		tell_path(&w->folders.items[i], e, tell, context);
}

/* Whether an event repeats one that was just reported, as when two files grow in turns. */
static bool is_repeated(const struct inotify_event *a, const struct inotify_event *b)
{
	return a && a->wd == b->wd && a->mask == b->mask && a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

bool tail_watch_read(struct tail_watch *w, void (*tell)(void *context, uint32_t mask, const char *path), void *context)
{
	char events[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(w->fd, events, sizeof events);
	const struct inotify_event *e, *before = NULL;

	for (char *p = events; n > 0 && p < events + n; p += sizeof *e + e->len) {
		e = (const struct inotify_event *)p;
		if (!is_repeated(before, e))
			tell_event(w, e, tell, context);
		before = e;
	}
	return n > EVENTS_SIZE - EVENT_MAX;
}

static bool folder_changed(const struct tail_folder *folder)
{
	struct stat info;

	return folder->silent && stat(folder->path, &info) == 0 && tail_changed_ns(&info) != folder->changed_ns;
}

bool tail_watch_changed(struct tail_watch *w)
{
	for (size_t i = 0; i < FOLDERS_AT_ONCE && i < w->folders.count; i++) {
		w->asked = w->asked + 1 < w->folders.count ? w->asked + 1 : 0;
		if (folder_changed(&w->folders.items[w->asked]))
			return true;
	}
	return false;
}

bool tail_watch_pending(const struct tail_watch *w)
{
	int n = 0;

	return ioctl(w->fd, FIONREAD, &n) == 0 && n > 0;
}
