#include "cli/recorder_show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/screen.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"
#include "recorder/ring.h"

enum {
	SERVICES_MAX = 256,
	SERVICE_WIDTH = 16,
	LINE_MAX_BYTES = 4 << 20,
	SPARE = 1 << 20, /* bytes of lines beyond the limit: this runs beside the agent, in its container */
};

struct line {
	uint64_t start_ns;
	size_t number; /* in the order of the ring */
	char *text;
};

struct service {
	char name[64];
	uint64_t spans, not_sent, errors;
	int64_t first_ns, last_ns;
};

struct reading {
	const struct cli_recorder_wanted *wanted;
	struct ring *ring;
	struct buffer frame;
	int64_t since_ns;
	struct screen screen;
	struct ring_entry entry; /* whose spans are visited */
	bool dumped; /* its frame was */
	struct line *lines;
	size_t count, room;
	size_t seen; /* lines, of which the newest are kept */
	size_t fresh; /* bytes of those that came since the others were thrown out */
	struct service services[SERVICES_MAX]; /* the last one stands for all that found no place */
	size_t service_count;
	void (*take)(struct reading *, const struct otlp_row *);
};

/* Visits. */

static bool is_wanted(const struct cli_recorder_wanted *w, const struct otlp_row *row)
{
	return (!w->service || strcmp(w->service, row->service) == 0) &&
	       (!w->trace || strncasecmp(w->trace, row->trace_id, strlen(w->trace)) == 0);
}

static void on_row(void *context, const struct otlp_row *row)
{
	struct reading *r = context;

	if (is_wanted(r->wanted, row))
		r->take(r, row);
}

static void read_entries(struct reading *r)
{
	for (size_t at = 0; ring_entry_next(&r->frame, &at, &r->entry);)
		if (r->entry.at.ns >= r->since_ns)
			(void)!otlp_traces_rows(r->entry.request.data, r->entry.request.size, on_row, r);
}

static void find_newest(struct reading *r)
{
	for (size_t at = 0; ring_entry_next(&r->frame, &at, &r->entry);)
		r->since_ns = r->entry.at.ns > r->since_ns ? r->entry.at.ns : r->since_ns;
}

static int each_frame(struct reading *r, void (*visit)(struct reading *))
{
	uint64_t at = 0;
	int more;

	while ((more = ring_read(r->ring, &at, &r->frame)) == 1) {
		r->dumped = ring_frame_is_dumped(&r->frame);
		visit(r);
	}
	return more;
}

static int complain(const struct reading *r, int failed)
{
	const char *folder = r->wanted->folder;

	if (failed == -ENOENT)
		fprintf(stderr,
			"oxpecker: no flight recorder in %s\n  The agent makes it there if traces.recorder is set. Is "
			"`state` the same in its configuration (--config FILE)?\n",
			folder);
	else
		fprintf(stderr, "oxpecker: cannot read %s/%s: %s\n", folder, RING_NAME,
			failed == -EBADMSG ? "it is not a ring of the flight recorder" : path_why(failed));
	return COMMAND_FAILED;
}

static int read_ring(struct reading *r)
{
	struct path_folder folder;
	int failed = path_folder_open(r->wanted->folder, false, &folder);

	if (!failed) {
		failed = ring_look(&folder, &r->ring);
		path_folder_close(&folder);
	}
	buffer_init(&r->frame, RING_FRAME_MAX + RING_PADDING);
	r->since_ns = INT64_MIN;
	if (!failed && r->wanted->last.ns > 0) {
		failed = each_frame(r, find_newest);
		if (__builtin_sub_overflow(r->since_ns, r->wanted->last.ns, &r->since_ns))
			r->since_ns = INT64_MIN;
	}
	if (!failed)
		failed = each_frame(r, read_entries);
	buffer_done(&r->frame);
	return failed ? complain(r, failed) : COMMAND_DONE;
}

/* Spans. */

/* What became of it, in words of equal width. */
static const char *fate(const struct reading *r)
{
	if (r->entry.kind == RING_SENT)
		return "sent    ";
	return r->dumped ? "dumped  " : "not sent";
}

static void paint(const struct reading *r, FILE *to, const char *colour)
{
	if (r->screen.colour)
		fputs(colour, to);
}

static void put_padded(FILE *to, const char *words, int width)
{
	width -= (int)text_put(to, bytes_of(words));
	fprintf(to, "%*s", width > 0 ? width : 0, "");
}

static void print_words(const struct reading *r, const struct otlp_row *row, FILE *to)
{
	bool failed = row->status == OTLP_STATUS_ERROR;
	char when[WALL_TEXT_SIZE];

	wall_format((struct wall_time){ (int64_t)row->start_ns }, when);
	paint(r, to, "\033[2m");
	fprintf(to, "%s %s ", when, row->trace_id);
	paint(r, to, "\033[0m");
	put_padded(to, row->service, SERVICE_WIDTH);
	fprintf(to, " %10.3f ms  %s  %s", ((double)row->end_ns - (double)row->start_ns) * 1e-6, fate(r),
		*row->parent_id ? "  " : "");
	paint(r, to, failed ? "\033[31m" : "");
	text_put(to, bytes_of(row->name));
	paint(r, to, failed ? "\033[0m" : "");
	fputs(failed ? " (error)" : "", to);
}

static void print_json(const struct reading *r, const struct otlp_row *row, FILE *to)
{
	struct json_writer w;
	struct buffer out;

	buffer_init(&out, LINE_MAX_BYTES);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	json_put_u64(&w, "start_ns", row->start_ns);
	json_put_u64(&w, "end_ns", row->end_ns);
	json_put_string(&w, "trace_id", row->trace_id);
	json_put_string(&w, "span_id", row->span_id);
	json_put_string(&w, "parent_id", row->parent_id);
	json_put_string(&w, "service", row->service);
	json_put_string(&w, "name", row->name);
	json_put_i64(&w, "recorded_ns", r->entry.at.ns);
	json_put_bool(&w, "sent", r->entry.kind == RING_SENT);
	json_put_bool(&w, "dumped", r->entry.kind != RING_SENT && r->dumped);
	json_put_raw(&w, "details", bytes_of(*row->json ? row->json : "null"));
	json_put_end(&w);
	if (json_writer_done(&w) == 0)
		text_put_json(to, buffer_bytes(&out), false);
	buffer_done(&out);
}

static int by_start(const void *one, const void *other)
{
	const struct line *a = one, *b = other;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

/* Keeps the newest, in their order. */
static void throw_out(struct reading *r)
{
	size_t surplus = r->count > r->wanted->limit ? r->count - (size_t)r->wanted->limit : 0;

	if (r->count > 0)
		qsort(r->lines, r->count, sizeof *r->lines, by_start);
	for (size_t i = 0; i < surplus; i++)
		free(r->lines[i].text);
	r->count -= surplus;
	if (surplus > 0)
		memmove(r->lines, r->lines + surplus, r->count * sizeof *r->lines);
	r->fresh = 0;
}

static void take_span(struct reading *r, const struct otlp_row *row)
{
	struct line *lines = oxp_grow(r->lines, &r->room, r->count + 1, sizeof *lines);
	size_t size;
	FILE *to;

	OXP_ASSERT(lines && "out of memory");
	r->lines = lines;
	lines[r->count] = (struct line){ .start_ns = row->start_ns, .number = r->seen++ };
	to = open_memstream(&lines[r->count].text, &size);
	OXP_ASSERT(to && "out of memory");
	(r->wanted->json ? print_json : print_words)(r, row, to);
	fclose(to);
	r->count++;
	r->fresh += size + sizeof *lines;
	if (r->count > r->wanted->limit && r->fresh > SPARE)
		throw_out(r);
}

int cli_recorder_show(const struct cli_recorder_wanted *wanted)
{
	struct reading *r = oxp_new(sizeof *r);
	int result;

	r->wanted = wanted;
	r->take = take_span;
	if (!wanted->json)
		r->screen = screen_of_stdout();
	result = read_ring(r);
	throw_out(r);
	for (size_t i = 0; i < r->count; i++)
		puts(r->lines[i].text);
	if (result == COMMAND_DONE && r->seen == 0)
		fprintf(stderr, "oxpecker: no such spans in the flight recorder\n");
	else if (r->seen > wanted->limit)
		fprintf(stderr, "oxpecker: the newest %llu of %zu; --limit N shows more\n",
			(unsigned long long)wanted->limit, r->seen);
	for (size_t i = 0; i < r->count; i++)
		free(r->lines[i].text);
	free(r->lines);
	ring_close(r->ring);
	free(r);
	return result;
}

/* Services. */

static struct service *find_service(struct reading *r, const char *name)
{
	struct service *s = r->services;

	while (s < r->services + r->service_count && strncmp(s->name, name, sizeof s->name - 1) != 0)
		s++;
	if (s < r->services + r->service_count)
		return s;
	if (r->service_count == SERVICES_MAX)
		return &r->services[SERVICES_MAX - 1];
	r->service_count++;
	snprintf(s->name, sizeof s->name, "%s", r->service_count == SERVICES_MAX ? "(others)" : name);
	s->first_ns = r->entry.at.ns;
	return s;
}

static void take_service(struct reading *r, const struct otlp_row *row)
{
	struct service *s = find_service(r, row->service);

	s->spans++;
	s->not_sent += r->entry.kind != RING_SENT && !r->dumped;
	s->errors += row->status == OTLP_STATUS_ERROR;
	s->last_ns = r->entry.at.ns;
}

static void print_service(const struct service *s, bool json)
{
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];

	wall_format((struct wall_time){ s->first_ns }, first);
	wall_format((struct wall_time){ s->last_ns }, last);
	if (!json) {
		screen_name(s->name, 24);
		printf(" %9llu %9llu %9llu  %s  %s\n", (unsigned long long)s->spans, (unsigned long long)s->not_sent,
			(unsigned long long)s->errors, first, last);
	} else {
		struct buffer out;
		struct json_writer w;
		buffer_init(&out, LINE_MAX_BYTES);
		json_writer_init(&w, &out);
		json_put_object(&w, NULL);
		json_put_string(&w, "service", s->name);
		json_put_u64(&w, "spans", s->spans);
		json_put_u64(&w, "not_sent", s->not_sent);
		json_put_u64(&w, "errors", s->errors);
		json_put_string(&w, "first", first);
		json_put_string(&w, "last", last);
		json_put_end(&w);
		if (json_writer_done(&w) == 0)
			text_put_json(stdout, buffer_bytes(&out), false);
		putchar('\n');
		buffer_done(&out);
	}
}

int cli_recorder_list(const struct cli_recorder_wanted *wanted)
{
	struct reading *r = oxp_new(sizeof *r);
	int result;

	r->wanted = wanted;
	r->take = take_service;
	result = read_ring(r);
	if (result == COMMAND_DONE && !wanted->json)
		printf("%-24s %9s %9s %9s  %-24s  %s\n", "SERVICE", "SPANS", "NOT SENT", "ERRORS", "FIRST", "LAST");
	for (size_t i = 0; i < r->service_count; i++)
		print_service(&r->services[i], wanted->json);
	ring_close(r->ring);
	free(r);
	return result;
}
