#include "collectors/tail/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/tail/links.h"

void tail_finder_init(struct tail_finder *d, const struct tail_finder_parts *parts)
{
	d->with = *parts;
	d->vanished = host_counter(parts->core->host, "vanished_files_total",
		"Files that disappeared before it was certain that they had been read to their end.");
}

static bool has_room_for(const struct tail_finder *d, const struct position *at)
{
	size_t max = tail_machine_files_max(d->with.machine);

	return tail_cost(at->path) <= max - smaller(max, d->with.table->saved_cost);
}

void tail_finder_remember(struct tail_finder *d, const struct position *at)
{
	if (at->generation == TAIL_KNOWN) {
		d->known_before.ns = (int64_t)at->offset;
		tail_saver_knew(d->with.saver, d->known_before);
	} else if (has_room_for(d, at)) {
		tail_table_remember(d->with.table, at);
	} else {
		tail_troubles_no_room(d->with.troubles, at->path);
		tail_saver_forget(d->with.saver, at->generation);
	}
}

static bool is_gone(const struct tail_file *f)
{
	return tail_file_trait(f)->gone;
}

static bool is_open(const struct tail_file *f)
{
	return tail_file_trait(f)->open;
}

static bool is_compressed(const struct tail_file *f)
{
	return tail_file_trait(f)->compressed;
}

/* Beginning. */

static int64_t order_of(const struct tail_finder *d, int64_t birth_ns)
{
	const struct tail_core *core = d->with.core;

	return tail_births_order(core->births, loop_now(core->loop), birth_ns);
}

/* What was born by then was there when somebody last looked. The first start is taken as exact: an app may write a file
 * and start us at once, and with `start: end` does not want to see it. */
static int64_t looked_at(const struct tail_finder *d)
{
	const struct tail_look *look = d->with.look;
	bool first = !look->complete && !d->known_before.ns;

	return order_of(d, first ? look->last.ns : tail_look_since(look).birth_ns);
}

/* At the first start, whose first look may take more than one scan, a file was there before if it was born before the
 * look. At later starts, it was there before if the last run had it: a file that came since then, as by a rotation, is
 * as new as one that comes while we look. */
static bool was_there_before(const struct tail_finder *d, const struct tail_file *f)
{
	if (d->known_before.ns && f->identity.birth_ns == 0)
		return false; /* nobody can tell */
	return f->born <= looked_at(d);
}

/* The position of what was the same file and has other bytes now. */
static void tell_cut_before(struct tail_finder *d, const struct tail_file *f)
{
	for (struct tail_saved *s; (s = tail_table_take(d->with.table, &f->identity)); free(s)) {
		if (s->at.head_size > 0)
			tail_copies_cut_before(d->with.copies, &s->at, tail_saved_is_away(s) ? f->path : s->path);
		else
			tail_saver_forget(d->with.saver, s->at.generation);
	}
}

static int begin_file(struct tail_finder *d, struct tail_file *f)
{
	struct tail_saved *s;
	int failed = tail_table_claim(d->with.table, &f->identity, f->fd, &s);
	uint64_t offset = f->offset;

	/* A row that does not fit means that the file has other bytes by now. */
	if (!failed && !s && tail_table_knows(d->with.table, &f->identity))
		offset = 0;
	if (!failed)
		failed = s ? tail_file_go_on(f, &s->at) : tail_file_begin(f, offset);
	if (failed && s)
		tail_table_give_back(d->with.table, s);
	if (failed)
		return failed;
	tail_table_move(d->with.table, f, is_gone(f) ? TAIL_GONE_FOLLOWED : TAIL_FOLLOWED);
	if (s)
		tail_saver_resume(d->with.saver, f, s->at.head_size > 0);
	else
		tail_saver_name(d->with.saver, f);
	if (s && s->at.head_size > 0 && strcmp(f->path, s->path) != 0)
		tail_saver_moved(d->with.saver, f);
	free(s);
	tell_cut_before(d, f);
	tail_ready_add(d->with.ready, f);
	return 0;
}

/* Its identity is saved, so that it is known whatever its name is when it can be read: the next run also looks for
 * files that have a position. */
static void remember_unopened(struct tail_finder *d, const struct tail_file *f)
{
	struct position at = { .dev = f->identity.dev,
		.inode = f->identity.inode,
		.birth_ns = f->identity.birth_ns,
		.offset = f->offset,
		.path = f->path };

	if (tail_table_knows(d->with.table, &f->identity))
		return;
	at.generation = host_generation_next(d->with.core->host);
	tail_table_remember(d->with.table, &at);
	tail_saver_put(d->with.saver, &at);
	tail_saver_commit(d->with.saver);
}

/* True: it is a copy, which is not begun, and is looked at again when it changes. Of a copy that was read before, only
 * what it gets from now on is read. */
static bool is_left_as_copy(
	struct tail_finder *d, struct tail_file *f, const struct tail_found *found, enum tail_copy copy)
{
	if (copy == TAIL_COPY_READ)
		tail_file_start(f, found->size);
	if (copy == TAIL_NO_COPY || (copy == TAIL_COPY_READ && !is_gone(f)))
		return false;
	tail_troubles_end(d->with.troubles, f);
	if (is_gone(f) && copy == TAIL_COPY_SO_FAR)
		tail_wanted_lost(d->with.wanted, f->path, &f->identity);
	if (is_gone(f) || f->state != TAIL_COPY)
		tail_table_move(d->with.table, f, is_gone(f) ? TAIL_GONE_SPENT : TAIL_COPY);
	return true;
}

/* Takes the descriptor. `failed` is how reading the beginning ended. */
static void begin_or_wait(struct tail_finder *d, struct tail_file *f, int fd, int failed)
{
	tail_file_open(f, fd);
	if (!failed)
		failed = begin_file(d, f);
	if (failed) {
		tail_table_close(d->with.table, f);
		tail_troubles_begin(d->with.troubles, f, "read", -failed);
		remember_unopened(d, f);
		return;
	}
	tail_troubles_end(d->with.troubles, f);
}

/* Takes the descriptor. A file that cannot be read, or compared with what it may be a copy of, is tried again by the
 * next sweep; that does not make it another file. */
static void take_file(struct tail_finder *d, struct tail_file *f, const struct tail_found *found, int fd)
{
	struct tail_head head;
	enum tail_copy copy = TAIL_NO_COPY;
	int failed = tail_head_read(fd, 0, &head);
	enum tail_packing packing = tail_packing_of((struct bytes){ head.data, head.size });

	if (packing) {
		tail_packed_begin(d->with.packed, f, fd, packing);
		return;
	}
	if (!failed && !tail_table_has_begun(d->with.table, &f->identity))
		failed = tail_copies_ask(d->with.copies, found, fd, &copy);
	if (failed || !is_left_as_copy(d, f, found, copy))
		begin_or_wait(d, f, fd, failed);
	else
		close(fd);
}

/* Opens the file of that identity if it has that name still; else both are found by the next scan. -1: it has not, or
 * it is in trouble. */
static int open_as(
	struct tail_finder *d, struct tail_file *f, const struct tail_found *found, const struct tail_identity *wanted)
{
	const struct tail_links links = { d->with.core->globs.paths, d->with.core->config->links, d->with.core->host };
	struct tail_identity identity;
	uint64_t size;
	int fd = tail_links_open(&links, found->path, found->name);

	if (fd == -EBADF)
		return -1;
	if (fd < 0 || (rlim_t)fd >= d->with.machine->descriptors)
		tail_troubles_begin(d->with.troubles, f, "open", fd < 0 ? -fd : EMFILE);
	else if (tail_identify(fd, "", &identity, &size) == 0 && tail_same(&identity, wanted))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void open_file(struct tail_finder *d, struct tail_file *f, const struct tail_found *found)
{
	int fd = open_as(d, f, found, &f->identity);

	if (fd < 0)
		remember_unopened(d, f);
	else
		take_file(d, f, found, fd);
}

static void add_file(struct tail_finder *d, const struct tail_found *found, bool gone)
{
	const struct tail_look *look = d->with.look;
	struct tail_file *f = tail_table_add(d->with.table, found, gone);

	f->seen = gone ? 0 : look->number;
	f->linked = found->linked;
	f->silent = found->silent;
	f->from_end = d->with.core->config->start == START_END && !look->complete && !gone && was_there_before(d, f);
	tail_file_start(f, f->from_end ? found->size : 0);
	open_file(d, f, found);
}

/* Losing. */

void tail_finder_lose(struct tail_finder *d, struct tail_file *f)
{
	if (tail_gone_lose(d->with.gone, f))
		f->seen = 0;
}

void tail_finder_tend_gone(struct tail_finder *d, struct tail_file *f)
{
	f->seen = d->with.look->number;
	tail_gone_tend(d->with.gone, f);
}

/* Finding. */

/*
 * Whether it is known which files had the name between the last one that we know and the new one; for a new name, since
 * the last time that no file had it. If not, the next scan looks for them, and the new file is begun after them.
 * Otherwise its generation would be on disk, and after a kill nobody would look for the earlier ones any more.
 */
static bool knows_between(struct tail_finder *d, const struct tail_found *found, const struct tail_file *named)
{
	static const struct tail_identity anybody;
	const struct tail_look *look = d->with.look;
	const struct tail_identity since = tail_look_since(look);
	const struct tail_file *f = named ? named : tail_table_last_owner(d->with.table, found->path);

	if (tail_lost_find(&look->scan.lost, found->path, f ? &f->identity : &anybody))
		return true;
	if (!f && found->born <= looked_at(d))
		return true;
	tail_wanted_lost(d->with.wanted, found->path, f ? &f->identity : &since);
	tail_wanted_scan(d->with.wanted, true);
	return false;
}

/* On an overlay, a file that is written to gets another birth, and only those who open it from then on see its new
 * bytes. Elsewhere, no other file has the inode of an open file. */
static bool goes_on_in_copy(struct tail_finder *d, struct tail_file *f, const struct tail_found *found)
{
	const struct position begin = tail_file_position(f);
	int fd;

	if (f->state != TAIL_FOLLOWED || f->birth != TAIL_BORN || f->identity.dev != found->identity.dev ||
		f->identity.inode != found->identity.inode)
		return false;
	fd = open_as(d, f, found, &found->identity);
	if (fd < 0)
		return false;
	if (tail_head_is(fd, &begin) != 1 || tail_stood_before(fd, f->offset, &f->before) != 1) {
		close(fd);
		return false;
	}
	tail_table_close(d->with.table, f);
	tail_file_open(f, fd);
	tail_table_become(d->with.table, f, &found->identity);
	tail_saver_moved(d->with.saver, f);
	return true;
}

/* A known file has been found. A second name of it (a link) is left alone. */
static void found_again(struct tail_finder *d, struct tail_file *f, const struct tail_found *found)
{
	bool has_name = !is_gone(f) && f->seen == d->with.look->number;

	f->seen = d->with.look->number;
	if (!has_name && (is_gone(f) || strcmp(f->path, found->path) != 0)) {
		tail_table_rename(d->with.table, f, found->path);
		if (is_open(f))
			tail_saver_moved(d->with.saver, f);
	}
	tail_table_pass(d->with.table, f);
	if (strcmp(f->path, found->path) == 0) {
		f->linked = found->linked;
		f->silent = found->silent;
	}
	if (tail_file_is_unopened(f))
		open_file(d, f, found);
	if (!is_compressed(f) && (found->size != tail_file_seen(f) || f->trouble))
		tail_ready_add(d->with.ready, f);
}

static bool has_name(const struct tail_file *f, const char *path)
{
	return !is_gone(f) && strcmp(f->path, path) == 0;
}

/* Nobody has looked into it, so it may be compressed. */
static void put_off(struct tail_finder *d)
{
	tail_doubts_put_off(d->with.doubts);
	if (d->with.core->config->gzip)
		tail_doubts_packed_waits(d->with.doubts);
}

void tail_finder_found(struct tail_finder *d, const struct tail_found *found)
{
	struct tail_file *f = tail_table_find(d->with.table, &found->identity);
	struct tail_file *named = f && has_name(f, found->path) ? f : tail_table_named(d->with.table, found->path);
	bool known;

	if (!f && named && goes_on_in_copy(d, named, found))
		f = named;
	known = f || (!d->with.doubts->unsure && knows_between(d, found, named));
	if (named && named != f)
		tail_finder_lose(d, named);
	if (f)
		found_again(d, f, found);
	else if (known)
		add_file(d, found, false);
	else
		put_off(d);
	if (f && is_compressed(f))
		tail_packed_tend(d->with.packed, f);
}

void tail_finder_found_rotated(struct tail_finder *d, const struct tail_found *found)
{
	if (!tail_table_find(d->with.table, &found->identity))
		add_file(d, found, true);
}

/* The file of which it is a copy is read on in another copy, so of this one only what it gets from now on is read. */
static void begin_at_end(struct tail_finder *d, struct tail_file *f, const struct tail_found *found)
{
	int fd = open_as(d, f, found, &f->identity);

	if (fd < 0)
		return;
	tail_copies_forget_rows(d->with.copies, &f->identity);
	tail_file_start(f, found->size);
	begin_or_wait(d, f, fd, 0);
}

void tail_finder_found_copy(struct tail_finder *d, const struct tail_found *found)
{
	struct tail_file *f = tail_table_find_cut(d->with.table, found->generation);
	struct tail_file *n = tail_table_find(d->with.table, &found->identity);
	int fd;

	if (!f && n && n->state == TAIL_COPY)
		begin_at_end(d, n, found);
	if (!f)
		return;
	if (n && is_open(n)) {
		tail_copies_let_be(d->with.copies, f);
		return;
	}
	fd = open_as(d, f, found, &found->identity);
	if (fd < 0)
		return;
	if (n)
		tail_gone_drop(d->with.gone, n);
	if (!tail_copies_read_on(d->with.copies, f, found, fd))
		return;
	tail_troubles_end(d->with.troubles, f);
	f->seen = is_gone(f) ? 0 : d->with.look->number;
	tail_gone_grew(f);
}

/* Gaps. */

struct tail_file *tail_finder_cut_down(struct tail_finder *d, struct tail_file *f)
{
	struct tail_file *n = tail_copies_cut(d->with.copies, f);

	n->seen = f->seen;
	n->linked = f->linked;
	n->silent = f->silent;
	return n;
}

bool tail_finder_close_packed(struct tail_finder *d, struct tail_file *f)
{
	if (f->offers > 0)
		return false;
	tail_turns_drop(d->with.turns, f);
	tail_saver_drop(d->with.saver, f);
	tail_table_close(d->with.table, f);
	tail_table_move(d->with.table, f, is_gone(f) ? TAIL_GONE_CLOSED : TAIL_CLOSED);
	return true;
}

/* It was removed, or moved to where nobody looks for it, while nobody followed it. */
static void tell_gone(struct tail_finder *d, const struct tail_saved *s)
{
	if (s->at.ended)
		return;
	++*d->vanished;
	if (s->at.head_size == 0) {
		host_log(d->with.core->host, LOG_LEVEL_INFO,
			"%s was gone before it could be opened: what it had is not known", s->path);
		return;
	}
	host_log(d->with.core->host, LOG_LEVEL_INFO,
		"%s was read up to byte %llu in an earlier run and is not there any more; what it had behind that is "
		"not known",
		s->path, (unsigned long long)s->at.offset);
}

/* Only a birth tells for sure that a file is the one which was there. */
static bool is_known_for_sure(const struct tail_saved *s)
{
	return s->at.birth_ns && s->at.head_size > 0;
}

bool tail_finder_may_come_back(void *finder, const struct tail_saved *s)
{
	struct tail_finder *d = finder;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
	const struct tail_file *f = tail_table_find(d->with.table, &then);
	const struct tail_lost *lost = tail_lost_find(&d->with.look->scan.lost, s->path, &then);

	if (f ? !is_open(f) : tail_doubts_any(d->with.doubts) || !lost || !lost->gone)
		return true;
	if (f && is_known_for_sure(s)) {
		tail_copies_cut_before(d->with.copies, &s->at, tail_saved_is_away(s) ? f->path : s->path);
		return false;
	}
	tell_gone(d, s);
	if (!is_known_for_sure(s)) {
		tail_saver_forget(d->with.saver, s->at.generation);
		return false;
	}
	tail_saver_away(d->with.saver, &s->at);
	tail_table_put_away(d->with.table, s);
	return true;
}

bool tail_finder_thin_out(struct tail_finder *d)
{
	uint64_t generation = tail_table_thin_out(d->with.table);

	tail_saver_forget(d->with.saver, generation);
	return generation != 0;
}
