/*
 * Mending OTLP requests: by table, and random ones against a model that decodes a request with generated code, mends
 * what it decoded, and encodes that.
 */
#include "unit/unit.h"

#include "base/random.h"
#include "base/text.h"
#include "proto/otlp_mend.h"
#include "unit/proto/otlp_builder.h"
#include "otlp.pb-c.h"

enum { ROOM = 4 << 20, REQUESTS = 3000, DEEP = 10000, SPANS = 512 };

static const char trace_id[] = "0123456789abcdef", span_id[] = "01234567", bad_text[] = "/caf\xe9.html";
#define MENDED_TEXT "/caf\xef\xbf\xbd.html"

/* Mends `body` into exactly the room it was said to take; what comes out is the caller's. It must pass the check, and
 * mending it again must change nothing. */
static struct bytes mended(struct bytes body, struct otlp_mend *ret)
{
	struct otlp_mend again;
	struct otlp_summary sum;
	size_t at;
	char *to;

	assert_int_equal(otlp_mend_plan(body, ret, &at), OTLP_OK);
	assert_int_equal(at, body.size);
	assert_true(ret->room >= ret->size);
	to = malloc(ret->room);
	assert_non_null(to);
	otlp_mend_write(body, ret, to);
	assert_int_equal(otlp_traces_check(to, ret->size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, ret->spans);
	assert_int_equal(otlp_mend_plan((struct bytes){ to, ret->size }, &again, &at), OTLP_OK);
	assert_int_equal(again.refused + again.texts + again.values + again.links, 0);
	assert_int_equal(again.size, ret->size);
	return (struct bytes){ to, ret->size };
}

static Otlp__TracesRequest *decode(struct bytes body)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, body.size, (const uint8_t *)body.data);

	assert_non_null(r);
	return r;
}

/* What the model has done. */
struct model { uint64_t spans, refused, texts, values, links; };

static size_t character_at(const char *text, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (utf8_valid(text, n))
			return n;
	return 0;
}

static void model_text(struct model *m, char **text)
{
	size_t size = strlen(*text), to = 0;
	char *fresh;

	if (utf8_valid(*text, size))
		return;
	fresh = malloc(3 * size + 1);
	assert_non_null(fresh);
	for (size_t i = 0; i < size;) {
		size_t n = character_at(*text + i, size - i);
		memcpy(fresh + to, n ? *text + i : "\xef\xbf\xbd", n ? n : 3);
		to += n ? n : 3;
		i += n ? n : 1;
	}
	fresh[to] = '\0';
	free(*text);
	*text = fresh;
	m->texts++;
}

static void model_value(struct model *m, Otlp__AnyValue *v, unsigned level);

static void model_pair(struct model *m, Otlp__KeyValue *pair, unsigned level)
{
	model_text(m, &pair->key);
	if (pair->value)
		model_value(m, pair->value, level);
}

static void model_pairs(struct model *m, Otlp__KeyValue **pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		model_pair(m, pairs[i], 0);
}

static bool model_empties(struct model *m, Otlp__AnyValue *v, unsigned level)
{
	if (level < OTLP_LEVELS_MAX)
		return false;
	if (v->value_case == OTLP__ANY_VALUE__VALUE_ARRAY_VALUE)
		otlp__array_value__free_unpacked(v->array_value, NULL);
	else
		otlp__key_value_list__free_unpacked(v->kvlist_value, NULL);
	v->value_case = OTLP__ANY_VALUE__VALUE__NOT_SET;
	m->values++;
	return true;
}

static void model_value(struct model *m, Otlp__AnyValue *v, unsigned level)
{
	switch (v->value_case) {
	case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
		model_text(m, &v->string_value);
		return;
	case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
		for (size_t i = 0; !model_empties(m, v, level) && i < v->array_value->n_values; i++)
			model_value(m, v->array_value->values[i], level + 1);
		return;
	case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
		for (size_t i = 0; !model_empties(m, v, level) && i < v->kvlist_value->n_values; i++)
			model_pair(m, v->kvlist_value->values[i], level + 1);
		return;
	default:
		return;
	}
}

static bool model_id_is_fine(const ProtobufCBinaryData *id, size_t size)
{
	size_t zeros = 0;

	while (zeros < id->len && !id->data[zeros])
		zeros++;
	return id->len == size && zeros < size;
}

static bool model_span_is_fine(const Otlp__Span *s)
{
	return model_id_is_fine(&s->trace_id, 16) && model_id_is_fine(&s->span_id, 8) &&
	       (s->parent_span_id.len == 0 || s->parent_span_id.len == 8);
}

static void model_links(struct model *m, Otlp__Span *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_links; i++) {
		Otlp__Link *l = s->links[i];
		bool fine = (l->trace_id.len == 0 || l->trace_id.len == 16) &&
			    (l->span_id.len == 0 || l->span_id.len == 8);
		s->links[kept] = l;
		kept += fine;
		m->links += !fine;
		if (!fine) {
			otlp__link__free_unpacked(l, NULL);
			continue;
		}
		model_text(m, &l->trace_state);
		model_pairs(m, l->attributes, l->n_attributes);
	}
	s->n_links = kept;
}

static void model_span(struct model *m, Otlp__Span *s)
{
	model_text(m, &s->name);
	model_text(m, &s->trace_state);
	model_pairs(m, s->attributes, s->n_attributes);
	if (s->status)
		model_text(m, &s->status->message);
	for (size_t i = 0; i < s->n_events; i++) {
		model_text(m, &s->events[i]->name);
		model_pairs(m, s->events[i]->attributes, s->events[i]->n_attributes);
	}
	model_links(m, s);
}

/* False: it has none left of those it had. */
static bool model_scope(struct model *m, Otlp__ScopeSpans *scope)
{
	size_t had = scope->n_spans, kept = 0;

	for (size_t i = 0; i < had; i++) {
		Otlp__Span *s = scope->spans[i];
		scope->spans[kept] = s;
		if (model_span_is_fine(s)) {
			model_span(m, s);
			kept++;
			continue;
		}
		m->refused++;
		otlp__span__free_unpacked(s, NULL);
	}
	m->spans += kept;
	scope->n_spans = kept;
	if (had > 0 && kept == 0)
		return false;
	model_text(m, &scope->schema_url);
	if (scope->scope) {
		model_text(m, &scope->scope->name);
		model_text(m, &scope->scope->version);
		model_pairs(m, scope->scope->attributes, scope->scope->n_attributes);
	}
	return true;
}

static void model_resource(struct model *m, Otlp__Resource *r)
{
	if (!r)
		return;
	model_pairs(m, r->attributes, r->n_attributes);
	for (size_t i = 0; i < r->n_entity_refs; i++) {
		Otlp__EntityRef *e = r->entity_refs[i];
		model_text(m, &e->schema_url);
		model_text(m, &e->type);
		for (size_t k = 0; k < e->n_id_keys; k++)
			model_text(m, &e->id_keys[k]);
		for (size_t k = 0; k < e->n_description_keys; k++)
			model_text(m, &e->description_keys[k]);
	}
}

static bool model_resource_spans(struct model *m, Otlp__ResourceSpans *r)
{
	uint64_t refused = m->refused, spans = m->spans;
	size_t had = r->n_scope_spans, kept = 0;

	for (size_t i = 0; i < had; i++) {
		Otlp__ScopeSpans *scope = r->scope_spans[i];
		r->scope_spans[kept] = scope;
		if (model_scope(m, scope))
			kept++;
		else
			otlp__scope_spans__free_unpacked(scope, NULL);
	}
	r->n_scope_spans = kept;
	if (m->refused > refused && m->spans == spans)
		return false;
	model_resource(m, r->resource);
	model_text(m, &r->schema_url);
	return true;
}

static void model_request(struct model *m, Otlp__TracesRequest *r)
{
	size_t had = r->n_resource_spans, kept = 0;

	for (size_t i = 0; i < had; i++) {
		struct model before = *m;
		Otlp__ResourceSpans *resource = r->resource_spans[i];
		r->resource_spans[kept] = resource;
		if (model_resource_spans(m, resource)) {
			kept++;
			continue;
		}
		m->texts = before.texts; /* of scopes without spans that went with it */
		m->values = before.values;
		otlp__resource_spans__free_unpacked(resource, NULL);
	}
	r->n_resource_spans = kept;
}

static void encode(const Otlp__TracesRequest *r, struct buffer *to)
{
	buffer_clear(to);
	to->size = 0;
	if (otlp__traces_request__get_packed_size(r) == 0)
		return;
	assert_non_null(buffer_reserve(to, otlp__traces_request__get_packed_size(r)));
	to->size = otlp__traces_request__pack(r, (uint8_t *)to->data);
}

/* The model and the real thing, on the same request. */
static void model_agrees(struct bytes body)
{
	struct otlp_mend m;
	struct model model = { 0 };
	struct bytes ours = mended(body, &m);
	Otlp__TracesRequest *theirs = decode(body), *got = decode(ours);
	struct buffer expected, actual;

	buffer_init(&expected, ROOM);
	buffer_init(&actual, ROOM);
	model_request(&model, theirs);
	encode(theirs, &expected);
	encode(got, &actual);
	assert_true(bytes_equal(buffer_bytes(&expected), buffer_bytes(&actual)));
	assert_int_equal(m.spans, model.spans);
	assert_int_equal(m.refused, model.refused);
	assert_int_equal(m.texts, model.texts);
	assert_int_equal(m.values, model.values);
	assert_int_equal(m.links, model.links);
	otlp__traces_request__free_unpacked(theirs, NULL);
	otlp__traces_request__free_unpacked(got, NULL);
	buffer_done(&expected);
	buffer_done(&actual);
	free((char *)ours.data);
}

/* Random requests. One in `odds` of each thing is wrong. */
struct maker { struct random r; struct buffer b; unsigned odds; };

static bool wrong(struct maker *k)
{
	return random_below(&k->r, k->odds) == 0;
}

static void make_text(struct maker *k, unsigned field)
{
	static const char *const fine[] = { "", "a", "http.route", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x98\x80 and more" };
	static const char *const bad[] = { "\xff", bad_text, "\xc3", "gr\xc3\xbc\xfc", "\xed\xa0\x80",
		"x\xf0\x9f\x98" };
	char text[300];
	size_t size;

	if (random_below(&k->r, 3)) {
		put_text(&k->b, field, wrong(k) ? bad[random_below(&k->r, 6)] : fine[random_below(&k->r, 5)]);
		return;
	}
	size = 1 + random_below(&k->r, sizeof text - 1); /* of all lengths around those that take one byte more */
	memset(text, 'a', size);
	if (wrong(k))
		for (uint64_t n = random_below(&k->r, 8) + 1; n > 0; n--)
			text[random_below(&k->r, size)] = (char)(0x80 + random_below(&k->r, 0x80));
	put_bytes(&k->b, field, text, size);
}

static void make_id(struct maker *k, unsigned field, size_t size)
{
	unsigned char id[20];

	for (size_t i = 0; i < sizeof id; i++)
		id[i] = (unsigned char)(1 + random_below(&k->r, 255));
	if (!wrong(k)) {
		put_bytes(&k->b, field, id, size);
		return;
	}
	memset(id, 0, size);
	if (random_below(&k->r, 3))
		put_bytes(&k->b, field, id, random_below(&k->r, 2) ? size : random_below(&k->r, sizeof id));
}

static void make_pair(struct maker *k, unsigned field)
{
	uint64_t levels = random_below(&k->r, 8) ? random_below(&k->r, 3) : 60 + random_below(&k->r, 10);
	size_t pair = k->b.size, value;

	make_text(k, 1);
	value = k->b.size;
	if (random_below(&k->r, 4))
		make_text(k, 1);
	else
		put_number(&k->b, 3, random_below(&k->r, 1000));
	for (; levels > 0; levels--) {
		bool map = random_below(&k->r, 2);
		put_wrap(&k->b, value, map ? 2 : 1);
		if (map)
			put_text(&k->b, 1, wrong(k) ? "\xe9" : "k");
		if (map)
			put_wrap(&k->b, value, 1);
		put_wrap(&k->b, value, map ? 6 : 5);
	}
	put_wrap(&k->b, value, 2);
	put_wrap(&k->b, pair, field);
}

static void make_pairs(struct maker *k, unsigned field)
{
	for (uint64_t n = random_below(&k->r, 4); n > 0; n--)
		make_pair(k, field);
}

static void make_link(struct maker *k)
{
	size_t link = k->b.size;

	make_id(k, 1, 16);
	make_id(k, 2, 8);
	make_text(k, 3);
	make_pairs(k, 4);
	put_wrap(&k->b, link, 13);
}

static void make_event(struct maker *k)
{
	size_t event = k->b.size;

	put_fixed64(&k->b, 1, 5);
	make_text(k, 2);
	make_pairs(k, 3);
	put_wrap(&k->b, event, 11);
}

static void make_span(struct maker *k)
{
	size_t span = k->b.size, status;

	make_id(k, 1, 16);
	make_id(k, 2, 8);
	make_text(k, 3);
	if (random_below(&k->r, 2))
		put_bytes(&k->b, 4, trace_id, wrong(k) ? random_below(&k->r, 12) : 8);
	make_text(k, 5);
	put_fixed64(&k->b, 7, random_below(&k->r, UINT32_MAX));
	make_pairs(k, 9);
	for (uint64_t n = random_below(&k->r, 3); n > 0; n--)
		make_event(k);
	for (uint64_t n = random_below(&k->r, 3); n > 0; n--)
		make_link(k);
	status = k->b.size;
	make_text(k, 2);
	put_wrap(&k->b, status, 15);
	put_bytes(&k->b, 99, "\xff\xfe", 2); /* nobody knows it */
	put_wrap(&k->b, span, 2);
}

static void make_scope_spans(struct maker *k)
{
	size_t scope_spans = k->b.size;

	make_text(k, 1);
	make_text(k, 2);
	make_pairs(k, 3);
	put_wrap(&k->b, scope_spans, 1);
	for (uint64_t n = random_below(&k->r, 4); n > 0; n--)
		make_span(k);
	make_text(k, 3);
	put_wrap(&k->b, scope_spans, 2);
}

static void make_resource_spans(struct maker *k)
{
	size_t resource_spans = k->b.size, entity;

	make_pairs(k, 1);
	entity = k->b.size;
	for (unsigned i = 1; i <= 4; i++)
		make_text(k, i);
	put_wrap(&k->b, entity, 3);
	put_wrap(&k->b, resource_spans, 1);
	for (uint64_t n = random_below(&k->r, 3); n > 0; n--)
		make_scope_spans(k);
	make_text(k, 3);
	put_wrap(&k->b, resource_spans, 1);
}

static void random_requests_are_mended_as_the_model_does(void **state)
{
	static const unsigned odds[] = { 1, 2, 5, 20, 100 };
	struct maker k = { .odds = 1 };

	(void)state;
	buffer_init(&k.b, ROOM);
	for (unsigned seed = 0; seed < REQUESTS; seed++) {
		random_seed(&k.r, seed);
		k.odds = odds[seed % COUNT_OF(odds)];
		buffer_clear(&k.b);
		for (uint64_t n = random_below(&k.r, 4); n > 0; n--)
			make_resource_spans(&k);
		model_agrees((struct bytes){ k.b.size ? k.b.data : "", k.b.size });
	}
	buffer_done(&k.b);
}

/* A span of the usual kind, with what stands in the buffer from `mark` on as its further fields. */
static void end_span(struct buffer *b, size_t mark, const char *trace)
{
	put_bytes(b, 1, trace, 16);
	put_bytes(b, 2, span_id, 8);
	put_text(b, 5, "GET /x");
	put_wrap(b, mark, 2);
}

static void end_request(struct buffer *b)
{
	put_wrap(b, 0, 2);
	put_wrap(b, 0, 1);
}

static void one_bad_text_among_many_spans_is_mended(void **state)
{
	struct buffer b;
	struct otlp_mend m;
	struct bytes to;

	(void)state;
	buffer_init(&b, ROOM);
	for (unsigned i = 0; i < SPANS; i++) {
		size_t span = b.size;
		put_attribute(&b, 9, "url.path", i == 300 ? bad_text : "/fine.html");
		end_span(&b, span, trace_id);
	}
	end_request(&b);
	to = mended(buffer_bytes(&b), &m);
	assert_int_equal(m.spans, SPANS);
	assert_int_equal(m.texts, 1);
	assert_int_equal(m.refused, 0);
	assert_int_equal(to.size, b.size + 2);
	assert_non_null(memmem(to.data, to.size, MENDED_TEXT, strlen(MENDED_TEXT)));
	free((char *)to.data);
	buffer_done(&b);
}

static void one_span_without_an_id_is_refused_alone(void **state)
{
	static const char zeros[16];
	struct buffer b, rest;
	struct otlp_mend m;
	struct bytes to;
	size_t size = 0;

	(void)state;
	buffer_init(&b, ROOM);
	buffer_init(&rest, ROOM);
	for (unsigned i = 0; i < SPANS; i++) {
		size_t span = b.size;
		end_span(&b, span, i == 16 ? zeros : trace_id);
		size = b.size - span;
		if (i != 16)
			put_raw(&rest, b.data + span, size);
	}
	end_request(&b);
	end_request(&rest);
	to = mended(buffer_bytes(&b), &m);
	assert_int_equal(m.spans, SPANS - 1);
	assert_int_equal(m.refused, 1);
	assert_int_equal(m.refused_bytes, size);
	assert_int_equal(m.number, 17);
	assert_int_equal(m.fault, OTLP_TRACE_ID);
	assert_true(bytes_equal(to, buffer_bytes(&rest)));
	free((char *)to.data);
	buffer_done(&b);
	buffer_done(&rest);
}

static void a_request_of_bad_spans_becomes_nothing(void **state)
{
	struct buffer b;
	struct otlp_mend m;
	struct bytes to;

	(void)state;
	buffer_init(&b, ROOM);
	put_text(&b, 5, bad_text);
	put_wrap(&b, 0, 2);
	end_request(&b);
	to = mended(buffer_bytes(&b), &m);
	assert_int_equal(to.size, 0);
	assert_int_equal(m.spans, 0);
	assert_int_equal(m.refused, 1);
	assert_int_equal(m.texts, 0);
	free((char *)to.data);
	buffer_done(&b);
}

/* Ten thousand arrays in one another, beside a fine span. */
static void what_is_too_deep_is_emptied(void **state)
{
	struct buffer b;
	struct otlp_mend m;
	struct bytes to;

	(void)state;
	buffer_init(&b, ROOM);
	put_text(&b, 1, "x");
	for (size_t i = 0; i < DEEP; i++) {
		put_wrap(&b, 0, 1);
		put_wrap(&b, 0, 5);
	}
	put_wrap(&b, 0, 2);
	put_wrap(&b, 0, 9);
	end_span(&b, 0, trace_id);
	end_span(&b, b.size, trace_id);
	end_request(&b);
	to = mended(buffer_bytes(&b), &m);
	assert_int_equal(m.spans, 2);
	assert_int_equal(m.values, 1);
	assert_in_range(to.size, 2 * 64 * 2, 1000);
	free((char *)to.data);
	buffer_done(&b);
}

/* A fault of the frame behind one that can be mended, in front of it, and within what would be left out. */
static void a_wrong_frame_is_not_mended(void **state)
{
	struct buffer b;
	struct otlp_mend m;
	size_t at, span, size;

	(void)state;
	buffer_init(&b, ROOM);
	put_text(&b, 5, bad_text);
	put_wrap(&b, 0, 2);
	span = b.size;
	put_attribute(&b, 9, "url.path", bad_text);
	end_span(&b, span, trace_id);
	end_request(&b);
	size = b.size;
	for (size_t n = 1; n < size; n++)
		assert_int_equal(otlp_mend_plan((struct bytes){ b.data, n }, &m, &at), OTLP_CUT);
	assert_int_equal(otlp_mend_plan(buffer_bytes(&b), &m, &at), OTLP_OK);
	buffer_clear(&b);
	put_bytes(&b, 1, "short", 5);
	put_text(&b, 5, bad_text);
	put_number(&b, 5, 1);
	put_wrap(&b, 0, 2);
	end_request(&b);
	assert_int_equal(otlp_mend_plan(buffer_bytes(&b), &m, &at), OTLP_WIRE_TYPE);
	assert_int_equal(at, b.size - 2);
	buffer_done(&b);
}

/* Lengths in more bytes than they need, around a change: they become the shortest. */
static void long_lengths_are_read(void **state)
{
	static const char body[] = "\x0a\xb3\x80\x00\x12\xae\x80\x80\x00\x12\x2c\x0a\x10"
				   "0123456789abcdef\x12\x08"
				   "01234567\x2a\x8d\x00"
				   "caf\xe9 and more";
	struct otlp_mend m;
	struct bytes to;

	(void)state;
	to = mended((struct bytes){ body, sizeof body - 1 }, &m);
	assert_int_equal(m.texts, 1);
	model_agrees((struct bytes){ body, sizeof body - 1 });
	assert_int_equal(to.size, sizeof body - 1 + 2 - 2 - 3 - 1);
	free((char *)to.data);
}

static const struct { struct otlp_mend m; const char *text; } told[] = {
	{ { .spans = 7 }, "" },
	{ { .spans = 511, .refused = 1, .fault = OTLP_TRACE_ID, .number = 17, .span = { "\x2a\x06GET /x", 8 } },
		"1 of 512 spans refused; the first is span 17, \"GET /x\": a trace id that is missing, not 16 bytes or "
		"all zero" },
	{ { .spans = 1, .refused = 2, .fault = OTLP_SPAN_ID, .number = 1, .span = { "\x2a\x04\xe9\n\"z", 6 },
		  .links = 3 },
		"2 of 3 spans refused; the first is span 1, \"\xef\xbf\xbd \"z\": a span id that is missing, not 8 "
		"bytes or all zero; links with an id of the wrong size: 3 (left out)" },
	{ { .spans = 3, .texts = 2, .values = 1 },
		"strings that were not UTF-8: 2 (each bad byte is now U+FFFD); values nested deeper than 64 levels: 1 "
		"(now empty)" },
};

static void what_was_done_is_told(void **state)
{
	char text[OTLP_MEND_TEXT + 100];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(told); i++) {
		otlp_mend_tell(&told[i].m, text, sizeof text);
		assert_string_equal(text, told[i].text);
	}
}

/* A long name is cut between characters, and the text at its room, and is UTF-8 all the same. */
static void what_is_told_fits(void **state)
{
	struct otlp_mend m = { .spans = 1000000, .refused = 1000000, .texts = 9, .values = 9, .links = 9,
		.fault = OTLP_LINK_ID, .number = 1000000 };
	char text[OTLP_MEND_TEXT];
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (unsigned shift = 0; shift < 8; shift++)
		for (unsigned bad = 0; bad < 2; bad++) {
			char name[400] = "aaaaaaaa";
			for (size_t i = shift; i + 2 < sizeof name; i += 2)
				memcpy(name + i, bad ? "\xff\xff" : "\xc3\xbc", 3);
			buffer_clear(&b);
			put_text(&b, 5, name);
			m.span = buffer_bytes(&b);
			for (size_t room = OTLP_MEND_TEXT; room > OTLP_MEND_TEXT - 30; room--) {
				otlp_mend_tell(&m, text, room);
				assert_int_equal(strlen(text), room - 1);
				assert_true(utf8_valid(text, strlen(text)));
			}
		}
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bad_text_among_many_spans_is_mended),
		cmocka_unit_test(one_span_without_an_id_is_refused_alone),
		cmocka_unit_test(a_request_of_bad_spans_becomes_nothing),
		cmocka_unit_test(what_is_too_deep_is_emptied),
		cmocka_unit_test(a_wrong_frame_is_not_mended),
		cmocka_unit_test(long_lengths_are_read),
		cmocka_unit_test(what_was_done_is_told),
		cmocka_unit_test(what_is_told_fits),
		cmocka_unit_test(random_requests_are_mended_as_the_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
