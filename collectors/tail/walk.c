#include "collectors/tail/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/tail/names.h"

enum { FILES_MAX = 100000, FOLDERS_MAX = 10000 };
/* A folder that is watched: its path, in the answer and with the watch, and what the kernel keeps for it. */
enum { FOLDER_COST = 1536, FOLDER_PATH_COPIES = 2 };
enum {
	EVENTS = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |
		 IN_MOVE_SELF | IN_ONLYDIR
};

/* Asked before the folder is read, so that anything that comes into it later counts as a change. */
static void ask_folder(struct tail_walk *w, struct tail_folder *folder)
{
	struct stat info;

	if (stat(folder->path, &info) < 0)
		return;
	folder->silent = tail_silent_at(&w->silence, folder->path, info.st_dev);
	folder->changed_ns = tail_changed_ns(&info);
	w->silent = w->silent || folder->silent;
}

/* -1: errno says why, in the words of inotify. */
static int watch_folder(const struct tail_walk *w, const char *path)
{
	struct stat info;

	if (w->inotify >= 0)
		return inotify_add_watch(w->inotify, path, EVENTS);
	if (stat(path, &info) == 0)
		errno = S_ISDIR(info.st_mode) ? EBADF : ENOTDIR;
	return -1;
}

static bool has_folder_room(struct tail_walk *w, const char *path)
{
	if (w->folders.count >= FOLDERS_MAX)
		return tail_budget_refuse(w->budget);
	return tail_budget_take_folder(w->budget, FOLDER_COST + FOLDER_PATH_COPIES * strlen(path));
}

/* The same folder may be met once for each glob, and once for each link that leads there. */
static void add_folder(struct tail_walk *w, const char *path)
{
	struct tail_folder folder = { .path = (char *)(uintptr_t)path };

	if (w->met.count >= FOLDERS_MAX || !tail_marks_meet_folder(&w->met, path) || !has_folder_room(w, path))
		return;
	folder.watch = watch_folder(w, path);
	if (folder.watch < 0 && (errno == ENOTDIR || errno == ENOENT))
		return;
	if (folder.watch < 0 && w->inotify >= 0)
		w->watch_failed = errno;
	ask_folder(w, &folder);
	tail_folders_add(&w->folders, &folder);
}

/* inotify reports writes to the target of a link under the target's name, in the target's folder. */
static void look_behind(struct tail_walk *w, const char *path, struct tail_found *found)
{
	struct stat info;
	char target[PATH_MAX];

	found->linked = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
	if (!found->linked || !realpath(path, target))
		return;
	w->linked = true;
	*strrchr(target, '/') = '\0';
	add_folder(w, *target ? target : "/");
}

/* A file is found once, known or not: a second name of it (a hard link) is left alone. */
static bool take_room(struct tail_walk *w, const char *path, const struct tail_identity *identity)
{
	struct tail_mark mark = tail_marks_of(w->marks, identity);

	if (mark.found)
		return false;
	if (w->files.count >= FILES_MAX && !mark.known)
		return tail_budget_refuse(w->budget);
	if (!tail_budget_take_file(w->budget, tail_cost(path), mark.known))
		return false;
	tail_marks_found(w->marks, identity);
	return true;
}

static void add_file(void *context, const char *path, bool may_be_link)
{
	struct tail_walk *w = context;
	struct tail_found found = { .path = (char *)(uintptr_t)path, .length = (uint16_t)strlen(path) };

	if (tail_excludes(w->globs, path) || tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0 ||
		!take_room(w, path, &found.identity))
		return;
	if (may_be_link)
		look_behind(w, path, &found);
	found.silent = tail_silent_at(&w->silence, path, found.identity.dev);
	w->silent = w->silent || found.silent;
	tail_found_add(&w->files, &found);
}

static void find_folder(void *context, const char *path, bool may_be_link)
{
	(void)may_be_link;
	add_folder(context, path);
}

/* The folders in which a match can appear: those that match the pattern's own folder, and each folder above that has a
 * wildcard below it, down from the last one that is written out and exists. */
static void find_folders(struct tail_walk *w, const char *pattern)
{
	const struct tail_names folders = {
		.folders = true, .visit = find_folder, .context = w, .share = &w->budget->folders
	};
	char folder[PATH_MAX], *slash;

	snprintf(folder, sizeof folder, "%s", pattern);
	while ((slash = strrchr(folder, '/'))) {
		*slash = '\0';
		tail_names_visit(&folders, *folder ? folder : "/");
		if (!*folder || (!strpbrk(folder, "*?[") && access(folder, F_OK) == 0))
			return;
	}
	add_folder(w, ".");
}

static void find_files(struct tail_walk *w, const char *glob)
{
	const struct tail_names files = { .visit = add_file, .context = w, .share = &w->budget->files };

	tail_names_visit(&files, glob);
}

/* Each glob gets half of what those before it left, and the last one gets all of it. */
static void visit_globs(
	struct tail_walk *w, struct tail_share *share, void (*visit)(struct tail_walk *, const char *glob))
{
	const struct option_list *globs = w->globs->paths;

	for (size_t i = 0; i < globs->count; i++) {
		size_t half = i + 1 < globs->count ? tail_share_halve(share) : 0;
		visit(w, globs->items[i]);
		tail_share_give_back(share, half);
	}
}

static int by_length(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return x->length != y->length ? (x->length > y->length) - (x->length < y->length) : strcmp(x->path, y->path);
}

void tail_walk(struct tail_walk *w)
{
	visit_globs(w, &w->budget->folders, find_folders);
	visit_globs(w, &w->budget->files, find_files);
	tail_folders_sort(&w->folders);
	tail_found_sort(&w->files, by_length);
}

void tail_walk_clear(struct tail_walk *w)
{
	tail_found_clear(&w->files);
	tail_folders_clear(&w->folders);
	tail_marks_clear(&w->met);
}
