#include "collectors/tail/copies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/tail/copyname.h"

void tail_copies_init(struct tail_copies *c, const struct tail_copies_parts *parts)
{
	struct host *host = parts->core->host;

	c->with = *parts;
	c->truncations =
		host_counter(host, "truncations_total", "Files truncated, which are read from their beginning again.");
	c->copies = host_counter(
		host, "copies_total", "Files truncated after they were copied, which are read on in the copy.");
}

/* Cutting. */

static void look_for_copy(struct tail_copies *c, const struct tail_file *f)
{
	const struct position at = tail_file_read_to(f);

	tail_wanted_copy(c->with.wanted, &at, f->cut_before);
	tail_wanted_scan(c->with.wanted, true);
}

/* Logged at once, because the process may end before it is known whether there is a copy. */
static void tell_cut(struct tail_copies *c, const char *path, uint64_t offset)
{
	++*c->truncations;
	host_log(c->with.core->host, LOG_LEVEL_INFO,
		"%s was cut down: reading it from its beginning, and looking for a copy of what it had behind byte "
		"%llu",
		path, (unsigned long long)offset);
}

static void tell_gap(struct tail_copies *c, const char *path, uint64_t offset)
{
	host_log(c->with.core->host, LOG_LEVEL_WARN,
		"%s was cut down and there is no copy of it: what was cut away after byte %llu and not read is not "
		"known",
		path, (unsigned long long)offset);
}

struct tail_file *tail_copies_cut(struct tail_copies *c, struct tail_file *f)
{
	struct tail_file *n;

	tell_cut(c, f->path, f->offset);
	tail_turns_drop(c->with.turns, f);
	n = tail_table_cut(c->with.table, f);
	(void)tail_file_begin(n, 0);
	tail_saver_name(c->with.saver, n);
	if (f->head_size > 0)
		look_for_copy(c, f);
	return n;
}

void tail_copies_cut_before(struct tail_copies *c, const struct position *at, const char *path)
{
	struct tail_found found = { .path = (char *)(uintptr_t)path,
		.identity = { at->dev, at->inode, at->birth_ns },
		.born = tail_births_order(c->with.core->births, loop_now(c->with.core->loop), at->birth_ns) };
	struct tail_file *f = tail_table_add(c->with.table, &found, true);

	tell_cut(c, path, at->offset);
	tail_table_move(c->with.table, f, TAIL_GONE_CUT);
	tail_file_restore(f, at);
	tail_saver_resume(c->with.saver, f, true);
	f->cut_before = true;
	look_for_copy(c, f);
}

/* Copies that `paths` match. */

struct question {
	struct tail_copies *copies;
	int fd;
	const char *name; /* the path that a rotated file was written under, or NULL */
	uint64_t size;
	enum tail_copy answer;
	int failed; /* -errno: it, or what it may be a copy of, cannot be read */
};

static void answer(struct question *q, int same)
{
	q->failed = same < 0 ? same : 0;
	q->answer = same > 0 ? TAIL_COPY_SO_FAR : TAIL_NO_COPY;
}

static bool is_open_question(const struct question *q)
{
	return q->answer == TAIL_NO_COPY && !q->failed;
}

/* Each returns 1, 0 or -errno. */

/* A file cannot be recognized by a beginning of zeros, or by none. */
static int begins_as(int fd, const struct position *at)
{
	char first;
	int same = at->head_size > 0 ? tail_head_is(fd, at) : 0;
	ssize_t got = same == 1 ? pread(fd, &first, 1, (off_t)at->head_at) : 0;

	if (got < 0)
		return -errno;
	return got == 1 ? first != 0 : same;
}

static int has(int fd, const struct position *at)
{
	const struct tail_before before = { at->before_hash, at->before_size };
	int same = begins_as(fd, at);

	return same == 1 && before.size > 0 ? tail_stood_before(fd, at->offset, &before) : same;
}

static int reads_alike(int a, int b, uint64_t at)
{
	char x[TAIL_BEFORE_MAX], y[TAIL_BEFORE_MAX];
	size_t size = at < sizeof x ? (size_t)at : sizeof x;
	ssize_t got = pread(a, x, size, (off_t)(at - size)), other = pread(b, y, size, (off_t)(at - size));

	if (got < 0 || other < 0)
		return -errno;
	return got == other && memcmp(x, y, (size_t)got) == 0;
}

/* Whether the other file begins with everything that the file in question has: that one is a copy, whole or still being
 * written. One that is longer is none. */
static int begins_with_it(const struct question *q, const struct tail_file *f)
{
	const uint64_t at = q->size;
	struct stat info;
	int same;

	if (fstat(f->fd, &info) < 0)
		return -errno;
	if (info.st_size == 0 || q->size > (uint64_t)info.st_size)
		return 0;
	same = reads_alike(q->fd, f->fd, smaller(at, TAIL_HEAD_MAX));
	return same == 1 ? reads_alike(q->fd, f->fd, at) : same;
}

/* Of a file of an earlier run that could not be opened yet: nobody knows whether it was cut down. */
static void compare_position(void *context, const struct tail_saved *s)
{
	struct question *q = context;

	if (is_open_question(q) && q->size >= s->at.offset)
		answer(q, has(q->fd, &s->at));
}

/* If it was cut down and that has not been noticed yet, only its beginning is known. */
static int is_like_followed(const struct question *q, const struct tail_file *f)
{
	const struct position at = tail_file_read_to(f);
	int intact = has(f->fd, &at);

	if (intact < 0)
		return intact;
	return intact ? begins_with_it(q, f) : begins_as(q->fd, &at);
}

static void compare_cut(struct question *q, const struct tail_file *f)
{
	const struct position at = tail_file_read_to(f);
	int begins = begins_as(q->fd, &at);

	if (begins == 1 && q->size < at.offset)
		q->answer = TAIL_COPY_READ;
	else
		answer(q, begins < 0 ? begins : has(q->fd, &at));
}

static bool compare(void *context, struct tail_file *f)
{
	struct question *q = context;

	if (f->state == TAIL_CLOSED)
		tail_table_visit_saved(q->copies->with.table, &f->identity, compare_position, q);
	else if (f->state == TAIL_GONE_CUT)
		compare_cut(q, f);
	else if (f->state == TAIL_FOLLOWED)
		answer(q, is_like_followed(q, f));
	return is_open_question(q);
}

static bool compare_all(void *context, const char *original)
{
	struct question *q = context;

	tail_table_visit(q->copies->with.table, original, compare, q);
	return is_open_question(q);
}

static bool compare_saved(void *context, const struct tail_saved *s)
{
	struct question *q = context;

	if (strcmp(s->path, q->name) == 0)
		compare_position(context, s);
	return true;
}

void tail_copies_forget_rows(struct tail_copies *c, const struct tail_identity *identity)
{
	for (struct tail_saved *s; (s = tail_table_take(c->with.table, identity)); free(s))
		tail_saver_forget(c->with.saver, s->at.generation);
}

int tail_copies_ask(struct tail_copies *c, const struct tail_found *found, int fd, enum tail_copy *ret)
{
	struct question q = { .copies = c, .fd = fd, .name = found->name };
	size_t at = 0;
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	q.size = (uint64_t)info.st_size;
	tail_copyname_originals(found->path, compare_all, &q);
	while (q.name && is_open_question(&q) && tail_table_sift(c->with.table, &at, compare_saved, &q))
		continue;
	if (q.answer == TAIL_COPY_READ)
		tail_copies_forget_rows(c, &found->identity);
	*ret = q.answer;
	return q.failed;
}

/* Copies of what was cut down. */

/* One of an earlier run is inside a line or not as its bytes say. */
static int open_copy(const struct tail_table *table, struct tail_file *f, int fd)
{
	const struct position at = tail_file_read_to(f);
	int failed = 0;

	if (has(fd, &at) != 1)
		return -ENOENT;
	tail_file_open(f, fd);
	if (f->offers == 0 && f->saved == f->offset)
		failed = tail_file_go_on(f, &at);
	if (failed)
		tail_table_close(table, f);
	return failed;
}

bool tail_copies_read_on(struct tail_copies *c, struct tail_file *f, const struct tail_found *found, int fd)
{
	int failed = open_copy(c->with.table, f, fd);

	if (failed == -ENOENT)
		close(fd);
	if (failed)
		return false;
	++*c->copies;
	host_log(c->with.core->host, LOG_LEVEL_INFO,
		"%s was cut down: what was not read before is read in its copy %s, from byte %llu on", f->path,
		found->path, (unsigned long long)f->offset);
	tail_table_become(c->with.table, f, &found->identity);
	tail_table_move(c->with.table, f, TAIL_GONE_FOLLOWED);
	if (tail_matches(&c->with.core->globs, found->path))
		tail_table_rename(c->with.table, f, found->path);
	tail_copies_forget_rows(c, &found->identity);
	tail_saver_moved(c->with.saver, f);
	tail_ready_add(c->with.ready, f);
	return true;
}

void tail_copies_let_be(struct tail_copies *c, struct tail_file *f)
{
	(void)c;
	f->copied = true;
}

bool tail_copies_are_gone(struct tail_copies *c, struct tail_file *f)
{
	const struct tail_scan *scan = &c->with.look->scan;

	if (f->offers > 0 || f->save == TAIL_SAVING || c->with.doubts->packed_waiting > 0)
		return false;
	if (f->copied)
		return true;
	if (f->head_size > 0 && (!tail_cut_looked(&scan->cuts, f->generation) || c->with.doubts->unsure ||
					tail_scan_has_copy(scan, f->generation))) {
		look_for_copy(c, f);
		return false;
	}
	tell_gap(c, f->path, f->offset);
	return true;
}
