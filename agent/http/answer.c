#include "http/answer.h"

#include <curl/curl.h>
#include <errno.h>
#include <strings.h>

#include "base/text.h"
#include "http/unpack.h"

enum { SECONDS_MAX = 365 * 86400, LENGTH_DIGITS_MAX = 18 };

void answer_init(struct answer *a, struct answers *all, const struct http_call_options *options)
{
	*a = (struct answer){ .all = all, .options = options, .retry_after_ms = -1, .length = -1 };
	buffer_init(&a->body, options->answer_max);
}

void answer_done(struct answer *a)
{
	if (a->all)
		a->all->collected -= a->body.size;
	buffer_done(&a->body);
	unpack_free(a->unpack);
	a->unpack = NULL;
}

void answer_give_up(struct answer *a)
{
	a->over = true;
}

/* Always false. */
static bool stop(struct answer *a, enum http_end end, const char *why)
{
	a->over = true;
	a->end = end;
	a->why = why;
	return false;
}

/* The head. */

static bool name_is(struct bytes line, const char *name)
{
	return line.size > strlen(name) && strncasecmp(line.data, name, strlen(name)) == 0;
}

/* Seconds or an HTTP-date (RFC 9110, 10.2.3). */
static void read_retry_after(struct answer *a, struct bytes value, struct wall_time now)
{
	char text[64];
	uint64_t seconds;
	time_t when;

	if (value.size == 0 || value.size >= sizeof text)
		return;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	if (u64_parse(value, &seconds)) {
		a->retry_after_ms = (int64_t)(seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000;
	} else if ((when = curl_getdate(text, NULL)) >= 0) {
		int64_t left = (int64_t)when - now.ns / 1000000000;
		left = left < SECONDS_MAX ? left : SECONDS_MAX;
		a->retry_after_ms = left > 0 ? left * 1000 : 0;
	}
}

static void tell_head(struct answer *a, const struct answer_head *head)
{
	if (a->head_told)
		return;
	a->head_told = true;
	if (a->options->head)
		a->options->head(a->options->context, head->status, head->content_type);
}

/* The value of that line of the head. */
static struct bytes value_of(struct bytes line, const char *name)
{
	struct bytes value = { line.data + strlen(name), line.size - strlen(name) };

	while (value.size > 0 && (unsigned char)value.data[value.size - 1] <= ' ')
		value.size--;
	return bytes_trimmed(value);
}

/* Whether the transfer is coded other than in chunks, which are all that is asked for (RFC 9112, 7.4). libcurl undoes
 * other codings unasked, up to five within one another: a thousand bytes, packed three times, keep it busy in one call
 * for as long as their sender likes. */
static bool is_coded(struct answer *a, struct bytes line)
{
	static const char name[] = "Transfer-Encoding:";
	struct bytes value;

	if (!name_is(line, name))
		return false;
	a->in_chunks = true;
	value = value_of(line, name);
	return !bytes_same_word(value, bytes_of("chunked")) && !bytes_same_word(value, bytes_of("identity"));
}

/*
 * Whether two readers of the head could see different ends of the body: there are two lengths, one beside chunks, or
 * one that is not a number (RFC 9112, 6.3). libcurl takes the last length, or reads to the end of the connection. So
 * bytes that a proxy before it took for another answer would become a part of ours. Called after is_coded().
 */
static bool length_is_unsure(struct answer *a, struct bytes line)
{
	static const char name[] = "Content-Length:";
	struct bytes value;
	uint64_t number;

	if (name_is(line, name)) {
		value = value_of(line, name);
		if (value.size > LENGTH_DIGITS_MAX || !u64_parse(value, &number))
			return true;
		if (a->length >= 0 && a->length != (int64_t)number)
			return true;
		a->length = (int64_t)number;
	}
	return a->in_chunks && a->length >= 0;
}

static bool has_no_body(const struct answer *a, const struct answer_head *head)
{
	return head->size == 0 || head->status == 204 || head->status == 304 || strcmp(a->options->method, "HEAD") == 0;
}

static bool head_ended(struct answer *a, const struct answer_head *head)
{
	const char *why = has_no_body(a, head) ? NULL : codings_why_not(&a->codings);

	a->status = head->status;
	tell_head(a, head);
	if (why)
		stop(a, HTTP_END_CODING, why);
	return !a->over;
}

/* The empty line ends a head. One of status 1xx is followed by another. */
static bool take_line(struct answer *a, struct bytes line, const struct answer_head *head, struct wall_time now)
{
	a->head_size += line.size;
	if (a->over)
		return false;
	if (a->head_size > HTTP_ANSWER_HEAD_MAX)
		return stop(a, HTTP_END_BROKEN, "the head of the answer is larger than allowed");
	if (a->options->line)
		a->options->line(a->options->context, line);
	if (name_is(line, "Retry-After:"))
		read_retry_after(a, value_of(line, "Retry-After:"), now);
	if (name_is(line, "Content-Encoding:"))
		codings_note(&a->codings, value_of(line, "Content-Encoding:"));
	if (is_coded(a, line))
		return stop(a, HTTP_END_BROKEN, "the answer is in a coding that was not asked for");
	if (length_is_unsure(a, line))
		return stop(a, HTTP_END_BROKEN, "the head of the answer does not say for sure how long it is");
	if (line.size > 2 && line.data[0] == '\r') /* to libcurl it is the end of the head */
		return stop(a, HTTP_END_BROKEN, "the head of the answer is not HTTP");
	return line.size > 2 || head->status < 200 || head_ended(a, head);
}

/* If a piece of the body was put off, libcurl keeps all lines behind it, and gives them as one. */
bool answer_header(struct answer *a, struct bytes lines, const struct answer_head *head, struct wall_time now)
{
	bool goes_on = true;

	while (goes_on && lines.size > 0) {
		const char *end = memchr(lines.data, '\n', lines.size);
		size_t n = end ? (size_t)(end - lines.data) + 1 : lines.size;
		goes_on = take_line(a, (struct bytes){ lines.data, n }, head, now);
		lines.data += n;
		lines.size -= n;
	}
	return goes_on;
}

/* The body. */

static bool collect(struct answer *a, struct bytes piece)
{
	size_t room = a->options->piece ? ANSWER_REFUSAL_MAX - a->body.size : piece.size;
	size_t size = piece.size < room ? piece.size : room, *all = &a->all->collected;

	if (*all > a->body.size && *all + size > ANSWER_COLLECTED_MAX)
		return stop(a, HTTP_END_NO_ROOM, "too many large answers at a time");
	if (buffer_append(&a->body, piece.data, size) < 0)
		return stop(a, HTTP_END_TOO_LARGE, "no memory for the answer");
	*all += size;
	return true;
}

/* False: the answer is over. */
static bool take(struct answer *a, struct bytes piece)
{
	if (piece.size > a->options->answer_max - a->size)
		return stop(a, HTTP_END_TOO_LARGE, "the answer is larger than allowed");
	a->size += piece.size;
	if (!a->options->piece || a->status / 100 != 2)
		return collect(a, piece);
	if (a->options->piece(a->options->context, piece))
		return !a->over;
	return stop(a, HTTP_END_STOPPED, "stopped");
}

/* The next piece of what the body unpacks to. False: the answer is over. */
static bool take_unpacked(struct answer *a, struct bytes *in, size_t *ret_size)
{
	char *to = a->all->unpacked;
	int failed;

	if (!a->unpack)
		a->unpack = unpack_new(a->codings.deflate);
	failed = unpack_next(a->unpack, in, to, ANSWER_UNPACKED_AT_ONCE, ret_size);
	if (failed == -ENOMEM)
		return stop(a, HTTP_END_NO_ROOM, "no memory to unpack the answer");
	if (failed)
		return stop(a, HTTP_END_CODING, "the answer is not in the coding that its head names, or damaged");
	if (a->size + *ret_size > ANSWER_UNPACKED_FREE + ANSWER_UNPACKED_TIMES * a->came)
		return stop(a, HTTP_END_TOO_LARGE, "the answer unpacks to more than allowed");
	return *ret_size == 0 || take(a, (struct bytes){ to, *ret_size });
}

/* A few bytes may unpack to many, for which libcurl would take no break. */
static enum answer_take coded_piece(struct answer *a, struct bytes piece)
{
	struct bytes in = { piece.data + a->used, piece.size - a->used };
	size_t size = ANSWER_UNPACKED_AT_ONCE;

	a->came += in.size;
	while (in.size > 0 || size == ANSWER_UNPACKED_AT_ONCE) {
		if (turn_is_over(a->all->turn)) {
			a->came -= in.size;
			a->used = piece.size - in.size;
			return ANSWER_LATER;
		}
		if (!take_unpacked(a, &in, &size))
			return ANSWER_OVER;
	}
	a->used = 0;
	return ANSWER_TAKEN;
}

/* What takes a caller long, as lines of a page that are all of new families, is given to it a little at a time. */
static enum answer_take plain_piece(struct answer *a, struct bytes piece)
{
	size_t most = a->options->piece ? ANSWER_GIVEN_AT_ONCE : piece.size;

	do {
		size_t size = smaller(piece.size - a->used, most);
		if (turn_is_over(a->all->turn))
			return ANSWER_LATER;
		if (!take(a, (struct bytes){ piece.data + a->used, size }))
			return ANSWER_OVER;
		a->used += size;
	} while (a->used < piece.size);
	a->used = 0;
	return ANSWER_TAKEN;
}

/* libcurl reads on as long as there is something, up to a hundred times. What is put off it gives again, from its
 * start. */
enum answer_take answer_piece(struct answer *a, struct bytes piece)
{
	if (a->over)
		return ANSWER_OVER;
	return a->codings.count > 0 ? coded_piece(a, piece) : plain_piece(a, piece);
}

bool answer_is_cut_short(const struct answer *a)
{
	return a->unpack && !unpack_is_whole(a->unpack);
}
