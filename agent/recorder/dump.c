#include "recorder/dump.h"

#include <errno.h>
#include <stdlib.h>

#include "recorder/mark.h"

enum {
	PART = 256 << 10, /* bytes of requests that are offered at once, and one more */
	READ_MAX = 4 << 20, /* bytes of the ring in one job: others wait for the disk, too */
	PART_MAX = PART + RING_FRAME_MAX + (512 << 10), /* with a piece of a request, and its marks */
	ITEMS_MAX = 4096,
	AGAIN_MS = 100, /* after the lane was full */
	STARVED_S = 20, /* without room, before a dump gives up */
};

const char *const dump_reasons[DUMP_REASONS] = { "command", "errors", "crash", "restart" };

enum dump_state {
	DUMP_IDLE,
	DUMP_WRITING, /* the tape writes what it has in memory */
	DUMP_READING, /* a job of the lane is under way */
	DUMP_STARVED, /* the part waits for room */
	DUMP_OFFERED, /* the part is on its way to the disk */
	DUMP_STATES
};

static const bool moves[DUMP_STATES][DUMP_STATES] = {
	[DUMP_IDLE] = { [DUMP_WRITING] = true },
	[DUMP_WRITING] = { [DUMP_READING] = true, [DUMP_IDLE] = true },
	[DUMP_READING] = { [DUMP_READING] = true, [DUMP_STARVED] = true, [DUMP_OFFERED] = true, [DUMP_IDLE] = true },
	[DUMP_STARVED] = { [DUMP_STARVED] = true, [DUMP_OFFERED] = true, [DUMP_READING] = true, [DUMP_IDLE] = true },
	[DUMP_OFFERED] = { [DUMP_OFFERED] = true, [DUMP_READING] = true, [DUMP_STARVED] = true, [DUMP_IDLE] = true },
};

/* A part of the ring. While the job is under way it is the lane's. */
struct part {
	struct job job;
	uint64_t at, until; /* positions */
	size_t entry; /* within the frame at `at`, whose entries before that one are done, */
	size_t span; /* and so are the spans of that one before this one */
	bool wanted; /* some of these were wanted */
	int64_t since_ns;
	bool first, last, all;
	bool gone; /* there is no ring */
	bool given_up; /* nothing more is read */
	bool dumped; /* what the part had was offered: */
	uint64_t frames[ITEMS_MAX]; /* positions of those that it had the end of */
	size_t frame_count;
	struct buffer frame, out;
	struct dump_item {
		uint32_t size, records;
	} items[ITEMS_MAX];
	size_t count;
	uint64_t unreadable;
	struct mark *mark;
};

struct dump {
	struct host *host;
	struct tape *tape;
	enum dump_state state;
	struct dump_order order;
	uint64_t frame; /* that the tape must have written first */
	struct part part;
	struct loop_timer again;
	struct dump_result result;
	void (*done)(void *, const struct dump_result *);
	void *context;
	bool stopped, unspooled; /* the process ends; the disk takes nothing */
};

struct collector {
	struct dump dump;
};

static void move(struct dump *d, enum dump_state to)
{
	OXP_ASSERT(moves[d->state][to]);
	d->state = to;
}

/* In the lane. */

/* When the newest request of the ring came. */
static int64_t newest_ns(struct ring *ring, struct buffer *frame)
{
	uint64_t at = ring_newest(ring);
	int64_t newest = INT64_MIN;
	struct ring_entry e;

	if (ring_read(ring, &at, frame) == 1)
		for (size_t entry = 0; ring_entry_next(frame, &entry, &e);)
			newest = e.at.ns > newest ? e.at.ns : newest;
	return newest;
}

static void begin_reading(struct part *p, struct ring *ring, const struct dump_order *o)
{
	int64_t from = p->since_ns;

	if (o->from_newest)
		from = newest_ns(ring, &p->frame);
	if (__builtin_sub_overflow(from, o->last.ns, &p->since_ns))
		p->since_ns = INT64_MIN;
	p->first = false;
	p->at = ring_tail(ring);
	p->until = ring_head(ring);
}

static bool is_wanted(const struct part *p, const struct ring_entry *e)
{
	return e->at.ns >= p->since_ns && (p->all || e->kind == RING_LEFT_OUT);
}

static bool is_full(const struct part *p)
{
	return p->count == ITEMS_MAX || p->frame_count == ITEMS_MAX || p->out.size >= PART;
}

/* A piece of it. */
static void take_entry(struct part *p, const struct ring_entry *e)
{
	size_t before = p->out.size;
	uint32_t spans;

	if (mark_append(p->mark, e->request, &p->span, &p->out, &spans) < 0)
		p->unreadable++;
	else if (spans > 0)
		p->items[p->count++] = (struct dump_item){ (uint32_t)(p->out.size - before), spans };
}

/* The entries of a frame, as many as the part takes. True: all of them. */
static bool take_frame(struct part *p)
{
	struct ring_entry e;

	if (!p->all && ring_frame_is_dumped(&p->frame))
		return true;
	for (size_t next = p->entry; ring_entry_next(&p->frame, &next, &e);) {
		if (is_full(p))
			return false;
		if (is_wanted(p, &e)) {
			p->wanted = true;
			take_entry(p, &e);
		}
		if (p->span == 0)
			p->entry = next;
		else
			next = p->entry;
	}
	p->entry = 0;
	if (p->wanted)
		p->frames[p->frame_count++] = ring_frame_position(&p->frame);
	p->wanted = false;
	return true;
}

static void read_part(struct part *p, struct ring *ring)
{
	uint64_t begun = p->at, next;

	while (!is_full(p) && !p->last && p->at - begun < READ_MAX) {
		next = p->at;
		if (p->at >= p->until || ring_read(ring, &next, &p->frame) != 1)
			p->last = true;
		else if (take_frame(p))
			p->at = next;
	}
}

static void work(struct job *job)
{
	struct dump *d = CONTAINER_OF(job, struct dump, part.job);
	struct part *p = &d->part;
	struct ring *ring = d->tape->ring;

	p->gone = !ring;
	if (p->given_up && ring)
		ring_hold(ring, UINT64_MAX);
	if (p->given_up || !ring)
		return;
	if (p->first)
		begin_reading(p, ring, &d->order);
	for (size_t i = 0; i < p->frame_count && p->dumped; i++)
		(void)!ring_set_dumped(ring, p->frames[i]); /* if not, it is dumped twice at worst */
	p->frame_count = 0;
	ring_hold(ring, p->at);
	read_part(p, ring);
	if (p->last && p->count == 0)
		ring_hold(ring, UINT64_MAX);
}

/* On the loop. */

static void end(struct dump *d)
{
	struct part *p = &d->part;

	move(d, DUMP_IDLE);
	loop_timer_clear(&d->again);
	buffer_done(&p->frame);
	buffer_done(&p->out);
	mark_free(p->mark);
	p->mark = NULL;
	d->result.unreadable = p->unreadable;
	if (d->done)
		d->done(d->context, &d->result);
	d->done = NULL;
}

/* The process ends. */
static void end_here(struct dump *d)
{
	d->result.error = "the agent is ending: the rest stays in the ring";
	end(d);
}

static void read_next(struct dump *d);
static void offer(struct dump *d);

static void on_read(struct job *job)
{
	struct dump *d = CONTAINER_OF(job, struct dump, part.job);

	if (d->part.given_up)
		d->result.error = "there was no room for the rest: it stays in the ring";
	else if (d->part.gone)
		d->result.error = "the ring is not there: see the log";
	if (d->stopped && !d->result.error)
		end_here(d);
	else if (d->result.error || (d->part.last && d->part.count == 0))
		end(d);
	else if (d->part.count == 0)
		read_next(d);
	else
		offer(d);
}

static void on_again(void *context)
{
	struct dump *d = context;

	if (d->state == DUMP_STARVED)
		d->part.given_up = true;
	if (d->state == DUMP_READING || d->state == DUMP_STARVED)
		read_next(d);
}

static void read_next(struct dump *d)
{
	struct part *p = &d->part;

	loop_timer_clear(&d->again);
	p->count = 0;
	buffer_clear(&p->out);
	p->job = (struct job){ .work = work, .done = on_read };
	move(d, DUMP_READING);
	if (lane_run(host_disk_lane(d->host), &p->job) == 0)
		return;
	if (d->stopped)
		end_here(d);
	else
		loop_timer_set(&d->again, DURATION_MS(AGAIN_MS));
}

/* A job of the lane or an offer is under way, which ends. */
static bool is_under_way(const struct dump *d)
{
	return d->state == DUMP_OFFERED || (d->state == DUMP_READING && !loop_timer_pending(&d->again));
}

static uint64_t part_spans(const struct part *p)
{
	uint64_t spans = 0;

	for (size_t i = 0; i < p->count; i++)
		spans += p->items[i].records;
	return spans;
}

/* The part as a batch, or NULL: no room. */
static struct batch *batch_of(struct dump *d)
{
	const struct part *p = &d->part;
	struct batch *b = host_batch_new(d->host, SIGNAL_TRACES);
	char *at = b ? batch_block(b, p->out.size) : NULL;

	if (at)
		memcpy(at, p->out.data, p->out.size);
	for (size_t i = 0; at && i < p->count; i++) {
		const struct dump_item *item = &p->items[i];
		const struct batch_item added = { .data = at, .size = item->size, .records = item->records };
		at = batch_add(b, &added) == 0 ? at + item->size : NULL;
	}
	if (at)
		return b;
	batch_free(b);
	return NULL;
}

static void taken(struct dump *d)
{
	d->result.spans += part_spans(&d->part);
	d->part.dumped = true;
	read_next(d);
}

static void on_offered(void *context, int failed)
{
	struct dump *d = context;

	if (!failed) {
		taken(d);
		return;
	}
	d->unspooled = true; /* the disk is full, say: they are offered as everything else is */
	if (d->stopped)
		end_here(d);
	else
		offer(d);
}

static void offer(struct dump *d)
{
	struct batch *b = batch_of(d);
	enum admit admit = ADMIT_FULL;

	if (b && d->unspooled) {
		admit = host_offer(d->host, &b);
		if (admit == ADMIT_TAKEN) {
			move(d, DUMP_OFFERED);
			taken(d);
			return;
		}
	} else if (b) {
		move(d, DUMP_OFFERED);
		admit = host_offer_spooled(d->host, &b, on_offered, d);
	}
	if (admit == ADMIT_TAKEN)
		return;
	batch_free(b);
	if (!loop_timer_pending(&d->again))
		loop_timer_set(&d->again, DURATION_S(STARVED_S));
	move(d, DUMP_STARVED);
}

bool dump_is_busy(const struct dump *d)
{
	return d->state != DUMP_IDLE;
}

void dump_tape_wrote(struct dump *d)
{
	if (d->state != DUMP_WRITING)
		return;
	if (d->tape->written < d->frame)
		(void)tape_flush(d->tape);
	else
		read_next(d);
}

void dump_begin(
	struct dump *d, const struct dump_order *o, void (*done)(void *, const struct dump_result *), void *context)
{
	struct part *p = &d->part;

	d->order = *o;
	d->done = done;
	d->context = context;
	d->result = (struct dump_result){ .error = NULL };
	d->unspooled = false;
	p->at = p->entry = p->span = p->unreadable = 0;
	p->frame_count = 0;
	p->last = p->wanted = p->given_up = false;
	p->since_ns = loop_wall(host_loop(d->host)).ns;
	p->first = true;
	p->dumped = false;
	p->all = o->all;
	p->mark = mark_new(dump_reasons[o->reason]);
	buffer_init(&p->frame, RING_FRAME_MAX + RING_PADDING);
	buffer_init(&p->out, PART_MAX);
	move(d, DUMP_WRITING);
	d->frame = tape_flush(d->tape);
	if (d->tape->written >= d->frame)
		read_next(d);
}

/* The collector. */

static int create(const void *config, struct host *host, struct collector **ret)
{
	const struct dump_config *c = config;
	struct collector *collector = oxp_new(sizeof *collector);
	struct dump *d = &collector->dump;

	d->host = host;
	d->tape = c->tape;
	loop_timer_init(&d->again, host_loop(host), on_again, d);
	*c->made = d;
	*ret = collector;
	return 0;
}

static int start(struct collector *c)
{
	(void)c;
	return 0;
}

static void resume(struct collector *c)
{
	if (c->dump.state == DUMP_STARVED && !c->dump.stopped)
		offer(&c->dump);
}

static bool quiet(struct collector *c)
{
	return !dump_is_busy(&c->dump);
}

static void stop(struct collector *c)
{
	struct dump *d = &c->dump;

	d->stopped = true;
	if (dump_is_busy(d) && !is_under_way(d))
		end_here(d);
}

static void destroy(struct collector *c)
{
	if (!c)
		return;
	loop_timer_done(&c->dump.again);
	buffer_done(&c->dump.part.frame);
	buffer_done(&c->dump.part.out);
	mark_free(c->dump.part.mark);
	free(c);
}

static const struct collector_type type = {
	.name = "recorder",
	.summary = "Sends the last seconds of the flight recorder.",
	.signals = SIGNAL_TRACES,
	.when_full = FULL_PAUSE,
	.rewind = REWIND_NONE,
	.config_size = sizeof(struct dump_config),
	.create = create,
	.start = start,
	.resume = resume,
	.quiet = quiet,
	.stop = stop,
	.destroy = destroy,
};

const struct collector_type *dump_collector(void)
{
	return &type;
}
