#include "proto/otlp_split.h"

#include "proto/otlp_build.h"
#include "proto/otlp_wire.h"

/* Field numbers: opentelemetry-proto 1.x, trace.proto. What is repeated in a message of either kind has number 2: scope
 * spans in resource spans, and spans in scope spans. */
enum { RESOURCE_SPANS = 1, INNER = 2 };
enum {
	HEAD_PIECES_MAX = 8, /* that fields other than the repeated ones may stand in; encoders write one, or two */
	LENGTHS_MAX = 16, /* what the tags and lengths of open messages may add */
};

/* All of a message but its repeated fields, in as many pieces as it stands in. */
struct head {
	struct bytes pieces[HEAD_PIECES_MAX];
	size_t count, size;
};

/* A message that is open in the part at hand; it is opened when its first span comes. */
struct level {
	struct head head;
	size_t begun;
	bool open;
};

/* Invariant: the part at hand begins at `start`, and `now` is what closed parts do not have. */
struct cutter {
	struct otlp_build b;
	size_t max, start;
	struct otlp_split_part now;
	struct otlp_split_part *parts; /* NULL while they are only counted */
	size_t count;
	struct level resource, scope;
};

/* A field as it stands in its message, tag included. 1, or 0 at the end. */
static int next_raw(struct wire *w, struct wire_field *f, struct bytes *raw)
{
	const char *from = (const char *)w->at;
	int more = wire_next(w, f);

	*raw = (struct bytes){ from, (size_t)((const char *)w->at - from) };
	return more > 0;
}

static bool is_inner(const struct wire_field *f)
{
	return f->number == INNER && f->type == WIRE_LENGTH;
}

/* False: it is in too many pieces. */
static bool read_head(struct bytes message, struct head *head)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	struct bytes raw;

	*head = (struct head){ .count = 0 };
	while (next_raw(&w, &f, &raw)) {
		struct bytes *last = head->count ? &head->pieces[head->count - 1] : NULL;
		if (is_inner(&f))
			continue;
		head->size += raw.size;
		if (last && last->data + last->size == raw.data)
			last->size += raw.size;
		else if (head->count == HEAD_PIECES_MAX)
			return false;
		else
			head->pieces[head->count++] = raw;
	}
	return true;
}

static bool can_repeat(struct bytes message, size_t max)
{
	struct head head;

	return read_head(message, &head) && head.size <= max / OTLP_SPLIT_REPEATED;
}

static bool can_cut(struct bytes resource_spans, size_t max)
{
	struct wire w = wire_of(resource_spans);
	struct wire_field f;
	struct bytes raw;
	bool can = can_repeat(resource_spans, max);

	while (can && next_raw(&w, &f, &raw))
		can = !is_inner(&f) || can_repeat(f.bytes, max);
	return can;
}

/* Parts. */

static void open_level(struct cutter *c, struct level *l, uint32_t number)
{
	if (l->open)
		return;
	l->open = true;
	l->begun = otlp_build_begin(&c->b, number);
	for (size_t i = 0; i < l->head.count; i++)
		otlp_build_raw(&c->b, l->head.pieces[i]);
}

static void close_level(struct cutter *c, struct level *l)
{
	if (l->open)
		otlp_build_end(&c->b, l->begun);
	l->open = false;
}

static void close_part(struct cutter *c)
{
	close_level(c, &c->scope);
	close_level(c, &c->resource);
	c->now.size = (uint32_t)(c->b.size - c->start);
	if (c->now.spans == 0)
		otlp_build_cut(&c->b, c->start);
	else if (c->parts)
		c->parts[c->count] = c->now;
	c->count += c->now.spans > 0;
	c->now = (struct otlp_split_part){ 0, 0 };
	c->start = c->b.size;
}

/* That many bytes come next, and stay in one part. */
static void make_room(struct cutter *c, size_t size)
{
	if (c->b.size > c->start && c->b.size - c->start + size > c->max)
		close_part(c);
}

static size_t head_due(const struct level *l)
{
	return l->open ? 0 : l->head.size;
}

static void put_span(struct cutter *c, struct bytes raw)
{
	make_room(c, LENGTHS_MAX + head_due(&c->resource) + head_due(&c->scope) + raw.size);
	open_level(c, &c->resource, RESOURCE_SPANS);
	open_level(c, &c->scope, INNER);
	otlp_build_raw(&c->b, raw);
	c->now.spans++;
}

static void cut_scope_spans(struct cutter *c, struct bytes scope_spans)
{
	struct wire w = wire_of(scope_spans);
	struct wire_field f;
	struct bytes raw;

	(void)read_head(scope_spans, &c->scope.head);
	while (next_raw(&w, &f, &raw))
		if (is_inner(&f))
			put_span(c, raw);
	close_level(c, &c->scope);
}

static void cut_resource_spans(struct cutter *c, struct bytes resource_spans)
{
	struct wire w = wire_of(resource_spans);
	struct wire_field f;
	struct bytes raw;

	(void)read_head(resource_spans, &c->resource.head);
	while (next_raw(&w, &f, &raw))
		if (is_inner(&f))
			cut_scope_spans(c, f.bytes);
	close_level(c, &c->resource);
}

static uint32_t count_inner(struct bytes message, uint32_t (*count)(struct bytes))
{
	struct wire w = wire_of(message);
	struct wire_field f;
	struct bytes raw;
	uint32_t sum = 0;

	while (next_raw(&w, &f, &raw))
		if (is_inner(&f))
			sum += count ? count(f.bytes) : 1;
	return sum;
}

static uint32_t spans_of_scope(struct bytes scope_spans)
{
	return count_inner(scope_spans, NULL);
}

static void put_whole(struct cutter *c, const struct wire_field *f, struct bytes raw)
{
	make_room(c, raw.size);
	otlp_build_raw(&c->b, raw);
	if (f->number == RESOURCE_SPANS && f->type == WIRE_LENGTH)
		c->now.spans += count_inner(f->bytes, spans_of_scope);
}

static void cut(struct cutter *c, struct bytes body)
{
	struct wire w = wire_of(body);
	struct wire_field f;
	struct bytes raw;

	while (next_raw(&w, &f, &raw)) {
		bool is_spans = f.number == RESOURCE_SPANS && f.type == WIRE_LENGTH;
		if (is_spans && raw.size > c->max && can_cut(f.bytes, c->max))
			cut_resource_spans(c, f.bytes);
		else
			put_whole(c, &f, raw);
	}
	close_part(c);
}

void otlp_split_plan(struct bytes body, size_t max, struct otlp_split *ret)
{
	struct cutter c = { .max = max };

	cut(&c, body);
	*ret = (struct otlp_split){ .max = max, .size = c.b.size, .parts = c.count };
}

void otlp_split_write(struct bytes body, const struct otlp_split *plan, char *to, struct otlp_split_part *parts)
{
	struct cutter c = { .b = { .to = to, .room = plan->size }, .max = plan->max, .parts = parts };

	cut(&c, body);
	OXP_ASSERT(c.b.size == plan->size && c.count == plan->parts);
}
