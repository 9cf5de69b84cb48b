#include "recorder/tape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/otlp_walk.h"
#include "proto/otlp_wire.h"

enum {
	FLUSH_MS = 100,
	AGAIN_MS = 10000, /* a ring that could not be opened is tried again */
	LARGE = 256 << 10, /* a frame that is written at once */
	GATHERED_MAX = 1 << 20, /* of a frame of several requests */
	STEP = 64 << 10, /* by which its memory grows */
};

struct tape_job {
	struct job job;
	struct tape *tape;
	struct buffer frame; /* without memory: nothing to write */
	uint64_t spans, number;
	bool ends;
	struct tape_wrote wrote;
};

/* In the lane. */

static int open_ring(struct tape *t, struct tape_wrote *wrote)
{
	const struct tape_options *o = &t->options;
	int failed = 0;

	ring_close(t->ring);
	t->ring = NULL;
	if (t->folder.fd < 0)
		failed = path_folder_open(o->folder, false, &t->folder);
	if (!failed)
		failed = ring_open(&t->folder, o->size, &t->ring, &wrote->found);
	if (failed)
		return failed;
	wrote->opened = true;
	wrote->killed = !ring_ended(t->ring) && ring_tail(t->ring) < ring_head(t->ring);
	return 0;
}

static int count_error(void *context, const struct otlp_span *span)
{
	*(uint64_t *)context += span->status == OTLP_STATUS_ERROR;
	return 0;
}

/* Whether a span of it can have an error: its status has these two bytes (Status.code, 3, varint; trace.proto), which
 * hardly anything else has, and looking for them costs a tenth of looking at the spans. */
static bool may_have_errors(struct bytes request)
{
	const char *at = request.data, *end;

	if (request.size < 2)
		return false;
	end = request.data + request.size - 1;
	while (at < end && (at = memchr(at, 3 << 3 | WIRE_VARINT, (size_t)(end - at)))) {
		if (at[1] == OTLP_STATUS_ERROR)
			return true;
		at++;
	}
	return false;
}

static uint64_t count_errors(const struct buffer *frame)
{
	struct ring_entry e;
	uint64_t errors = 0;
	size_t at = 0;

	while (ring_entry_next(frame, &at, &e))
		if (may_have_errors(e.request))
			(void)!otlp_traces_each(e.request, count_error, &errors);
	return errors;
}

static void work(struct job *job)
{
	struct tape_job *j = CONTAINER_OF(job, struct tape_job, job);
	struct tape *t = j->tape;
	struct tape_wrote *wrote = &j->wrote;
	int failed;

	if (t->options.count_errors && j->frame.size > 0)
		wrote->errors = count_errors(&j->frame);
	if (!t->ring || !ring_is_whole(t->ring, &t->folder))
		wrote->failed = open_ring(t, wrote);
	if (!wrote->failed && j->frame.size > 0)
		wrote->failed = ring_write(t->ring, &j->frame);
	wrote->missed = wrote->failed != 0;
	if (wrote->failed == -EBUSY)
		wrote->failed = 0; /* the ring is fine, and has room again once the dump has gone on */
	if (!t->ring || !j->ends)
		return;
	failed = ring_set_ended(t->ring); /* also if the last frame found no room */
	wrote->failed = wrote->failed ? wrote->failed : failed;
}

/* On the loop. */

static void release(struct tape *t, struct buffer *frame)
{
	size_t room = frame->room;

	buffer_done(frame);
	budget_give(t->options.budget, SIGNAL_TRACES, room);
}

static void count(const struct tape_options *o, const struct tape_job *j)
{
	*(j->wrote.missed ? o->missed : o->recorded) += j->spans;
}

static void done(struct job *job)
{
	struct tape_job *j = CONTAINER_OF(job, struct tape_job, job);
	struct tape *t = j->tape;
	const struct tape_options *o = &t->options;
	struct tape_wrote wrote = j->wrote;

	t->job = t->job == j ? NULL : t->job;
	t->written = j->number;
	t->failed = wrote.failed;
	count(o, j);
	release(t, &j->frame);
	free(j);
	if (t->filling.size > LARGE && !t->failed)
		(void)tape_flush(t);
	else if (t->filling.size > 0 && !loop_timer_pending(&t->due))
		loop_timer_set(&t->due, wrote.failed ? DURATION_MS(AGAIN_MS) : DURATION_MS(FLUSH_MS));
	o->wrote(o->context, &wrote);
}

/* With the frame that is filled. */
static struct tape_job job_of(struct tape *t, bool ends)
{
	return (struct tape_job){ .job = { .work = work, .done = done },
		.tape = t,
		.frame = t->filling,
		.spans = t->filling_spans,
		.number = t->number,
		.ends = ends };
}

/* Gives the frame to the lane. False: the lane is full, or ends. */
static bool begin(struct tape *t, bool ends)
{
	struct tape_job *j = oxp_new(sizeof *j);

	*j = job_of(t, ends);
	if (lane_run(t->options.disk, &j->job) < 0) {
		free(j);
		return false;
	}
	t->job = j;
	t->number++;
	t->filling_spans = 0;
	buffer_init(&t->filling, ring_frame_max(t->options.size));
	loop_timer_clear(&t->due);
	return true;
}

static void on_due(void *context)
{
	struct tape *t = context;

	if (!t->job && !begin(t, false))
		loop_timer_set(&t->due, DURATION_MS(FLUSH_MS));
}

void tape_init(struct tape *t, const struct tape_options *o)
{
	*t = (struct tape){ .options = *o, .number = 1, .folder = { .fd = -1 } };
	buffer_init(&t->filling, ring_frame_max(o->size));
	loop_timer_init(&t->due, o->loop, on_due, t);
}

void tape_done(struct tape *t)
{
	struct tape_job last;

	if (!t->options.loop)
		return;
	loop_timer_done(&t->due);
	if (t->ends) {
		last = job_of(t, true);
		work(&last.job); /* the ring is the loop's now */
		count(&t->options, &last);
	}
	release(t, &t->filling);
	ring_close(t->ring);
	path_folder_close(&t->folder);
}

void tape_open(struct tape *t)
{
	on_due(t);
}

uint64_t tape_flush(struct tape *t)
{
	uint64_t last = t->filling.size > 0 ? t->number : t->number - 1;

	if (t->filling.size > 0 && !t->job)
		on_due(t);
	return last;
}

void tape_end(struct tape *t)
{
	t->ends = t->options.loop && !begin(t, true);
}

/* Makes room for one more request. The memory of frames is a part of `memory`. */
static bool reserve(struct tape *t, size_t request)
{
	struct buffer *frame = &t->filling;
	size_t need = (frame->size ? frame->size : ring_frame_head()) + ring_entry_size(request), more;

	if (need > frame->ceiling || (frame->size > 0 && need > GATHERED_MAX))
		return false;
	more = need > frame->room ? (need + STEP - 1) / STEP * STEP - frame->room : 0;
	if (frame->room + more > frame->ceiling)
		more = frame->ceiling - frame->room;
	if (more > 0 && !budget_take(t->options.budget, SIGNAL_TRACES, more))
		return false;
	if (more > 0 && !buffer_reserve_step(frame, frame->room + more - frame->size, 1)) {
		budget_give(t->options.budget, SIGNAL_TRACES, more);
		return false;
	}
	return frame->size > 0 || ring_frame_begin(frame) == 0;
}

static void note(struct tape *t, const struct batch_item *item, enum ring_kind kind)
{
	const struct ring_entry e = { .at = loop_wall(t->options.loop),
		.kind = kind,
		.records = item->records,
		.request = { item->data, item->size } };

	if (t->filling.size > 0 && t->filling.size + ring_entry_size(item->size) > LARGE && !t->job && !t->failed)
		(void)tape_flush(t);
	if (reserve(t, item->size) && ring_frame_add(&t->filling, &e) == 0)
		t->filling_spans += item->records;
	else
		*t->options.missed += item->records;
}

void tape_note(struct tape *t, const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		note(t, &b->items[i], RING_SENT);
	for (size_t i = 0; b->aside && i < b->aside->count; i++)
		note(t, &b->aside->items[i], RING_LEFT_OUT);
	if (t->filling.size > 0 && !t->job && !loop_timer_pending(&t->due))
		loop_timer_set(&t->due, t->failed ? DURATION_MS(AGAIN_MS) : DURATION_MS(FLUSH_MS));
}
