/*
 * Edits of OTLP requests: a request that was edited on the wire decodes to the tree that generated code makes of it and
 * that is edited the same way. What no edit concerns keeps its bytes; the result passes the check; spans are counted.
 *
 * It is the same in one go and in slices.
 *
 * The first byte chooses the edits, the rest is the request. Names are single letters, so that they are met. The
 * request is edited as it is, and once more as generated code writes it, since only then nothing in it stands twice.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "otlp.pb-c.h"
#include "proto/otlp_build.h"
#include "proto/otlp_redact.h"
#include "proto/otlp_walk.h"

enum { CEILING = 64 << 20, LONG = 40 };
enum {
	RENAME = 1,
	RENAME_RESOURCE = 2,
	ADD = 4,
	ADD_RESOURCE = 8,
	DROP = 16,
	DROP_SPANS = 32,
	REDACT = 64,
	STATE = 128
};

static const char new_value[] = "\x0a\x01x";

struct packed {
	uint8_t *data;
	size_t size;
};

struct edits {
	unsigned what;
	size_t slice; /* bytes shown between two pauses */
	struct otlp_redact redact;
	struct packed out;
	bool works; /* what was announced */
};

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* On the wire. */

static void rename_on(struct otlp_view *v)
{
	struct otlp_part *p = otlp_view_find(v, bytes_of("a"));

	if (p && !otlp_view_find(v, bytes_of("b")))
		otlp_part_rename(v, p, bytes_of("b"));
}

static void add_on(struct otlp_view *v)
{
	if (!otlp_view_find(v, bytes_of("c")))
		need(otlp_view_add(v, bytes_of("c"), bytes_of(new_value)), "no room to add");
}

static bool visit_span(const struct edits *x, struct otlp_edit *e, struct otlp_view *v)
{
	if (x->what & DROP_SPANS && bytes_are(otlp_view_text(v, OTLP_SPAN_NAME), "e"))
		return false;
	if (x->what & RENAME)
		rename_on(v);
	if (x->what & ADD)
		add_on(v);
	for (size_t i = 0; x->what & DROP && i < v->count; i++)
		if (otlp_is_attribute(v, &v->parts[i]) && bytes_are(v->parts[i].key, "d"))
			otlp_part_drop(v, &v->parts[i]);
	if (x->what & STATE) {
		need(otlp_view_set(v, OTLP_SPAN_TRACE_STATE, bytes_of("t")), "no room for a state");
		need(otlp_view_count(&e->lent, v, OTLP_SPAN_DROPPED_ATTRIBUTES, 2), "no room for a count");
	}
	return true;
}

static bool visit(void *context, struct otlp_edit *e, struct otlp_view *v)
{
	struct edits *x = context;

	if (v->level == OTLP_SPAN && !visit_span(x, e, v))
		return false;
	if (v->level == OTLP_RESOURCE && x->what & RENAME_RESOURCE)
		rename_on(v);
	if (v->level == OTLP_RESOURCE && x->what & ADD_RESOURCE)
		add_on(v);
	if (x->what & REDACT)
		need(otlp_redact_view(&x->redact, e, v), "no room to redact");
	return true;
}

/* On the tree. */

static char *text(const char *from)
{
	char *to = strdup(from);

	need(to, "out of memory");
	return to;
}

static void set_text(char **to, const char *from)
{
	if (*to && *to != protobuf_c_empty_string)
		free(*to);
	*to = text(from);
}

static Otlp__KeyValue *model_find(Otlp__KeyValue **pairs, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i]->key, key) == 0)
			return pairs[i];
	return NULL;
}

/* Attributes of a view keep nothing but key and value. */
static void model_plain(Otlp__KeyValue **pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ProtobufCMessage *m = &pairs[i]->base;
		for (unsigned k = 0; k < m->n_unknown_fields; k++)
			free(m->unknown_fields[k].data);
		free(m->unknown_fields);
		m->unknown_fields = NULL;
		m->n_unknown_fields = 0;
		pairs[i]->key_strindex = 0;
	}
}

static void model_rename(Otlp__KeyValue **pairs, size_t count)
{
	Otlp__KeyValue *pair = model_find(pairs, count, "a");

	if (pair && !model_find(pairs, count, "b"))
		set_text(&pair->key, "b");
}

static Otlp__AnyValue *model_text(const char *from)
{
	Otlp__AnyValue *value = malloc(sizeof *value);

	need(value, "out of memory");
	otlp__any_value__init(value);
	value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	value->string_value = text(from);
	return value;
}

static void model_add(Otlp__KeyValue ***pairs, size_t *count)
{
	Otlp__KeyValue *pair, **grown;

	if (model_find(*pairs, *count, "c"))
		return;
	pair = malloc(sizeof *pair);
	grown = realloc(*pairs, (*count + 1) * sizeof(Otlp__KeyValue *));
	need(pair && grown, "out of memory");
	otlp__key_value__init(pair);
	pair->key = text("c");
	pair->value = model_text("x");
	*pairs = grown;
	grown[(*count)++] = pair;
}

static void model_drop(Otlp__KeyValue **pairs, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		Otlp__KeyValue *pair = pairs[i];
		bool gone = strcmp(pair->key, "d") == 0;
		pairs[kept] = pair;
		kept += !gone;
		if (gone)
			otlp__key_value__free_unpacked(pair, NULL);
	}
	*count = kept;
}

/* Whether the name, or a word of it between dots, is the key "f" in either case. */
static bool model_is_key(const char *name)
{
	for (; *name; name++) {
		size_t size = strcspn(name, ".");
		if (size == 1 && (*name == 'f' || *name == 'F'))
			return true;
		name += size;
		if (!*name)
			break;
	}
	return false;
}

static void model_redact(Otlp__KeyValue **pairs, size_t count);

static void model_redact_value(Otlp__AnyValue *value)
{
	if (value && value->value_case == OTLP__ANY_VALUE__VALUE_KVLIST_VALUE)
		model_redact(value->kvlist_value->values, value->kvlist_value->n_values);
	if (value && value->value_case == OTLP__ANY_VALUE__VALUE_ARRAY_VALUE)
		for (size_t i = 0; i < value->array_value->n_values; i++)
			model_redact_value(value->array_value->values[i]);
}

/* As deep as values are nested, which the check bounds. */
static void model_redact(Otlp__KeyValue **pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!model_is_key(pairs[i]->key)) {
			model_redact_value(pairs[i]->value);
			continue;
		}
		if (pairs[i]->value)
			otlp__any_value__free_unpacked(pairs[i]->value, NULL);
		pairs[i]->value = model_text("***");
		model_plain(&pairs[i], 1);
	}
}

static void model_span(unsigned what, Otlp__Span *s)
{
	model_plain(s->attributes, s->n_attributes);
	if (what & RENAME)
		model_rename(s->attributes, s->n_attributes);
	if (what & ADD)
		model_add(&s->attributes, &s->n_attributes);
	if (what & DROP)
		model_drop(s->attributes, &s->n_attributes);
	if (what & STATE) {
		set_text(&s->trace_state, "t");
		s->dropped_attributes_count =
			s->dropped_attributes_count < UINT32_MAX - 2 ? s->dropped_attributes_count + 2 : UINT32_MAX;
	}
	if (!(what & REDACT))
		return;
	model_redact(s->attributes, s->n_attributes);
	for (size_t i = 0; i < s->n_events; i++)
		model_redact(s->events[i]->attributes, s->events[i]->n_attributes);
	for (size_t i = 0; i < s->n_links; i++)
		model_redact(s->links[i]->attributes, s->links[i]->n_attributes);
}

/* Whether it stays. */
static bool model_scope(unsigned what, Otlp__ScopeSpans *s, uint64_t *kept, uint64_t *dropped)
{
	size_t had = s->n_spans, left = 0;

	if (s->scope) {
		model_plain(s->scope->attributes, s->scope->n_attributes);
		if (what & REDACT)
			model_redact(s->scope->attributes, s->scope->n_attributes);
	}
	for (size_t i = 0; i < had; i++) {
		Otlp__Span *span = s->spans[i];
		s->spans[left] = span;
		if (what & DROP_SPANS && strcmp(span->name, "e") == 0) {
			otlp__span__free_unpacked(span, NULL);
			continue;
		}
		model_span(what, span);
		left++;
	}
	s->n_spans = left;
	*kept += left;
	*dropped += had - left;
	return left > 0 || had == 0;
}

static void model_resource(unsigned what, Otlp__ResourceSpans *r)
{
	bool adds = what & ADD_RESOURCE;

	if (!r->resource && adds) {
		r->resource = malloc(sizeof *r->resource);
		need(r->resource, "out of memory");
		otlp__resource__init(r->resource);
	}
	if (!r->resource)
		return;
	model_plain(r->resource->attributes, r->resource->n_attributes);
	if (what & RENAME_RESOURCE)
		model_rename(r->resource->attributes, r->resource->n_attributes);
	if (adds)
		model_add(&r->resource->attributes, &r->resource->n_attributes);
	if (what & REDACT)
		model_redact(r->resource->attributes, r->resource->n_attributes);
}

static bool model_resource_spans(unsigned what, Otlp__ResourceSpans *r, uint64_t *kept, uint64_t *dropped)
{
	size_t had = r->n_scope_spans, left = 0;
	uint64_t kept_before = *kept, dropped_before = *dropped;

	model_resource(what, r);
	for (size_t i = 0; i < had; i++) {
		Otlp__ScopeSpans *scope = r->scope_spans[i];
		r->scope_spans[left] = scope;
		if (model_scope(what, scope, kept, dropped))
			left++;
		else
			otlp__scope_spans__free_unpacked(scope, NULL);
	}
	r->n_scope_spans = left;
	return *kept > kept_before || *dropped == dropped_before;
}

static void model(unsigned what, Otlp__TracesRequest *r, uint64_t *kept, uint64_t *dropped)
{
	size_t had = r->n_resource_spans, left = 0;

	for (size_t i = 0; i < had; i++) {
		Otlp__ResourceSpans *resource = r->resource_spans[i];
		r->resource_spans[left] = resource;
		if (model_resource_spans(what, resource, kept, dropped))
			left++;
		else
			otlp__resource_spans__free_unpacked(resource, NULL);
	}
	r->n_resource_spans = left;
}

/* Both. */

/* With readable bytes behind it. */
static struct packed pack(const Otlp__TracesRequest *r)
{
	struct packed p = { .size = otlp__traces_request__get_packed_size(r) };

	p.data = calloc(1, p.size + OTLP_EDIT_PADDING);
	need(p.data, "out of memory");
	need(otlp__traces_request__pack(r, p.data) == p.size, "another size");
	return p;
}

static void is_the_same(const struct packed *edited, Otlp__TracesRequest *tree)
{
	Otlp__TracesRequest *decoded = otlp__traces_request__unpack(NULL, edited->size, edited->data);
	struct packed a, b;

	need(decoded, "it does not decode");
	a = pack(decoded);
	b = pack(tree);
	need(a.size == b.size && memcmp(a.data, b.data, a.size) == 0, "it decodes to another tree");
	free(a.data);
	free(b.data);
	otlp__traces_request__free_unpacked(decoded, NULL);
}

/* The result grows as it is asked for, so that each byte behind it is poisoned. */
static char *grow(void *context, size_t size, size_t *ret_room)
{
	struct edits *x = context;
	uint8_t *grown = realloc(x->out.data, size);

	need(grown, "out of memory");
	need(!x->works, "room is asked for elsewhere");
	x->out = (struct packed){ grown, size };
	*ret_room = size;
	return (char *)grown;
}

/* As many slices as there are bytes in one. */
static void run(struct edits *x, struct otlp_edit *e, struct bytes body)
{
	int more = 1;

	x->out = (struct packed){ NULL, 0 };
	otlp_edit_begin(e, body, &(struct otlp_editor){ visit, grow, x, x->slice == 1 ? LONG : 0 });
	while (more > 0) {
		size_t bytes = x->slice;
		more = otlp_edit_go_on(e, &bytes);
		need(e->frame < 0 || bytes == 0 || more == OTLP_EDIT_LONG, "it stopped too early");
		x->works = more == OTLP_EDIT_LONG;
		if (x->works)
			otlp_edit_work(e);
		x->works = false;
	}
	need(more == 0, "it cannot be edited");
}

static bool is_gone(const struct otlp_edit *e)
{
	return e->kept == 0 && e->dropped > 0;
}

/* Edits on the wire; the result is the caller's. */
static struct packed edit(struct edits *x, struct otlp_edit *e, const struct packed *body)
{
	struct bytes b = { (const char *)body->data, body->size };
	struct packed out = { NULL, 0 };
	struct otlp_summary before, after;
	size_t at;

	need(otlp_traces_check(b.data, b.size, &before, &at) == OTLP_OK, "it was fine");
	run(x, e, b);
	need(e->kept + e->dropped == before.spans, "spans got lost");
	need(otlp_edit_changed(e) || !x->out.data, "it was written without an edit");
	out.size = is_gone(e) ? 0 : e->size;
	out.data = calloc(1, out.size + OTLP_EDIT_PADDING);
	need(out.data, "out of memory");
	if (out.size > 0)
		memcpy(out.data, otlp_edit_changed(e) ? (char *)x->out.data : b.data, out.size);
	free(x->out.data);
	need(otlp_traces_check((char *)out.data, out.size, &after, &at) == OTLP_OK, "it is fine no more");
	need(after.spans == e->kept, "another number of spans");
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct edits x = { .what = size > 0 ? data[0] : 0 };
	struct otlp_edit *e;
	struct otlp_summary sum;
	struct packed body = { NULL, size > 0 ? size - 1 : 0 }, whole, edited;
	Otlp__TracesRequest *tree;
	uint64_t kept = 0, dropped = 0;
	size_t at;

	if (otlp_traces_check((const char *)data + (size > 0), body.size, &sum, &at) != OTLP_OK)
		return 0;
	body.data = calloc(1, body.size + OTLP_EDIT_PADDING);
	need(body.data, "out of memory");
	if (body.size > 0)
		memcpy(body.data, data + 1, body.size);
	e = otlp_edit_new(CEILING);
	otlp_redact_init(&x.redact, CEILING);
	x.redact.redact.keys.fold = true;
	need(key_set_add(&x.redact.redact.keys, "f") == 0, "no room for a key");
	x.slice = SIZE_MAX;
	whole = edit(&x, e, &body);
	x.slice = 1;
	edited = edit(&x, e, &body);
	need(whole.size == edited.size && memcmp(whole.data, edited.data, whole.size) == 0, "slices differ");
	free(whole.data);
	free(edited.data);

	tree = otlp__traces_request__unpack(NULL, body.size, body.data);
	need(tree, "the check let it pass");
	free(body.data);
	body = pack(tree);
	edited = edit(&x, e, &body);
	model(x.what, tree, &kept, &dropped);
	need(kept == e->kept && dropped == e->dropped, "other spans were dropped");
	if (!is_gone(e))
		is_the_same(&edited, tree);
	otlp__traces_request__free_unpacked(tree, NULL);
	free(edited.data);
	free(body.data);
	otlp_redact_done(&x.redact);
	otlp_edit_free(e);
	return 0;
}
