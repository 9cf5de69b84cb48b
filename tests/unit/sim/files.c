#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "unit/sim/inner.h"

struct sim sim;

/* Inodes. */

static int64_t clock_of_files(void)
{
	int64_t step = sim.options.step.ns ? sim.options.step.ns : DURATION_MS(BIRTH_STEP_MS).ns;

	return sim.options.clock->wall(sim.options.clock).ns / step * step;
}

struct sim_inode *sim_named(const char *path)
{
	for (struct sim_inode *i = sim.inodes; i; i = i->next)
		if (strcmp(i->path, path) == 0)
			return i;
	return NULL;
}

static bool is_used(uint64_t number)
{
	for (struct sim_inode *i = sim.inodes; i; i = i->next)
		if (i->number == number)
			return true;
	return false;
}

static uint64_t free_number(void)
{
	uint64_t number = 100;

	if (!sim.options.reuse)
		return ++sim.number;
	while (is_used(number))
		number++;
	return number;
}

static struct sim_inode *new_inode(const char *path, mode_t kind)
{
	struct sim_inode *i = oxp_new(sizeof *i);

	OXP_ASSERT(!sim_named(path) && strlen(path) < sizeof i->path);
	i->number = free_number();
	i->kind = kind;
	i->born_ns = i->changed_ns = clock_of_files();
	i->held = 1;
	i->order = ++sim.last_order;
	snprintf(i->path, sizeof i->path, "%s", path);
	buffer_init(&i->data, FILE_MAX);
	i->next = sim.inodes;
	sim.inodes = i;
	return i;
}

void sim_release(struct sim_inode *i)
{
	struct sim_inode **link = &sim.inodes;

	if (--i->held > 0)
		return;
	while (*link != i)
		link = &(*link)->next;
	*link = i->next;
	buffer_done(&i->data);
	free(i);
}

/* Paths. */

bool sim_resolve(const char *path, bool follow, char *ret)
{
	char from[PATH_MAX], rest[PATH_MAX];

	snprintf(from, sizeof from, "%s", path);
	for (int links = 0; links < LINKS_MAX; links++) {
		struct sim_inode *link = NULL;
		char *slash = from;
		do {
			slash = strchr(slash + 1, '/');
			snprintf(ret, PATH_ROOM, "%.*s", slash ? (int)(slash - from) : PATH_ROOM - 1, from);
			link = sim_named(ret);
		} while (slash && !(link && S_ISLNK(link->kind)));
		if (!link || !S_ISLNK(link->kind) || (!slash && !follow))
			return link != NULL;
		snprintf(rest, sizeof rest, "%s", slash ? slash : "");
		snprintf(from, sizeof from, "%.*s%.*s", (int)link->data.size, link->data.data, PATH_ROOM, rest);
	}
	return false;
}

struct sim_inode *sim_find(const char *path, bool follow)
{
	char real[PATH_ROOM];

	return sim_resolve(path, follow, real) ? sim_named(real) : NULL;
}

/* The folder that holds the path, and the name in it. */
static struct sim_inode *parent_of(const char *path, const char **ret_name)
{
	char folder[PATH_ROOM];
	const char *slash = strrchr(path, '/');

	*ret_name = slash + 1;
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	return sim_named(folder);
}

/* What inotify tells. */

static void ring(void)
{
	uint64_t one = 1;

	OXP_ASSERT(write(sim.notify.fd, &one, sizeof one) == sizeof one);
}

static bool is_same(const struct sim_event *a, int watch, uint32_t mask, const char *name)
{
	return a && a->event.wd == watch && a->event.mask == mask &&
	       strcmp(a->event.len ? a->event.name : "", name) == 0;
}

static void append_event(int watch, uint32_t mask, const char *name)
{
	struct sim_notify *n = &sim.notify;
	size_t length = *name ? (strlen(name) / 16 + 1) * 16 : 0;
	struct sim_event *e = oxp_new(sizeof *e + length);

	e->size = sizeof e->event + length;
	e->event.wd = watch;
	e->event.mask = mask;
	e->event.len = (uint32_t)length;
	memcpy(e->event.name, name, strlen(name));
	if (n->last)
		n->last->next = e;
	else
		n->first = e;
	n->last = e;
	n->count++;
	ring();
}

static void tell_watch(int watch, uint32_t mask, const char *name)
{
	struct sim_notify *n = &sim.notify;

	if (is_same(n->last, watch, mask, name))
		return;
	if (n->count < sim.options.events_max) {
		append_event(watch, mask, name);
	} else if (!n->overflowed) {
		n->overflowed = true;
		sim.overflows++;
		append_event(-1, IN_Q_OVERFLOW, "");
	}
}

static void tell(const char *path, uint32_t mask)
{
	const char *name;
	struct sim_inode *folder = *path ? parent_of(path, &name) : NULL;

	if (sim.notify.fd < 0 || !folder)
		return;
	for (int i = 0; i < sim.notify.watch_count; i++)
		if (sim.notify.watches[i].folder == folder && sim.notify.watches[i].mask & mask)
			tell_watch(i + 1, mask, name);
}

void sim_forget_event(void)
{
	struct sim_notify *n = &sim.notify;
	struct sim_event *e = n->first;

	n->first = e->next;
	n->last = n->first ? n->last : NULL;
	n->count--;
	n->overflowed = n->overflowed && n->first;
	free(e);
}

void sim_forget_watches(void)
{
	while (sim.notify.first)
		sim_forget_event();
	for (int i = 0; i < sim.notify.watch_count; i++)
		if (sim.notify.watches[i].folder)
			sim_release(sim.notify.watches[i].folder);
	sim.notify = (struct sim_notify){ .fd = -1 };
}

/* The test's hand. */

void sim_files_begin(const struct sim_files_options *options)
{
	OXP_ASSERT(!sim.on);
	memset(&sim, 0, sizeof sim);
	sim.on = true;
	sim.options = *options;
	sim.number = 100;
	sim.notify.fd = -1;
	sim.root = new_inode(SIM_ROOT, S_IFDIR);
}

void sim_files_end(void)
{
	OXP_ASSERT(sim.notify.fd < 0);
	for (int fd = 0; fd < FDS_MAX; fd++)
		OXP_ASSERT(!sim.open[fd].inode);
	while (sim.inodes) {
		OXP_ASSERT(sim.inodes->held == 1);
		sim_release(sim.inodes);
	}
	sim.on = false;
}

void sim_files_abandon(void)
{
	if (!sim.on)
		return;
	sim.on = false;
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (sim.open[fd].inode || fd == sim.notify.fd)
			close(fd);
	while (sim.notify.first)
		sim_forget_event();
	for (struct sim_inode *i; (i = sim.inodes); free(i)) {
		sim.inodes = i->next;
		buffer_done(&i->data);
	}
}

void sim_files_fail(enum sim_call call, unsigned one_in, int error)
{
	sim.failures[call] = (struct sim_failure){ one_in, error };
}

void sim_files_between(void (*between)(void *context), void *context)
{
	sim.options.between = between;
	sim.options.context = context;
}

size_t sim_files_overflows(void)
{
	return sim.overflows;
}

size_t sim_files_calls(enum sim_call call)
{
	return sim.calls[call];
}

size_t sim_files_read_most(void)
{
	return sim.read_most;
}

static void folder_changed(const char *path)
{
	const char *name;
	struct sim_inode *folder = parent_of(path, &name);

	OXP_ASSERT(folder && S_ISDIR(folder->kind));
	folder->changed_ns = clock_of_files();
}

void sim_folder(const char *path)
{
	new_inode(path, S_IFDIR);
	folder_changed(path);
	tell(path, IN_CREATE | IN_ISDIR);
}

struct sim_inode *sim_create(const char *path)
{
	struct sim_inode *i = new_inode(path, S_IFREG);

	i->held++;
	folder_changed(path);
	tell(path, IN_CREATE);
	return i;
}

void sim_link(const char *path, const char *target)
{
	struct sim_inode *before = sim_named(path), *i;

	if (before) {
		before->path[0] = '\0';
		sim_release(before);
	}
	i = new_inode(path, S_IFLNK);
	OXP_ASSERT(buffer_append(&i->data, target, strlen(target)) == 0);
	folder_changed(path);
	tell(path, before ? IN_MOVED_TO : IN_CREATE);
}

void sim_rename(const char *from, const char *to)
{
	struct sim_inode *i = sim_named(from);

	OXP_ASSERT(i && !sim_named(to) && strlen(to) < sizeof i->path);
	tell(from, IN_MOVED_FROM);
	snprintf(i->path, sizeof i->path, "%s", to);
	i->order = random_below(sim.options.random, 2) ? ++sim.last_order : --sim.first_order;
	folder_changed(from);
	folder_changed(to);
	tell(to, IN_MOVED_TO);
}

void sim_unlink(const char *path)
{
	struct sim_inode *i = sim_named(path);

	OXP_ASSERT(i);
	folder_changed(path);
	tell(path, IN_DELETE);
	i->path[0] = '\0';
	sim_release(i);
}

void sim_write(struct sim_inode *i, uint64_t at, struct bytes data)
{
	size_t end = at + data.size;

	if (end > i->data.size) {
		char *more = buffer_reserve(&i->data, end - i->data.size);
		OXP_ASSERT(more);
		memset(more, 0, end - i->data.size);
		i->data.size = end;
	}
	memcpy(i->data.data + at, data.data, data.size);
	i->changed_ns = clock_of_files();
	tell(i->path, IN_MODIFY);
}

void sim_truncate(struct sim_inode *i)
{
	buffer_clear(&i->data);
	i->changed_ns = clock_of_files();
	tell(i->path, IN_MODIFY);
}

uint64_t sim_size(const struct sim_inode *i)
{
	return i->data.size;
}

bool sim_is_followed(const struct sim_inode *i)
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (sim.open[fd].inode == i)
			return true;
	return false;
}

uint64_t sim_number(const struct sim_inode *i)
{
	return i->number;
}

void sim_close(struct sim_inode *i)
{
	sim_release(i);
}
