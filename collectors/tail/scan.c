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

#include "collectors/tail/copyname.h"
#include "collectors/tail/head.h"
#include "collectors/tail/names.h"

enum { FILES_MAX = 100000, FOLDERS_MAX = 10000 };
enum { YOUNG_S = 3600 };
/* A file that is known, at the end of a scan (measured); its path stands in the answer, in the table and in what is
 * saved. */
enum { FILE_COST = 512, PATH_COPIES = 3 };
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

static bool one_matches(const struct option_list *globs, const char *path)
{
	for (size_t i = 0; globs && i < globs->count; i++)
		if (fnmatch(globs->items[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
			return true;
	return false;
}

bool tail_matches(const struct tail_globs *globs, const char *path)
{
	return one_matches(globs->paths, path) && !one_matches(globs->exclude, path);
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
	s->room = s->folder_room = s->rotated_room = s->copy_room = 0;
}

/* Before it is read, so that what comes into it later is a change. */
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

static void add_folder(void *context, const char *path)
{
	struct tail_scan *s = context;
	int watch;

	s->too_many = s->too_many || s->folder_count == FOLDERS_MAX;
	if (s->folder_count == FOLDERS_MAX)
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

/* What is written to the target of a link is told of the target's name, in its folder. */
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

/* Whoever makes files without end fills no memory. */
static bool has_room(struct tail_scan *s, const char *path)
{
	size_t cost = FILE_COST + PATH_COPIES * strlen(path);
	bool room = s->count < FILES_MAX && cost <= s->cost_max - s->cost;

	s->cost += room ? cost : 0;
	s->too_many = s->too_many || !room;
	return room;
}

static void add_file(void *context, const char *path)
{
	struct tail_scan *s = context;
	struct tail_found found = { .name = NULL };

	if (one_matches(s->globs.exclude, path) ||
		tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0 || !has_room(s, path))
		return;
	look_behind(s, path, &found);
	found.silent = is_silent(s, path, found.identity.dev);
	s->silent = s->silent || found.silent;
	found.path = oxp_strdup(path);
	s->files = grow(s->files, s->count, &s->room, sizeof *s->files);
	s->files[s->count++] = found;
}

/* The folders that can come to hold a match: those the pattern's own folder matches, and every folder above that has a
 * wildcard below it, down from the last one that is written out and there. */
static void find_folders(struct tail_scan *s, const char *pattern)
{
	const struct tail_names folders = { .folders = true, .visit = add_folder, .context = s };
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

/* Two globs may lead to the same folder. */
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

struct listed {
	char *name;
	uint64_t inode;
};

/* One folder's names, kept while lost files of the same folder are looked for. */
struct listing {
	char folder[PATH_MAX];
	struct listed *names; /* in their order */
	struct listed *inodes; /* the same in theirs */
	size_t count, room;
	bool read; /* it could be */
	bool hidden; /* it is there, and could not be */
};

static void clear_listing(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->names[i].name);
	free(l->names);
	free(l->inodes);
	l->names = l->inodes = NULL;
	l->count = l->room = 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

static int by_inode(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static void sort_listing(struct listing *l)
{
	if (l->count == 0)
		return;
	l->inodes = oxp_new(l->count * sizeof *l->inodes);
	memcpy(l->inodes, l->names, l->count * sizeof *l->inodes);
	qsort(l->names, l->count, sizeof *l->names, by_name);
	qsort(l->inodes, l->count, sizeof *l->inodes, by_inode);
}

/* The first that is not before `wanted`. */
static size_t find_listed(
	const struct listed *items, size_t count, const struct listed *wanted, int (*order)(const void *, const void *))
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;
		if (order(&items[middle], wanted) < 0)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

/* Reads the folder of a path, unless it is the one that was read last. */
static void list_folder(struct listing *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t size = slash ? (size_t)(slash - path) + 1 : 0;
	struct dirent *entry;
	DIR *d;

	if (l->read && strlen(l->folder) == size && memcmp(l->folder, path, size) == 0)
		return;
	clear_listing(l);
	memcpy(l->folder, path, size);
	l->folder[size] = '\0';
	d = opendir(size ? l->folder : ".");
	l->read = d != NULL;
	l->hidden = !d && errno != ENOENT && errno != ENOTDIR;
	while (d && l->count < FILES_MAX && (entry = readdir(d))) {
		l->names = grow(l->names, l->count, &l->room, sizeof *l->names);
		l->names[l->count++] = (struct listed){ oxp_strdup(entry->d_name), entry->d_ino };
	}
	if (d)
		closedir(d);
	sort_listing(l);
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

/* What rotation makes of a name: app.log.1, app.log-20260101, app.log.old; worker10 is none of worker1. */
static bool is_rotated_name(const char *name, const char *old_name)
{
	size_t n = strlen(old_name);

	if (strncmp(name, old_name, n) != 0 || !name[n] || is_packed(name))
		return false;
	if (n > 0 && is_digit(old_name[n - 1]) && is_digit(name[n]))
		return false;
	return strpbrk(name + n, "0123456789") || strcmp(name + n, ".old") == 0;
}

static void add_rotated(struct tail_scan *s, const struct tail_found *found)
{
	for (size_t i = 0; i < s->rotated_count; i++)
		if (tail_same(&s->rotated[i].identity, &found->identity))
			return;
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

/* The lost file itself has its inode's number; whoever had the name after it was born later and was rotated too. */
static void try_name(struct tail_scan *s, struct tail_lost *lost, const char *at, const struct listing *l,
	const struct listed *entry)
{
	const char *old_name = at + strlen(l->folder);
	char path[PATH_MAX + NAME_MAX + 1];
	struct tail_found found = { .path = path, .name = lost->path };
	bool rotated = lost->last && lost->identity.birth_ns && is_rotated_name(entry->name, old_name);

	if (entry->inode != lost->identity.inode && !rotated)
		return;
	snprintf(path, sizeof path, "%s%s", l->folder, entry->name);
	if (tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0)
		return;
	if (tail_same_later(&lost->identity, &found.identity))
		lost->gone = false;
	else if (!rotated || found.identity.birth_ns <= lost->identity.birth_ns)
		return;
	add_rotated(s, &found);
}

/* Where rotation happens: beside the target of a link. NULL: the link leads nowhere at the moment. */
static char *place_of(char *path, char *target)
{
	struct stat info;

	if (lstat(path, &info) < 0 || !S_ISLNK(info.st_mode))
		return path;
	return realpath(path, target);
}

static bool begins_with(const struct listed *a, const struct listed *b)
{
	return strncmp(a->name, b->name, strlen(b->name)) == 0;
}

static void find_lost(struct tail_scan *s, struct tail_lost *lost, struct listing *l)
{
	char target[PATH_MAX];
	char *at = place_of(lost->path, target);
	struct listed wanted;
	size_t i;

	if (has_name(lost) || !tail_matches(&s->globs, lost->path) || !at || strlen(at) >= sizeof l->folder)
		return;
	list_folder(l, at);
	lost->gone = l->read;
	s->unlisted = s->unlisted || l->hidden;
	wanted = (struct listed){ .name = at + strlen(l->folder), .inode = lost->identity.inode };
	for (i = find_listed(l->inodes, l->count, &wanted, by_inode);
		i < l->count && l->inodes[i].inode == wanted.inode; i++)
		try_name(s, lost, at, l, &l->inodes[i]);
	for (i = find_listed(l->names, l->count, &wanted, by_name); i < l->count && begins_with(&l->names[i], &wanted);
		i++)
		try_name(s, lost, at, l, &l->names[i]);
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

static void find_all_lost(struct tail_scan *s)
{
	struct listing listing = { .read = false };
	struct tail_lost *lost = s->lost.items;
	size_t count = s->lost.count;

	if (count > 1)
		qsort(lost, count, sizeof *lost, by_path);
	for (size_t i = 0; i < count; i++) {
		lost[i].last = i + 1 == count || strcmp(lost[i].path, lost[i + 1].path) != 0;
		find_lost(s, &lost[i], &listing);
	}
	clear_listing(&listing);
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

/* Whether it begins as the file did that was cut down, and has what that had before its place: 1, 0 or -errno. Where
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
	s->copies = grow(s->copies, s->copy_count, &s->copy_room, sizeof *s->copies);
	found.path = oxp_strdup(path);
	found.name = oxp_strdup(cut->path);
	s->copies[s->copy_count++] = found;
	return true;
}

static void find_copies(struct tail_scan *s, struct tail_cut *cut, struct listing *l)
{
	char target[PATH_MAX], path[PATH_MAX + NAME_MAX + 1];
	char *at = place_of(cut->path, target);
	struct listed wanted = { .name = NULL };
	const char *original;
	size_t stem;

	if (!at || strlen(at) >= sizeof l->folder)
		return;
	list_folder(l, at);
	cut->looked = l->read;
	original = at + strlen(l->folder);
	stem = tail_copyname_stem(original);
	wanted.name = oxp_strdup(original);
	wanted.name[stem] = '\0';
	for (size_t i = find_listed(l->names, l->count, &wanted, by_name);
		i < l->count && begins_with(&l->names[i], &wanted); i++) {
		if (!tail_copyname_is(l->names[i].name, original))
			continue;
		snprintf(path, sizeof path, "%s%s", l->folder, l->names[i].name);
		cut->looked = try_copy(s, cut, path) && cut->looked;
	}
	free(wanted.name);
}

static void find_all_copies(struct tail_scan *s)
{
	struct listing listing = { .read = false };

	for (size_t i = 0; i < s->cuts.count; i++)
		find_copies(s, &s->cuts.items[i], &listing);
	clear_listing(&listing);
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
	const char *x = ((const struct tail_found *)a)->path, *y = ((const struct tail_found *)b)->path;
	size_t nx = strlen(x), ny = strlen(y);

	return nx != ny ? (nx > ny) - (nx < ny) : strcmp(x, y);
}

void tail_scan_work(struct job *job)
{
	struct tail_scan *s = CONTAINER_OF(job, struct tail_scan, job);
	const struct tail_names files = { .visit = add_file, .context = s };
	const struct mono_time began = s->clock->mono(s->clock);

	s->watch_failed = 0;
	for (size_t i = 0; i < s->globs.paths->count; i++)
		find_folders(s, s->globs.paths->items[i]);
	for (size_t i = 0; i < s->globs.paths->count; i++)
		tail_names_visit(&files, s->globs.paths->items[i]);
	sort_folders(s);
	if (s->count > 1)
		qsort(s->files, s->count, sizeof *s->files, by_length);
	find_all_lost(s);
	find_all_copies(s);
	s->took = mono_since(s->clock->mono(s->clock), began);
}
