/*
 * A batch as the body of one POST: what the exporters that speak HTTP have in common.
 *
 * The body is, for each item the send wants, a prefix, the item's bytes, and a suffix; or pieces of the items, if the
 * exporter gathers them. Compressed, it is made in the CPU lane first. What stands in memory is sent from there, other
 * bodies are written straight into libcurl's buffer when that asks for more. The exporter says how a body is framed and
 * what an answer means. A post never retries.
 *
 * With `grpc` the same body is the message of a call (gRPC, "gRPC over HTTP2", Requests): five bytes before it tell its
 * size and whether it is compressed, and how is told in another header.
 */
#ifndef OXP_POST_H
#define OXP_POST_H

#include "component.h"
#include "access/access.h"
#include "base/pieces.h"
#include "exporters/frame.h"
#include "http/client.h"

struct poster;

enum { POST_HEADERS_MAX = 4 };

/* The items that a post is about. */
struct post_items {
	const struct batch *batch;
	uint32_t *picked; /* NULL: all of first … first + count - 1 */
	size_t first, count;
};

static inline const struct batch_item *post_items_at(const struct post_items *items, size_t i)
{
	return batch_item(items->batch, items->picked ? items->picked[i] : items->first + i);
}

/* All pointers outlive the poster. */
struct poster_options {
	struct host *host;
	const char *url, *unix_path;
	/* The URL of this post in place of `url`, asked when it starts; the text lives as long as the call. May be
	 * NULL. */
	const char *(*target)(void *exporter, void *reader);
	struct access *access; /* as it is when a post starts; may be NULL */
	const char *content_type;
	const char *const *headers; /* up to POST_HEADERS_MAX more, "Name: value"; ends with NULL; may be NULL */
	bool gzip, grpc;
	struct duration timeout; /* of the transfer; the sender's own comes on top */
	size_t answer_max;
	struct frame_form form;
	/* In place of `form`: these items as the pieces that the body consists of, which stand in the items or belong
	 * to *ret. False: what `form` says. On the loop or in the CPU lane, and within a millisecond. May be NULL. */
	bool (*gather)(const struct post_items *, struct pieces *ret);
	/* In place of `form`: appends the body of these items, which begins at *ret_start of the buffer. In the CPU
	 * lane. 0, -ENOSPC or -ENOMEM. May be NULL. */
	int (*build)(void *exporter, void *reader, const struct post_items *, struct buffer *, size_t *ret_start);
	size_t build_room; /* bytes that it may need beside eight times the items; 0: a MiB */
	/* A send begins: reset what reads the answer. May be NULL. */
	void *(*begin)(void *exporter, const struct batch *, struct send *);
	/* A line of the head, or behind the body. May be NULL. */
	void (*line)(void *reader, struct bytes line);
	/* A piece of a 2xx answer. NULL: the answer comes whole with ended(). */
	bool (*piece)(void *reader, struct bytes);
	/* The answer, or the failure. Ends the send. Not called after a cancel. */
	void (*ended)(void *exporter, struct send *, void *reader, const struct http_reply *);
	void (*discard)(void *reader); /* frees what begin() returned */
	void *exporter;
};

/* 0 or -errno. */
int poster_new(const struct poster_options *, struct poster **ret) MUST_CHECK;
void poster_free(struct poster *);
void poster_send(struct poster *, const struct batch *, struct send *);
void poster_cancel(struct poster *, struct send *); /* ends the send with RETRY */
/* What begin() returned for the send; NULL while its request has not begun. */
void *poster_asking(const struct send *);

/* What became of a request, for people: the status with what the peer says, or why there is no answer. One line, which
 * may quote our credentials. */
const char *post_reason(const struct http_reply *, char *to, size_t room);

#endif
