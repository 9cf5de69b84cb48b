/*
 * Every way in, up to the item: whatever bytes come, cut wherever they are, an item is one JSON object on one line: it
 * parses (by jansson and by our own index), is valid UTF-8, has no line feed or carriage return, no control character
 * in a string, and stands in the memory of its batch.
 *
 * The first byte is the way, the second how lines are read, the third where the bytes are cut; the rest are the bytes.
 * Streams and datagrams pass a real socket, with a loop that is turned by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "collectors/datagrams.h"
#include "collectors/stream.h"
#include "config/option.h"
#include "pipeline/batch.h"
#include "proto/bulk_request.h"
#include "proto/json_rename.h"
#include "proto/syslog.h"
#include "unit/json_twin.h"
#include "unit/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 64 << 20, LINE_MAX_HERE = 2048, SIZE_MAX_HERE = 32 << 10, TURNS = 200, FLUSH_MS = 100 };

/* What collectors are lent; what they offer is looked at and gone. */
struct host {
	struct still_clock clock;
	struct loop *loop;
	struct budget budget;
	struct quota unfinished;
	uint64_t number;
};

struct quota *host_unfinished(struct host *h)
{
	return &h->unfinished;
}

size_t host_line_max(const struct host *h)
{
	return h->budget.limit;
}

struct loop *host_loop(struct host *h)
{
	return h->loop;
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h, (void)level, (void)format;
}

uint64_t *host_counter(struct host *h, const char *name, const char *help)
{
	(void)name, (void)help;
	return &h->number;
}

void host_lost(struct host *h, enum signal signal, uint64_t records, uint64_t bytes)
{
	(void)h, (void)signal, (void)records, (void)bytes;
}

struct batch *host_batch_new(struct host *h, enum signal signal)
{
	return batch_new(&h->budget, signal);
}

static void must(bool true_that, const struct batch_item *item, const char *what)
{
	if (true_that)
		return;
	fprintf(stderr, "an item %s: %.*s\n", what, (int)item->size, item->data);
	abort();
}

static void check_item(const struct batch_item *item)
{
	const char *end = item->data + item->size;
	struct json_line index;
	json_error_t error;
	json_t *tree = json_loadb(item->data, item->size, TWIN_FLAGS, &error);

	must(bytes_one_line((struct bytes){ item->data, item->size }), item, "of several lines");
	must(utf8_valid(item->data, item->size), item, "that is no UTF-8");
	for (const char *p = item->data; p < end; p++)
		must((unsigned char)*p >= ' ' || *p == '\t', item, "with a control character");
	must(json_line_index(json_scan_best(), item->data, item->size, &index) == JSON_FINE, item, "that is no line");
	must(json_is_object(tree) || (!tree && twin_differs_by_design(&error)), item, "that jansson refuses");
	json_decref(tree);
}

enum admit host_offer(struct host *h, struct batch **batch)
{
	(void)h;
	batch_check(*batch);
	for (size_t i = 0; i < batch_items(*batch); i++)
		check_item(batch_item(*batch, i));
	batch_free(*batch);
	*batch = NULL;
	return ADMIT_TAKEN;
}

/* A process that ends gives no lane a line: nothing of what follows is called. */
bool host_ends(const struct host *h)
{
	(void)h;
	return true;
}

struct lane *host_cpu_lane(struct host *h)
{
	(void)h;
	abort();
}

enum admit host_prepare(
	struct host *h, struct batch **batch, void (*done)(void *, int failed, struct batch *), void *context)
{
	(void)h, (void)batch, (void)done, (void)context;
	abort();
}

void host_take(struct host *h, struct batch **prepared)
{
	(void)h, (void)prepared;
	abort();
}

bool host_withdraw(struct host *h, enum signal signal, const void *context)
{
	(void)h, (void)signal, (void)context;
	abort();
}

/* How lines are read. */

struct reading {
	struct host host;
	struct lines lines;
	uint8_t cut;
	const char *data;
	size_t size;
};

static bool shape(struct lines *l, struct bytes line)
{
	static const struct syslog_now now = { 1795409106, 3600 };
	struct syslog s;

	if (*line.data != '<' || !syslog_read(line, &now, &s))
		return false;
	buffer_clear(&l->message);
	return syslog_write(&s, l->scan, &l->message) == 0;
}

enum way { WAY_FILE, WAY_STREAM, WAY_DATAGRAMS, WAY_BULK, WAY_ROW, WAYS };

static void begin(struct reading *r, enum way way, uint8_t how)
{
	static const char *const shapes[] = { "java", "python", "go", "node" };
	struct option_list list = { .count = how & 8 ? COUNT_OF(shapes) : 0, .items = shapes };
	const struct lines_multiline multiline = { &list, (how & 24) == 16 ? "[0-9a-f]" : NULL };

	lines_init(&r->lines, &r->host, (enum lines_format)(how % 8 % (LINES_DOCKER + 1)), LINE_MAX_HERE);
	if (way == WAY_FILE)
		lines_join(&r->lines, &r->host, &multiline);
	else
		r->lines.format %= LINES_CRI;
	if (way == WAY_STREAM)
		lines_join_messages(&r->lines, &r->host, &multiline);
	if (way != WAY_FILE && how & 32)
		r->lines.shape = shape;
	if (way == WAY_FILE && how & 64)
		line_origin_set(&r->lines.origin, "/var/log/\n\"app\".log");
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Files: slices from the last offset on, as tail reads them. */

static void give(struct reading *r, struct line_slice *in)
{
	uint64_t records = batch_records(in->batch);

	must(!in->failed, &(struct batch_item){ .data = "" }, "had no room");
	lines_count(in, records);
	if (host_offer(&r->host, &in->batch) != ADMIT_TAKEN)
		abort();
}

/* More of it where nothing could be taken; all that is left ends with the file. */
static void read_file(struct reading *r, uint8_t how)
{
	struct line_slice in = { .skipping = false };
	size_t at = 0, want = (size_t)r->cut * 16 + 1;

	while (at < r->size) {
		size_t size = least(want, r->size - at);
		bool last = size == r->size - at;
		in = (struct line_slice){ .lines = &r->lines,
			.batch = host_batch_new(&r->host, SIGNAL_LOGS),
			.size = size,
			.generation = 3,
			.offset = at,
			.skipping = in.skipping,
			.apart = how & 128,
			.format = in.format };
		char *block = in.batch ? batch_block(in.batch, size) : NULL;
		if (!block)
			abort();
		in.data = memcpy(block, r->data + at, size);
		lines_split(&in);
		lines_rest(&in, last);
		if (last)
			lines_end(&in);
		give(r, &in);
		at += in.took;
		want = in.took ? (size_t)r->cut * 16 + 1 : 2 * want;
	}
}

/* Sockets and pipes. */

static void turn(struct reading *r, int64_t ms)
{
	r->host.clock.ns += ms * 1000000;
	for (int i = 0; i < 3; i++)
		loop_turn(r->host.loop, DURATION_MS(0));
}

static void no_more(void *context)
{
	(void)context;
}

static void on_ended(struct stream *s, int error)
{
	(void)s, (void)error;
}

/* A message for each piece of a datagram socket, pieces of one stream otherwise. */
static void write_pieces(struct reading *r, int fd)
{
	size_t piece = (size_t)r->cut * 16 + 1;

	if (r->size / piece > TURNS)
		piece = r->size / TURNS + 1;
	for (size_t at = 0; at < r->size; at += piece) {
		ssize_t put = write(fd, r->data + at, least(piece, r->size - at));
		(void)put;
		turn(r, r->cut % 4 ? 25 : FLUSH_MS + 1);
	}
}

static void read_stream(struct reading *r, uint8_t how)
{
	struct patience patience;
	struct stream_kind kind;
	struct stream stream;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	patience_init(&patience, &r->host, DURATION_MS(1), no_more, NULL);
	stream_kind_init(&kind, &r->host, &r->lines, &patience, 1);
	kind.flush = DURATION_MS(FLUSH_MS);
	kind.framing = (enum stream_framing)(how / 8 % 3);
	r->host.unfinished.most = how & 1 ? 4096 : 64 << 10;
	kind.ended = on_ended;
	stream_init(&stream, &kind, ends[0]);
	write_pieces(r, ends[1]);
	close(ends[1]);
	turn(r, FLUSH_MS + 1);
	patience_end(&patience);
	stream_finish(&stream);
	stream_done(&stream);
	stream_kind_done(&kind);
	patience_done(&patience);
	close(ends[0]);
}

static void read_datagrams(struct reading *r)
{
	struct patience patience;
	struct datagrams datagrams;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	patience_init(&patience, &r->host, DURATION_MS(1), no_more, NULL);
	datagrams_init(&datagrams, &r->host, &r->lines, &patience, ends[0]);
	write_pieces(r, ends[1]);
	patience_end(&patience);
	datagrams_finish(&datagrams);
	datagrams_done(&datagrams);
	patience_done(&patience);
	close(ends[0]);
	close(ends[1]);
}

/* Requests, and what waited on disk. */

static void add(struct batch *b, const char *data, size_t size)
{
	if (batch_add(b, &(struct batch_item){ .data = data, .size = (uint32_t)size, .records = 1 }) < 0)
		abort();
}

static void read_bulk(struct reading *r)
{
	struct batch *b = host_batch_new(&r->host, SIGNAL_LOGS);
	char *block = b ? batch_block(b, r->size) : NULL;
	struct bulk_request request;
	struct bulk_operation op;

	if (!block)
		abort();
	memcpy(block, r->data, r->size);
	bulk_request_init(&request, json_scan_best(), (struct bytes){ block, r->size });
	while (bulk_request_next(&request, &op))
		if (!op.fault)
			add(b, op.document.data, op.document.size);
	if (host_offer(&r->host, &b) != ADMIT_TAKEN)
		abort();
}

/* A row of the spool, or a parked record under other names: an object as an older version may have put it there. */
static void read_row(struct reading *r)
{
	struct batch *b = host_batch_new(&r->host, SIGNAL_LOGS);
	char *block = b ? batch_block(b, r->size) : NULL, *other;
	struct json_line index;
	struct buffer renamed;

	if (!block)
		abort();
	memcpy(block, r->data, r->size);
	buffer_init(&renamed, 4 * SIZE_MAX_HERE);
	if (json_line_index(json_scan_best(), block, r->size, &index) == JSON_FINE) {
		add(b, block, r->size);
		if (json_rename((struct bytes){ block, r->size }, "a", "b\n\"c", &renamed) > 0) {
			other = batch_block(b, renamed.size);
			add(b, memcpy(other, renamed.data, renamed.size), renamed.size);
		}
	}
	if (host_offer(&r->host, &b) != ADMIT_TAKEN)
		abort();
	buffer_done(&renamed);
}

static void read_all(struct reading *r, enum way way, uint8_t how)
{
	begin(r, way, how);
	if (way == WAY_FILE)
		read_file(r, how);
	else if (way == WAY_STREAM)
		read_stream(r, how);
	else if (way == WAY_DATAGRAMS)
		read_datagrams(r);
	else if (way == WAY_BULK)
		read_bulk(r);
	else
		read_row(r);
	lines_done(&r->lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 3 };
	struct reading r = { .host = { .clock = STILL_CLOCK } };

	if (size < HEAD || size - HEAD > SIZE_MAX_HERE)
		return 0;
	r.cut = data[2];
	r.data = (const char *)data + HEAD;
	r.size = size - HEAD;
	budget_init(&r.host.budget, MEMORY);
	if (loop_new(&r.host.clock.clock, &r.host.loop) < 0)
		abort();
	read_all(&r, (enum way)(data[0] % WAYS), data[1]);
	loop_free(r.host.loop);
	budget_check(&r.host.budget);
	if (budget_used(&r.host.budget))
		abort();
	return 0;
}
