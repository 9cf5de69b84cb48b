#include "http/reading.h"

#include "base/text.h"
#include "http/head.h"

enum { LENGTH_UNKNOWN = -1, SWITCHING = 101 };

void reading_init(struct reading *r, struct answer *answer)
{
	*r = (struct reading){ .answer = answer, .head.size = LENGTH_UNKNOWN };
	buffer_init(&r->line, HTTP_ANSWER_HEAD_MAX);
	r->head.content_type = r->type;
}

void reading_done(struct reading *r)
{
	buffer_done(&r->line);
}

/* The head. */

static unsigned digit(char c)
{
	return (unsigned)(c - '0');
}

/* RFC 9112, 4: HTTP/1.1 200 OK, of which the text may be missing, and some leave out the space before it, too. A later
 * 1.x is read as 1.1 (RFC 9110, 2.5). */
static bool take_status(struct reading *r, struct bytes line)
{
	enum { VERSION = 8, STATUS = 12 };
	const char *c = line.data;

	if (line.size < STATUS || memcmp(c, "HTTP/1.", VERSION - 1) != 0 || digit(c[VERSION - 1]) > 9 ||
		c[VERSION] != ' ')
		return false;
	if (digit(c[9]) < 1 || digit(c[9]) > 9 || digit(c[10]) > 9 || digit(c[11]) > 9)
		return false;
	if (line.size > STATUS && (c[STATUS] != ' ' || !http_is_value(line)))
		return false;
	r->head.status = 100 * digit(c[9]) + 10 * digit(c[10]) + digit(c[11]);
	r->head.size = LENGTH_UNKNOWN;
	r->type[0] = '\0';
	r->coded = r->chunks = false;
	r->keeps = c[VERSION - 1] != '0';
	r->state = READING_FIELDS;
	return r->head.status != SWITCHING;
}

static bool same(struct bytes name, const char *word)
{
	return bytes_same_word(name, bytes_of(word));
}

void reading_note_type(struct reading *r, struct bytes value)
{
	size_t size = value.size < sizeof r->type ? value.size : sizeof r->type - 1;

	memcpy(r->type, value.data, size);
	r->type[size] = '\0';
}

/* What a length is, and whether there are two, is judged in answer.c. */
static bool note_field(struct reading *r, struct bytes name, struct bytes value)
{
	uint64_t size;

	if (same(name, "Content-Length") && u64_parse(value, &size))
		r->head.size = (int64_t)size;
	if (same(name, "Content-Type"))
		reading_note_type(r, value);
	if (same(name, "Connection"))
		r->keeps &= !http_list_has(value, "close");
	if (!same(name, "Transfer-Encoding"))
		return true;
	if (r->coded)
		return false;
	r->coded = true;
	r->chunks = same(value, "chunked");
	return true;
}

static bool take_field(struct reading *r, struct bytes line)
{
	const char *colon = memchr(line.data, ':', line.size);
	struct bytes name = { line.data, colon ? (size_t)(colon - line.data) : 0 }, value;

	if (!http_is_token(name))
		return false;
	value = (struct bytes){ colon + 1, line.size - name.size - 1 };
	return http_is_value(value) && note_field(r, name, bytes_trimmed(value));
}

static bool has_no_body(const struct reading *r)
{
	unsigned status = r->head.status;

	return status == 204 || status == 304 || strcmp(r->answer->options->method, "HEAD") == 0 ||
	       (!r->chunks && r->head.size == 0);
}

/* RFC 9112, 6.3. */
static void end_head(struct reading *r)
{
	if (r->head.status < 200) {
		r->state = READING_STATUS;
	} else if (has_no_body(r)) {
		r->state = READING_WHOLE;
	} else if (r->chunks) {
		r->state = READING_CHUNKS;
	} else if (r->head.size >= 0) {
		r->left = (uint64_t)r->head.size;
		r->state = READING_SIZED;
	} else {
		r->state = READING_REST;
	}
}

/* A line with its end. Of a field the answer is told first, since it knows better what is wrong. */
static enum reading_verdict take_line(struct reading *r, struct bytes line, struct wall_time now)
{
	struct bytes text = { line.data, line.size - 2 };
	bool in_fields = r->state == READING_FIELDS;

	if (line.size < 2 || text.data[text.size] != '\r')
		return READING_BAD;
	if (!in_fields && !take_status(r, text))
		return READING_BAD;
	if (!answer_header(r->answer, line, &r->head, now))
		return READING_OVER;
	if (in_fields && text.size == 0)
		end_head(r);
	else if (in_fields && !take_field(r, text))
		return READING_BAD;
	return READING_MORE;
}

/* The next line, or the part of it that has come, which is kept until the rest comes. */
static enum reading_verdict next_line(struct reading *r, struct bytes *in, struct wall_time now)
{
	const char *end = memchr(in->data, '\n', in->size);
	struct bytes line = { in->data, end ? (size_t)(end - in->data) + 1 : in->size };
	enum reading_verdict verdict;

	*in = (struct bytes){ line.data + line.size, in->size - line.size };
	if (end && r->line.size == 0)
		return take_line(r, line, now);
	if (buffer_append(&r->line, line.data, line.size) < 0)
		return READING_BAD;
	if (!end)
		return READING_MORE;
	verdict = take_line(r, buffer_bytes(&r->line), now);
	buffer_clear(&r->line);
	return verdict;
}

/* The body. */

enum reading_verdict reading_give(struct reading *r, struct bytes piece)
{
	switch (answer_piece(r->answer, piece)) {
	case ANSWER_TAKEN:
		return READING_MORE;
	case ANSWER_LATER:
		return READING_LATER;
	case ANSWER_OVER:
		break;
	}
	return READING_OVER;
}

/* At most `most` bytes. */
static enum reading_verdict next_bytes(struct reading *r, struct bytes *in, uint64_t most)
{
	struct bytes piece = { in->data, in->size < most ? in->size : (size_t)most };
	enum reading_verdict verdict = reading_give(r, piece);

	if (verdict != READING_MORE)
		return verdict;
	*in = (struct bytes){ piece.data + piece.size, in->size - piece.size };
	if (r->state == READING_SIZED && (r->left -= piece.size) == 0)
		r->state = READING_WHOLE;
	return READING_MORE;
}

/* What is put off is read again, so the decoder goes back. */
static enum reading_verdict next_chunk(struct reading *r, struct bytes *in)
{
	const struct http_chunked before = r->chunked;
	const struct bytes all = *in;
	struct bytes piece;
	enum reading_verdict verdict = READING_MORE;

	switch (http_chunked_next(&r->chunked, in, &piece)) {
	case CHUNKED_MORE:
		return READING_MORE;
	case CHUNKED_END:
		r->state = READING_WHOLE;
		return READING_MORE;
	case CHUNKED_PIECE:
		verdict = reading_give(r, piece);
		if (verdict == READING_LATER) {
			r->chunked = before;
			*in = all;
		}
		return verdict;
	case CHUNKED_BAD:
		break;
	}
	return READING_BAD;
}

static enum reading_verdict next(struct reading *r, struct bytes *in, struct wall_time now)
{
	switch (r->state) {
	case READING_STATUS:
	case READING_FIELDS:
		return next_line(r, in, now);
	case READING_SIZED:
		return next_bytes(r, in, r->left);
	case READING_CHUNKS:
		return next_chunk(r, in);
	case READING_REST:
		return next_bytes(r, in, UINT64_MAX);
	case READING_WHOLE:
		break;
	}
	return READING_ENDED;
}

enum reading_verdict reading_take(struct reading *r, struct bytes *in, struct wall_time now)
{
	enum reading_verdict verdict = READING_MORE;

	while (verdict == READING_MORE && (in->size > 0 || r->state == READING_WHOLE))
		verdict = next(r, in, now);
	return verdict;
}

bool reading_ends_here(const struct reading *r)
{
	return r->state == READING_REST;
}
