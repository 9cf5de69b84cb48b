#include "collectors/tail/unseen.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "collectors/tail/copyname.h"

static bool is_known(const struct tail_unseen *u, const char *original)
{
	const struct tail_lost *last = u->lost->count > 0 ? &u->lost->items[u->lost->count - 1] : NULL;

	return last && !last->identity.inode && strcmp(last->path, original) == 0;
}

/* The first name that is followed is the one. */
static bool add_original(void *context, const char *original)
{
	struct tail_unseen *u = context;

	if (!tail_matches(u->globs, original))
		return true;
	if (!is_known(u, original) && tail_budget_take_rotated(u->budget, tail_cost(original)))
		tail_lost_add(u->lost, original, &u->since);
	return false;
}

static void try_name(struct tail_unseen *u, const char *path)
{
	struct tail_identity identity;
	uint64_t size;

	if (tail_matches(u->globs, path) || tail_identify(AT_FDCWD, path, &identity, &size) < 0)
		return;
	if (tail_births_order(u->births, u->now, identity.birth_ns) >
		tail_births_order(u->births, u->now, u->since.birth_ns))
		tail_copyname_originals(path, add_original, u);
}

static void search_folder(struct tail_unseen *u, const char *folder)
{
	const char *above = strcmp(folder, "/") == 0 ? "" : folder;
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *d = opendir(folder);

	while (d && (entry = readdir(d)))
		if (strpbrk(entry->d_name, "0123456789") || strstr(entry->d_name, ".old")) {
			if ((size_t)snprintf(path, sizeof path, "%s/%s", above, entry->d_name) < sizeof path)
				try_name(u, path);
		}
	if (d)
		closedir(d);
}

void tail_unseen_search(struct tail_unseen *u, const struct tail_folder_list *folders)
{
	for (size_t i = 0; i < folders->count; i++)
		search_folder(u, folders->items[i].path);
}
