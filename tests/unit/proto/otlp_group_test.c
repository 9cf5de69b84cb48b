/*
 * Several trace requests as one: what is equal becomes one, every span stays, with the resource and the scope it had,
 * as generated code decodes it; the result passes the check, and is never longer than the requests.
 *
 * Requests are written as texts: `A[x:12 y:3]` is a resource A with two spans of the scope x and one of the scope y.
 * `-` is none. Behind a resource or a scope stands what else its message has: ' a schema_url behind the rest, ~ one
 * before it, ? a field that nobody knows.
 */
#include "unit/unit.h"

#include "base/random.h"
#include "proto/otlp_group.h"
#include "proto/otlp_walk.h"
#include "proto/otlp_wire.h"
#include "unit/proto/otlp_flat.h"

enum { ROOM = 64 << 20, REQUESTS_MAX = 40, LIVES = 3000, LARGE = 20000 };

static void put_around(struct buffer *b, const char *marks, char mark)
{
	if (mark == '?' && strchr(marks, '?'))
		put_number(b, 1000, 7);
	if (mark == '~' && strchr(marks, '~'))
		put_text(b, 3, "url");
	if (mark == '\'' && strchr(marks, '\''))
		put_text(b, 3, "url");
}

static void put_span(struct buffer *b, char name, size_t padding)
{
	static const char zeros[LARGE];
	size_t mark = b->size;

	put_bytes(b, 1, "0123456789abcdef", 16);
	put_bytes(b, 2, "01234567", 8);
	put_bytes(b, 5, &name, 1);
	put_bytes(b, 1000, zeros, padding);
	put_wrap(b, mark, 2);
}

/* Reads the marks behind a name. */
static const char *read_marks(const char *text, char marks[4])
{
	size_t size = strspn(text, "'~?");

	assert_true(size < 4);
	memcpy(marks, text, size);
	marks[size] = '\0';
	return text + size;
}

/* The resource or scope of that letter. */
static void put_named(struct buffer *b, char name, bool resource)
{
	const char text[] = { name, '\0' };
	size_t mark = b->size;

	if (name == '-')
		return;
	if (resource)
		put_attribute(b, 1, "service.name", text);
	else
		put_text(b, 1, text);
	put_wrap(b, mark, 1);
}

static const char *put_scope_spans(struct buffer *b, const char *text, size_t padding)
{
	size_t mark = b->size;
	char name = *text++, marks[4];

	text = read_marks(text, marks);
	put_around(b, marks, '~');
	put_named(b, name, false);
	put_around(b, marks, '?');
	assert_int_equal(*text++, ':');
	while (*text && !strchr(" ]", *text))
		put_span(b, *text++, padding);
	put_around(b, marks, '\'');
	put_wrap(b, mark, 2);
	return text;
}

static void put_request(struct buffer *b, const char *text, size_t padding)
{
	while (*text) {
		size_t mark = b->size;
		char name = *text++, marks[4];
		text = read_marks(text, marks);
		put_around(b, marks, '~');
		put_named(b, name, true);
		put_around(b, marks, '?');
		assert_int_equal(*text++, '[');
		while (*text != ']') {
			text = put_scope_spans(b, text, padding);
			text += *text == ' ';
		}
		put_around(b, marks, '\'');
		put_wrap(b, mark, 1);
		text += 1 + (text[1] == ' ');
	}
}

/* Writes a request as such a text; ~ is shown as '. */
static void show_scope(const Otlp__ScopeSpans *s, struct buffer *to)
{
	assert_int_equal(buffer_text(to, s->scope ? s->scope->name : "-"), 0);
	assert_int_equal(buffer_text(to, *s->schema_url ? "'" : ""), 0);
	assert_int_equal(buffer_text(to, s->base.n_unknown_fields ? "?:" : ":"), 0);
	for (size_t i = 0; i < s->n_spans; i++)
		assert_int_equal(buffer_text(to, s->spans[i]->name), 0);
}

static const char *show(struct bytes body, struct buffer *to)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, body.size, (const uint8_t *)body.data);

	assert_non_null(r);
	buffer_clear(to);
	for (size_t i = 0; i < r->n_resource_spans; i++) {
		const Otlp__ResourceSpans *rs = r->resource_spans[i];
		assert_int_equal(buffer_printf(to, "%s%s%s%s[", i ? " " : "",
					 rs->resource ? rs->resource->attributes[0]->value->string_value : "-",
					 *rs->schema_url ? "'" : "", rs->base.n_unknown_fields ? "?" : ""),
			0);
		for (size_t k = 0; k < rs->n_scope_spans; k++) {
			assert_int_equal(buffer_text(to, k ? " " : ""), 0);
			show_scope(rs->scope_spans[k], to);
		}
		assert_int_equal(buffer_text(to, "]"), 0);
	}
	otlp__traces_request__free_unpacked(r, NULL);
	assert_int_equal(buffer_append(to, "", 1), 0);
	return to->data;
}

/* Requests, and what they become. */
struct grouped {
	struct buffer requests[REQUESTS_MAX], all, body;
	size_t count;
	bool any;
};

static void grouped_init(struct grouped *g)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		buffer_init(&g->requests[i], ROOM);
	buffer_init(&g->all, ROOM);
	buffer_init(&g->body, ROOM);
	g->count = 0;
}

static void grouped_done(struct grouped *g)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		buffer_done(&g->requests[i]);
	buffer_done(&g->all);
	buffer_done(&g->body);
}

static struct buffer *grouped_next(struct grouped *g)
{
	assert_true(g->count < REQUESTS_MAX);
	buffer_clear(&g->requests[g->count]);
	return &g->requests[g->count++];
}

static void copy_pieces(const struct pieces *p, struct buffer *to)
{
	struct pieces_place at = { 0 };
	char *data = buffer_reserve(to, p->size + 1);

	assert_non_null(data);
	to->size = pieces_read(p, &at, data, p->size + 1);
	assert_int_equal(to->size, p->size);
}

/* Groups them; if nothing is equal, the body is the requests one behind the other. */
static void group_all(struct grouped *g)
{
	struct otlp_group *group = otlp_group_new(g->count);
	struct pieces pieces;

	assert_non_null(group);
	buffer_clear(&g->all);
	buffer_clear(&g->body);
	for (size_t i = 0; i < g->count; i++) {
		put_raw(&g->all, g->requests[i].data, g->requests[i].size);
		otlp_group_add(group, buffer_bytes(&g->requests[i]));
	}
	g->any = otlp_group_end(group, &pieces);
	if (!g->any) {
		put_raw(&g->body, g->all.data, g->all.size);
		return;
	}
	copy_pieces(&pieces, &g->body);
	pieces_done(&pieces);
}

/* All spans with what they are in, in an order of their own. */
struct flat {
	struct buffer text;
	struct bytes spans[8192];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const struct bytes *one = a, *other = b;
	size_t size = one->size < other->size ? one->size : other->size;
	int order = memcmp(one->data, other->data, size);

	return order ? order : (one->size > other->size) - (one->size < other->size);
}

static void flat_of(struct bytes body, struct flat *f)
{
	struct wire w;
	struct wire_field field;

	buffer_clear(&f->text);
	f->count = 0;
	flatten(body, &f->text);
	w = wire_of(buffer_bytes(&f->text));
	while (w.at < w.end) {
		const char *from = (const char *)w.at;
		assert_true(f->count < COUNT_OF(f->spans));
		for (int i = 0; i < 3; i++)
			assert_int_equal(wire_next(&w, &field), 1);
		f->spans[f->count++] = (struct bytes){ from, (size_t)((const char *)w.at - from) };
	}
	qsort(f->spans, f->count, sizeof *f->spans, compare);
}

/* It is a request, has the same spans, and is no longer. */
static void check_same(const struct grouped *g)
{
	static struct flat before, after;
	struct otlp_summary sum;
	size_t at;

	buffer_init(&before.text, ROOM);
	buffer_init(&after.text, ROOM);
	flat_of(buffer_bytes(&g->all), &before);
	flat_of(buffer_bytes(&g->body), &after);
	assert_int_equal(otlp_traces_check(g->body.data, g->body.size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, before.count);
	assert_int_equal(after.count, before.count);
	for (size_t i = 0; i < before.count; i++)
		assert_int_equal(compare(&before.spans[i], &after.spans[i]), 0);
	assert_true(g->body.size <= g->all.size);
	assert_true(g->any || g->body.size == g->all.size);
	buffer_done(&before.text);
	buffer_done(&after.text);
}

static const struct {
	const char *requests[4], *becomes;
} cases[] = {
	{ { "A[x:1]", "A[x:2]" }, "A[x:12]" },
	{ { "A[x:12]", "A[x:3]", "A[x:45]" }, "A[x:12345]" },
	{ { "A[x:1 y:2]", "A[x:3 y:4]" }, "A[x:13 y:24]" },
	{ { "A[x:1 y:2]", "A[y:3 z:4]" }, "A[x:1 y:23 z:4]" },
	{ { "A[x:1]", "B[x:2]", "A[x:3]" }, "A[x:13] B[x:2]" },
	{ { "A[x:1] B[x:2]", "A[x:3] B[y:4]" }, "A[x:13] B[x:2 y:4]" },
	{ { "A[x:1 x:2]", "A[x:3]" }, "A[x:123]" },
	{ { "-[-:1]", "-[-:2]" }, "-[-:1 -:2]" },
	{ { "-[x:1]", "-[x:2]" }, "-[x:12]" },
	{ { "-[x:1]", "A[x:2]" }, "-[x:1] A[x:2]" },
	{ { "A[-:1]", "A[x:2]" }, "A[-:1 x:2]" },
	/* nothing to write in a resource twice */
	{ { "A[x:1]", "B[y:2]" }, "A[x:1] B[y:2]" },
	{ { "A[x:1 x:2]", "B[y:2]" }, "A[x:1 x:2] B[y:2]" },
	{ { "A[]", "A[x:1]" }, "A[x:1]" },
	/* schema_url belongs to what is compared */
	{ { "A'[x:1]", "A'[x:2]" }, "A'[x:12]" },
	{ { "A'[x:1]", "A[x:2]", "A'[x:3]" }, "A'[x:13] A[x:2]" },
	{ { "A[x':1]", "A[x:2]", "A[x':3]" }, "A[x':13 x:2]" },
	/* messages that are not as encoders write them */
	{ { "A~[x:1]", "A~[x:2]" }, "A'[x:1] A'[x:2]" },
	{ { "A?[x:1]", "A[x:2]", "A?[x:3]", "A[x:4]" }, "A?[x:1] A[x:24] A?[x:3]" },
	{ { "A[x?:1]", "A[x:2]", "A[x?:3]", "A[x:4]" }, "A[x?:1 x:24 x?:3]" },
	{ { "A[x~:1]", "A[x:2]" }, "A[x':1 x:2]" },
};

static void what_is_equal_becomes_one(void **state)
{
	static struct grouped g;
	struct buffer text;

	(void)state;
	buffer_init(&text, ROOM);
	grouped_init(&g);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		g.count = 0;
		for (size_t k = 0; k < 4 && cases[i].requests[k]; k++)
			put_request(grouped_next(&g), cases[i].requests[k], 0);
		group_all(&g);
		check_same(&g);
		assert_string_equal(show(buffer_bytes(&g.body), &text), cases[i].becomes);
	}
	grouped_done(&g);
	buffer_done(&text);
}

/* What stands at the top of a request and is not known, and a request without anything. */
static void what_is_not_known_stays(void **state)
{
	static struct grouped g;
	struct buffer text;

	(void)state;
	buffer_init(&text, ROOM);
	grouped_init(&g);
	for (unsigned i = 0; i < 3; i++) {
		struct buffer *b = grouped_next(&g);
		put_text(b, 9, "nobody knows");
		put_request(b, "A[x:1]", 0);
		put_number(b, 8, i);
		put_request(b, "A[x:2]", 0);
	}
	(void)grouped_next(&g);
	group_all(&g);
	check_same(&g);
	assert_string_equal(show(buffer_bytes(&g.body), &text), "A[x:111] A[x:2] A[x:2] A[x:2]");
	grouped_done(&g);
	buffer_done(&text);
}

/* So that no span of a large request is looked at. The scope takes five bytes. */
static void large_scopes_go_as_they_are(void **state)
{
	static struct grouped g;
	struct buffer text;

	(void)state;
	buffer_init(&text, ROOM);
	grouped_init(&g);
	put_request(grouped_next(&g), "A[x:1]", LARGE);
	put_request(grouped_next(&g), "A[x:2]", 60);
	put_request(grouped_next(&g), "A[x:3]", 10);
	put_request(grouped_next(&g), "A[x:4]", 10);
	group_all(&g);
	check_same(&g);
	assert_string_equal(show(buffer_bytes(&g.body), &text), "A[x:1 x:2 x:34]");
	grouped_done(&g);
	buffer_done(&text);
}

/* Of one app, with one span a request and with ten. `apart`: the scope stands before the spans of each request. */
static void goes_out_once(unsigned spans, bool apart)
{
	enum { LENGTHS = 8 }; /* of two messages */
	struct buffer once, each;
	static struct grouped g;
	size_t scope = 0;

	buffer_init(&once, ROOM);
	buffer_init(&each, ROOM);
	put_http_request(&once, 0);
	for (unsigned i = 0; i < spans; i++)
		put_http_span(&each, i);
	if (apart) {
		put_text(&each, 1, "@opentelemetry/instrumentation-http");
		put_text(&each, 2, "0.52.1");
		scope = 5;
	}
	grouped_init(&g);
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		put_http_request(grouped_next(&g), spans);
	group_all(&g);
	check_same(&g);
	assert_true(g.any);
	assert_true(g.body.size <= once.size + REQUESTS_MAX * (each.size + scope) + LENGTHS);
	grouped_done(&g);
	buffer_done(&once);
	buffer_done(&each);
}

static void what_an_app_repeats_goes_out_once(void **state)
{
	(void)state;
	goes_out_once(1, false);
	goes_out_once(10, true);
}

/* However many there are, of whatever kind: what the tables do not hold goes as it is. */
static void without_room_the_rest_goes_as_it_is(void **state)
{
	static struct grouped g;
	char request[32];

	(void)state;
	grouped_init(&g);
	for (unsigned i = 0; i < 20; i++) { /* more resources than there is room for, each twice, and many scopes */
		struct buffer *b = grouped_next(&g);
		for (unsigned k = 0; k < 200; k++) {
			snprintf(request, sizeof request, "%c[%c:%c]", 'A' + i % 10, 'a' + k % 26, '0' + k % 10);
			put_request(b, request, 0);
		}
	}
	group_all(&g);
	check_same(&g);
	assert_true(g.any);
	grouped_done(&g);
}

static void make_scopes(struct buffer *b, struct random *r)
{
	static const char *const scopes[] = { "x:12", "y:3", "x':45", "-:6", "x?:7", "z~:89", "x:", "w'?:1" };

	for (uint64_t n = random_below(r, 4); n > 0; n--) {
		(void)put_scope_spans(b, scopes[random_below(r, COUNT_OF(scopes))],
			random_below(r, 40) == 0 ? LARGE : random_below(r, 200));
		if (random_below(r, 30) == 0)
			put_text(b, 3, "between");
	}
}

static void make_request(struct buffer *b, struct random *r, unsigned letters)
{
	for (uint64_t n = random_below(r, 3); n > 0; n--) {
		size_t mark = b->size;
		bool schema = random_below(r, 6) == 0;
		put_named(b, (char)('A' + random_below(r, letters)), true);
		if (random_below(r, 30) == 0)
			put_named(b, 'A', true); /* twice: receivers merge them */
		make_scopes(b, r);
		put_around(b, schema ? "'" : "", '\'');
		put_wrap(b, mark, 1);
		if (random_below(r, 20) == 0)
			put_text(b, 7, "nobody knows");
	}
}

static void random_requests_keep_their_spans(void **state)
{
	static struct grouped g;
	size_t shorter = 0;
	struct random r;

	(void)state;
	grouped_init(&g);
	for (unsigned seed = 0; seed < LIVES; seed++) {
		unsigned letters;
		random_seed(&r, seed);
		letters = random_below(&r, 4) == 0 ? 12 : 2;
		g.count = 0;
		for (uint64_t n = 1 + random_below(&r, 8); n > 0; n--)
			make_request(grouped_next(&g), &r, letters);
		group_all(&g);
		check_same(&g);
		shorter += g.body.size < g.all.size;
	}
	assert_true(shorter > LIVES / 2);
	grouped_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_equal_becomes_one),
		cmocka_unit_test(what_is_not_known_stays),
		cmocka_unit_test(large_scopes_go_as_they_are),
		cmocka_unit_test(what_an_app_repeats_goes_out_once),
		cmocka_unit_test(without_room_the_rest_goes_as_it_is),
		cmocka_unit_test(random_requests_keep_their_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
