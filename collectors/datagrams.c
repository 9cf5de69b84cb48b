#include "collectors/datagrams.h"

enum {
	PACE_MOST = 256 << 10, /* bytes of one callback, */
	PACE_LEAST = 4 << 10, /* where they take long */
	LAST_DATAGRAMS = 512, /* of what the kernel still has when the process ends */
};

static bool is_end(char c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

/* The lines of one datagram; a syslog message may have several in it. If the datagram was cut, its last line is. */
static void add_datagram(struct line_slice *in, size_t at, size_t size, bool cut)
{
	const char *end;

	while (size > 0 && is_end(in->data[at + size - 1]))
		size--;
	while (size > 0 && in->data[at] != '<' && (end = memchr(in->data + at, '\n', size))) {
		size_t line = (size_t)(end - in->data) - at;
		lines_add(in, at, line);
		at += line + 1;
		size -= line + 1;
	}
	in->cutting = cut;
	lines_add(in, at, size);
	in->cutting = false;
}

static void add_all(const struct datagrams *d, struct line_slice *in)
{
	for (size_t i = d->at; i < d->end && !in->failed; i++) {
		struct bytes datagram = datagram_bytes(&d->reader, i);
		size_t cut = datagram_size(&d->reader, i) - datagram.size;
		if (in->lost)
			in->data = datagram.data;
		add_datagram(in, in->lost ? 0 : in->took, datagram.size, cut > 0);
		in->took += datagram.size;
		in->tally.cut_bytes += cut;
		in->sure = in->tally;
	}
}

/* One after another in memory of the batch. */
static char *gather(const struct datagrams *d, struct batch *batch, size_t size)
{
	char *block = batch_block(batch, size), *to = block;

	for (size_t i = d->at; block && i < d->end; i++) {
		struct bytes datagram = datagram_bytes(&d->reader, i);
		memcpy(to, datagram.data, datagram.size);
		to += datagram.size;
	}
	return block;
}

/* As many as one callback should handle, and at least one. */
static struct line_slice slice_of(struct datagrams *d)
{
	struct line_slice in = { .lines = d->lines, .offset = d->offset };

	for (d->end = d->at; d->end < d->reader.count; d->end++) {
		size_t size = datagram_bytes(&d->reader, d->end).size;
		if (d->end > d->at && in.size + size > d->pace.most)
			break;
		in.size += size;
	}
	return in;
}

static bool offer(struct datagrams *d, struct line_slice *in)
{
	uint64_t records;

	in->batch = host_batch_new(d->host, SIGNAL_LOGS);
	in->data = in->batch ? gather(d, in->batch, in->size) : NULL;
	if (!in->data)
		return false;
	lines_begin(in->lines);
	add_all(d, in);
	lines_forget(in->lines);
	if (in->failed)
		return false;
	records = batch_records(in->batch);
	if (records > 0 && host_offer(d->host, &in->batch) != ADMIT_TAKEN)
		return false;
	lines_count(in, records);
	patience_taken(d->patience);
	return true;
}

static void lose(struct datagrams *d)
{
	struct line_slice in = slice_of(d);

	in.lost = true;
	add_all(d, &in);
	lines_count(&in, 0);
	patience_lost(d->patience, in.loss.records, in.loss.bytes);
}

/* Offers some of what was read. False: it waits. */
static bool take(struct datagrams *d)
{
	struct line_slice in = slice_of(d);
	bool taken = in.size == 0 || offer(d, &in);

	batch_free(in.batch);
	if (!taken && patience_full(d->patience))
		return false;
	if (!taken)
		lose(d);
	d->offset += in.size;
	d->at = d->end;
	return true;
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct datagrams *d = context;

	(void)fd;
	(void)what;
	if (patience_waits(d->patience)) {
		loop_watch_set(&d->watch, 0);
		return;
	}
	d->at = 0;
	if (datagram_reader_next(&d->reader) == 0)
		return;
	d->last = loop_now(d->watch.loop);
	datagrams_go_on(d);
}

void datagrams_go_on(struct datagrams *d)
{
	const struct clock *clock = loop_clock(d->watch.loop);
	struct mono_time began = clock->mono(clock);
	uint64_t before = d->offset;
	bool taken = take(d);

	pace_learn(&d->pace, (size_t)(d->offset - before), mono_since(clock->mono(clock), began));
	if (taken && !datagrams_are_empty(d))
		loop_soon_run(&d->more);
	loop_watch_set(&d->watch, taken && datagrams_are_empty(d) ? WATCH_READ : 0);
}

static void on_more(void *context)
{
	struct datagrams *d = context;

	if (!patience_waits(d->patience))
		datagrams_go_on(d);
}

static bool take_all(struct datagrams *d)
{
	while (!datagrams_are_empty(d))
		if (!take(d))
			return false;
	return true;
}

void datagrams_finish(struct datagrams *d)
{
	size_t count = 1;

	loop_watch_set(&d->watch, 0);
	for (size_t read = 0; read < LAST_DATAGRAMS && count > 0 && take_all(d); read += d->reader.at_once) {
		d->at = 0;
		count = datagram_reader_next(&d->reader);
	}
	(void)take_all(d);
}

void datagrams_init(struct datagrams *d, struct host *host, struct lines *lines, struct patience *patience, int fd)
{
	*d = (struct datagrams){ .host = host, .lines = lines, .patience = patience };
	datagram_reader_init(&d->reader, host, SIGNAL_LOGS, fd, lines->line_max);
	d->pace = (struct pace){ .most = PACE_MOST, .least = PACE_LEAST, .ceiling = PACE_MOST };
	loop_soon_init(&d->more, host_loop(host), on_more, d);
	loop_watch_init(&d->watch, host_loop(host), fd, on_ready, d);
	loop_watch_set(&d->watch, WATCH_READ);
}

void datagrams_done(struct datagrams *d)
{
	if (!d->host)
		return;
	loop_watch_done(&d->watch);
	loop_soon_done(&d->more);
	datagram_reader_done(&d->reader);
}
