/*
 * Builds OTLP requests by hand for the tests: a field is appended, and what was appended since a mark becomes a
 * message.
 *
 * That is all of the Protocol Buffers encoding, so a test can write what no encoder would: wrong lengths, ids and
 * depths.
 */
#ifndef OXP_TESTS_OTLP_BUILDER_H
#define OXP_TESTS_OTLP_BUILDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static inline void put_raw(struct buffer *b, const void *data, size_t size)
{
	if (buffer_append(b, data, size))
		abort();
}

static inline void put_varint(struct buffer *b, uint64_t value)
{
	unsigned char byte;

	for (; value > 0x7f; value >>= 7) {
		byte = (unsigned char)(value | 0x80);
		put_raw(b, &byte, 1);
	}
	byte = (unsigned char)value;
	put_raw(b, &byte, 1);
}

static inline void put_tag(struct buffer *b, unsigned number, unsigned wire)
{
	put_varint(b, (uint64_t)number << 3 | wire);
}

static inline void put_number(struct buffer *b, unsigned number, uint64_t value)
{
	put_tag(b, number, 0);
	put_varint(b, value);
}

static inline void put_fixed64(struct buffer *b, unsigned number, uint64_t value)
{
	put_tag(b, number, 1);
	for (unsigned i = 0; i < 64; i += 8)
		put_raw(b, &(unsigned char){ (unsigned char)(value >> i) }, 1);
}

static inline void put_fixed32(struct buffer *b, unsigned number, uint32_t value)
{
	put_tag(b, number, 5);
	for (unsigned i = 0; i < 32; i += 8)
		put_raw(b, &(unsigned char){ (unsigned char)(value >> i) }, 1);
}

static inline void put_bytes(struct buffer *b, unsigned number, const void *data, size_t size)
{
	put_tag(b, number, 2);
	put_varint(b, size);
	put_raw(b, data, size);
}

static inline void put_text(struct buffer *b, unsigned number, const char *text)
{
	put_bytes(b, number, text, strlen(text));
}

/* What stands behind `mark` becomes a message in field `number`. */
static inline void put_wrap(struct buffer *b, size_t mark, unsigned number)
{
	struct buffer head;
	size_t size = b->size - mark;

	buffer_init(&head, 32);
	put_tag(&head, number, 2);
	put_varint(&head, size);
	put_raw(b, head.data, head.size);
	memmove(b->data + mark + head.size, b->data + mark, size);
	memcpy(b->data + mark, head.data, head.size);
	buffer_done(&head);
}

static inline void put_attribute(struct buffer *b, unsigned number, const char *key, const char *value)
{
	size_t pair = b->size, any;

	put_text(b, 1, key);
	any = b->size;
	put_text(b, 1, value);
	put_wrap(b, any, 2);
	put_wrap(b, pair, number);
}

static inline void put_attribute_int(struct buffer *b, unsigned number, const char *key, int64_t value)
{
	size_t pair = b->size, any;

	put_text(b, 1, key);
	any = b->size;
	put_number(b, 3, (uint64_t)value);
	put_wrap(b, any, 2);
	put_wrap(b, pair, number);
}

/* A server span of some 450 bytes with ten attributes, about what an HTTP instrumentation sends. */
static inline void put_http_span(struct buffer *b, unsigned i)
{
	size_t span = b->size;
	char text[64];
	unsigned char id[16] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18, [14] = (unsigned char)(i / 5 >> 8),
		(unsigned char)(i / 5) };

	put_bytes(b, 1, id, 16);
	id[6] = (unsigned char)i;
	put_bytes(b, 2, id, 8);
	if (i % 5)
		put_bytes(b, 4, "\xa1\xb2\xc3\xd4\xe5\xf6\x07\x18", 8);
	put_text(b, 5, "GET /api/users/:id");
	put_number(b, 6, 2);
	put_fixed64(b, 7, 1795348800000000000u + i);
	put_fixed64(b, 8, 1795348800020000000u + i);
	put_attribute(b, 9, "http.request.method", "GET");
	put_attribute(b, 9, "http.route", "/api/users/:id");
	snprintf(text, sizeof text, "/api/users/%u", 10000 + i);
	put_attribute(b, 9, "url.path", text);
	put_attribute(b, 9, "url.scheme", "http");
	put_attribute(b, 9, "server.address", "api.prod.svc.cluster.local");
	put_attribute(b, 9, "client.address", "10.1.2.217");
	put_attribute(b, 9, "user_agent.original",
		i % 2 ? "okhttp/4.12.0"
		      : "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 "
			"Safari/537.36");
	put_attribute(b, 9, "network.protocol.version", "1.1");
	put_attribute_int(b, 9, "http.response.status_code", 200);
	put_attribute_int(b, 9, "server.port", 8080);
	put_bytes(b, 15, "", 0);
	put_wrap(b, span, 2);
}

/* A whole request of `spans` such spans from one service. */
static inline void put_http_request(struct buffer *b, unsigned spans)
{
	size_t resource_spans = b->size, mark = b->size;

	put_attribute(b, 1, "service.name", "api");
	put_attribute(b, 1, "service.version", "1.4.2");
	put_attribute(b, 1, "host.name", "app-6d5f7c9b8-x2x7q");
	put_attribute(b, 1, "telemetry.sdk.language", "nodejs");
	put_wrap(b, mark, 1);
	mark = b->size;
	put_text(b, 1, "@opentelemetry/instrumentation-http");
	put_text(b, 2, "0.52.1");
	put_wrap(b, mark, 1);
	for (unsigned i = 0; i < spans; i++)
		put_http_span(b, i);
	put_wrap(b, mark, 2);
	put_wrap(b, resource_spans, 1);
}

#endif
