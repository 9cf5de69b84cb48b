#include "collectors/tail/names.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How often a folder was read for the part of the glob that begins at `part`. */
struct way {
	dev_t device;
	ino_t inode;
	const char *part;
	unsigned count; /* 0: a free slot */
};

/* `path` is what has been walked so far. The parts of the glob stand one after another, each ended by a zero. */
struct walk {
	const struct tail_names *names;
	const char *end; /* of the parts */
	struct way *ways; /* a hash table, at most half full; its room is a power of two */
	size_t way_count, way_room;
	size_t size;
	bool linked; /* a link is in the path, or may be */
	char path[PATH_MAX];
};

static void walk(struct walk *w, const char *part);

/* Ways. */

static struct way *find_way(const struct walk *w, const struct way *wanted)
{
	uint64_t hash = ((uint64_t)wanted->inode ^ (uint64_t)wanted->device << 32 ^ (uintptr_t)wanted->part << 17) *
			UINT64_C(0x9e3779b97f4a7c15);
	size_t at = hash >> 32 & (w->way_room - 1);

	while (w->ways[at].count && (w->ways[at].inode != wanted->inode || w->ways[at].device != wanted->device ||
					    w->ways[at].part != wanted->part))
		at = (at + 1) & (w->way_room - 1);
	return &w->ways[at];
}

static void grow_ways(struct walk *w)
{
	struct way *before = w->ways;
	size_t room = w->way_room;

	w->way_room = room ? 2 * room : 64;
	w->ways = oxp_new(w->way_room * sizeof *w->ways);
	for (size_t i = 0; i < room; i++)
		if (before[i].count)
			*find_way(w, &before[i]) = before[i];
	free(before);
}

/* Whether the folder that the path leads to may be read once more. */
static bool may_read(struct walk *w, const char *part)
{
	struct way way = { .part = part }, *known;
	struct stat info;

	if (!w->linked)
		return true;
	if (stat(w->path, &info) < 0)
		return false;
	way.device = info.st_dev;
	way.inode = info.st_ino;
	if (2 * w->way_count >= w->way_room)
		grow_ways(w);
	known = find_way(w, &way);
	w->way_count += known->count == 0;
	way.count = known->count + 1;
	if (way.count > TAIL_WAYS_MAX)
		return false;
	*known = way;
	return true;
}

/* The path. */

static bool put(struct walk *w, const char *text, size_t size)
{
	if (size >= sizeof w->path - w->size)
		return false;
	memcpy(w->path + w->size, text, size);
	w->size += size;
	w->path[w->size] = '\0';
	return true;
}

static void cut(struct walk *w, size_t size)
{
	w->size = size;
	w->path[size] = '\0';
}

/* A part of the glob without wildcards, with its backslashes taken out. */
static bool put_plain(struct walk *w, const char *part)
{
	bool fits = true;

	for (; *part && fits; part++) {
		if (*part == '\\' && part[1])
			part++;
		fits = put(w, part, 1);
	}
	return fits;
}

static bool is_wild(const char *part)
{
	return strpbrk(part, "*?[");
}

static bool is_folder(const struct walk *w)
{
	struct stat info;

	return stat(w->path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_there(const struct walk *w)
{
	struct stat info;

	return lstat(w->path, &info) == 0;
}

static void tell(const struct walk *w, bool may_be_link)
{
	w->names->visit(w->names->context, w->path, may_be_link);
}

/* Walking. */

static void walk_below(struct walk *w, const char *part)
{
	struct tail_share *share = w->names->share;
	size_t half = share ? tail_share_halve(share) : 0;

	walk(w, part);
	if (share)
		tail_share_give_back(share, half);
}

/* A name that matches, in the folder at the end of the path. `next` is the next part of the glob, or NULL. */
static void take(struct walk *w, const struct dirent *entry, const char *next)
{
	bool before = w->linked, unsure = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
	bool may_lead_on = unsure || entry->d_type == DT_DIR;
	size_t size = w->size;

	if (!put(w, entry->d_name, strlen(entry->d_name)))
		return;
	w->linked = before || unsure;
	if (next && may_lead_on && put(w, "/", 1))
		walk_below(w, next);
	else if (!next && (!w->names->folders || (may_lead_on && is_folder(w))))
		tell(w, unsure);
	w->linked = before;
	cut(w, size);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void read_folder(struct walk *w, const char *part, const char *next)
{
	DIR *d = may_read(w, part) ? opendir(w->size ? w->path : ".") : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (!is_dots(entry->d_name) && fnmatch(part, entry->d_name, FNM_PERIOD) == 0)
			take(w, entry, next);
	if (d)
		closedir(d);
}

/* The parts of the glob from this one on. The recursion is as deep as there are parts with wildcards. */
static void walk(struct walk *w, const char *part)
{
	size_t before = w->size;
	bool fits = true;

	for (const char *next; fits && part; part = next) {
		next = part + strlen(part) + 1;
		next = next < w->end ? next : NULL;
		if (is_wild(part)) {
			read_folder(w, part, next);
			break;
		}
		fits = put_plain(w, part) && (!next || put(w, "/", 1));
	}
	if (!part && fits && (w->names->folders ? is_folder(w) : is_there(w)))
		tell(w, true);
	cut(w, before);
}

void tail_names_visit(const struct tail_names *names, const char *glob)
{
	char *parts = oxp_strdup(glob);
	struct walk w = { .names = names, .end = parts + strlen(glob) + 1 };

	for (char *slash = strchr(parts, '/'); slash; slash = strchr(slash + 1, '/'))
		*slash = '\0';
	walk(&w, parts);
	free(w.ways);
	free(parts);
}
