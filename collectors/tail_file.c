#include "collectors/tail_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/text.h"

enum { CHUNK = 256 << 10, MESSAGE_SLACK = 64 };

static const char message_start[] = "{\"message\":", cut_end[] = ",\"truncated\":true}", message_end[] = "}";

bool tail_head_is(int fd, uint64_t hash, uint32_t size)
{
	char head[TAIL_HEAD_MAX];

	return size == 0 ||
	       (size <= sizeof head && pread(fd, head, size, 0) == (ssize_t)size && XXH3_64bits(head, size) == hash);
}

void tail_file_head(struct tail_file *f)
{
	char head[TAIL_HEAD_MAX];
	size_t want = f->offset < sizeof head ? f->offset : sizeof head;

	if (want <= f->head_size || pread(f->fd, head, want, 0) != (ssize_t)want)
		return;
	f->head_size = (uint32_t)want;
	f->head_hash = XXH3_64bits(head, want);
}

/* What one slice works on: bytes of the file from `offset` on, in the batch's memory. */
struct slice {
	struct tail_file *file;
	struct tail_reader *reader;
	struct batch *batch;
	const char *data;
	size_t size;
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
	if (size <= max)
		return size;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* Ships text as {"message": …}, cut when it is too long for that. */
static void add_message(struct slice *s, const char *text, size_t size, size_t at, bool cut)
{
	struct tail_reader *r = s->reader;
	size_t max = size;
	char *block;
	int failed;

	do {
		buffer_clear(&r->message);
		failed = buffer_text(&r->message, message_start) ||
			 json_string_append(&r->message, text, cut_at(text, size, max)) ||
			 buffer_text(&r->message, cut ? cut_end : message_end);
		cut = cut || failed;
		max /= 2;
	} while (failed && max > 0);
	*r->cut += cut;
	block = failed ? NULL : batch_block(s->batch, r->message.size);
	if (!block) {
		s->failed = true;
		return;
	}
	memcpy(block, r->message.data, r->message.size);
	add_item(s, block, r->message.size, at);
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
		++*r->empty;
		return;
	}
	if (!r->text && size <= r->line_max && json_line_index(r->scan, line, size, &index) == JSON_FINE) {
		add_item(s, line, size, at);
		return;
	}
	*r->not_json += size <= r->line_max;
	add_message(s, line, cut_at(line, size, r->line_max), at, size > r->line_max);
}

/* Whole lines of the slice become items. Returns how many bytes they take. */
static size_t split_lines(struct slice *s)
{
	size_t at = 0;

	while (at < s->size && !s->failed) {
		const char *end = memchr(s->data + at, '\n', s->size - at);
		size_t size;
		if (!end)
			break;
		size = (size_t)(end - s->data) - at;
		if (s->file->skipping)
			s->file->skipping = false;
		else
			add_line(s, at, size);
		at += size + 1;
	}
	return at;
}

/* No line ends in the slice: part of a cut line is passed over, a line that is too long is cut here. */
static size_t take_unended(struct slice *s)
{
	if (s->file->skipping)
		return s->size;
	if (s->size <= s->reader->line_max)
		return 0;
	add_message(s, s->data, cut_at(s->data, s->size, s->reader->line_max), 0, true);
	if (!s->failed)
		s->file->skipping = true;
	return s->size;
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
		*ret = -errno;
		return false;
	}
	s->data = batch_block_trim(s->batch, (size_t)got);
	s->size = (size_t)got;
	return true;
}

static enum tail_read give_up(struct slice *s, enum tail_read answer)
{
	batch_free(s->batch);
	return answer;
}

/* Makes one batch of the next bytes. `took` is how many of them are dealt with. */
static enum tail_read make_batch(struct slice *s, size_t want, size_t *took)
{
	bool was_skipping = s->file->skipping;
	int failed;

	s->batch = host_batch_new(s->reader->host, SIGNAL_LOGS);
	if (!s->batch)
		return TAIL_READ_FULL;
	if (!fill(s, want, &failed))
		return give_up(s, failed ? TAIL_READ_FAILED : TAIL_READ_FULL);
	*took = split_lines(s);
	if (*took == 0 && !s->failed)
		*took = take_unended(s);
	if (!s->failed)
		return TAIL_READ_MORE;
	s->file->skipping = was_skipping;
	return give_up(s, TAIL_READ_FULL);
}

enum tail_read tail_file_read(struct tail_file *f, struct tail_reader *r, uint64_t token, bool *ret_offered)
{
	struct slice s = { .file = f, .reader = r };
	size_t took = 0, want = CHUNK;
	bool was_skipping = f->skipping;
	struct stat info;
	enum tail_read answer;

	*ret_offered = false;
	if (fstat(f->fd, &info) < 0)
		return TAIL_READ_FAILED;
	if ((uint64_t)info.st_size <= f->offset)
		return TAIL_READ_END;
	for (;; want = r->line_max + 1) {
		if (want > (uint64_t)info.st_size - f->offset)
			want = (uint64_t)info.st_size - f->offset;
		answer = make_batch(&s, want, &took);
		if (answer != TAIL_READ_MORE)
			return answer;
		if (took > 0 || s.size < want || want >= r->line_max + 1 || want == (uint64_t)info.st_size - f->offset)
			break;
		batch_free(s.batch); /* a line longer than a chunk: once more, with room for all of it */
	}
	if (batch_items(s.batch) > 0) {
		uint64_t records = batch_records(s.batch);
		batch_token(s.batch, token);
		if (host_offer(r->host, &s.batch) != ADMIT_TAKEN) {
			f->skipping = was_skipping;
			return give_up(&s, TAIL_READ_FULL);
		}
		*ret_offered = true;
		*r->lines += records;
	} else {
		batch_free(s.batch);
	}
	*r->bytes += took;
	f->offset += took;
	return took > 0 ? TAIL_READ_MORE : TAIL_READ_END;
}
