#include "collectors/datagrams.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>

enum {
	PACE_MOST = 256 << 10, /* bytes of one callback, */
	PACE_LEAST = 4 << 10, /* where they take long */
	LAST_READS = 32, /* of what the kernel still has when the process ends */
};

/* What the kernel has dropped since the last look. It counts from when the socket was made, in 32 bits. */
static void count_kernel_drops(struct datagrams *d)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 }, fresh;
	socklen_t size = sizeof info;

	if (getsockopt(d->fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0)
		return;
	fresh = info[SK_MEMINFO_DROPS] - d->kernel_drops;
	d->kernel_drops = info[SK_MEMINFO_DROPS];
	if (fresh == 0)
		return;
	*d->kernel_lost += fresh;
	host_lost(d->host, SIGNAL_LOGS, fresh, 0);
}

static bool is_cut(const struct datagrams *d, size_t i)
{
	return d->messages[i].msg_len > d->lines->line_max;
}

static size_t size_of(const struct datagrams *d, size_t i)
{
	return is_cut(d, i) ? d->lines->line_max : d->messages[i].msg_len;
}

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
		size_t size = size_of(d, i);
		if (in->lost)
			in->data = d->parts[i].iov_base;
		add_datagram(in, in->lost ? 0 : in->took, size, is_cut(d, i));
		in->took += size;
		in->tally.cut_bytes += d->messages[i].msg_len - size;
		in->sure = in->tally;
	}
}

/* One after another in memory of the batch. */
static char *gather(const struct datagrams *d, struct batch *batch, size_t size)
{
	char *block = batch_block(batch, size), *to = block;

	for (size_t i = d->at; block && i < d->end; i++) {
		memcpy(to, d->parts[i].iov_base, size_of(d, i));
		to += size_of(d, i);
	}
	return block;
}

/* As many as one callback should handle, and at least one. */
static struct line_slice slice_of(struct datagrams *d)
{
	struct line_slice in = { .lines = d->lines, .offset = d->offset };

	for (d->end = d->at; d->end < d->count; d->end++) {
		size_t size = size_of(d, d->end);
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
	add_all(d, in);
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
	int count;

	(void)what;
	if (patience_waits(d->patience)) {
		loop_watch_set(&d->watch, 0);
		return;
	}
	count = recvmmsg(fd, d->messages, DATAGRAMS_AT_ONCE, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (count <= 0)
		return; /* an error of one peer (ICMP) is reported here, once */
	d->count = (size_t)count;
	d->at = 0;
	d->last = loop_now(d->watch.loop);
	*d->datagrams += (uint64_t)count;
	count_kernel_drops(d);
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
	int count = 1;

	loop_watch_set(&d->watch, 0);
	for (int i = 0; i < LAST_READS && count > 0 && take_all(d); i++) {
		count = recvmmsg(d->fd, d->messages, DATAGRAMS_AT_ONCE, MSG_DONTWAIT | MSG_TRUNC, NULL);
		d->count = count > 0 ? (size_t)count : 0;
		d->at = 0;
		*d->datagrams += d->count;
	}
	(void)take_all(d);
	count_kernel_drops(d);
}

void datagrams_init(struct datagrams *d, struct host *host, struct lines *lines, struct patience *patience, int fd)
{
	*d = (struct datagrams){ .host = host, .lines = lines, .patience = patience, .fd = fd };
	d->memory = malloc(DATAGRAMS_AT_ONCE * lines->line_max); /* pages that no datagram needed stay untouched */
	OXP_ASSERT(d->memory && "out of memory");
	for (size_t i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		d->parts[i] = (struct iovec){ d->memory + i * lines->line_max, lines->line_max };
		d->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &d->parts[i], .msg_iovlen = 1 };
	}
	d->datagrams = host_counter(host, "datagrams_total", "Datagrams read.");
	d->kernel_lost = host_counter(
		host, "kernel_lost_datagrams_total", "Datagrams the kernel dropped because its buffer was full.");
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
	free(d->memory);
	d->memory = NULL;
}
