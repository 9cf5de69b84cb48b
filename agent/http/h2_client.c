#include "http/h2_client.h"

#include <ctype.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/writer.h"

enum {
	FRAME_MAX = 16 << 10, /* what nghttp2 has of a frame at a time, but for its head */
	HEAD_SIZE = 9,
	OWN = 2 * FRAME_MAX, /* bytes of frames that are not the body's */
	FRAME_PIECES = 32, /* of a frame of the body */
};

/*
 * Invariant: pieces[at …] are to be written, and `size` is the sum of them; those that are not the body's stand in
 * `own`, of which `used` bytes are taken. `stream` is 0 without a call.
 */
struct h2_client {
	nghttp2_session *session;
	const struct http_call_options *call;
	struct reading *reading;
	struct wall_time now;
	int32_t stream;
	uint64_t given; /* of the body */
	bool ended, closed; /* the stream: on the peer's side; on both */
	bool stopped; /* by the answer's ceilings, or the caller */
	bool malformed; /* the answer: nghttp2 resets such a stream */
	uint32_t code; /* that it was closed with */
	struct buffer late; /* a piece that was put off */
	struct iovec pieces[H2_CLIENT_PIECES];
	size_t at, count, size, used;
	char own[OWN];
};

/* What comes. */

static bool is_answer(const struct h2_client *c, int32_t stream)
{
	return c->stream && stream == c->stream && !c->stopped;
}

static int tell(struct h2_client *c, struct bytes line)
{
	if (!answer_header(c->reading->answer, line, &c->reading->head, c->now))
		c->stopped = true;
	return c->stopped ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int tell_status(struct h2_client *c, const uint8_t *value)
{
	char line[32];
	int size;

	/* nghttp2 has seen to it that these are three digits */
	c->reading->head.status = (unsigned)(value[0] - '0') * 100 + (unsigned)(value[1] - '0') * 10 + value[2] - '0';
	c->reading->head.size = -1;
	size = snprintf(line, sizeof line, "HTTP/2 %u \r\n", c->reading->head.status);
	return tell(c, (struct bytes){ line, (size_t)size });
}

static int tell_field(struct h2_client *c, struct bytes name, struct bytes value)
{
	struct buffer line;
	struct writer w;
	int failed;

	if (bytes_are(name, "content-type"))
		reading_note_type(c->reading, value);
	buffer_init(&line, HTTP_ANSWER_HEAD_MAX + 64);
	writer_init(&w, &line);
	writer_bytes(&w, name);
	writer_text(&w, ": ");
	writer_bytes(&w, value);
	writer_text(&w, "\r\n");
	failed = writer_done(&w) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : tell(c, buffer_bytes(&line));
	buffer_done(&line);
	return failed;
}

static int on_h2_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
	const uint8_t *value, size_t value_size, uint8_t flags, void *context)
{
	struct h2_client *c = context;

	(void)session, (void)flags;
	if (frame->hd.type != NGHTTP2_HEADERS || !is_answer(c, frame->hd.stream_id))
		return 0;
	if (name_size > 0 && name[0] == ':')
		return value_size == 3 ? tell_status(c, value) : 0;
	return tell_field(
		c, (struct bytes){ (const char *)name, name_size }, (struct bytes){ (const char *)value, value_size });
}

/* The end of a head is an empty line; trailers have none. */
static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2_client *c = context;
	bool head = frame->hd.type == NGHTTP2_HEADERS;

	(void)session;
	if (!is_answer(c, frame->hd.stream_id))
		return 0;
	if ((head || frame->hd.type == NGHTTP2_DATA) && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		c->ended = true;
	return head && !c->reading->answer->head_told ? tell(c, bytes_of("\r\n")) : 0;
}

static int on_h2_data(
	nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t size, void *context)
{
	struct h2_client *c = context;

	(void)session, (void)flags;
	if (!is_answer(c, stream))
		return 0;
	switch (reading_give(c->reading, (struct bytes){ (const char *)data, size })) {
	case READING_MORE:
		return 0;
	case READING_LATER:
		return buffer_append(&c->late, data, size) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : NGHTTP2_ERR_PAUSE;
	default:
		c->stopped = true;
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *context)
{
	struct h2_client *c = context;

	(void)session;
	if (c->stream && stream == c->stream) {
		c->closed = true;
		c->code = code;
	}
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2_client *c = context;

	(void)session;
	c->malformed |= c->stream && frame->hd.stream_id == c->stream && frame->hd.type == NGHTTP2_RST_STREAM;
	return 0;
}

/* Not of DATA: of these, on_sent() tells. */
static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int why, void *context)
{
	struct h2_client *c = context;

	(void)session, (void)why;
	c->malformed |= is_answer(c, frame->hd.stream_id);
	return 0;
}

/* The piece that was put off. */
static enum reading_verdict give_late(struct h2_client *c)
{
	enum reading_verdict verdict = reading_give(c->reading, buffer_bytes(&c->late));

	if (verdict == READING_MORE)
		buffer_clear(&c->late);
	return verdict;
}

static enum reading_verdict verdict_of(const struct h2_client *c, bool failed)
{
	if (c->stopped)
		return READING_OVER;
	if (failed || h2_client_is_malformed(c))
		return READING_BAD;
	if (c->late.size > 0)
		return READING_LATER;
	if (!c->stream || (!c->closed && !c->ended))
		return READING_MORE;
	return c->reading->answer->head_told && (c->ended || c->code == NGHTTP2_NO_ERROR) ? READING_ENDED : READING_BAD;
}

enum reading_verdict h2_client_take(struct h2_client *c, struct bytes *in, struct wall_time now)
{
	enum reading_verdict verdict = c->late.size > 0 ? give_late(c) : READING_MORE;
	ssize_t n;

	if (verdict != READING_MORE)
		return verdict;
	c->now = now;
	n = nghttp2_session_mem_recv(c->session, (const uint8_t *)in->data, in->size);
	OXP_ASSERT(n <= (ssize_t)in->size);
	if (n > 0)
		*in = (struct bytes){ in->data + n, in->size - (size_t)n };
	return verdict_of(c, n < 0);
}

bool h2_client_reset(const struct h2_client *c)
{
	return c->closed && !c->ended && !c->malformed;
}

bool h2_client_is_malformed(const struct h2_client *c)
{
	return c->malformed && !c->ended;
}

bool h2_client_refused(const struct h2_client *c)
{
	return h2_client_reset(c) && c->code == NGHTTP2_REFUSED_STREAM;
}

/* What is written. */

static void add_piece(struct h2_client *c, const char *data, size_t size)
{
	c->pieces[c->count++] = (struct iovec){ (char *)data, size };
	c->size += size;
}

static void add_own(struct h2_client *c, const void *data, size_t size)
{
	OXP_ASSERT(size <= OWN - c->used);
	memcpy(c->own + c->used, data, size);
	add_piece(c, c->own + c->used, size);
	c->used += size;
}

static ssize_t size_h2_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *context)
{
	struct h2_client *c = context;
	struct bytes pieces[FRAME_PIECES];
	size_t count = c->call->look(c->call->context, pieces, FRAME_PIECES), size = 0;

	(void)session, (void)stream, (void)to, (void)source;
	for (size_t i = 0; i < count && size < room; i++)
		size += pieces[i].size < room - size ? pieces[i].size : room - size;
	OXP_ASSERT(size > 0);
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (c->given + size == c->call->body_size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

/* Adds a frame of the body: its head, and as many bytes as size_h2_body() said. */
static int add_h2_body(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t size,
	nghttp2_data_source *source, void *context)
{
	struct h2_client *c = context;
	struct bytes pieces[FRAME_PIECES];
	size_t left = size;

	(void)session, (void)frame, (void)source;
	if (H2_CLIENT_PIECES - c->count < FRAME_PIECES + 1 || OWN - c->used < HEAD_SIZE || c->size >= H2_CLIENT_WRITE)
		return NGHTTP2_ERR_WOULDBLOCK;
	add_own(c, head, HEAD_SIZE);
	(void)!c->call->look(c->call->context, pieces, FRAME_PIECES);
	for (size_t i = 0; left > 0; i++) {
		size_t n = pieces[i].size < left ? pieces[i].size : left;
		add_piece(c, pieces[i].data, n);
		left -= n;
	}
	c->given += size;
	c->call->took(c->call->context, size);
	return 0;
}

/* At least one frame more, if there is one. */
static void fill(struct h2_client *c)
{
	const uint8_t *data;
	ssize_t n = 1;

	if (c->at == c->count)
		c->at = c->count = c->used = 0;
	while (n > 0 && c->size < H2_CLIENT_WRITE && c->count < H2_CLIENT_PIECES &&
		OWN - c->used >= FRAME_MAX + HEAD_SIZE) {
		size_t before = c->size;
		n = nghttp2_session_mem_send(c->session, &data);
		if (n > 0)
			add_own(c, data, (size_t)n);
		else if (n == 0 && c->size > before)
			n = 1; /* frames of the body are added by add_h2_body() */
	}
}

size_t h2_client_pieces(struct h2_client *c, struct iovec to[H2_CLIENT_PIECES])
{
	fill(c);
	memcpy(to, c->pieces + c->at, (c->count - c->at) * sizeof *to);
	return c->count - c->at;
}

void h2_client_sent(struct h2_client *c, size_t size)
{
	OXP_ASSERT(size <= c->size);
	c->size -= size;
	while (size > 0) {
		struct iovec *piece = &c->pieces[c->at];
		size_t n = piece->iov_len < size ? piece->iov_len : size;
		*piece = (struct iovec){ (char *)piece->iov_base + n, piece->iov_len - n };
		size -= n;
		c->at += piece->iov_len == 0;
	}
}

bool h2_client_is_over(const struct h2_client *c)
{
	return !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session) && c->size == 0;
}

bool h2_client_is_free(const struct h2_client *c)
{
	return c->size == 0 && !nghttp2_session_want_write(c->session) &&
	       nghttp2_session_check_request_allowed(c->session);
}

/* Calls. */

/* The next line of a head of HTTP/1.1, without its end; no data behind the last. */
static struct bytes next_line(struct bytes *head)
{
	const char *end = head->size > 2 ? memmem(head->data, head->size, "\r\n", 2) : NULL;
	struct bytes line = { head->data, end ? (size_t)(end - head->data) : 0 };

	*head = end ? (struct bytes){ end + 2, head->size - line.size - 2 } : (struct bytes){ NULL, 0 };
	return line;
}

bool h2_client_takes(struct bytes head)
{
	size_t lines = 0;

	while (next_line(&head).size > 0)
		lines++;
	return lines + 3 <= H2_CLIENT_FIELDS_MAX;
}

static nghttp2_nv pair_of(const char *name, size_t name_size, struct bytes value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value.data, name_size, value.size, NGHTTP2_NV_FLAG_NONE };
}

/* In place: names are lower-case in HTTP/2 (RFC 9113, 8.2.1). */
static nghttp2_nv field_pair(struct bytes line)
{
	size_t size = (size_t)((const char *)memchr(line.data, ':', line.size) - line.data);
	char *name = (char *)line.data;
	struct bytes value = bytes_trimmed((struct bytes){ name + size + 1, line.size - size - 1 });

	for (size_t i = 0; i < size; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	if (size == 4 && memcmp(name, "host", 4) == 0)
		return pair_of(":authority", 10, value);
	return pair_of(name, size, value);
}

/* METHOD /path HTTP/1.1, then Host, then the others: as pseudo-fields have to stand, in front. */
static size_t list_fields(struct bytes head, nghttp2_nv to[H2_CLIENT_FIELDS_MAX])
{
	struct bytes line = next_line(&head), method = line, path;
	size_t count = 0;

	method.size = (size_t)((const char *)memchr(line.data, ' ', line.size) - line.data);
	path.data = method.data + method.size + 1;
	path.size = line.size - method.size - 1 - strlen(" HTTP/1.1");
	to[count++] = pair_of(":method", 7, method);
	to[count++] = pair_of(":scheme", 7, bytes_of("http"));
	to[count++] = pair_of(":path", 5, path);
	while ((line = next_line(&head)).size > 0 && count < H2_CLIENT_FIELDS_MAX)
		to[count++] = field_pair(line);
	return count;
}

int h2_client_begin(
	struct h2_client *c, struct bytes head, const struct http_call_options *call, struct reading *reading)
{
	const nghttp2_data_provider body = { .read_callback = size_h2_body };
	nghttp2_nv fields[H2_CLIENT_FIELDS_MAX];
	char *copy = malloc(head.size);
	int32_t stream = -1;

	if (!copy)
		return -ECONNRESET;
	memcpy(copy, head.data, head.size);
	stream = nghttp2_submit_request(c->session, NULL, fields,
		list_fields((struct bytes){ copy, head.size }, fields), call->body_size > 0 ? &body : NULL, NULL);
	free(copy);
	if (stream < 0)
		return -ECONNRESET;
	c->call = call;
	c->reading = reading;
	c->stream = stream;
	c->given = 0;
	c->ended = c->closed = c->stopped = c->malformed = false;
	return 0;
}

bool h2_client_end(struct h2_client *c)
{
	c->stream = 0;
	c->call = NULL;
	c->reading = NULL;
	return c->closed && c->late.size == 0;
}

void h2_client_free(struct h2_client *c)
{
	if (!c)
		return;
	nghttp2_session_del(c->session);
	buffer_done(&c->late);
	free(c);
}

static int session_new(struct h2_client *c)
{
	static const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };
	nghttp2_session_callbacks *callbacks;
	int failed;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_h2_field);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_h2_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, add_h2_body);
	failed = nghttp2_session_client_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	return failed ? -ENOMEM : nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings));
}

struct h2_client *h2_client_new(void)
{
	struct h2_client *c = oxp_new(sizeof *c);

	buffer_init(&c->late, FRAME_MAX);
	if (session_new(c) == 0)
		return c;
	h2_client_free(c);
	return NULL;
}
