#include "collectors/datagrams.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>

/* What the kernel threw away since the last look. It counts from the socket's beginning, in 32 bits. */
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
	host_lost(d->host, fresh, 0);
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

/* The lines of one datagram; a syslog message may have several in it. */
static void add_datagram(struct line_slice *in, size_t at, size_t size)
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
	lines_add(in, at, size);
}

static void add_all(const struct datagrams *d, struct line_slice *in)
{
	for (size_t i = 0; i < d->count && !in->failed; i++) {
		size_t size = size_of(d, i);
		in->cutting = is_cut(d, i);
		if (in->lost)
			in->data = d->parts[i].iov_base;
		add_datagram(in, in->lost ? 0 : in->took, size);
		in->took += size;
		in->tally.cut_bytes += d->messages[i].msg_len - size;
		in->sure = in->tally;
	}
}

/* One after another in memory of the batch. */
static char *gather(const struct datagrams *d, struct batch *batch, size_t size)
{
	char *block = batch_block(batch, size), *to = block;

	for (size_t i = 0; block && i < d->count; i++) {
		memcpy(to, d->parts[i].iov_base, size_of(d, i));
		to += size_of(d, i);
	}
	return block;
}

static struct line_slice slice_of(const struct datagrams *d)
{
	struct line_slice in = { .lines = d->lines, .offset = d->offset };

	for (size_t i = 0; i < d->count; i++)
		in.size += size_of(d, i);
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

/* False: they wait. */
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
	d->count = 0;
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
		return; /* an error of one peer (ICMP) is told here, and gone by that */
	d->count = (size_t)count;
	d->last = loop_now(d->watch.loop);
	*d->datagrams += (uint64_t)count;
	count_kernel_drops(d);
	datagrams_go_on(d);
}

void datagrams_go_on(struct datagrams *d)
{
	loop_watch_set(&d->watch, take(d) ? WATCH_READ : 0);
}

void datagrams_finish(struct datagrams *d)
{
	loop_watch_set(&d->watch, 0);
	(void)take(d);
	count_kernel_drops(d);
}

void datagrams_init(struct datagrams *d, struct host *host, struct lines *lines, struct patience *patience, int fd)
{
	*d = (struct datagrams){ .host = host, .lines = lines, .patience = patience, .fd = fd };
	d->room = malloc(DATAGRAMS_AT_ONCE * lines->line_max); /* pages that no datagram needed stay untouched */
	OXP_ASSERT(d->room && "out of memory");
	for (size_t i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		d->parts[i] = (struct iovec){ d->room + i * lines->line_max, lines->line_max };
		d->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &d->parts[i], .msg_iovlen = 1 };
	}
	d->datagrams = host_counter(host, "datagrams_total", "Datagrams read.");
	d->kernel_lost = host_counter(host, "kernel_lost_datagrams_total",
		"Datagrams that the kernel threw away, since its buffer was full.");
	loop_watch_init(&d->watch, host_loop(host), fd, on_ready, d);
	loop_watch_set(&d->watch, WATCH_READ);
}

void datagrams_done(struct datagrams *d)
{
	if (!d->host)
		return;
	loop_watch_done(&d->watch);
	free(d->room);
	d->room = NULL;
}
