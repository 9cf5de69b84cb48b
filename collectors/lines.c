#include "collectors/lines.h"

#include "base/text.h"

enum { TEXT_BLOCK = 64 << 10, WRAPPING_MAX = 256 };

const char *const lines_formats[] = { "auto", "json", "text", NULL };

static const char message_start[] = "{\"message\":", cut_end[] = ",\"truncated\":true}", message_end[] = "}";

void lines_init(struct lines *l, struct host *host, enum lines_format format, uint64_t line_max)
{
	*l = (struct lines){ .scan = json_scan_best(), .text = format == LINES_TEXT, .line_max = line_max };
	buffer_init(&l->message, 2 * line_max + WRAPPING_MAX);
	l->lines = host_counter(host, "lines_total", "Lines offered to the pipeline.");
	l->bytes = host_counter(host, "bytes_total", "Bytes of lines dealt with.");
	l->not_json = host_counter(host, "not_json_total", "Lines that are no JSON object and went out as text.");
	l->cut = host_counter(host, "cut_lines_total", "Lines longer than line_max, cut.");
	l->cut_bytes = host_counter(host, "cut_bytes_total", "Bytes cut off from lines.");
	l->empty = host_counter(host, "empty_lines_total", "Empty lines, passed over.");
}

void lines_done(struct lines *l)
{
	buffer_done(&l->message);
}

static void add_item(struct line_slice *s, const char *data, size_t size, size_t at)
{
	const struct batch_item item = { .data = data,
		.size = (uint32_t)size,
		.records = 1,
		.generation = s->generation,
		.offset = s->offset + at };

	s->failed = s->failed || batch_add(s->batch, &item) < 0;
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

static int append_escaped(struct buffer *b, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return buffer_append(b, (const char[]){ '\\', (char)c }, 2);
	case '\t':
		return buffer_text(b, "\\t");
	case '\r':
		return buffer_text(b, "\\r");
	default:
		return buffer_printf(b, "\\u%04x", c);
	}
}

/* Appends the text as a JSON string. Most of it needs nothing: it is taken in runs between what must be escaped. */
static int append_text(struct lines *l, const char *text, size_t size)
{
	const char *end = text + size;
	int failed;

	if (!utf8_valid(text, size))
		return json_string_append(&l->message, text, size);
	failed = buffer_append(&l->message, "\"", 1);
	while (!failed && text < end) {
		const char *stop = l->scan->stop(text, end);
		if (stop > end)
			stop = end; /* what stopped it stands behind the text */
		failed = buffer_append(&l->message, text, (size_t)(stop - text));
		if (!failed && stop < end)
			failed = append_escaped(&l->message, (unsigned char)*stop++);
		text = stop;
	}
	return failed ? failed : buffer_append(&l->message, "\"", 1);
}

/* Memory of the batch for one message. Asked for in blocks that hold what may still come of the slice. */
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

/* Makes {"message": …} of the text in the buffer for it; shorter when escaped it is too long for that. Returns how
 * much of the text is in it. */
static size_t make_message(struct lines *l, const char *text, size_t size, bool *cut)
{
	size_t max = size, part;
	int failed;

	do {
		part = cut_at(text, size, max);
		*cut = *cut || part < size;
		buffer_clear(&l->message);
		failed = buffer_text(&l->message, message_start) || append_text(l, text, part) ||
			 buffer_text(&l->message, *cut ? cut_end : message_end);
		max = part / 2;
	} while (failed && max > 0);
	return failed ? 0 : part;
}

/* Ships the first `max` bytes of a line as text. */
static void add_message(struct line_slice *s, size_t at, size_t size, size_t max)
{
	struct lines *l = s->lines;
	bool cut = size > max;
	size_t part = make_message(l, s->data + at, cut_at(s->data + at, size, max), &cut);
	char *room = part ? text_room(s, l->message.size, s->size - at) : NULL;

	if (!room) {
		s->failed = true;
		return;
	}
	memcpy(room, l->message.data, l->message.size);
	add_item(s, room, l->message.size, at);
	s->cut += cut;
	s->cut_bytes += size - part;
}

static bool is_blank(const char *p, size_t size)
{
	return size == 0 || (size == 1 && *p == '\r');
}

void lines_add(struct line_slice *s, size_t at, size_t size)
{
	struct lines *l = s->lines;
	const char *line = s->data + at;
	struct json_line index;

	if (is_blank(line, size)) {
		s->empty++;
		return;
	}
	if (!l->text && size <= l->line_max && json_line_index(l->scan, line, size, &index) == JSON_FINE) {
		add_item(s, line, size, at);
		return;
	}
	s->not_json += size <= l->line_max;
	add_message(s, at, size, l->line_max);
}

void lines_split(struct line_slice *s)
{
	const char *end;

	while (!s->failed && (end = memchr(s->data + s->took, '\n', s->size - s->took))) {
		size_t size = (size_t)(end - s->data) - s->took;
		if (s->skipping)
			s->cut_bytes += size;
		else
			lines_add(s, s->took, size);
		s->skipping = false;
		s->took += size + 1;
	}
}

void lines_rest(struct line_slice *s, bool last)
{
	size_t rest = s->size - s->took;

	if (s->failed || rest == 0)
		return;
	if (s->skipping) {
		s->cut_bytes += rest;
	} else if (rest > s->lines->line_max && s->took == 0) {
		add_message(s, 0, rest, s->lines->line_max);
		s->skipping = true;
	} else if (last) {
		lines_add(s, s->took, rest);
	} else {
		return;
	}
	s->took = s->size;
}

void lines_count(const struct line_slice *s, uint64_t records)
{
	struct lines *l = s->lines;

	*l->lines += records;
	*l->bytes += s->took;
	*l->not_json += s->not_json;
	*l->cut += s->cut;
	*l->cut_bytes += s->cut_bytes;
	*l->empty += s->empty;
}
