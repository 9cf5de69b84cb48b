#include "collectors/lines_lane.h"

/* What items may need beside their lines: places in the batch, members that we add. */
enum { SPARE = 64 << 10 };

void lines_lane_init(
	struct lines_lane *l, struct host *host, void (*split)(void *), void (*told)(void *), void *context)
{
	*l = (struct lines_lane){ .host = host, .split = split, .told = told, .context = context };
}

/* A run of LINES_LONG bytes has a whole block of half that size in it. Where lines are short, each look ends after a
 * few bytes. */
bool lines_are_long(const struct line_slice *s, size_t held)
{
	const size_t block = LINES_LONG / 2;

	if (held >= LINES_LONG)
		return true;
	for (size_t at = 0; at + block <= s->size; at += block)
		if (!memchr(s->data + at, '\n', block))
			return true;
	return false;
}

static void work(struct job *job)
{
	struct lines_lane *l = CONTAINER_OF(job, struct lines_lane, job);

	l->split(l->context);
}

static void tell(struct lines_lane *l, enum lines_stage stage)
{
	l->stage = stage;
	l->told(l->context);
}

static void drop_batch(struct lines_lane *l)
{
	batch_free(l->in->batch);
	l->in->batch = NULL;
}

static void on_prepared(void *context, int failed, struct batch *batch)
{
	struct lines_lane *l = context;

	if (l->stage == LINES_FORGOTTEN) {
		batch_free(batch);
		l->stage = LINES_IDLE;
		return;
	}
	l->in->batch = batch;
	tell(l, failed ? LINES_NO_ROOM : LINES_READY);
}

static void show_to_steps(struct lines_lane *l)
{
	enum admit admit = host_prepare(l->host, &l->in->batch, on_prepared, l);

	if (admit == ADMIT_WAITS)
		l->stage = LINES_AT_STEPS;
	else
		tell(l, admit == ADMIT_TAKEN ? LINES_READY : LINES_NO_ROOM);
}

static void on_split(struct job *job)
{
	struct lines_lane *l = CONTAINER_OF(job, struct lines_lane, job);

	batch_unreserve(l->in->batch);
	lines_forget(l->in->lines);
	l->records = batch_records(l->in->batch);
	if (l->in->failed)
		tell(l, LINES_TIGHT);
	else if (l->records == 0)
		tell(l, LINES_READY);
	else
		show_to_steps(l);
}

/* Text rarely needs more than twice its size, and objects need none. Where memory is short, it has to do with its
 * size. */
static bool reserve(struct batch *b, size_t size)
{
	return batch_reserve(b, 2 * size + SPARE) || batch_reserve(b, size + SPARE);
}

bool lines_lane_begin(struct lines_lane *l, struct line_slice *in)
{
	OXP_ASSERT(l->stage == LINES_IDLE);
	if (!reserve(in->batch, in->size))
		return false;
	l->in = in;
	l->job = (struct job){ .work = work, .done = on_split };
	if (lane_run(host_cpu_lane(l->host), &l->job) < 0) {
		batch_unreserve(in->batch);
		return false;
	}
	l->stage = LINES_SPLITTING;
	return true;
}

void lines_lane_offer(struct lines_lane *l)
{
	OXP_ASSERT(l->stage == LINES_READY);
	l->stage = LINES_IDLE;
	host_take(l->host, &l->in->batch);
}

void lines_lane_forget(struct lines_lane *l)
{
	switch (l->stage) {
	case LINES_IDLE:
	case LINES_FORGOTTEN:
		return;
	case LINES_SPLITTING:
		lane_take_back(host_cpu_lane(l->host), &l->job);
		lines_forget(l->in->lines);
		break;
	case LINES_AT_STEPS:
		l->stage = LINES_FORGOTTEN;
		(void)host_withdraw(l->host, SIGNAL_LOGS, l);
		return;
	case LINES_READY:
	case LINES_TIGHT:
	case LINES_NO_ROOM:
		break;
	}
	drop_batch(l);
	l->stage = LINES_IDLE;
}

void lines_lane_done(struct lines_lane *l)
{
	lines_lane_forget(l);
}
