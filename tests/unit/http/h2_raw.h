/*
 * A peer that speaks HTTP/2 by hand: frames go out as the test writes them, and come in one by one.
 */
#ifndef OXP_UNIT_H2_RAW_H
#define OXP_UNIT_H2_RAW_H

#include <nghttp2/nghttp2.h>

#include "hostile/frames.h"
#include "unit/http/raw.h"

enum { H2_DATA, H2_HEADERS, H2_PRIORITY, H2_RST, H2_SETTINGS, H2_PUSH, H2_PING, H2_GOAWAY, H2_WINDOW };
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4, H2_ANY = -1 };

struct h2_frame {
	size_t size;
	unsigned type, flags;
	uint32_t stream;
	const unsigned char *payload;
};

/* What has come, and how far the test has read it. */
struct h2_peer {
	struct raw raw;
	size_t at;
	nghttp2_hd_inflater *inflater;
	char fields[2048]; /* of the last HEADERS, as "name: value\n" */
};

static inline void h2_send(struct h2_peer *p, const char *words)
{
	char *copy = oxp_strdup(words);
	struct buffer out;

	buffer_init(&out, FRAMES_MAX);
	frames_write(copy, &out);
	/* Only the first time with the preface and SETTINGS. */
	if (p->inflater)
		raw_send_bytes(&p->raw, out.data + sizeof frames_preface - 1 + FRAME_HEAD,
			out.size - (sizeof frames_preface - 1) - FRAME_HEAD);
	else
		raw_send_bytes(&p->raw, out.data, out.size);
	if (!p->inflater)
		assert_int_equal(nghttp2_hd_inflate_new(&p->inflater), 0);
	buffer_done(&out);
	free(copy);
}

static inline void h2_connect(struct h2_peer *p, struct world *w, uint16_t port)
{
	*p = (struct h2_peer){ .at = 0 };
	raw_connect(&p->raw, w, port);
}

static inline void h2_done(struct h2_peer *p)
{
	if (p->inflater)
		nghttp2_hd_inflate_del(p->inflater);
	raw_done(&p->raw);
}

static inline uint32_t h2_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void h2_read_fields(struct h2_peer *p, const struct h2_frame *f)
{
	const unsigned char *in = f->payload;
	size_t left = f->size, used = 0;
	int flags = 0;

	p->fields[0] = '\0';
	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		ssize_t n = nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, in, left, 1);
		assert_true(n >= 0);
		in += n;
		left -= (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			used += (size_t)snprintf(
				p->fields + used, sizeof p->fields - used, "%s: %s\n", nv.name, nv.value);
	}
	nghttp2_hd_inflate_end_headers(p->inflater);
}

/* The next frame that has come whole. */
static inline bool h2_next(struct h2_peer *p, struct h2_frame *f)
{
	const unsigned char *head = (const unsigned char *)p->raw.in.data + p->at;

	if (p->raw.in.size < p->at + FRAME_HEAD)
		return false;
	*f = (struct h2_frame){ .size = h2_u32(head) >> 8,
		.type = head[3],
		.flags = head[4],
		.stream = h2_u32(head + 5),
		.payload = head + FRAME_HEAD };
	if (p->raw.in.size < p->at + FRAME_HEAD + f->size)
		return false;
	p->at += FRAME_HEAD + f->size;
	if (f->type == H2_HEADERS)
		h2_read_fields(p, f);
	return true;
}

/* Waits for a frame of that type, on that stream or H2_ANY, and drops others. False: the connection ended first. */
static inline bool h2_await(struct h2_peer *p, unsigned type, int stream, struct h2_frame *f)
{
	for (;;) {
		while (h2_next(p, f))
			if (f->type == type && (stream == H2_ANY || f->stream == (uint32_t)stream))
				return true;
		if (p->raw.ended)
			return false;
		raw_turn(&p->raw);
	}
}

static inline struct h2_frame h2_expect(struct h2_peer *p, unsigned type, int stream)
{
	struct h2_frame f = { 0 };

	if (!h2_await(p, type, stream, &f))
		fail_msg("the connection ended before a frame of type %u on %d", type, stream);
	return f;
}

static inline bool h2_has_field(const struct h2_peer *p, const char *line)
{
	return strstr(p->fields, line) != NULL;
}

/* Whether a request on that stream is served. */
static inline bool h2_serves(struct h2_peer *p, int stream)
{
	struct h2_frame f;
	char words[128];

	snprintf(words, sizeof words, "headers:4:%d:{post} data:1:%d:ab", stream, stream);
	h2_send(p, words);
	return h2_await(p, H2_HEADERS, stream, &f) && h2_has_field(p, ":status: 200\n");
}

#endif
