#include "proto/otlp_group.h"

#include <stdlib.h>

#include "proto/otlp_build.h"

/* Field numbers: opentelemetry-proto 1.x, trace.proto. They are the same in resource spans and in scope spans: the
 * resource or scope, then what is repeated, then schema_url. */
enum { RESOURCE_SPANS = 1, HEAD = 1, INNER = 2, TAIL = 3 };
enum {
	RESOURCES_MAX = 8,
	SCOPES_MAX = 64,
	NODES_MAX = 2048,
	NODES_AT_ONCE = 4, /* that are there when a message is begun */
	SCOPE_PART = 16, /* of scope spans: if the scope is less, nothing in them is looked at */
	WORK_MAX = 2 << 20, /* bytes to be compared, or a field to be passed for each FIELD_WORK */
	FIELD_WORK = 64,
	LENGTH_MAX = 8, /* a tag and a length */
};

/* A message: what stands before and behind its repeated field, tags included. */
struct parts {
	struct bytes head, inner, tail;
};

struct list {
	struct node *first, **last;
};

/* Messages of one kind that become one. In `list` is what was in them: for resource spans, scope spans; for scope
 * spans, spans in a row. */
struct group {
	const struct group *in; /* of scope spans */
	struct bytes head, tail;
	struct bytes whole; /* the first of them, as it stands */
	size_t messages;
	struct list list;
	size_t inside; /* bytes of the list, as it will be written; of resource spans it is known at the end */
};

struct node {
	struct node *next;
	const struct group *group; /* NULL: `raw` as it is */
	struct bytes raw;
};

/* Groups of one kind. The next that is looked for is likely the one behind the one that was found last. */
struct table {
	struct group *groups;
	size_t count, max, next;
};

/* Invariant: `due` requests are to come, and there are `spare` nodes, and one more for each of these. */
struct otlp_group {
	struct list body;
	struct table resources, scopes;
	struct group groups[RESOURCES_MAX + SCOPES_MAX];
	long work;
	size_t due, spare, count;
	struct node nodes[];
};

static void list_init(struct list *l)
{
	*l = (struct list){ .last = &l->first };
}

struct otlp_group *otlp_group_new(size_t requests)
{
	struct otlp_group *g = malloc(sizeof *g + (requests + NODES_MAX) * sizeof *g->nodes);

	if (!g)
		return NULL;
	list_init(&g->body);
	g->resources = (struct table){ .groups = g->groups, .max = RESOURCES_MAX };
	g->scopes = (struct table){ .groups = g->groups + RESOURCES_MAX, .max = SCOPES_MAX };
	g->work = WORK_MAX;
	g->due = requests;
	g->spare = NODES_MAX;
	g->count = 0;
	return g;
}

static bool may_go_on(const struct otlp_group *g)
{
	return g->spare >= NODES_AT_ONCE && g->work > 0;
}

static void append(struct otlp_group *g, struct list *to, const struct node *node)
{
	struct node *n = &g->nodes[g->count++];

	*n = *node;
	*to->last = n;
	to->last = &n->next;
}

static void add_group(struct otlp_group *g, struct list *to, const struct group *group)
{
	g->spare--;
	append(g, to, &(struct node){ .group = group });
}

static void add_raw(struct otlp_group *g, struct list *to, struct bytes raw)
{
	if (raw.size == 0)
		return;
	g->spare--;
	append(g, to, &(struct node){ .raw = raw });
}

static struct bytes between(const char *from, const char *to)
{
	return (struct bytes){ from, (size_t)(to - from) };
}

/* What the reader has not read. */
static struct bytes rest_of(const struct wire *w)
{
	return between((const char *)w->at, (const char *)w->end);
}

/* A field of bytes with a number below 16. */
struct field {
	unsigned number;
	struct bytes message, raw; /* raw: with its tag and length */
};

/* False: there is none, or it is something else; `w` stands before it. */
static inline bool next_field(struct wire *w, struct field *ret)
{
	const unsigned char *at = w->at;
	uint64_t size;

	if (at == w->end || (*at & 0x87) != WIRE_LENGTH)
		return false;
	ret->number = *at++ >> 3;
	if (wire_varint(&at, w->end, &size) || size > (size_t)(w->end - at))
		return false;
	ret->message = (struct bytes){ (const char *)at, (size_t)size };
	ret->raw = between((const char *)w->at, (const char *)at + size);
	w->at = at + size;
	return true;
}

/* False: it has fields that are not known, or more of one, or in another order. */
static bool read_parts(struct otlp_group *g, struct bytes message, struct parts *ret)
{
	const char *head_end = message.data, *inner_end = message.data;
	struct wire w = wire_of(message);
	unsigned last = 0;
	struct field f;

	while (next_field(&w, &f)) {
		g->work -= FIELD_WORK;
		if (f.number > TAIL || f.number < last || (f.number == last && last != INNER))
			return false;
		last = f.number;
		if (last == HEAD)
			head_end = (const char *)w.at;
		if (last != TAIL)
			inner_end = (const char *)w.at;
	}
	ret->head = between(message.data, head_end);
	ret->inner = between(head_end, inner_end);
	ret->tail = between(inner_end, (const char *)w.at);
	return w.at == w.end;
}

/* NULL: the table is full. */
static struct group *make_group(struct table *t, const struct group *in, const struct parts *parts)
{
	struct group *group;

	if (t->count == t->max)
		return NULL;
	group = &t->groups[t->count++];
	*group = (struct group){ .in = in, .head = parts->head, .tail = parts->tail };
	list_init(&group->list);
	return group;
}

static struct group *find_group(
	struct otlp_group *g, struct table *t, const struct group *in, const struct parts *parts)
{
	for (size_t i = 0; i < t->count; i++) {
		size_t at = (t->next + i) % t->count;
		struct group *group = &t->groups[at];
		if (group->in != in || group->head.size != parts->head.size || group->tail.size != parts->tail.size)
			continue;
		g->work -= (long)(parts->head.size + parts->tail.size);
		if (!bytes_equal(group->head, parts->head) || !bytes_equal(group->tail, parts->tail))
			continue;
		t->next = at + 1;
		return group;
	}
	return make_group(t, in, parts);
}

/* To find out what is behind the spans, each has to be looked at, and most are not in the cache any more. */
static bool is_worth_it(struct bytes scope_spans)
{
	struct wire w = wire_of(scope_spans);
	struct field head;

	return next_field(&w, &head) && head.number == HEAD && head.raw.size >= scope_spans.size / SCOPE_PART;
}

static void add_scope_spans(struct otlp_group *g, struct group *resource, const struct field *f)
{
	struct parts parts;
	struct group *scope = NULL;

	if (is_worth_it(f->message) && read_parts(g, f->message, &parts))
		scope = find_group(g, &g->scopes, resource, &parts);
	if (!scope) {
		add_raw(g, &resource->list, f->raw);
		return;
	}
	if (scope->messages++ == 0) {
		scope->whole = f->raw;
		add_group(g, &resource->list, scope);
	}
	add_raw(g, &scope->list, parts.inner);
	scope->inside += parts.inner.size;
}

static void add_resource_spans(struct otlp_group *g, const struct field *f)
{
	struct group *resource = NULL;
	struct parts parts;
	struct field inner;
	struct wire w;

	if (read_parts(g, f->message, &parts))
		resource = find_group(g, &g->resources, NULL, &parts);
	if (!resource) {
		add_raw(g, &g->body, f->raw);
		return;
	}
	if (resource->messages++ == 0) {
		resource->whole = f->raw;
		add_group(g, &g->body, resource);
	}
	w = wire_of(parts.inner);
	while (may_go_on(g) && next_field(&w, &inner))
		add_scope_spans(g, resource, &inner);
	add_raw(g, &resource->list, rest_of(&w));
}

void otlp_group_add(struct otlp_group *g, struct bytes request)
{
	struct wire w = wire_of(request);
	struct field f;

	OXP_ASSERT(g->due > 0);
	g->due--;
	while (may_go_on(g) && next_field(&w, &f)) {
		g->work -= FIELD_WORK;
		if (f.number == RESOURCE_SPANS)
			add_resource_spans(g, &f);
		else
			add_raw(g, &g->body, f.raw);
	}
	if (w.at < w.end)
		append(g, &g->body, &(struct node){ .raw = rest_of(&w) });
}

/* The end. */

static size_t content_size(const struct group *group)
{
	return group->head.size + group->inside + group->tail.size;
}

static size_t group_size(const struct group *group)
{
	size_t content = content_size(group);

	return group->messages == 1 ? group->whole.size : 1 + wire_varint_size(content) + content;
}

/* Returns whether something stands in two of them. */
static bool measure(struct otlp_group *g)
{
	bool any = false;

	for (size_t i = 0; i < g->resources.count; i++) {
		struct group *resource = &g->resources.groups[i];
		any |= resource->messages > 1;
		for (const struct node *n = resource->list.first; n; n = n->next)
			resource->inside += n->group ? group_size(n->group) : n->raw.size;
	}
	return any;
}

/* The pieces, and where the tags and lengths go that are new. */
struct writer {
	struct pieces *to;
	char *own;
};

static void put_head(struct writer *w, unsigned field, const struct group *group)
{
	struct otlp_build b = { w->own, LENGTH_MAX, 0 };

	otlp_build_tag(&b, field, WIRE_LENGTH);
	otlp_build_varint(&b, content_size(group));
	pieces_add(w->to, (struct bytes){ w->own, b.size });
	w->own += b.size;
	pieces_add(w->to, group->head);
}

static void put_scope_spans(struct writer *w, const struct group *scope)
{
	if (scope->messages == 1) {
		pieces_add(w->to, scope->whole);
		return;
	}
	put_head(w, INNER, scope);
	for (const struct node *n = scope->list.first; n; n = n->next)
		pieces_add(w->to, n->raw);
	pieces_add(w->to, scope->tail);
}

static void put_resource_spans(struct writer *w, const struct group *resource)
{
	if (resource->messages == 1) {
		pieces_add(w->to, resource->whole);
		return;
	}
	put_head(w, RESOURCE_SPANS, resource);
	for (const struct node *n = resource->list.first; n; n = n->next) {
		if (n->group)
			put_scope_spans(w, n->group);
		else
			pieces_add(w->to, n->raw);
	}
	pieces_add(w->to, resource->tail);
}

bool otlp_group_end(struct otlp_group *g, struct pieces *ret)
{
	size_t groups = g->resources.count + g->scopes.count;
	struct writer w = { .to = ret };
	bool made;

	OXP_ASSERT(g->due == 0);
	made = measure(g) && !pieces_init(ret, g->count + 3 * groups, groups * LENGTH_MAX, &w.own);
	for (const struct node *n = g->body.first; made && n; n = n->next) {
		if (n->group)
			put_resource_spans(&w, n->group);
		else
			pieces_add(ret, n->raw);
	}
	free(g);
	return made;
}
