#include "collectors/tail/events.h"

#include <sys/inotify.h>

enum { CAME = IN_CREATE | IN_MOVED_TO, WENT = IN_MOVED_FROM | IN_DELETE };

void tail_events_init(struct tail_events *e, const struct tail_events_parts *parts)
{
	e->with = *parts;
	e->unsought = host_counter(parts->core->host, "unsought_files_total",
		"Names that came and were renamed between two looks, too many to look for their files.");
	tail_watch_init(&e->watch);
}

void tail_events_done(struct tail_events *e)
{
	tail_watch_done(&e->watch);
}

void tail_events_begin(struct tail_events *e)
{
	tail_machine_inotify(
		e->with.machine, tail_watch_begin(&e->watch, e->with.core->loop, e->with.came, e->with.context));
}

/* Whether a scan has to find out what happened to that name. `f` is the file that has the name, or NULL. */
static bool wants_scan(const struct tail_events *e, uint32_t mask, const char *path, const struct tail_file *f)
{
	if (!path || (mask & IN_ISDIR && mask & (CAME | WENT)))
		return true; /* folders came or went, or events were lost */
	if (!f && e->with.machine->linked && mask & (CAME | WENT))
		return true; /* a link may lead elsewhere now */
	return (mask & CAME && tail_matches(&e->with.core->globs, path)) || (f && mask & WENT) ||
	       (f && !tail_file_trait(f)->open && f->state != TAIL_SPENT);
}

/* The name came and went between two scans, so none has seen the file. */
static void look_for_unseen(struct tail_events *e, const char *path)
{
	const struct tail_identity since = tail_look_since(e->with.look);

	if (!tail_matches(&e->with.core->globs, path))
		return;
	*e->unsought += !tail_wanted_unseen(e->with.wanted, path, &since);
	tail_wanted_scan(e->with.wanted, true);
}

static void on_event(void *context, uint32_t mask, const char *path)
{
	struct tail_events *e = context;
	struct tail_file *f = path ? tail_table_named(e->with.table, path) : NULL;

	if (f && tail_file_trait(f)->open)
		tail_ready_add(e->with.ready, f);
	e->stranger = e->stranger || !f;
	if (!path || mask & (IN_MOVED_FROM | IN_MOVED_TO))
		tail_doubts_renamed(e->with.doubts);
	if (path && !f && mask & IN_MOVED_FROM && !(mask & IN_ISDIR))
		look_for_unseen(e, path);
	if (wants_scan(e, mask, path, f))
		tail_wanted_scan(e->with.wanted, true);
}

bool tail_events_hear(struct tail_events *e)
{
	return tail_watch_read(&e->watch, on_event, e);
}

void tail_events_listen(struct tail_events *e, bool on)
{
	if (!e->with.machine->watch_missing)
		tail_watch_listen(&e->watch, on);
}

void tail_events_stop(struct tail_events *e)
{
	tail_watch_stop(&e->watch);
}

bool tail_events_take_stranger(struct tail_events *e)
{
	bool stranger = e->stranger;

	e->stranger = false;
	return stranger;
}

void tail_events_folders(struct tail_events *e, struct tail_folder_list *folders)
{
	tail_watch_folders(&e->watch, folders);
}

bool tail_events_folder_changed(struct tail_events *e)
{
	return tail_watch_changed(&e->watch);
}

bool tail_events_are_waiting(const struct tail_events *e)
{
	return tail_watch_pending(&e->watch);
}
