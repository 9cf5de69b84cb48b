#include "http/h2_calm.h"

/* RFC 9113, 6. */
enum { DATA = 0, HEADERS = 1, PING = 6, CONTINUATION = 9, FLAG_END_STREAM = 1 };

enum { A_SECOND_NS = 1000000000 };

void h2_calm_init(struct h2_calm *c, struct mono_time now, size_t preface)
{
	*c = (struct h2_calm){ .tokens = H2_CALM_MAX, .filled = now, .type = CONTINUATION, .left = preface };
}

static void add(struct h2_calm *c, int64_t tokens)
{
	c->tokens = tokens < H2_CALM_MAX - c->tokens ? c->tokens + (int)tokens : H2_CALM_MAX;
}

/* What has come with time, in whole tokens: the rest of a token goes on growing. */
static void fill(struct h2_calm *c, struct mono_time now)
{
	int64_t each = A_SECOND_NS / H2_CALM_A_SECOND, tokens = mono_since(now, c->filled).ns / each;

	c->filled.ns += tokens * each;
	add(c, tokens);
}

/* A stream costs two: what answers it earns them back. */
static int cost(uint8_t type, uint8_t flags, size_t size)
{
	if (type == HEADERS)
		return 2;
	return type != DATA || (size < H2_CALM_SMALL_DATA && !(flags & FLAG_END_STREAM));
}

/* A head is whole. */
static const char *see_frame(struct h2_calm *c)
{
	size_t size = (size_t)c->head[0] << 16 | (size_t)c->head[1] << 8 | c->head[2];

	c->type = c->head[3];
	c->left = size;
	c->got = 0;
	c->tokens -= cost(c->type, c->head[4], size);
	c->continuations = c->type == CONTINUATION ? c->continuations + 1 : 0;
	if (c->continuations > H2_CONTINUATIONS_MAX)
		return "a block of fields without end";
	if (c->tokens >= 0)
		return NULL;
	c->tokens = 0;
	/* The word that clients of gRPC know (gRPC proposal A8). */
	return c->type == PING ? "too_many_pings" : "too many frames that carry nothing";
}

const char *h2_calm_see(struct h2_calm *c, struct mono_time now, struct bytes in)
{
	const char *wrong = NULL;

	fill(c, now);
	while (in.size > 0 && !wrong) {
		bool payload = c->left > 0;
		size_t n = smaller(in.size, payload ? c->left : H2_FRAME_HEAD - c->got);
		if (payload) {
			c->left -= n;
		} else {
			memcpy(c->head + c->got, in.data, n);
			c->got += n;
		}
		if (c->got == H2_FRAME_HEAD)
			wrong = see_frame(c);
		in = (struct bytes){ in.data + n, in.size - n };
	}
	return wrong;
}

size_t h2_calm_data_left(const struct h2_calm *c)
{
	return c->type == DATA ? c->left : 0;
}

void h2_calm_answered(struct h2_calm *c)
{
	add(c, H2_CALM_ANSWERED);
}
