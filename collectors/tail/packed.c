/*
 * Compressed files of `tail`: looked into one at a time (gzip.h), once nobody writes to them any more. One whose
 * text is followed under another name is not read; one whose file an earlier run has read in part is read on from
 * there, under the same generation; else it is a new file, to which nobody will write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/tail/inner.h"

enum {
	PACKED_REST_S = 5, /* so long nothing changes a compressed file before it is read */
};

void tail_spend(struct tail_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->spent = true;
}

/* What was not come to is there for the next time. */
static void end_unpack(struct collector *c)
{
	tail_unpack_free(c->unpack);
	c->unpack = NULL;
	if (c->resumed)
		tail_table_give_back(&c->table, c->resumed);
	c->resumed = NULL;
}

static void unpack_next_slice(struct collector *c)
{
	if (lane_run(host_cpu_lane(c->reader.host), &c->unpack->job) == 0)
		return;
	end_unpack(c); /* the next sweep tries again */
}

/* Nobody is writing to it any more. Its time of change tells, as gzip gives it the other time of what it packed. */
static bool is_at_rest(struct collector *c, int fd)
{
	struct stat info;
	int64_t since;

	if (fstat(fd, &info) < 0)
		return false;
	since = loop_wall(c->loop).ns / 1000000000 - info.st_ctim.tv_sec;
	return since < 0 || since >= PACKED_REST_S;
}

/* One at a time, and none that is still being written; the others are asked again by the scan that follows. */
void tail_begin_packed(struct collector *c, struct tail_file *f, int fd, enum tail_packing packing)
{
	bool wanted = c->config->gzip && packing == TAIL_GZIP;

	f->packed = true;
	f->spent = !wanted || (f->from_end && !tail_table_has_begun(&c->table, &f->identity));
	if (f->spent)
		tail_out_of_trouble(c, f);
	if (!wanted)
		host_log(c->reader.host, LOG_LEVEL_INFO, "%s is compressed and left out%s", f->path,
			packing == TAIL_GZIP ? ": see option gzip" : ", since it is no gzip");
	c->packed_waiting += !f->spent;
	if (f->spent || c->unpack || c->draining || !is_at_rest(c, fd)) {
		close(fd);
		return;
	}
	c->unpack = tail_unpack_new(fd, &f->identity, host_state_path(c->reader.host));
	if (!c->unpack) {
		tail_in_trouble(c, f, "unpack", errno);
		return;
	}
	c->unpack->job.done = tail_on_unpacked;
	c->unpack->collector = c;
	unpack_next_slice(c);
}

/* Nothing of it was offered, and it is opened anew as what it is. While batches of what it was before it was cut down
 * are under way it stays as it is: the next event or sweep comes here again. */
void tail_is_packed_now(struct collector *c, struct tail_file *f)
{
	tail_not_ready(c, f);
	if (f->offers > 0)
		return;
	tail_hold_no_more(c, f);
	tail_save_as(c, f, TAIL_SAVED);
	tail_forget(c, f->generation);
	f->generation = 0;
	f->held = f->unended = 0;
	f->state = TAIL_CLOSED;
	close(f->fd);
	f->fd = -1;
	tail_begin_scan(c);
}

struct packed_twin {
	const struct collector *collector;
	const struct tail_unpack *unpack;
	struct tail_head head; /* of its text */
	struct tail_identity found;
	bool any;
};

/* Of ten thousand files few begin with a hole. The text is ours: that it cannot be read is as if it were another's. */
static bool begins_as(const struct packed_twin *t, const struct position *p)
{
	if (p->head_size == 0)
		return false;
	return p->head_at > 0 ? tail_head_is(t->unpack->text, p) == 1
			      : tail_head_begins(&t->head, p->head_hash, p->head_size);
}

/* A file of an earlier run that is not there any more and began as this text does. */
static bool is_earlier(void *context, const struct tail_saved *s)
{
	struct packed_twin *t = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };

	if (!t->any && (uint32_t)s->at.offset <= t->unpack->whole && !tail_table_find(&t->collector->table, &then) &&
		begins_as(t, &s->at)) {
		t->found = then;
		t->any = true;
	}
	return true;
}

static bool is_twin(const struct packed_twin *t, const struct tail_file *f)
{
	const struct position begin = tail_file_position(f);
	struct stat info;

	return f->fd >= 0 && !f->packed && begins_as(t, &begin) && fstat(f->fd, &info) == 0 &&
	       (uint32_t)info.st_size == t->unpack->whole;
}

/* Whether it is followed by now as the file that it was before. */
static bool has_twin(const struct packed_twin *t)
{
	const struct tail_file *f;

	TAILQ_FOREACH(f, &t->collector->table.gone, entry)
	if (is_twin(t, f))
		return true;
	TAILQ_FOREACH(f, &t->collector->table.named, entry)
	if (is_twin(t, f))
		return true;
	return false;
}

/* After the first slice: where it goes on from, if from anywhere. And again at the end, if the text is longer than was
 * told: of several members the last one tells only its own size (RFC 1952, 2.2). */
static bool is_read_before(struct collector *c)
{
	struct packed_twin twin = { .collector = c, .unpack = c->unpack };
	const struct tail_unpack *u = c->unpack;
	size_t at = 0;

	if (tail_head_read(u->text, 0, &twin.head) < 0)
		return false;
	if (!c->resumed && tail_table_claim(&c->table, &u->identity, u->text, &c->resumed) < 0)
		return false;
	if (!c->resumed && has_twin(&twin))
		return true;
	if (!c->resumed) {
		while (tail_table_sift(&c->table, &at, is_earlier, &twin))
			continue;
		if (twin.any && tail_table_claim(&c->table, &twin.found, u->text, &c->resumed) < 0)
			return false;
	}
	return c->resumed && (uint32_t)c->resumed->at.offset == u->whole;
}

/* Its text is there: from now on it is a file like any other, to which nobody writes. */
static void begin_text(struct collector *c, struct tail_file *f, bool read_before)
{
	struct tail_saved *s = c->resumed;

	tail_out_of_trouble(c, f);
	f->fd = c->unpack->text;
	c->unpack->text = -1;
	if (s && tail_file_go_on(f, &s->at) == 0) {
		if (s->at.head_size == 0)
			tail_commit_first(c, f);
		else
			tail_moved(c, f);
		free(s);
		c->resumed = NULL;
	} else {
		(void)tail_file_begin(f, read_before ? c->unpack->whole : 0);
		tail_new_generation(c, f);
	}
	f->last = true;
	if (read_before)
		tail_spend(f);
	else
		tail_mark_ready(c, f);
	++*c->packed;
	*c->unpacked += !read_before;
}

static void tell_damage(struct collector *c, const struct tail_file *f)
{
	if (!c->unpack->failed)
		return;
	++*c->damaged;
	host_log(c->reader.host, LOG_LEVEL_WARN, "%s: %s behind byte %llu of its text; what is before that is read",
		f->path, c->unpack->failed == -EBADMSG ? "it is no gzip" : strerror(-c->unpack->failed),
		(unsigned long long)c->unpack->size);
}

void tail_on_unpacked(struct job *job)
{
	struct tail_unpack *u = CONTAINER_OF(job, struct tail_unpack, job);
	struct collector *c = u->collector;
	struct tail_file *f = tail_table_find(&c->table, &u->identity);
	bool read_before;

	if (!f || c->stopped || c->draining) {
		end_unpack(c);
		if (f || c->draining)
			tail_begin_scan(c);
		return;
	}
	if (u->starved) {
		tail_in_trouble(c, f, "unpack", -u->failed);
		end_unpack(c);
		return;
	}
	if (u->ended && !u->failed && (uint32_t)u->size != u->whole) {
		u->whole = (uint32_t)u->size;
		u->decided = false;
	}
	u->waits = c->scanning && !u->decided;
	if (u->waits)
		return;
	read_before = !u->decided && is_read_before(c);
	u->decided = true;
	if (!read_before && !u->ended) {
		unpack_next_slice(c);
		return;
	}
	if (!read_before)
		tell_damage(c, f);
	begin_text(c, f, read_before);
	end_unpack(c);
	tail_begin_scan(c);
}
