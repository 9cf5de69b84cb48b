#include "collectors/tail/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xxhash.h>

#include "collectors/tail/copyname.h"
#include "collectors/tail/globs.h"
#include "collectors/tail/head.h"
#include "collectors/tail/names.h"

enum { FILES_MAX = 100000, FOLDERS_MAX = 10000 };
enum { YOUNG_S = 3600 };
/* A folder that is watched: its path, in the answer and with the watch, and what the kernel keeps for it. */
enum { FOLDER_COST = 1536, FOLDER_PATH_COPIES = 2 };
enum {
	EVENTS = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |
		 IN_MOVE_SELF | IN_ONLYDIR
};

int tail_identify(int fd, const char *path, struct tail_identity *ret, uint64_t *ret_size)
{
	struct statx x;

	if (statx(fd, path, fd >= 0 ? AT_EMPTY_PATH : 0, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
		return -errno;
	if (!S_ISREG(x.stx_mode))
		return -EINVAL;
	ret->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	ret->inode = x.stx_ino;
	ret->birth_ns = x.stx_mask & STATX_BTIME ? x.stx_btime.tv_sec * 1000000000LL + x.stx_btime.tv_nsec : 0;
	*ret_size = x.stx_size;
	return 0;
}

bool tail_same(const struct tail_identity *a, const struct tail_identity *b)
{
	return a->dev == b->dev && a->inode == b->inode &&
	       (a->birth_ns == b->birth_ns || a->birth_ns == 0 || b->birth_ns == 0);
}

bool tail_same_later(const struct tail_identity *then, const struct tail_identity *now)
{
	return tail_same(then, now) ||
	       (then->inode == now->inode && then->birth_ns != 0 && then->birth_ns == now->birth_ns);
}

static bool glob_matches(const char *glob, const char *subject)
{
	return fnmatch(glob, subject, FNM_PATHNAME | FNM_PERIOD) == 0;
}

static bool is_excluded(const struct tail_globs *globs, const char *path)
{
	const struct option_list *exclude = globs->exclude;

	for (size_t i = 0; exclude && i < exclude->count; i++)
		if (glob_matches(exclude->items[i], tail_globs_subject(exclude->items[i], path)))
			return true;
	return false;
}

bool tail_matches(const struct tail_globs *globs, const char *path)
{
	for (size_t i = 0; i < globs->paths->count; i++)
		if (glob_matches(globs->paths->items[i], path))
			return !is_excluded(globs, path);
	return false;
}

/* Where inotify is silent. */

bool tail_is_silent(uint64_t type)
{
	static const uint64_t types[] = {
		0x6969, /* NFS */
		0x517b, 0xff534d42, 0xfe534d42, /* SMB, CIFS, SMB 2 */
		0x01021997, /* 9p */
		0x65735546, /* FUSE */
		0x794c7630, /* overlay */
		0x00c36400, /* Ceph */
		0x5346414f, /* AFS */
	};

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

/* Asked once for the many files of one device. */
static bool is_silent(struct tail_scan *s, const char *path, uint64_t dev)
{
	struct statfs info;

	if (s->device.known && s->device.dev == dev)
		return s->device.silent;
	s->device = (struct tail_device){ .dev = dev, .known = true, .silent = s->all_silent };
	if (!s->all_silent && statfs(path, &info) == 0)
		s->device.silent = tail_is_silent((uint32_t)info.f_type);
	return s->device.silent;
}

/* What is found. */

static void *grow(void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? 2 * *room : 16;
	items = realloc(items, *room * size);
	OXP_ASSERT(items && "out of memory");
	return items;
}

/* Marks. */

static struct tail_mark *find_mark(const struct tail_marks *m, uint64_t dev, uint64_t inode)
{
	const uint64_t key[] = { dev, inode };
	size_t at = XXH3_64bits(key, sizeof key) & (m->room - 1);

	while (m->items[at].used && (m->items[at].dev != dev || m->items[at].inode != inode))
		at = (at + 1) & (m->room - 1);
	return &m->items[at];
}

static void grow_marks(struct tail_marks *m, size_t room)
{
	struct tail_marks grown = { .count = m->count, .room = room };

	grown.items = oxp_new(grown.room * sizeof *grown.items);
	for (size_t i = 0; i < m->room; i++)
		if (m->items[i].used)
			*find_mark(&grown, m->items[i].dev, m->items[i].inode) = m->items[i];
	free(m->items);
	*m = grown;
}

void tail_marks_reserve(struct tail_marks *m, size_t count)
{
	size_t room = m->room ? m->room : 64;

	while (room / 2 < m->count + count)
		room *= 2;
	if (room > m->room)
		grow_marks(m, room);
}

static struct tail_mark *put_mark(struct tail_marks *m, uint64_t dev, uint64_t inode)
{
	struct tail_mark *mark;

	tail_marks_reserve(m, 1);
	mark = find_mark(m, dev, inode);
	if (!mark->used) {
		*mark = (struct tail_mark){ .dev = dev, .inode = inode, .used = true };
		m->count++;
	}
	return mark;
}

void tail_marks_know(struct tail_marks *m, const struct tail_identity *identity)
{
	put_mark(m, identity->dev, identity->inode)->known = true;
}

void tail_marks_clear(struct tail_marks *m)
{
	free(m->items);
	*m = (struct tail_marks){ .items = NULL };
}

void tail_lost_add(struct tail_lost_list *lost, const char *path, const struct tail_identity *identity)
{
	lost->items = grow(lost->items, lost->count, &lost->room, sizeof *lost->items);
	lost->items[lost->count++] = (struct tail_lost){ .path = oxp_strdup(path), .identity = *identity };
}

void tail_lost_move(struct tail_lost_list *from, struct tail_lost_list *to)
{
	struct tail_lost *last = &from->items[--from->count];

	if (to) {
		to->items = grow(to->items, to->count, &to->room, sizeof *to->items);
		to->items[to->count++] = *last;
	} else {
		free(last->path);
	}
}

void tail_lost_clear(struct tail_lost_list *lost)
{
	while (lost->count > 0)
		tail_lost_move(lost, NULL);
	free(lost->items);
	*lost = (struct tail_lost_list){ .items = NULL };
}

void tail_cut_add(struct tail_cut_list *cuts, const struct position *at)
{
	struct tail_cut *cut;

	cuts->items = grow(cuts->items, cuts->count, &cuts->room, sizeof *cuts->items);
	cut = &cuts->items[cuts->count++];
	*cut = (struct tail_cut){ .path = oxp_strdup(at->path), .at = *at };
	cut->at.path = cut->path;
}

void tail_cut_move(struct tail_cut_list *from, struct tail_cut_list *to)
{
	struct tail_cut *last = &from->items[--from->count];

	if (to)
		tail_cut_add(to, &last->at);
	free(last->path);
}

void tail_cut_clear(struct tail_cut_list *cuts)
{
	while (cuts->count > 0)
		tail_cut_move(cuts, NULL);
	free(cuts->items);
	*cuts = (struct tail_cut_list){ .items = NULL };
}

void tail_found_spend(struct tail_found *found)
{
	free(found->path);
	found->path = NULL;
}

static void free_found(struct tail_found **files, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*files)[i].path), free((*files)[i].name);
	free(*files);
	*files = NULL;
	*count = 0;
}

void tail_folders_free(struct tail_folder **folders, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*folders)[i].path);
	free(*folders);
	*folders = NULL;
	*count = 0;
}

void tail_scan_clear(struct tail_scan *s)
{
	free_found(&s->files, &s->count);
	free_found(&s->rotated, &s->rotated_count);
	free_found(&s->copies, &s->copy_count);
	tail_folders_free(&s->folders, &s->folder_count);
	tail_lost_clear(&s->lost);
	tail_cut_clear(&s->cuts);
	tail_marks_clear(&s->marks);
	tail_marks_clear(&s->folder_marks);
	s->files_room = s->folder_room = s->rotated_room = s->copy_room = 0;
}

/* Asked before the folder is read, so that whatever comes into it later counts as a change. */
static void ask_folder(struct tail_scan *s, struct tail_folder *folder)
{
	struct stat info;

	if (stat(folder->path, &info) < 0)
		return;
	folder->silent = is_silent(s, folder->path, info.st_dev);
	folder->changed_ns = tail_changed_ns(&info);
	s->silent = s->silent || folder->silent;
}

/* -1: errno says why, in the words of inotify. */
static int watch_folder(const struct tail_scan *s, const char *path)
{
	struct stat info;

	if (s->inotify >= 0)
		return inotify_add_watch(s->inotify, path, EVENTS);
	if (stat(path, &info) == 0)
		errno = S_ISDIR(info.st_mode) ? EBADF : ENOTDIR;
	return -1;
}

/* The same folder is met once for each glob, and for each link that leads there. */
static bool is_new_folder(struct tail_scan *s, const char *path)
{
	struct tail_mark *mark = put_mark(&s->folder_marks, 0, XXH3_64bits(path, strlen(path)));
	bool found = mark->found;

	mark->found = true;
	return !found;
}

static bool has_folder_room(struct tail_scan *s, const char *path)
{
	size_t cost = FOLDER_COST + FOLDER_PATH_COPIES * strlen(path);
	bool room = s->folder_count < FOLDERS_MAX && cost <= s->room.folders;

	s->room.folders -= room ? cost : 0;
	s->too_many = s->too_many || !room;
	return room;
}

static void add_folder(struct tail_scan *s, const char *path)
{
	int watch;

	if (s->folder_marks.count >= FOLDERS_MAX || !is_new_folder(s, path) || !has_folder_room(s, path))
		return;
	watch = watch_folder(s, path);
	if (watch < 0 && (errno == ENOTDIR || errno == ENOENT))
		return;
	if (watch < 0 && s->inotify >= 0)
		s->watch_failed = errno;
	s->folders = grow(s->folders, s->folder_count, &s->folder_room, sizeof *s->folders);
	s->folders[s->folder_count] = (struct tail_folder){ .path = oxp_strdup(path), .watch = watch };
	ask_folder(s, &s->folders[s->folder_count++]);
}

/* inotify reports writes to the target of a link under the target's name, in the target's folder. */
static void look_behind(struct tail_scan *s, const char *path, struct tail_found *found)
{
	struct stat info;
	char target[PATH_MAX];

	found->linked = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
	if (!found->linked || !realpath(path, target))
		return;
	s->linked = true;
	*strrchr(target, '/') = '\0';
	add_folder(s, *target ? target : "/");
}

/* A file is found once, known or not: a second name of it (a hard link) is left alone. */
static bool take_room(struct tail_scan *s, const char *path, const struct tail_identity *identity)
{
	size_t cost = tail_cost(path);
	bool room = s->count < FILES_MAX && cost <= smaller(s->room.files, s->room.free);
	struct tail_mark *mark = s->marks.room ? find_mark(&s->marks, identity->dev, identity->inode) : NULL;
	bool known = mark && mark->known;

	if (mark && mark->found)
		return false;
	s->too_many = s->too_many || (!room && !known);
	if (!room && !known)
		return false;
	s->room.files -= smaller(cost, s->room.files);
	s->room.free -= known ? 0 : cost;
	mark = known ? mark : put_mark(&s->marks, identity->dev, identity->inode);
	mark->found = true;
	return true;
}

static void add_file(void *context, const char *path, bool may_be_link)
{
	struct tail_scan *s = context;
	struct tail_found found = { .name = NULL };

	if (is_excluded(&s->globs, path) || tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0 ||
		!take_room(s, path, &found.identity))
		return;
	if (may_be_link)
		look_behind(s, path, &found);
	found.silent = is_silent(s, path, found.identity.dev);
	s->silent = s->silent || found.silent;
	found.path = oxp_strdup(path);
	found.length = (uint16_t)strlen(path);
	s->files = grow(s->files, s->count, &s->files_room, sizeof *s->files);
	s->files[s->count++] = found;
}

static void find_folder(void *context, const char *path, bool may_be_link)
{
	(void)may_be_link;
	add_folder(context, path);
}

/* The folders in which a match can appear: those that match the pattern's own folder, and each folder above that has a
 * wildcard below it, down from the last one that is written out and exists. */
static void find_folders(struct tail_scan *s, const char *pattern)
{
	const struct tail_names folders = {
		.folders = true, .visit = find_folder, .context = s, .share = &s->room.folders
	};
	char folder[PATH_MAX], *slash;

	snprintf(folder, sizeof folder, "%s", pattern);
	while ((slash = strrchr(folder, '/'))) {
		*slash = '\0';
		tail_names_visit(&folders, *folder ? folder : "/");
		if (!*folder || (!strpbrk(folder, "*?[") && access(folder, F_OK) == 0))
			return;
	}
	add_folder(s, ".");
}

static int by_watch(const void *a, const void *b)
{
	const struct tail_folder *x = a, *y = b;

	return x->watch != y->watch ? (x->watch > y->watch) - (x->watch < y->watch) : strcmp(x->path, y->path);
}

/* Several globs may lead to the same folder. */
static void sort_folders(struct tail_scan *s)
{
	size_t kept = 0;

	if (s->folder_count > 1)
		qsort(s->folders, s->folder_count, sizeof *s->folders, by_watch);
	for (size_t i = 0; i < s->folder_count; i++) {
		if (kept && by_watch(&s->folders[kept - 1], &s->folders[i]) == 0)
			free(s->folders[i].path);
		else
			s->folders[kept++] = s->folders[i];
	}
	s->folder_count = kept;
}

/* What lost its name. */

/* What is looked for in a folder: a lost file, by inode and name; or the copies of one that was cut down, by name. */
struct sought {
	struct tail_lost *lost;
	struct tail_cut *cut;
	char *at; /* where it stood: its path, or what that leads to; of a cut, only as far as copies have it, too */
	const char *name; /* the part of that behind the folder */
	char *original; /* of a cut: its whole name */
	const struct sought *shorter; /* that comes first among those whose names this one's begins with */
};

static void free_sought(struct sought *sought, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!sought[i].lost || sought[i].at != sought[i].lost->path)
			free(sought[i].at);
		free(sought[i].original);
	}
	free(sought);
}

/* Rotated files that are packed are no text. */
static bool is_packed(const char *name)
{
	static const char *const ends[] = { ".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z" };
	size_t n = strlen(name);

	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What rotation makes of a name: app.log.1, app.log-20260101, app.log.old. worker10 is not a rotated worker1. */
static bool is_rotated_name(const char *name, const char *old_name)
{
	size_t n = strlen(old_name);

	if (strncmp(name, old_name, n) != 0 || !name[n] || is_packed(name))
		return false;
	if (n > 0 && is_digit(old_name[n - 1]) && is_digit(name[n]))
		return false;
	return strpbrk(name + n, "0123456789") || strcmp(name + n, ".old") == 0;
}

/* A file that is known, or was found before, is not reported again, and takes no room. */
static void add_rotated(struct tail_scan *s, const struct tail_found *found)
{
	size_t cost = tail_cost(found->path) + strlen(found->name);
	struct tail_mark *mark = put_mark(&s->marks, found->identity.dev, found->identity.inode);
	bool room = cost <= smaller(s->room.rotated, s->room.free);

	if (mark->known || mark->rotated)
		return;
	s->too_many = s->too_many || !room;
	if (!room)
		return;
	mark->rotated = true;
	s->room.rotated -= cost;
	s->room.free -= cost;
	s->rotated = grow(s->rotated, s->rotated_count, &s->rotated_room, sizeof *s->rotated);
	s->rotated[s->rotated_count] = *found;
	s->rotated[s->rotated_count].name = oxp_strdup(found->name);
	s->rotated[s->rotated_count++].path = oxp_strdup(found->path);
}

/* A file that still has its name was not rotated: what stands beside it is something else, such as a copy. */
static bool has_name(const struct tail_lost *lost)
{
	struct tail_identity now;
	uint64_t size;

	return tail_identify(AT_FDCWD, lost->path, &now, &size) == 0 && tail_same_later(&lost->identity, &now);
}

/* Where rotation happens: beside the target of a link. NULL: the link leads nowhere at the moment. */
static char *rotated_path(char *path, char *target)
{
	struct stat info;

	if (lstat(path, &info) < 0 || !S_ISLNK(info.st_mode))
		return path;
	return realpath(path, target);
}

static bool begins_with(const struct sought *longer, const struct sought *s)
{
	return strncmp(longer->name, s->name, strlen(s->name)) == 0;
}

static bool seek(struct tail_scan *s, struct tail_lost *lost, struct sought *ret)
{
	char target[PATH_MAX];
	char *at = rotated_path(lost->path, target), *slash;

	if (has_name(lost) || !tail_matches(&s->globs, lost->path) || !at)
		return false;
	*ret = (struct sought){ .lost = lost, .at = at == target ? oxp_strdup(at) : at };
	slash = strrchr(ret->at, '/');
	ret->name = slash ? slash + 1 : ret->at;
	return true;
}

static int by_folder(const struct sought *a, const struct sought *b)
{
	size_t x = (size_t)(a->name - a->at), y = (size_t)(b->name - b->at);
	int order = memcmp(a->at, b->at, smaller(x, y));

	return order ? order : (x > y) - (x < y);
}

/* By folder, by name, and then as the lost stand. */
static int by_folder_and_name(const void *a, const void *b)
{
	const struct sought *x = a, *y = b;
	int order = by_folder(x, y);

	order = order ? order : strcmp(x->name, y->name);
	if (order || !x->lost)
		return order ? order : (x->cut > y->cut) - (x->cut < y->cut);
	return (x->lost > y->lost) - (x->lost < y->lost);
}

static int by_inode(const void *a, const void *b)
{
	const struct sought *x = *(struct sought *const *)a, *y = *(struct sought *const *)b;
	uint64_t i = x->lost->identity.inode, j = y->lost->identity.inode;

	return i != j ? (i > j) - (i < j) : (x->lost > y->lost) - (x->lost < y->lost);
}

/* What is sought in one folder, in the order of names, and again in the order of inodes. The names in the folder are
 * compared with these one by one, and none is kept, since there may be any number. */
struct search {
	struct tail_scan *scan;
	struct sought *names;
	struct sought **inodes;
	size_t count;
};

/* The first one with that inode or a larger one. */
static size_t find_inode(const struct search *q, uint64_t inode)
{
	size_t low = 0, high = q->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (q->inodes[middle]->lost->identity.inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last one that does not come after that name, or NULL. Only this one and its `shorter` ones can be beginnings of
 * the name. */
static const struct sought *find_before(const struct search *q, const char *name)
{
	size_t low = 0, high = q->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(q->names[middle].name, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &q->names[low - 1] : NULL;
}

/* The file whose name rotation may have turned into that one, if it was born then: the one with the shortest name. */
static const struct sought *rotated_from(const struct search *q, const char *name, int64_t birth)
{
	const struct sought *found = NULL;

	for (const struct sought *s = find_before(q, name); s; s = s->shorter)
		if (s->lost->last && s->lost->identity.birth_ns && birth > s->lost->identity.birth_ns &&
			is_rotated_name(name, s->name))
			found = s;
	return found;
}

static void path_in_folder(const struct search *q, const char *name, char *path, size_t room)
{
	snprintf(path, room, "%.*s%s", (int)(q->names->name - q->names->at), q->names->at, name);
}

/* The lost file itself has its inode's number; whoever had the name after it was born later and was rotated too. */
static void try_name(const struct search *q, const struct dirent *entry)
{
	size_t i = find_inode(q, entry->d_ino);
	const struct sought *from = NULL;
	char path[PATH_MAX + NAME_MAX + 1];
	struct tail_found found = { .path = path };

	if ((i == q->count || q->inodes[i]->lost->identity.inode != entry->d_ino) &&
		!rotated_from(q, entry->d_name, INT64_MAX))
		return;
	path_in_folder(q, entry->d_name, path, sizeof path);
	if (tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0)
		return;
	for (; i < q->count && q->inodes[i]->lost->identity.inode == entry->d_ino; i++) {
		if (!tail_same_later(&q->inodes[i]->lost->identity, &found.identity))
			continue;
		q->inodes[i]->lost->gone = false;
		from = from ? from : q->inodes[i];
	}
	from = from ? from : rotated_from(q, entry->d_name, found.identity.birth_ns);
	if (!from)
		return;
	found.name = from->lost->path;
	add_rotated(q->scan, &found);
}

static void link_shorter(struct search *q)
{
	for (size_t i = 0; i < q->count; i++) {
		const struct sought *shorter = i ? &q->names[i - 1] : NULL;
		while (shorter && !begins_with(&q->names[i], shorter))
			shorter = shorter->shorter;
		q->names[i].shorter = shorter;
	}
}

static void sort_inodes(struct search *q)
{
	q->inodes = oxp_new(q->count * sizeof *q->inodes);
	for (size_t i = 0; i < q->count; i++)
		q->inodes[i] = &q->names[i];
	qsort(q->inodes, q->count, sizeof(struct sought *), by_inode);
}

static DIR *open_folder(const struct search *q)
{
	char folder[PATH_MAX];

	path_in_folder(q, "", folder, sizeof folder);
	return opendir(folder[0] ? folder : ".");
}

static void search_for_lost(struct search *q)
{
	struct dirent *entry;
	bool hidden;
	DIR *d;

	link_shorter(q);
	sort_inodes(q);
	d = open_folder(q);
	hidden = !d && errno != ENOENT && errno != ENOTDIR;
	for (size_t i = 0; i < q->count; i++)
		q->names[i].lost->gone = d != NULL;
	q->scan->unlisted = q->scan->unlisted || hidden;
	while (d && (entry = readdir(d)))
		try_name(q, entry);
	if (d)
		closedir(d);
	free(q->inodes);
}

static int by_path(const void *a, const void *b)
{
	const struct tail_lost *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order
		     : (x->identity.birth_ns > y->identity.birth_ns) - (x->identity.birth_ns < y->identity.birth_ns);
}

static int by_birth(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return (x->identity.birth_ns > y->identity.birth_ns) - (x->identity.birth_ns < y->identity.birth_ns);
}

static void search_folders(
	struct tail_scan *s, struct sought *sought, size_t count, void (*search)(struct search *in_folder))
{
	struct search q = { .scan = s };

	if (count > 1)
		qsort(sought, count, sizeof *sought, by_folder_and_name);
	for (size_t i = 0; i < count; i += q.count) {
		q.names = &sought[i];
		q.count = 1;
		while (i + q.count < count && by_folder(q.names, &sought[i + q.count]) == 0)
			q.count++;
		search(&q);
	}
}

static void find_all_lost(struct tail_scan *s)
{
	struct tail_lost *lost = s->lost.items;
	size_t count = s->lost.count, kept = 0;
	struct sought *sought = count ? oxp_new(count * sizeof *sought) : NULL;

	if (count > 1)
		qsort(lost, count, sizeof *lost, by_path);
	for (size_t i = 0; i < count; i++) {
		lost[i].last = i + 1 == count || strcmp(lost[i].path, lost[i + 1].path) != 0;
		kept += seek(s, &lost[i], &sought[kept]);
	}
	search_folders(s, sought, kept, search_for_lost);
	free_sought(sought, kept);
	if (s->rotated_count > 1)
		qsort(s->rotated, s->rotated_count, sizeof *s->rotated, by_birth);
}

/* The lost are in the order of their paths by now. */
const struct tail_lost *tail_scan_lost(
	const struct tail_scan *s, const char *path, const struct tail_identity *identity)
{
	const struct tail_lost *lost = s->lost.items;
	size_t low = 0, high = s->lost.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(lost[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->lost.count && strcmp(lost[low].path, path) == 0; low++)
		if (tail_same(&lost[low].identity, identity))
			return &lost[low];
	return NULL;
}

/* Copies. */

/* Whether it begins as the file did that was cut down, and has what that had before its offset: 1, 0 or -errno. Where
 * nothing was read yet only the beginning speaks, and it may be that of older copies, too: then the copy is young. */
static int is_copy(const struct tail_scan *s, const struct tail_cut *cut, int fd, const struct tail_found *found)
{
	const struct tail_before before = { cut->at.before_hash, cut->at.before_size };
	int64_t age = s->clock->wall(s->clock).ns - found->identity.birth_ns;
	int same = found->size >= cut->at.offset ? tail_head_is(fd, &cut->at) : 0;

	if (same <= 0)
		return same;
	return before.size > 0 ? tail_stood_before(fd, cut->at.offset, &before) : age <= YOUNG_S * INT64_C(1000000000);
}

/* The first copy of a file is read on as that file, which is known; others are left out if there are too many. */
static bool has_copy_room(struct tail_scan *s, struct tail_cut *cut, const char *path)
{
	size_t cost = tail_cost(path) + strlen(cut->path);
	bool first = !cut->found, room = cost <= smaller(s->room.rotated, s->room.free);

	cut->found = true;
	if (first)
		return true;
	s->too_many = s->too_many || !room;
	s->room.rotated -= room ? cost : 0;
	s->room.free -= room ? cost : 0;
	return room;
}

/* False: it could not be looked at. */
static bool try_copy(struct tail_scan *s, struct tail_cut *cut, const char *path)
{
	struct tail_found found = { .name = cut->path, .generation = cut->at.generation };
	int fd, same = 0;

	if (tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT;
	if (tail_identify(fd, "", &found.identity, &found.size) == 0)
		same = is_copy(s, cut, fd, &found);
	close(fd);
	if (same <= 0)
		return same == 0;
	if (!has_copy_room(s, cut, path))
		return true;
	s->copies = grow(s->copies, s->copy_count, &s->copy_room, sizeof *s->copies);
	found.path = oxp_strdup(path);
	found.name = oxp_strdup(cut->path);
	s->copies[s->copy_count++] = found;
	return true;
}

static void try_copies(const struct search *q, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 1];

	for (const struct sought *s = find_before(q, name); s; s = s->shorter) {
		if (!tail_copyname_is(name, s->original))
			continue;
		path_in_folder(q, name, path, sizeof path);
		s->cut->looked = try_copy(q->scan, s->cut, path) && s->cut->looked;
	}
}

static void search_for_copies(struct search *q)
{
	struct dirent *entry;
	DIR *d;

	link_shorter(q);
	d = open_folder(q);
	for (size_t i = 0; i < q->count; i++)
		q->names[i].cut->looked = d != NULL;
	while (d && (entry = readdir(d)))
		try_copies(q, entry->d_name);
	if (d)
		closedir(d);
}

static bool seek_copies(struct tail_cut *cut, struct sought *ret)
{
	char target[PATH_MAX], *at = rotated_path(cut->path, target), *slash;

	if (!at)
		return false;
	slash = strrchr(at, '/');
	*ret = (struct sought){ .cut = cut, .at = oxp_strdup(at), .original = oxp_strdup(slash ? slash + 1 : at) };
	ret->name = ret->at + strlen(at) - strlen(ret->original);
	ret->at[strlen(at) - strlen(ret->original) + tail_copyname_stem(ret->original)] = '\0';
	return true;
}

/* Copies of newer files first; copies of one file by name. */
static int by_original(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return x->generation != y->generation ? (x->generation < y->generation) - (x->generation > y->generation)
					      : strcmp(x->path, y->path);
}

static void find_all_copies(struct tail_scan *s)
{
	struct sought *sought = s->cuts.count ? oxp_new(s->cuts.count * sizeof *sought) : NULL;
	size_t kept = 0;

	for (size_t i = 0; i < s->cuts.count; i++)
		kept += seek_copies(&s->cuts.items[i], &sought[kept]);
	search_folders(s, sought, kept, search_for_copies);
	free_sought(sought, kept);
	if (s->copy_count > 1)
		qsort(s->copies, s->copy_count, sizeof *s->copies, by_original);
}

bool tail_scan_looked(const struct tail_scan *s, uint64_t generation)
{
	for (size_t i = 0; i < s->cuts.count; i++)
		if (s->cuts.items[i].at.generation == generation)
			return s->cuts.items[i].looked;
	return false;
}

bool tail_scan_has_copy(const struct tail_scan *s, uint64_t generation)
{
	for (size_t i = 0; i < s->copy_count; i++)
		if (s->copies[i].generation == generation)
			return true;
	return false;
}

static int by_length(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return x->length != y->length ? (x->length > y->length) - (x->length < y->length) : strcmp(x->path, y->path);
}

/* Each glob gets half of what those before it left, and the last one gets all of it. */
static void visit_globs(struct tail_scan *s, size_t *share, void (*visit)(struct tail_scan *, const char *glob))
{
	for (size_t i = 0; i < s->globs.paths->count; i++) {
		size_t kept = i + 1 < s->globs.paths->count ? *share / 2 : 0;
		*share -= kept;
		visit(s, s->globs.paths->items[i]);
		*share += kept;
	}
}

static void find_files(struct tail_scan *s, const char *glob)
{
	const struct tail_names files = { .visit = add_file, .context = s, .share = &s->room.files };

	tail_names_visit(&files, glob);
}

void tail_scan_work(struct job *job)
{
	struct tail_scan *s = CONTAINER_OF(job, struct tail_scan, job);
	const struct mono_time began = s->clock->mono(s->clock);

	s->watch_failed = 0;
	visit_globs(s, &s->room.folders, find_folders);
	visit_globs(s, &s->room.files, find_files);
	sort_folders(s);
	if (s->count > 1)
		qsort(s->files, s->count, sizeof *s->files, by_length);
	find_all_lost(s);
	find_all_copies(s);
	s->took = mono_since(s->clock->mono(s->clock), began);
}
