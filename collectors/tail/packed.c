#include "collectors/tail/packed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/tail/copyname.h"

enum {
	COPY_AGE_S = 3600, /* a copy of a file that was cut down is no older; one that begins alike may be */
	PACKED_REST_S = 5, /* a compressed file is read once nothing has changed it for this long */
};

void tail_packed_init(struct tail_packed *p, const struct tail_packed_parts *parts)
{
	struct host *host = parts->core->host;

	p->with = *parts;
	p->round = 1;
	p->looked_into = host_counter(
		host, "compressed_files_total", "Compressed files examined, whether they had to be read or not.");
	p->unpacked = host_counter(host, "unpacked_total", "Compressed files read.");
	p->damaged = host_counter(host, "damaged_gzip_total",
		"Compressed files damaged, incomplete or too large, read as far as possible.");
}

bool tail_packed_is_quiet(const struct tail_packed *p)
{
	return !p->unpack;
}

bool tail_packed_is_at(const struct tail_packed *p, const struct tail_identity *identity)
{
	return p->unpack && tail_same(&p->unpack->identity, identity);
}

/* SPENT, with or without its name. */
static void spend(struct tail_packed *p, struct tail_file *f)
{
	tail_table_close(p->with.table, f);
	tail_table_move(p->with.table, f, tail_file_trait(f)->gone ? TAIL_GONE_SPENT : TAIL_SPENT);
}

/* Files that were not reached come next time. */
static void end_unpack(struct tail_packed *p)
{
	tail_closer_take(p->with.table->closer, tail_unpack_take_text(p->unpack));
	tail_unpack_free(p->unpack);
	p->unpack = NULL;
	p->choice = TAIL_CHOICE_OPEN;
	if (p->resumed)
		tail_table_give_back(p->with.table, p->resumed);
	p->resumed = NULL;
}

static void unpack_next_slice(struct tail_packed *p)
{
	if (lane_run(host_cpu_lane(p->with.core->host), &p->unpack->job) == 0)
		return;
	end_unpack(p); /* the next sweep tries again */
}

/* Whether nobody writes to it any more. Its time of change (ctime) tells; its time of modification is that of the file
 * it was made from. */
static bool is_at_rest(struct tail_packed *p, int fd)
{
	const struct tail_core *core = p->with.core;
	struct stat info;
	int64_t changed, since;

	if (fstat(fd, &info) < 0)
		return false;
	changed = ns_of(info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
	since = tail_births_since(core->births, loop_now(core->loop), changed).ns;
	return since < 0 || since >= DURATION_S(PACKED_REST_S).ns;
}

static void tell_left_out(struct tail_packed *p, const struct tail_file *f, enum tail_packing packing)
{
	if (packing == TAIL_WIDE)
		host_log(p->with.core->host, LOG_LEVEL_WARN,
			"%s is text in UTF-16 or UTF-32 and left out; expected UTF-8: have its program write that",
			f->path);
	else
		host_log(p->with.core->host, LOG_LEVEL_INFO, "%s is compressed and left out%s", f->path,
			packing == TAIL_GZIP ? ": see option gzip" : ", since it is not gzip");
}

static void leave_out(struct tail_packed *p, struct tail_file *f, int fd)
{
	close(fd);
	tail_troubles_end(p->with.troubles, f);
	spend(p, f);
}

static void wait(struct tail_packed *p, struct tail_file *f)
{
	enum tail_state waiting = tail_file_trait(f)->gone ? TAIL_GONE_WAITING : TAIL_WAITING;

	if (f->state != waiting)
		tail_table_move(p->with.table, f, waiting);
	tail_doubts_packed_waits(p->with.doubts);
}

static void on_unpacked(struct job *job);

void tail_packed_begin(struct tail_packed *p, struct tail_file *f, int fd, enum tail_packing packing)
{
	const struct tail_core *core = p->with.core;
	bool wanted = core->config->gzip && packing == TAIL_GZIP;

	if (!wanted)
		tell_left_out(p, f, packing);
	if (!wanted || (f->from_end && !tail_table_has_begun(p->with.table, &f->identity))) {
		leave_out(p, f, fd);
		return;
	}
	wait(p, f);
	p->skipped = p->skipped || f->starved == p->round;
	if (p->unpack || f->starved == p->round || core->life != TAIL_LIVES || !is_at_rest(p, fd)) {
		close(fd);
		return;
	}
	p->unpack = tail_unpack_new(fd, &f->identity, host_state_path(core->host), on_unpacked, p);
	if (p->unpack)
		unpack_next_slice(p);
	else
		tail_troubles_begin(p->with.troubles, f, "unpack", errno);
}

static bool is_all_read(const struct tail_file *f)
{
	return f->birth == TAIL_BORN && !f->ready && f->offers == 0 && f->save == TAIL_SAVED && !tail_file_grew(f);
}

void tail_packed_tend(struct tail_packed *p, struct tail_file *f)
{
	if (tail_file_trait(f)->open && is_all_read(f))
		spend(p, f);
	if (f->state == TAIL_WAITING)
		tail_doubts_packed_waits(p->with.doubts);
}

struct packed_twin {
	const struct tail_packed *packed;
	struct tail_head head; /* of its text */
	struct tail_identity found;
	bool any;
	bool later; /* whether it is one that is away can be told once all of the text is there */
};

/* Few of ten thousand files begin with a hole. The text is ours, so failing to read it is treated like finding another
 * file's. */
static bool begins_as(const struct packed_twin *t, const struct position *p)
{
	if (p->head_size == 0)
		return false;
	return p->head_at > 0 ? tail_head_is(t->packed->unpack->text, p) == 1
			      : tail_head_begins(&t->head, p->head_hash, p->head_size);
}

/* Of those that are away many may begin alike, so one of them must have been read to the end of this text, which is the
 * same there. */
static bool is_away_one(struct packed_twin *t, const struct position *at)
{
	const struct tail_before before = { at->before_hash, at->before_size };
	const struct tail_unpack *u = t->packed->unpack;

	if ((uint32_t)at->offset != u->whole || !begins_as(t, at))
		return false;
	t->later = t->later || !u->ended;
	return u->ended && at->offset == u->size && tail_stood_before(u->text, at->offset, &before) == 1;
}

/* A file of an earlier run, or that was let go, which is not there any more and began as this text does. */
static bool is_earlier(void *context, const struct tail_saved *s)
{
	struct packed_twin *t = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };

	if (t->any || tail_table_find(t->packed->with.table, &then))
		return true;
	t->any = tail_saved_is_away(s) ? is_away_one(t, &s->at)
				       : (uint32_t)s->at.offset <= t->packed->unpack->whole && begins_as(t, &s->at);
	if (t->any)
		t->found = then;
	return true;
}

static bool is_twin(const struct packed_twin *t, const struct tail_file *f)
{
	const struct position begin = tail_file_position(f);
	struct stat info;

	return tail_file_trait(f)->open && !tail_file_trait(f)->compressed && begins_as(t, &begin) &&
	       fstat(f->fd, &info) == 0 && (uint32_t)info.st_size == t->packed->unpack->whole;
}

/* Whether it is by now followed as the file that it was before. */
static bool has_twin(const struct packed_twin *t)
{
	const struct tail_file *f;

	TAILQ_FOREACH(f, &t->packed->with.table->gone, entry)
		if (is_twin(t, f))
			return true;
	TAILQ_FOREACH(f, &t->packed->with.table->named, entry)
		if (is_twin(t, f))
			return true;
	return false;
}

/* A file that was cut down, if this text is its copy, which was compressed before it was found. */
static struct tail_file *find_cut(const struct packed_twin *t)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, &t->packed->with.table->gone, entry) {
		const struct position at = tail_file_read_to(f);
		if (f->state == TAIL_GONE_CUT && (uint32_t)at.offset <= t->packed->unpack->whole && begins_as(t, &at))
			return f;
	}
	return NULL;
}

struct packed_copy {
	const char *path; /* of a file that was cut down */
	bool is;
};

static bool is_original(void *context, const char *original)
{
	struct packed_copy *copy = context;

	copy->is = strcmp(copy->path, original) == 0;
	return !copy->is;
}

/* By its name without the ending that compressing adds. */
static bool is_named_as_copy(const struct tail_file *f, const char *path)
{
	struct packed_copy copy = { .path = f->path };
	char plain[PATH_MAX];
	size_t n = strlen(path);

	snprintf(plain, sizeof plain, "%.*s", (int)(n > 3 && strcmp(path + n - 3, ".gz") == 0 ? n - 3 : n), path);
	tail_copyname_originals(plain, is_original, &copy);
	return copy.is;
}

/* The file was read beyond what the copy has, before it was cut down: nothing of the copy is left to read. */
static bool was_read_before_cut(struct packed_twin *t, const char *path)
{
	const struct tail_core *core = t->packed->with.core;
	const struct tail_unpack *u = t->packed->unpack;
	const struct tail_file *f;

	if (tail_births_since(core->births, loop_now(core->loop), u->identity.birth_ns).ns > DURATION_S(COPY_AGE_S).ns)
		return false;
	TAILQ_FOREACH(f, &t->packed->with.table->gone, entry) {
		const struct position at = tail_file_read_to(f);
		if (f->state != TAIL_GONE_CUT || !begins_as(t, &at) || !is_named_as_copy(f, path))
			continue;
		if (u->ended && at.offset > u->size)
			return true;
		t->later = t->later || !u->ended; /* what gzip announces of the size is 32 bits of its last member's */
	}
	return false;
}

/* The text goes on from what was read of that file. False: batches of it are still under way, and cannot be passed to
 * another file. */
static bool take_over_cut(struct tail_packed *p)
{
	struct packed_twin twin = { .packed = p };
	const struct tail_identity *identity = &p->unpack->identity;
	struct tail_file *f = tail_head_read(p->unpack->text, 0, &twin.head) == 0 ? find_cut(&twin) : NULL;
	struct position at;

	if (!f)
		return true;
	if (f->offers > 0)
		return false;
	at = tail_file_read_to(f);
	at.dev = identity->dev;
	at.inode = identity->inode;
	at.birth_ns = identity->birth_ns;
	tail_table_remember(p->with.table, &at);
	tail_saver_leave(p->with.saver, f);
	tail_troubles_forget(p->with.troubles, f);
	tail_table_drop(p->with.table, f);
	return true;
}

/* A row of a file that could not be opened yet says nothing of what was read, and is in the way of one that does. */
static int claim(struct tail_packed *p, const struct tail_identity *identity)
{
	struct tail_saved *s;
	int failed;

	while ((failed = tail_table_claim(p->with.table, identity, p->unpack->text, &s)) == 0 && s &&
		s->at.head_size == 0) {
		tail_saver_forget(p->with.saver, s->at.generation);
		free(s);
	}
	p->resumed = failed ? NULL : s;
	return failed;
}

/* Decides after the first slice whether and where it goes on. And again at the end, if the text is longer than
 * announced: if there are several members, the last one tells only its own size (RFC 1952, 2.2). */
static bool is_read_before(struct tail_packed *p, const struct tail_file *f)
{
	struct packed_twin twin = { .packed = p };
	const struct tail_unpack *u = p->unpack;
	struct tail_table *table = p->with.table;
	size_t at = 0;

	p->choice = TAIL_CHOICE_MADE;
	if (tail_head_read(u->text, 0, &twin.head) < 0)
		return false;
	if (!p->resumed && claim(p, &u->identity) < 0)
		return false;
	if (!p->resumed && (has_twin(&twin) || was_read_before_cut(&twin, f->path)))
		return true;
	if (!p->resumed) {
		while (tail_table_sift(table, &at, is_earlier, &twin))
			continue;
		if (twin.any && claim(p, &twin.found) < 0)
			return false;
		if (!twin.any && twin.later)
			p->choice = TAIL_CHOICE_AT_END;
	}
	return p->resumed && (uint32_t)p->resumed->at.offset == u->whole;
}

/* Its text is complete: from now on it is a file like any other, to which nobody writes. */
static void begin_text(struct tail_packed *p, struct tail_file *f, bool read_before)
{
	struct tail_saved *s = p->resumed;

	tail_troubles_end(p->with.troubles, f);
	tail_file_open(f, tail_unpack_take_text(p->unpack));
	tail_table_move(p->with.table, f, tail_file_trait(f)->gone ? TAIL_GONE_UNPACKED : TAIL_UNPACKED);
	if (s && tail_file_go_on(f, &s->at) == 0) {
		tail_saver_resume(p->with.saver, f, s->at.head_size > 0);
		if (s->at.head_size > 0)
			tail_saver_moved(p->with.saver, f);
		free(s);
		p->resumed = NULL;
	} else {
		(void)tail_file_begin(f, read_before ? p->unpack->whole : 0);
		tail_saver_name(p->with.saver, f);
	}
	if (read_before)
		spend(p, f);
	else
		tail_ready_add(p->with.ready, f);
	++*p->looked_into;
	*p->unpacked += !read_before;
}

static void tell_damage(struct tail_packed *p, const struct tail_file *f)
{
	const struct tail_unpack *u = p->unpack;

	if (!u->failed)
		return;
	++*p->damaged;
	host_log(p->with.core->host, LOG_LEVEL_WARN, "%s: %s behind byte %llu of its text; what is before that is read",
		f->path, u->failed == -EBADMSG ? "it is not gzip" : strerror(-u->failed), (unsigned long long)u->size);
}

/* The text is longer than announced when this was decided, so it is decided again. */
static void learn_size(struct tail_packed *p)
{
	if (p->unpack->ended && !p->unpack->failed && tail_unpack_learn_size(p->unpack))
		p->choice = TAIL_CHOICE_OPEN;
}

/* What gzip holds is left out for the same beginnings as a file is. The first slice has them. */
static bool leave_out_text(struct tail_packed *p, struct tail_file *f)
{
	enum tail_packing packing;
	struct tail_head head;

	if (p->choice == TAIL_CHOICE_MADE || tail_head_read(p->unpack->text, 0, &head) < 0)
		return false;
	packing = tail_packing_of((struct bytes){ head.data, head.size });
	if (packing == TAIL_TEXT)
		return false;
	host_log(p->with.core->host, LOG_LEVEL_WARN, "%s holds %s and is left out; expected lines in UTF-8", f->path,
		packing == TAIL_WIDE ? "text in UTF-16 or UTF-32" : "something compressed");
	++*p->looked_into;
	tail_troubles_end(p->with.troubles, f);
	spend(p, f);
	end_unpack(p);
	p->with.scan(p->with.context);
	return true;
}

static void go_on(struct tail_packed *p, struct tail_file *f)
{
	bool made, read_before;

	if (leave_out_text(p, f))
		return;
	learn_size(p);
	made = p->choice == TAIL_CHOICE_MADE || (p->choice == TAIL_CHOICE_AT_END && !p->unpack->ended);
	if (!made && p->with.look->phase != TAIL_SCAN_NONE) {
		p->choice = TAIL_CHOICE_WAITS;
		return;
	}
	if (!made && !take_over_cut(p)) {
		end_unpack(p); /* the next sweep tries again */
		return;
	}
	read_before = !made && is_read_before(p, f);
	if (!read_before && !p->unpack->ended) {
		unpack_next_slice(p);
		return;
	}
	if (!read_before)
		tell_damage(p, f);
	begin_text(p, f, read_before);
	end_unpack(p);
	p->with.scan(p->with.context);
}

static void on_unpacked(struct job *job)
{
	struct tail_unpack *u = CONTAINER_OF(job, struct tail_unpack, job);
	struct tail_packed *p = u->context;
	struct tail_file *f = tail_table_find(p->with.table, &u->identity);

	if (!f || p->with.core->life != TAIL_LIVES) {
		end_unpack(p);
		if (f || p->with.core->life != TAIL_LIVES)
			p->with.scan(p->with.context);
	} else if (u->starved) {
		tail_troubles_begin(p->with.troubles, f, "unpack", -u->failed);
		f->starved = p->round;
		end_unpack(p);
	} else {
		go_on(p, f);
	}
}

/* No other file waits, so those that were tried are tried again. */
static void begin_round(struct tail_packed *p)
{
	p->round++;
	p->with.scan(p->with.context);
}

void tail_packed_scanned(struct tail_packed *p)
{
	bool skipped = p->skipped;

	p->skipped = false;
	if (!p->unpack && skipped && p->with.core->life == TAIL_LIVES)
		begin_round(p);
	if (p->unpack && p->choice == TAIL_CHOICE_WAITS && p->with.look->phase == TAIL_SCAN_NONE)
		on_unpacked(&p->unpack->job);
}

void tail_packed_stop(struct tail_packed *p)
{
	if (p->unpack && p->choice == TAIL_CHOICE_WAITS)
		end_unpack(p);
}
