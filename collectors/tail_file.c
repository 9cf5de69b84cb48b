#include "collectors/tail_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/text.h"

/* PIECES of PIECE bytes: how far one slice looks for the end of a long line. */
enum { PIECE = 16 << 10, PIECES = 16, TEXT_BLOCK = 64 << 10 };

static const char message_start[] = "{\"message\":", cut_end[] = ",\"truncated\":true}", message_end[] = "}";

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The beginning of the file. */

struct head {
	char data[TAIL_HEAD_MAX];
	size_t size;
};

static void read_head(int fd, struct head *h)
{
	ssize_t got = pread(fd, h->data, sizeof h->data, 0);

	h->size = got > 0 ? (size_t)got : 0;
}

static bool begins_with(const struct head *h, uint64_t hash, uint32_t size)
{
	return size == 0 || (size <= h->size && XXH3_64bits(h->data, size) == hash);
}

bool tail_head_is(int fd, uint64_t hash, uint32_t size)
{
	struct head h;

	read_head(fd, &h);
	return begins_with(&h, hash, size);
}

/* The hash covers what is there and no more, so that it stands while the file grows. */
static bool extend_head(struct tail_file *f, const struct head *h)
{
	if (h->size <= f->head_size)
		return false;
	f->head_size = (uint32_t)h->size;
	f->head_hash = XXH3_64bits(h->data, h->size);
	return true;
}

void tail_file_learn_head(struct tail_file *f)
{
	struct head h;

	f->head_size = 0;
	read_head(f->fd, &h);
	extend_head(f, &h);
}

/* Slices. */

/* What one slice works on: bytes of the file from `offset` on, in the batch's memory. Counted only when it is taken. */
struct slice {
	struct tail_file *file;
	struct tail_reader *reader;
	struct batch *batch;
	const char *data;
	size_t size, took;
	char *text; /* what is left of the block for messages */
	size_t text_room;
	struct head head;
	uint64_t not_json, cut, cut_bytes, empty;
	bool at_end; /* of the file */
	bool skipping;
	bool failed; /* no room for an item */
};

static void add_item(struct slice *s, const char *data, size_t size, size_t at)
{
	const struct batch_item item = { .data = data,
		.size = (uint32_t)size,
		.records = 1,
		.generation = s->file->generation,
		.offset = s->file->offset + at };

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
static int append_text(struct tail_reader *r, const char *text, size_t size)
{
	const char *end = text + size;
	int failed;

	if (!utf8_valid(text, size))
		return json_string_append(&r->message, text, size);
	failed = buffer_append(&r->message, "\"", 1);
	while (!failed && text < end) {
		const char *stop = r->scan->stop(text, end);
		if (stop > end)
			stop = end; /* what stopped it stands behind the text */
		failed = buffer_append(&r->message, text, (size_t)(stop - text));
		if (!failed && stop < end)
			failed = append_escaped(&r->message, (unsigned char)*stop++);
		text = stop;
	}
	return failed ? failed : buffer_append(&r->message, "\"", 1);
}

/* Memory of the batch for one message. Asked for in blocks that hold what may still come of the slice. */
static char *text_room(struct slice *s, size_t size, size_t ahead)
{
	size_t block = least(TEXT_BLOCK, ahead + ahead / 4);
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

/* Makes {"message": …} of the text in the reader's buffer; shorter when escaped it is too long for that. Returns how
 * much of the text is in it. */
static size_t make_message(struct tail_reader *r, const char *text, size_t size, bool *cut)
{
	size_t max = size, part;
	int failed;

	do {
		part = cut_at(text, size, max);
		*cut = *cut || part < size;
		buffer_clear(&r->message);
		failed = buffer_text(&r->message, message_start) || append_text(r, text, part) ||
			 buffer_text(&r->message, *cut ? cut_end : message_end);
		max = part / 2;
	} while (failed && max > 0);
	return failed ? 0 : part;
}

/* Ships the first `max` bytes of a line as text. */
static void add_message(struct slice *s, size_t at, size_t size, size_t max)
{
	struct tail_reader *r = s->reader;
	bool cut = size > max;
	size_t part = make_message(r, s->data + at, cut_at(s->data + at, size, max), &cut);
	char *room = part ? text_room(s, r->message.size, s->size - at) : NULL;

	if (!room) {
		s->failed = true;
		return;
	}
	memcpy(room, r->message.data, r->message.size);
	add_item(s, room, r->message.size, at);
	s->cut += cut;
	s->cut_bytes += size - part;
}

static bool is_blank(const char *p, size_t size)
{
	return size == 0 || (size == 1 && *p == '\r');
}

static void add_line(struct slice *s, size_t at, size_t size)
{
	struct tail_reader *r = s->reader;
	const char *line = s->data + at;
	struct json_line index;

	if (is_blank(line, size)) {
		s->empty++;
		return;
	}
	if (!r->text && size <= r->line_max && json_line_index(r->scan, line, size, &index) == JSON_FINE) {
		add_item(s, line, size, at);
		return;
	}
	s->not_json += size <= r->line_max;
	add_message(s, at, size, r->line_max);
}

/* Whole lines of the slice become items. */
static void split_lines(struct slice *s)
{
	const char *end;

	while (!s->failed && (end = memchr(s->data + s->took, '\n', s->size - s->took))) {
		size_t size = (size_t)(end - s->data) - s->took;
		if (s->skipping)
			s->cut_bytes += size;
		else
			add_line(s, s->took, size);
		s->skipping = false;
		s->took += size + 1;
	}
}

/* Behind the last line's end: part of a cut line is passed over, a line that is too long is cut here, and so ends the
 * last line of a file that nobody writes to any more. */
static void take_rest(struct slice *s)
{
	size_t rest = s->size - s->took;

	if (s->failed || rest == 0)
		return;
	if (s->skipping) {
		s->cut_bytes += rest;
	} else if (rest > s->reader->line_max && s->took == 0) {
		add_message(s, 0, rest, s->reader->line_max);
		s->skipping = true;
	} else if (s->file->last && s->at_end) {
		add_line(s, s->took, rest);
	} else {
		return;
	}
	s->took = s->size;
}

/* Reads `want` bytes into the batch. False: no room, or the read failed (then errno is kept in ret). */
static bool fill(struct slice *s, size_t want, int *ret)
{
	char *data = batch_block(s->batch, want);
	ssize_t got;

	*ret = 0;
	if (!data)
		return false;
	got = pread(s->file->fd, data, want, (off_t)s->file->offset);
	if (got < 0) {
		*ret = errno;
		return false;
	}
	s->data = batch_block_trim(s->batch, (size_t)got);
	s->size = (size_t)got;
	return true;
}

/* Asked after the read: what was read before the file was cut down is still of this generation. */
static bool is_cut_down(struct slice *s)
{
	struct tail_file *f = s->file;

	read_head(f->fd, &s->head);
	if (f->offset == 0 && s->size > 0 && memcmp(s->head.data, s->data, least(s->size, s->head.size)) != 0)
		return true;
	return !begins_with(&s->head, f->head_hash, f->head_size);
}

/* Makes one batch of the next bytes; MORE: there it is. */
static enum tail_read make_batch(struct slice *s, size_t want)
{
	int failed;

	s->skipping = s->file->skipping;
	s->batch = host_batch_new(s->reader->host, SIGNAL_LOGS);
	if (!s->batch)
		return TAIL_READ_FULL;
	if (!fill(s, want, &failed)) {
		errno = failed;
		return failed ? TAIL_READ_FAILED : TAIL_READ_FULL;
	}
	if (is_cut_down(s))
		return TAIL_READ_CUT_DOWN;
	split_lines(s);
	take_rest(s);
	if (s->failed)
		return TAIL_READ_FULL;
	return s->took > 0 && extend_head(s->file, &s->head) ? TAIL_READ_HEAD : TAIL_READ_MORE;
}

static void count(struct slice *s, uint64_t records)
{
	struct tail_reader *r = s->reader;

	*r->lines += records;
	*r->bytes += s->took;
	*r->not_json += s->not_json;
	*r->cut += s->cut;
	*r->cut_bytes += s->cut_bytes;
	*r->empty += s->empty;
}

/* Offers what was made. The file stands behind it before the pipeline has it: it may settle at once. */
static enum tail_read hand_over(struct slice *s, struct tail_offer *offer, bool *ret_offered)
{
	struct tail_file *f = s->file;
	uint64_t records = batch_records(s->batch);

	f->offset += s->took;
	if (records > 0) {
		offer->end = f->offset;
		batch_token(s->batch, (uint64_t)(uintptr_t)offer);
		if (host_offer(s->reader->host, &s->batch) != ADMIT_TAKEN) {
			f->offset -= s->took;
			return TAIL_READ_FULL;
		}
		*ret_offered = true;
	}
	f->skipping = s->skipping;
	f->unended = (uint32_t)(s->size - s->took);
	count(s, records);
	return s->at_end ? TAIL_READ_END : TAIL_READ_MORE;
}

/* Looks for the end of the line at `offset` in what is new. True: it is there, behind `unended` bytes. */
static bool find_end(struct tail_file *f, uint64_t size, uint64_t max)
{
	char piece[PIECE];

	for (int i = 0; i < PIECES && f->unended < size && f->unended < max; i++) {
		ssize_t got = pread(f->fd, piece, sizeof piece, (off_t)(f->offset + f->unended));
		const char *end = got > 0 ? memchr(piece, '\n', (size_t)got) : NULL;
		if (got <= 0)
			break;
		f->unended += (uint32_t)(end ? end - piece : got);
		if (end)
			return true;
	}
	return false;
}

/* How many of the `size` bytes to read now: a chunk, or a line that is longer, once its end is there or out of reach.
 * 0: END or MORE, nothing is to be read yet. */
static enum tail_read measure(struct tail_file *f, const struct tail_reader *r, uint64_t size, size_t *want)
{
	uint64_t max = r->line_max + 1, chunk = least(size, r->chunk);
	bool ended;

	if (f->unended > size)
		f->unended = 0;
	*want = chunk;
	if (f->unended == 0 || f->skipping)
		return size ? TAIL_READ_MORE : TAIL_READ_END;
	ended = find_end(f, size, max);
	if (ended || f->unended >= max || (f->last && f->unended == size))
		*want = least(max, ended && f->unended < chunk ? chunk : least(size, f->unended + 1ull));
	else
		*want = 0;
	return f->unended == size ? TAIL_READ_END : TAIL_READ_MORE;
}

enum tail_read tail_file_read(struct tail_file *f, struct tail_reader *r, struct tail_offer *offer, bool *ret_offered)
{
	struct slice s = { .file = f, .reader = r };
	struct stat info;
	enum tail_read answer;
	uint64_t size;
	size_t want;

	*ret_offered = false;
	if (fstat(f->fd, &info) < 0)
		return TAIL_READ_FAILED;
	if ((uint64_t)info.st_size < f->offset)
		return TAIL_READ_CUT_DOWN;
	size = (uint64_t)info.st_size - f->offset;
	answer = measure(f, r, size, &want);
	if (want == 0)
		return is_cut_down(&s) ? TAIL_READ_CUT_DOWN : answer;
	s.at_end = want == size;
	answer = make_batch(&s, want);
	if (answer == TAIL_READ_MORE)
		answer = hand_over(&s, offer, ret_offered);
	batch_free(s.batch);
	return answer;
}

bool tail_file_grew(const struct tail_file *f)
{
	struct stat info;

	return f->fd >= 0 && fstat(f->fd, &info) == 0 && (uint64_t)info.st_size != f->offset + f->unended;
}

void tail_file_begin(struct tail_file *f, uint64_t offset)
{
	char before = '\n';

	f->offset = f->saved = offset;
	f->skipping = offset > 0 && pread(f->fd, &before, 1, (off_t)offset - 1) == 1 && before != '\n';
	f->unended = 0;
}
