#include "collectors/lines.h"

#include <stdlib.h>

#include "base/writer.h"
#include "collectors/line_envelope.h"
#include "config/option.h"
#include "proto/json_text.h"

enum { TEXT_BLOCK = 64 << 10, WRAPPING_MAX = 256 };

static const char message_start[] = "\"message\":", cut_end[] = ",\"oxpecker.truncated\":true";

void lines_init(struct lines *l, struct host *host, enum lines_format format, uint64_t line_max)
{
	uint64_t most = host_line_max(host);

	if (line_max > most)
		host_log(host, LOG_LEVEL_WARN,
			"line_max is %llu KiB instead of %llu KiB: this container has no room for longer lines; a "
			"larger "
			"limit (cgroup) and `memory` allow them",
			(unsigned long long)most >> 10, (unsigned long long)line_max >> 10);
	line_max = smaller(line_max, most);
	*l = (struct lines){ .scan = json_scan_best(), .format = format, .line_max = line_max };
	buffer_init(&l->message, 2 * line_max + WRAPPING_MAX + LINE_ORIGIN_MAX);
	line_origin_init(&l->origin);
	l->lines = host_counter(host, "lines_total", "Lines passed on to the pipeline.");
	l->bytes = host_counter(host, "bytes_total", "Bytes of log read, line ends included.");
	l->not_json = host_counter(host, "not_json_total", "Lines that are not a JSON object, shipped as text.");
	l->cut = host_counter(host, "cut_lines_total", "Lines cut because they were longer than line_max.");
	l->cut_bytes = host_counter(host, "cut_bytes_total", "Bytes cut off lines longer than line_max.");
	l->empty = host_counter(host, "empty_lines_total", "Empty lines, which are skipped.");
}

void lines_done(struct lines *l)
{
	buffer_done(&l->message);
	line_origin_done(&l->origin);
	line_join_done(&l->join);
	free(l->queue);
	free(l->start);
}

/* Items. */

/*
 * Messages that came out of the join, in the order of their bytes, like the items of a batch. They go to the batch at
 * an offset that no message spans; what is left at the end of the slice is read again.
 */
enum { QUEUE_MAX = 512, QUEUE_SPARE = 16 /* messages that one line brings out, at most */ };

struct line_queue {
	size_t count;
	struct batch_item items[QUEUE_MAX];
};

static void queue_item(struct line_queue *q, const struct batch_item *item)
{
	size_t i = q->count++;

	OXP_ASSERT(i < QUEUE_MAX);
	for (; i > 0 && q->items[i - 1].offset > item->offset; i--)
		q->items[i] = q->items[i - 1];
	q->items[i] = *item;
}

static bool is_joined(const struct line_slice *s)
{
	return s->lines->queue && !s->single && !s->lost &&
	       (s->format > LINES_TEXT || multiline_wanted(&s->lines->multiline));
}

static void add_item(struct line_slice *s, const char *data, size_t size, uint64_t at)
{
	const struct batch_item item = {
		.data = data, .size = (uint32_t)size, .records = 1, .generation = s->generation, .offset = at
	};

	if (is_joined(s))
		queue_item(s->lines->queue, &item);
	else
		s->failed = s->failed || batch_add(s->batch, &item) < 0;
}

/* Nothing goes on beyond here. */
static void took_up_to(struct line_slice *s, size_t here)
{
	struct line_queue *q = s->lines->queue;

	for (size_t i = 0; q && i < q->count && !s->failed; i++)
		s->failed = batch_add(s->batch, &q->items[i]) < 0;
	if (q)
		q->count = 0;
	s->took = here;
	s->sure = s->tally;
}

/* The longest part of the text, at most `max` bytes, that does not end inside a UTF-8 sequence. */
static size_t cut_at(const char *text, size_t size, size_t max)
{
	size_t cut = max;

	if (size <= max)
		return size;
	while (cut > 0 && max - cut < 3 && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	return ((unsigned char)text[cut] & 0xc0) == 0x80 ? max : cut;
}

/* Memory of the batch for one message. It is asked for in blocks that hold whatever may still come in this slice. */
static char *text_room(struct line_slice *s, size_t size, size_t ahead)
{
	size_t block = ahead + ahead / 4 < TEXT_BLOCK ? ahead + ahead / 4 : TEXT_BLOCK;
	char *room;

	if (s->text_room < size) {
		s->text_room = block > size ? block : size;
		s->text = batch_block(s->batch, s->text_room);
	}
	if (!s->text) {
		s->text_room = 0;
		return NULL;
	}
	room = s->text;
	s->text += size;
	s->text_room -= size;
	return room;
}

/* Gives back what the last message did not fill. */
static void text_give_back(struct line_slice *s, size_t size)
{
	s->text -= size;
	s->text_room += size;
}

static int write_message(struct lines *l, const struct line_message *m, size_t size, bool cut)
{
	struct writer w;

	buffer_clear(&l->message);
	writer_init(&w, &l->message);
	writer_text(&w, "{");
	line_envelope_put(&w, m);
	writer_text(&w, message_start);
	if (!w.failed)
		writer_fail(&w, json_text_append(l->scan, &l->message, m->text.data, size));
	if (cut)
		writer_text(&w, cut_end);
	line_origin_put(&l->origin, &w, m->at);
	writer_text(&w, "}");
	return writer_done(&w);
}

/* Makes {"message": …} of the text in the reader's buffer; shorter when escaped it is too long for that. Returns how
 * much of the text is in it. */
static size_t make_message(struct lines *l, const struct line_message *m, size_t size, bool *cut)
{
	size_t max = size, part;
	int failed;

	do {
		part = cut_at(m->text.data, size, max);
		*cut = *cut || part < size;
		failed = write_message(l, m, part, *cut);
		max = part / 2;
	} while (failed && max > 0);
	return failed ? 0 : part;
}

static size_t ahead(const struct line_slice *s, const struct line_message *m)
{
	return s->size - (size_t)(m->at - s->offset);
}

/* The buffer's object becomes the item of the message. */
static void add_made(struct line_slice *s, const struct line_message *m)
{
	const struct buffer *made = &s->lines->message;
	char *room = text_room(s, made->size, ahead(s, m));

	if (!room) {
		s->failed = true;
		return;
	}
	memcpy(room, made->data, made->size);
	add_item(s, room, made->size, m->last);
}

/* Ships the first `line_max` bytes of a line as text. */
static void add_message(struct line_slice *s, const struct line_message *m)
{
	struct lines *l = s->lines;
	bool too_long = m->text.size > l->line_max, cut = too_long || m->cut || s->cutting;
	size_t part = make_message(l, m, cut_at(m->text.data, m->text.size, l->line_max), &cut);

	if (part == 0) {
		s->failed = true;
		return;
	}
	add_made(s, m);
	s->tally.not_json += !too_long && !s->cutting;
	s->tally.cut += cut;
	s->tally.cut_bytes += m->text.size - part;
}

/* Ships an object, with its envelope and its origin. */
static void add_object(struct line_slice *s, const struct line_message *m)
{
	struct lines *l = s->lines;
	struct line_envelope e = { .blank.size = 0 };
	struct bytes origin = { "", 0 };
	bool inside = !s->apart && m->text.data >= s->data && m->text.data < s->data + s->size;
	size_t max, size;
	char *room;

	if (m->stream || m->time.size + m->extra.size > 0)
		line_envelope_of(l->scan, m, &l->message, &e);
	if (l->origin.members.size > 0 && !line_origin_is_said(l->scan, m))
		origin = buffer_bytes(&l->origin.members);
	if (e.around.size + e.blank.size + origin.size == 0 && inside) {
		add_item(s, m->text.data, line_envelope_bare(m).size, m->last);
		return;
	}
	max = line_envelope_room(m, &e, origin);
	room = text_room(s, max, ahead(s, m));
	if (!room) {
		s->failed = true;
		return;
	}
	size = line_envelope_write(m, &e, origin, room);
	text_give_back(s, max - size);
	add_item(s, room, size, m->last);
}

static bool is_blank(struct bytes text)
{
	return text.size == 0 || (text.size == 1 && *text.data == '\r');
}

/* What is no object. */
static void add_text(struct line_slice *s, const struct line_message *m)
{
	struct lines *l = s->lines;

	if (l->shape && m->text.size <= l->line_max && !m->cut && !s->cutting && l->shape(l, m->text)) {
		s->tally.shaped++;
		add_made(s, m);
	} else {
		add_message(s, m);
	}
}

/* Takes what came out of the join. */
static void take_message(void *context, const struct line_message *m)
{
	struct line_slice *s = context;

	if (s->failed)
		return;
	if (is_blank(m->text))
		s->tally.empty++;
	else if (m->object && m->text.size <= s->lines->line_max && !s->cutting)
		add_object(s, m);
	else
		add_text(s, m);
}

void lines_join(struct lines *l, struct host *host, const struct lines_multiline *m)
{
	l->start = lines_multiline_set(m, &l->multiline);
	line_join_init(&l->join, l->line_max);
	l->join.scan = l->scan;
	l->join.multiline = &l->multiline;
	l->join.take = take_message;
	l->queue = oxp_new(sizeof *l->queue);
	l->malformed = host_counter(
		host, "malformed_lines_total", "Lines that do not have the expected format, shipped as they are.");
}

void lines_join_messages(struct lines *l, struct host *host, const struct lines_multiline *m)
{
	if (!m->start && (!m->shapes || m->shapes->count == 0))
		return;
	if (l->format == LINES_AUTO)
		l->format = LINES_JSON;
	lines_join(l, host, m);
}

/* Working through a slice. */

static void add_lost(struct line_slice *s, const struct line_message *m)
{
	s->loss.records++;
	s->loss.bytes += m->text.size;
}

/* A line that is a message by itself. */
static void add_line(struct line_slice *s, size_t at, size_t size)
{
	struct lines *l = s->lines;
	struct json_line index;
	struct line_message m = {
		.text = { s->data + at, size }, .at = s->offset + at, .last = s->offset + at, .object = &index
	};
	bool may_be_json = l->format != LINES_TEXT && size <= l->line_max && !s->cutting;

	if (is_blank(m.text))
		s->tally.empty++;
	else if (s->lost)
		add_lost(s, &m);
	else if (!may_be_json || json_line_index(l->scan, m.text.data, size, &index) != JSON_FINE)
		add_text(s, &m);
	else
		add_object(s, &m);
}

void lines_add(struct line_slice *s, size_t at, size_t size)
{
	add_line(s, at, size);
	s->sure = s->tally;
}

void lines_end(struct line_slice *s)
{
	if (is_joined(s)) {
		line_join_parts(&s->lines->join, &s->parted);
		line_join_end(&s->lines->join);
	}
	took_up_to(s, s->seen);
}

/* While what was parted has not settled, lines that go on with it must wait. If they were delivered first, and a kill
 * came, all of it would be read again as one message, under the id that its last lines have alone, and what was parted
 * would be lost. */
static bool must_wait(struct line_slice *s, struct bytes line)
{
	if (!s->parts_wait || !s->parted.any || !line_join_goes_on(&s->lines->join, &s->parted, s->format, line))
		return false;
	s->waits = true;
	return true;
}

/* A line that may be part of a message. */
static void join_line(struct line_slice *s, size_t at, size_t size)
{
	struct line_join *j = &s->lines->join;
	uint64_t oldest;

	line_join_line(j, s->format, (struct bytes){ s->data + at, size }, s->offset + at);
	s->tally.malformed += j->malformed;
	j->malformed = 0;
	oldest = line_join_oldest(j, s->offset + s->seen);
	if (oldest >= s->offset + at)
		took_up_to(s, (size_t)(oldest - s->offset));
	else if (s->lines->queue->count > QUEUE_MAX - QUEUE_SPARE)
		lines_end(s);
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

static enum lines_format format_by(const struct lines *l, struct bytes line)
{
	if (l->format != LINES_AUTO || !l->queue)
		return l->format ? l->format : LINES_JSON;
	return line_join_detect(l->scan, line);
}

/* The mark of UTF-8 that some editors and runtimes begin a file with (Unicode 15, 23.8); JSON has none (RFC 8259,
 * 8.1). */
static size_t mark_at(const struct line_slice *s, size_t at, size_t size)
{
	static const char mark[] = "\xef\xbb\xbf";
	const size_t length = sizeof mark - 1;

	return s->offset + at == 0 && size >= length && memcmp(s->data, mark, length) == 0 ? length : 0;
}

/* A line may end with CR LF. What a runtime has written around a line ends for itself: see line_join.c. */
static bool ends_with_return(const struct line_slice *s, size_t at, size_t size)
{
	return size > 0 && s->data[at + size - 1] == '\r' && !s->cutting && s->format <= LINES_TEXT;
}

/* A line, `seen` is behind it and its end. */
static void deal_with(struct line_slice *s, size_t at, size_t size)
{
	size_t mark = mark_at(s, at, size), begins = at;

	at += mark;
	size -= mark;
	for (; s->zeros && size > 0 && is_line_end(s->data[at]); at++)
		size--;
	while (s->zeros && size > 0 && is_line_end(s->data[at + size - 1]))
		size--;
	if (s->format == LINES_AUTO)
		s->format = format_by(s->lines, (struct bytes){ s->data + at, size });
	size -= ends_with_return(s, at, size);
	if (is_joined(s)) {
		if (must_wait(s, (struct bytes){ s->data + at, size }))
			s->seen = begins;
		else
			join_line(s, at, size);
		return;
	}
	add_line(s, at, size);
	took_up_to(s, s->seen);
}

static void begin_joins(struct line_slice *s)
{
	struct lines *l = s->lines;

	if (!l->queue)
		return;
	lines_forget(l);
	l->join.context = s;
	l->join.longest = l->line_max;
}

void lines_split(struct line_slice *s)
{
	const char *end;
	char mark = s->zeros ? '\0' : '\n';

	begin_joins(s);
	while (!s->failed && !s->waits && (end = memchr(s->data + s->seen, mark, s->size - s->seen))) {
		size_t at = s->seen, size = (size_t)(end - s->data) - at;
		s->seen += size + 1;
		if (!s->skipping) {
			deal_with(s, at, size);
			continue;
		}
		s->tally.cut_bytes += size;
		s->skipping = false;
		took_up_to(s, s->seen);
	}
}

/* The line ends with the slice. */
static void end_line(struct line_slice *s)
{
	size_t at = s->seen;

	s->seen = s->size;
	deal_with(s, at, s->size - at);
	lines_end(s);
}

/* Before a line is cut, the lines before it have to be taken. */
void lines_rest(struct line_slice *s, bool last)
{
	size_t rest = s->size - s->seen;

	if (s->failed || s->waits || rest == 0)
		return;
	if (s->skipping) {
		s->tally.cut_bytes += rest;
		s->seen = s->size;
		took_up_to(s, s->size);
	} else if ((rest > s->lines->line_max || s->crowded) && s->seen == 0) {
		s->cutting = s->skipping = true;
		end_line(s);
	} else if (rest > s->lines->line_max) {
		lines_end(s);
	} else if (last) {
		end_line(s);
	}
}

bool lines_in_pieces(const struct line_slice *s)
{
	return is_joined(s) && line_join_in_pieces(&s->lines->join);
}

void lines_forget(struct lines *l)
{
	buffer_give_back(&l->message, LINES_KEPT);
	if (!l->queue)
		return;
	line_join_drop(&l->join);
	l->queue->count = 0;
}

void lines_count(const struct line_slice *s, uint64_t records)
{
	struct lines *l = s->lines;

	*l->lines += records;
	*l->bytes += s->took;
	*l->not_json += s->sure.not_json;
	*l->cut += s->sure.cut;
	*l->cut_bytes += s->sure.cut_bytes;
	*l->empty += s->sure.empty;
	if (l->shaped)
		*l->shaped += s->sure.shaped;
	if (l->malformed)
		*l->malformed += s->sure.malformed;
}
