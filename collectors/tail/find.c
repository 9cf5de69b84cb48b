/*
 * Finding of `tail`: what a scan of the folders (scan.h) says of one file, held against the files that are known.
 * Names change hands, files lose theirs, and those that came and went while nobody looked are searched for; so no file
 * is begun before it is known who had its name before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/tail/inner.h"

enum {
	BIRTH_STEP_MS = 10, /* file systems tell births by a clock that stands still for so long */
	DELETED_SWEEPS = 2, /* a file without a name that did not grow for so many sweeps is closed; later when */
	ROTATED_SWEEPS = 60, /* it has another: its writer may not have noticed yet */
};

/* At the first start; the first look may take more than one scan. Later it was there in the last run: what came since
 * then, as by a rotation, is as new as what comes while we look. */
static bool was_there_before(const struct collector *c, const struct tail_file *f)
{
	const int64_t known = c->known_before.ns;

	if (known && f->identity.birth_ns == 0)
		return false; /* nobody can tell */
	return f->identity.birth_ns <= (known ? known - BIRTH_STEP_MS * 1000000LL : c->looked.ns);
}

static int begin_file(struct collector *c, struct tail_file *f)
{
	struct tail_saved *s;
	int failed = tail_table_claim(&c->table, &f->identity, f->fd, &s);

	/* What has a row that does not fit has other bytes since. */
	if (!failed && !s && tail_table_knows(&c->table, &f->identity))
		f->offset = 0;
	if (!failed)
		failed = s ? tail_file_go_on(f, &s->at) : tail_file_begin(f, f->offset);
	if (failed && s)
		tail_table_give_back(&c->table, s);
	if (failed)
		return failed;
	if (!s)
		tail_new_generation(c, f);
	else if (s->at.head_size == 0)
		tail_commit_first(c, f);
	else if (strcmp(f->path, s->path) != 0)
		tail_moved(c, f);
	free(s);
	tail_mark_ready(c, f);
	return 0;
}

/* So that it is known who it is, whatever its name is when it can be read: the next run, too, looks for what has a
 * position. */
static void remember_unopened(struct collector *c, const struct tail_file *f)
{
	struct position at = { .dev = f->identity.dev,
		.inode = f->identity.inode,
		.birth_ns = f->identity.birth_ns,
		.offset = f->offset,
		.path = f->path };

	if (tail_table_knows(&c->table, &f->identity))
		return;
	at.generation = host_generation_next(c->reader.host);
	tail_table_remember(&c->table, &at);
	host_position_put(c->reader.host, &at);
	tail_commit(c);
}

/* Takes the descriptor. What cannot be read is tried again by the next sweep, and is no other file than it was. */
static void take_file(struct collector *c, struct tail_file *f, int fd)
{
	struct tail_head head;
	int failed = tail_head_read(fd, 0, &head);
	enum tail_packing packing = tail_packing_of((struct bytes){ head.data, head.size });

	if (packing) {
		tail_begin_packed(c, f, fd, packing);
		return;
	}
	f->fd = fd;
	if (!failed)
		failed = begin_file(c, f);
	if (failed) {
		f->fd = -1;
		close(fd);
		tail_in_trouble(c, f, "read", -failed);
		remember_unopened(c, f);
		return;
	}
	tail_out_of_trouble(c, f);
}

/* Opens the file of that identity if it has that name still: else both are found by the next scan. -1: it has not, or
 * it is in trouble. */
static int open_as(
	struct collector *c, struct tail_file *f, const struct tail_found *found, const struct tail_identity *wanted)
{
	const struct tail_links links = { &c->paths, c->config->links };
	struct tail_identity identity;
	uint64_t size;
	int fd = tail_links_open(&links, found->path, found->name);

	if (fd == -EBADF)
		return -1;
	if (fd < 0 || (rlim_t)fd >= c->descriptors)
		tail_in_trouble(c, f, "open", fd < 0 ? -fd : EMFILE);
	else if (tail_identify(fd, "", &identity, &size) == 0 && tail_same(&identity, wanted))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void open_file(struct collector *c, struct tail_file *f, const struct tail_found *found)
{
	int fd = open_as(c, f, found, &f->identity);

	if (fd < 0)
		remember_unopened(c, f);
	else
		take_file(c, f, fd);
}

static void add_file(struct collector *c, const struct tail_found *found, bool gone)
{
	struct tail_file *f = tail_table_add(&c->table, found, gone);

	f->seen = gone ? 0 : c->scans;
	f->linked = found->linked;
	f->silent = found->silent;
	f->from_end = c->config->start == START_END && !c->had_scan && !gone && was_there_before(c, f);
	f->offset = f->from_end ? found->size : 0;
	open_file(c, f, found);
}

static void drop_file(struct collector *c, struct tail_file *f)
{
	tail_not_ready(c, f);
	tail_hold_no_more(c, f);
	tail_save_as(c, f, TAIL_SAVED);
	tail_forget(c, f->generation);
	c->troubled -= f->trouble != 0;
	tail_table_drop(&c->table, f);
}

/* The next scan looks for this file, and for those that had the name after it. */
static void ask_for(struct collector *c, const char *path, const struct tail_identity *identity)
{
	tail_lost_add(&c->lost, path, identity);
	c->scan_again = true;
}

void tail_lose_name(struct collector *c, struct tail_file *f)
{
	if (f->fd < 0 && !f->spent) {
		ask_for(c, f->path, &f->identity);
		drop_file(c, f);
		return;
	}
	tail_table_lose(&c->table, f);
	f->seen = 0;
	f->idle_sweeps = 0;
	++*c->rotations;
	tail_mark_ready(c, f);
}

/*
 * Whether it is known who had the name between the last one that we know of and the new file; of a name that is new,
 * since the last time when nobody had it. If not, they are looked for in the next scan, and the new file is begun after
 * them: with its generation on disk, an earlier one that a kill left without would not be looked for any more.
 */
static bool knows_between(struct collector *c, const struct tail_found *found, const struct tail_file *named)
{
	static const struct tail_identity anybody;
	const struct tail_identity since = { .birth_ns = c->looked.ns - BIRTH_STEP_MS * 1000000LL };
	const struct tail_file *f = named ? named : tail_table_last_owner(&c->table, found->path);

	if (tail_scan_lost(&c->scan, found->path, f ? &f->identity : &anybody))
		return true;
	if (!f && found->identity.birth_ns <= c->looked.ns)
		return true;
	ask_for(c, found->path, f ? &f->identity : &since);
	return false;
}

/* An overlay gives a file that is written to another birth, and its bytes to those who open it from then on. Elsewhere
 * nobody else has the inode of a file that is open. */
static bool goes_on_in_copy(struct collector *c, struct tail_file *f, const struct tail_found *found)
{
	const struct position begin = tail_file_position(f);
	int fd;

	if (f->fd < 0 || f->packed || f->state != TAIL_FOLLOWED || f->identity.dev != found->identity.dev ||
		f->identity.inode != found->identity.inode)
		return false;
	fd = open_as(c, f, found, &found->identity);
	if (fd < 0)
		return false;
	if (tail_head_is(fd, &begin) != 1 || tail_stood_before(fd, f->offset, &f->before) != 1) {
		close(fd);
		return false;
	}
	close(f->fd);
	f->fd = fd;
	f->identity = found->identity;
	tail_moved(c, f);
	return true;
}

/* A file that we know has been found. A second name of it (a link) is left alone. */
static void found_again(struct collector *c, struct tail_file *f, const struct tail_found *found)
{
	bool has_name = !f->gone && f->seen == c->scans;

	f->seen = c->scans;
	if (!has_name && (f->gone || strcmp(f->path, found->path) != 0)) {
		tail_table_rename(&c->table, f, found->path);
		f->last = f->packed;
		if (f->fd >= 0)
			tail_moved(c, f);
	}
	tail_table_pass(&c->table, f);
	if (strcmp(f->path, found->path) == 0) {
		f->linked = found->linked;
		f->silent = found->silent;
	}
	if (f->fd < 0 && !f->spent)
		open_file(c, f, found);
	if (f->packed)
		return;
	if (found->size != tail_file_seen(f) || f->trouble)
		tail_mark_ready(c, f);
}

static bool is_all_read(const struct tail_file *f)
{
	return f->state == TAIL_FOLLOWED && !f->ready && f->offers == 0 && f->save == TAIL_SAVED && !tail_file_grew(f);
}

static void tend_packed(struct collector *c, struct tail_file *f)
{
	if (f->fd >= 0 && is_all_read(f))
		tail_spend(f);
	c->packed_waiting += !f->spent && f->fd < 0;
}

void tail_look_at(struct collector *c, const struct tail_found *found)
{
	struct tail_file *f = tail_table_find(&c->table, &found->identity);
	struct tail_file *named = tail_table_named(&c->table, found->path);
	bool known;

	if (!f && named && goes_on_in_copy(c, named, found))
		f = named;
	known = f || (!c->unsure && knows_between(c, found, named));
	if (named && named != f)
		tail_lose_name(c, named);
	if (f)
		found_again(c, f, found);
	else if (known)
		add_file(c, found, false);
	else
		c->put_off = true;
	if (f && f->packed)
		tend_packed(c, f);
}

void tail_look_at_rotated(struct collector *c, const struct tail_found *found)
{
	if (!tail_table_find(&c->table, &found->identity))
		add_file(c, found, true);
}

static bool is_deleted(const struct tail_file *f)
{
	struct stat info;

	return f->packed || (fstat(f->fd, &info) == 0 && info.st_nlink == 0);
}

/* A rotated file that could not be opened, or is compressed and waits. It may have been renamed once more meanwhile;
 * else it is asked for again by the next sweep. */
static void look_for(struct collector *c, const struct tail_file *f)
{
	bool again = c->scan_again;

	ask_for(c, f->path, &f->identity);
	c->scan_again = again || (!f->packed && (!f->trouble || f->trouble == ENOENT));
}

/* Its folder is away, as with an unmounted volume, or cannot be read. */
static bool is_out_of_sight(const struct tail_file *f)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(f->path, '/');

	if (!slash || slash == f->path)
		return false;
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - f->path), f->path);
	return faccessat(AT_FDCWD, folder, R_OK | X_OK, AT_EACCESS) < 0;
}

/* Read to its end, and closed. With its folder it may come back. */
static void let_go(struct collector *c, struct tail_file *f)
{
	if (!is_deleted(f) && is_out_of_sight(f))
		tail_keep_position(c, f);
	drop_file(c, f);
}

/* So many sweeps a file without a name is kept open when it does not grow: where others cannot be opened for want of
 * descriptors, no longer than one that was deleted. */
static int sweeps_of(const struct collector *c, const struct tail_file *f)
{
	return c->out_of_descriptors || is_deleted(f) ? DELETED_SWEEPS : ROTATED_SWEEPS;
}

void tail_tend_gone(struct collector *c, struct tail_file *f)
{
	f->idle_sweeps = (uint8_t)(f->idle_sweeps + (c->sweeping && f->idle_sweeps < ROTATED_SWEEPS));
	if (f->state == TAIL_CLOSED && c->unpack && tail_same(&c->unpack->identity, &f->identity)) {
		return;
	} else if (f->state == TAIL_CLOSED) {
		if (!f->spent)
			look_for(c, f);
		drop_file(c, f);
	} else if (f->ready || f->offers > 0 || f->state != TAIL_FOLLOWED || tail_file_grew(f)) {
		f->idle_sweeps = 0;
		f->last = f->packed;
		tail_mark_ready(c, f);
	} else if (f->save == TAIL_SAVING || c->packed_waiting > 0 ||
		   f->idle_sweeps < sweeps_of(c, f)) {
		return;
	} else if (f->held + f->unended > 0) {
		f->last = true;
		tail_mark_ready(c, f);
	} else {
		let_go(c, f);
	}
}

/* Removed, or moved to where it is not looked for, while nobody followed it. */
static void tell_gone(struct collector *c, const struct tail_saved *s)
{
	++*c->vanished;
	if (s->at.head_size == 0) {
		host_log(c->reader.host, LOG_LEVEL_INFO,
			"%s was gone before it could be opened: what it had is not known", s->path);
		return;
	}
	host_log(c->reader.host, LOG_LEVEL_INFO,
		"%s was read up to byte %llu in an earlier run and is not there any more; what it had behind that is "
		"not known",
		s->path, (unsigned long long)s->at.offset);
}

bool tail_may_come_back(void *context, const struct tail_saved *s)
{
	struct collector *c = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
	const struct tail_file *f = tail_table_find(&c->table, &then);
	const struct tail_lost *lost = tail_scan_lost(&c->scan, s->path, &then);

	if (f ? f->fd < 0 : c->packed_waiting > 0 || c->unsure || c->put_off || !lost || !lost->gone)
		return true;
	if (f && s->at.birth_ns)
		tail_tell_cut_down(c, f->path, s->at.offset);
	else
		tell_gone(c, s);
	tail_forget(c, s->at.generation);
	return false;
}
