/*
 * Heads that are taken and heads that are refused, each also cut at every byte and moved between the pieces: the answer
 * is the same. Every row is read by the section of RFC 9112 or 9110 that it is about.
 */
#include "http/head.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/unit.h"

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"

struct row {
	const char *text;
	unsigned verdict;
};

static const struct row rows[] = {
	{ LINE HOST "\r\n", HTTP_HEAD_DONE },
	{ LINE HOST "\r\nbody", HTTP_HEAD_DONE },
	{ LINE "hOST:x\r\n\r\n", HTTP_HEAD_DONE },
	{ LINE "Host:\r\n\r\n", HTTP_HEAD_DONE }, /* 9112, 3.2: empty for a target without an authority */
	{ LINE "Host: [::1]:4318\r\n\r\n", HTTP_HEAD_DONE },
	{ LINE HOST "A: \t b c\xc3\xa9 \t\r\nEmpty:\r\n\r\n", HTTP_HEAD_DONE },
	{ "\r\n\r\n" LINE HOST "\r\n", HTTP_HEAD_DONE }, /* 9112, 2.2 */
	{ "GET / HTTP/1.0\r\n\r\n", HTTP_HEAD_DONE },
	{ "GET / HTTP/1.7\r\n" HOST "\r\n", HTTP_HEAD_DONE }, /* 9110, 2.5 */
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", HTTP_HEAD_DONE },
	{ "GET http://a:1/b?c HTTP/1.1\r\n" HOST "\r\n", HTTP_HEAD_DONE }, /* 9112, 3.2.2 */
	{ "GET HTTP://a HTTP/1.1\r\n" HOST "\r\n", HTTP_HEAD_DONE },
	{ "WH!AT / HTTP/1.1\r\n" HOST "\r\n", HTTP_HEAD_DONE },
	/* the request line: 9112, 3 */
	{ "\x16\x03\x01\r\n", 400 },
	{ "GET\r\n", 400 },
	{ "GET /\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n", 400 },
	{ "GET /  HTTP/1.1\r\n", 400 },
	{ "GET / HTTP/1.1 \r\n", 400 },
	{ " GET / HTTP/1.1\r\n", 400 },
	{ "GET\t/ HTTP/1.1\r\n", 400 },
	{ "G(T / HTTP/1.1\r\n", 400 },
	{ "GET  HTTP/1.1\r\n", 400 },
	{ "GET a HTTP/1.1\r\n", 400 },
	{ "GET /\x7f HTTP/1.1\r\n", 400 },
	{ "GET /\xc3\xa9 HTTP/1.1\r\n", 400 },
	{ "CONNECT a:80 HTTP/1.1\r\n", 400 },
	{ "GET / http/1.1\r\n", 400 },
	{ "GET / HTTP/1.10\r\n", 400 },
	{ "GET / HTTP/1,1\r\n", 400 },
	{ "GET / HTTP/x.1\r\n", 400 },
	{ "GET / HTTP/2.0\r\n", 505 },
	{ "PRI * HTTP/2.0\r\n", 505 },
	/* line ends: 9112, 2.2 */
	{ "GET / HTTP/1.1\n", 400 },
	{ LINE "Host: x\n", 400 },
	{ LINE HOST "\n", 400 },
	{ LINE "A: b\rc\r\n", 400 },
	{ LINE "A: b\r\r\n", 400 },
	{ "GET / HTTP/1.1\r\r\n", 400 },
	{ "\n", 400 },
	/* fields: 9112, 5 */
	{ LINE "Host : x\r\n", 400 },
	{ LINE HOST "Content-Length: 4 \r\n", 400 },
	{ LINE HOST " folded: x\r\n", 400 },
	{ LINE HOST "\tfolded\r\n", 400 },
	{ LINE " Host: x\r\n", 400 },
	{ LINE "no colon\r\n", 400 },
	{ LINE ": x\r\n", 400 },
	{ LINE "A\x01: x\r\n", 400 },
	{ LINE "A\xe9: x\r\n", 400 },
	{ LINE "A: \x01\r\n", 400 },
	{ LINE "A: \x7f\r\n", 400 },
	/* Host: 9112, 3.2 */
	{ LINE "\r\n", 400 },
	{ LINE HOST HOST, 400 },
	{ "GET / HTTP/1.0\r\n" HOST HOST, 400 },
	{ LINE "Host: a b\r\n", 400 },
	{ LINE "Host: a/b\r\n", 400 },
	{ LINE "Host: a@b\r\n", 400 },
	/* a coding in HTTP/1.0: 9112, 6.1 */
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	/* not whole yet */
	{ "", HTTP_HEAD_MORE },
	{ "\r\n", HTTP_HEAD_MORE },
	{ "GET / HTTP/1.1\r", HTTP_HEAD_MORE },
	{ LINE HOST "A: b", HTTP_HEAD_MORE },
	{ LINE HOST "\r", HTTP_HEAD_MORE },
};

static unsigned parse(struct http_head *h, struct bytes text)
{
	http_head_init(h);
	return http_head_parse(h, text);
}

/* In two pieces, or byte by byte when `cut` is 0; each time the bytes stand somewhere else, with nothing behind
 * them. */
static unsigned parse_cut(struct http_head *h, struct bytes text, size_t cut)
{
	unsigned verdict = HTTP_HEAD_MORE;
	size_t size = cut;

	http_head_init(h);
	for (; verdict == HTTP_HEAD_MORE && size <= text.size; size = cut && size < text.size ? text.size : size + 1) {
		char *moved = malloc(size ? size : 1);
		memcpy(moved, text.data, size);
		verdict = http_head_parse(h, (struct bytes){ moved, size });
		free(moved);
	}
	return verdict;
}

static void check_cuts(struct bytes text, unsigned wanted)
{
	struct http_head whole, pieces;
	unsigned verdict = parse(&whole, text);

	if (verdict != wanted)
		fail_msg("%u instead of %u: %.*s", verdict, wanted, (int)text.size, text.data);
	for (size_t cut = 0; cut < text.size; cut++) {
		if (parse_cut(&pieces, text, cut) != wanted)
			fail_msg("cut at %zu: %.*s", cut, (int)text.size, text.data);
		assert_int_equal(pieces.at, whole.at);
		assert_int_equal(pieces.fields_count, whole.fields_count);
		assert_memory_equal(pieces.fields, whole.fields, whole.fields_count * sizeof whole.fields[0]);
	}
}

static void rows_are_read_the_same_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_cuts(bytes_of(rows[i].text), rows[i].verdict);
}

static void a_zero_is_refused_everywhere(void **state)
{
	static const char whole[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
	char text[sizeof whole];
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < sizeof whole - 2; i++) { /* in place of the very last byte, the head has no end yet */
		memcpy(text, whole, sizeof whole);
		text[i] = '\0';
		assert_true(parse(&h, (struct bytes){ text, sizeof whole - 1 }) >= 400);
	}
}

static void the_body_begins_behind_the_head(void **state)
{
	struct http_head h;

	(void)state;
	assert_int_equal(parse(&h, bytes_of(LINE HOST "\r\nabc")), HTTP_HEAD_DONE);
	assert_int_equal(h.at, strlen(LINE HOST "\r\n"));
}

/* A head of `size` bytes. */
static char *head_of(size_t size)
{
	static const char start[] = LINE HOST "A: ";
	char *text = malloc(size + 1);

	memset(text, 'x', size);
	memcpy(text, start, sizeof start - 1);
	memcpy(text + size - 4, "\r\n\r\n", 5);
	return text;
}

static void a_head_fits_or_is_too_large(void **state)
{
	struct http_head h;
	char *fits = head_of(HTTP_HEAD_MAX), *large = head_of(HTTP_HEAD_MAX + 1);

	(void)state;
	assert_int_equal(parse(&h, bytes_of(fits)), HTTP_HEAD_DONE);
	assert_int_equal(h.at, HTTP_HEAD_MAX);
	assert_int_equal(parse(&h, bytes_of(large)), 431);
	assert_int_equal(parse(&h, (struct bytes){ large, HTTP_HEAD_MAX - 1 }), HTTP_HEAD_MORE);
	assert_int_equal(http_head_parse(&h, (struct bytes){ large, HTTP_HEAD_MAX }), 431);
	free(fits);
	free(large);
}

static unsigned parse_fields(unsigned count)
{
	struct http_head h;
	struct buffer text;
	unsigned verdict;

	buffer_init(&text, HTTP_HEAD_MAX);
	assert_int_equal(buffer_text(&text, LINE HOST), 0);
	for (unsigned i = 1; i < count; i++)
		assert_int_equal(buffer_printf(&text, "A-%u: b\r\n", i), 0);
	assert_int_equal(buffer_text(&text, "\r\n"), 0);
	verdict = parse(&h, buffer_bytes(&text));
	buffer_done(&text);
	return verdict;
}

static void too_many_fields_are_too_large(void **state)
{
	(void)state;
	assert_int_equal(parse_fields(HTTP_FIELDS_MAX), HTTP_HEAD_DONE);
	assert_int_equal(parse_fields(HTTP_FIELDS_MAX + 1), 431);
}

static unsigned parse_arguments(unsigned count, const char *argument)
{
	struct http_head h;
	struct buffer text;
	unsigned verdict;

	buffer_init(&text, HTTP_HEAD_MAX);
	assert_int_equal(buffer_text(&text, "GET /?"), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(buffer_printf(&text, "%s%s", i ? "&" : "", argument), 0);
	assert_int_equal(buffer_text(&text, " HTTP/1.1\r\n" HOST "\r\n"), 0);
	verdict = parse(&h, buffer_bytes(&text));
	buffer_done(&text);
	return verdict;
}

static void too_many_arguments_are_too_large(void **state)
{
	(void)state;
	assert_int_equal(parse_arguments(HTTP_FIELDS_MAX, "a=b"), HTTP_HEAD_DONE);
	assert_int_equal(parse_arguments(HTTP_FIELDS_MAX + 1, "a=b"), 431);
	assert_int_equal(parse_arguments(HTTP_FIELDS_MAX + 1, ""), 431);
}

static unsigned parse_cookies(unsigned count, const char *cookie, unsigned fields)
{
	struct http_head h;
	struct buffer text;
	unsigned verdict;

	buffer_init(&text, HTTP_HEAD_MAX);
	assert_int_equal(buffer_text(&text, LINE HOST), 0);
	for (unsigned field = 0; field < fields; field++) {
		assert_int_equal(buffer_text(&text, "cookie: "), 0);
		for (unsigned i = 0; i < count / fields; i++)
			assert_int_equal(buffer_text(&text, cookie), 0);
		assert_int_equal(buffer_text(&text, "\r\n"), 0);
	}
	assert_int_equal(buffer_text(&text, "\r\n"), 0);
	verdict = parse(&h, buffer_bytes(&text));
	buffer_done(&text);
	return verdict;
}

/* libmicrohttpd makes a list of them, and says nothing at all where it has no room for that. */
static void too_many_cookies_are_too_large(void **state)
{
	static const char *const cookies[] = { "a=b; ", "a,", ";" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cookies); i++) {
		assert_int_equal(parse_cookies(HTTP_COOKIES_MAX, cookies[i], 1), HTTP_HEAD_DONE);
		assert_int_equal(parse_cookies(HTTP_COOKIES_MAX, cookies[i], 2), HTTP_HEAD_DONE);
		assert_int_equal(parse_cookies(HTTP_COOKIES_MAX + 1, cookies[i], 1), 431);
		assert_int_equal(parse_cookies(HTTP_COOKIES_MAX + 2, cookies[i], 2), 431);
	}
}

static bool keeps(const char *text)
{
	struct http_head h;

	assert_int_equal(parse(&h, bytes_of(text)), HTTP_HEAD_DONE);
	return http_head_keeps(&h);
}

/* RFC 9112, 9.3. */
static void connections_are_kept_as_asked(void **state)
{
	(void)state;
	assert_true(keeps(LINE HOST "\r\n"));
	assert_true(keeps(LINE HOST "Connection: upgrade\r\n\r\n"));
	assert_false(keeps(LINE HOST "Connection: close\r\n\r\n"));
	assert_false(keeps(LINE HOST "Connection: keep-alive , CLOSE\r\n\r\n"));
	assert_false(keeps(LINE HOST "Connection: close\r\nConnection: keep-alive\r\n\r\n"));
	assert_true(keeps(LINE HOST "Connection: closed\r\n\r\n"));
	assert_false(keeps("GET / HTTP/1.0\r\n\r\n"));
	assert_true(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

static void who_expects_is_seen(void **state)
{
	struct http_head h;

	(void)state;
	assert_int_equal(parse(&h, bytes_of(LINE HOST "Expect: 100-Continue\r\n\r\n")), HTTP_HEAD_DONE);
	assert_true(h.expects);
	assert_int_equal(parse(&h, bytes_of(LINE HOST "Expect: more\r\n\r\n")), HTTP_HEAD_DONE);
	assert_false(h.expects);
}

/* Strings. */

struct strings {
	struct http_head h;
	char *text;
};

static void strings_of(struct strings *s, const char *text)
{
	s->text = oxp_strdup(text);
	assert_int_equal(parse(&s->h, bytes_of(text)), HTTP_HEAD_DONE);
	http_head_strings(&s->h, s->text);
}

static void fields_are_found_in_any_case(void **state)
{
	struct strings s;

	(void)state;
	strings_of(&s, LINE HOST "Content-Type: \t a b \t\r\nEmpty:\r\ncontent-type: second\r\n\r\nbody");
	assert_string_equal(http_head_field(&s.h, s.text, "content-TYPE"), "a b");
	assert_string_equal(http_head_field(&s.h, s.text, "Empty"), "");
	assert_string_equal(http_head_field(&s.h, s.text, "Host"), "x");
	assert_null(http_head_field(&s.h, s.text, "Content"));
	assert_string_equal(s.text + s.h.method.at, "GET");
	assert_string_equal(s.text + s.h.at, "body");
	free(s.text);
}

static void expect_path(const char *target, const char *path)
{
	char text[256];
	struct strings s;

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
	strings_of(&s, text);
	assert_string_equal(http_head_path(&s.h, s.text), path);
	free(s.text);
}

static void paths_are_decoded(void **state)
{
	(void)state;
	expect_path("/", "/");
	expect_path("/v1/traces?a=b", "/v1/traces");
	expect_path("/v1%2ftr%61ces", "/v1/traces");
	expect_path("/a+b%2B", "/a+b+");
	expect_path("/%", "/%");
	expect_path("/%4", "/%4");
	expect_path("/%zz%4g%00", "/%zz%4g%00");
	expect_path("/%2541", "/%41");
	expect_path("*", "*");
	expect_path("http://host:1/a/b?c", "/a/b");
	expect_path("http://host?c", "/");
	expect_path("http://host", "/");
}

static void expect_query(const char *query, const char *name, const char *value)
{
	char text[256];
	struct strings s;
	const char *found;

	snprintf(text, sizeof text, "GET /p?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
	strings_of(&s, text);
	found = http_head_query(&s.h, s.text, name);
	if (value ? !found || strcmp(found, value) != 0 : found != NULL)
		fail_msg("%s of %s: %s", name, query, found ? found : "none");
	assert_string_equal(http_head_path(&s.h, s.text), "/p");
	assert_string_equal(http_head_field(&s.h, s.text, "Host"), "x");
	free(s.text);
}

static void queries_are_decoded(void **state)
{
	(void)state;
	expect_query("a=1&b=2", "a", "1");
	expect_query("a=1&b=2", "b", "2");
	expect_query("a=1&b=2", "c", NULL);
	expect_query("a=x+y%20z%2B", "a", "x y z+");
	expect_query("%61=%3D%26", "a", "=&");
	expect_query("a=1=2", "a", "1=2");
	expect_query("a=&b", "a", "");
	expect_query("a=&b", "b", NULL);
	expect_query("b&&a=1&", "a", "1");
	expect_query("a=first&a=second", "a", "first");
	expect_query("=x&a=1", "", "x");
	expect_query("", "a", NULL);
	expect_query("a=%00", "a", "%00");
}

static void expect_asks(const char *query, const char *name, bool asks)
{
	char text[256];
	struct strings s;

	snprintf(text, sizeof text, "GET /p?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
	strings_of(&s, text);
	if (http_head_asks(&s.h, s.text, name) != asks)
		fail_msg("%s of %s", name, query);
	assert_null(strchr(query, '=') ? NULL : http_head_query(&s.h, s.text, name));
	assert_string_equal(http_head_field(&s.h, s.text, "Host"), "x");
	free(s.text);
}

static void a_name_without_a_value_asks_if_it_is_the_last(void **state)
{
	(void)state;
	expect_asks("verbose", "verbose", true);
	expect_asks("a=1&verbose", "verbose", true);
	expect_asks("a=1&b=%20&verb%6fse", "verbose", true);
	expect_asks("verbose=", "verbose", true);
	expect_asks("verbose=1&a=2", "verbose", true);
	expect_asks("verbose&a=2", "verbose", false);
	expect_asks("verbosely", "verbose", false);
	expect_asks("verbose&", "verbose", false);
	expect_asks("a=verbose", "verbose", false);
	expect_asks("", "", false);
	expect_asks("a=1&", "", false);
}

static void an_argument_may_come_again(void **state)
{
	char text[] = "GET /p?a[]=1&b=2&a%5B%5D=3&a[]&a[]= HTTP/1.1\r\nHost: x\r\n\r\n";
	const char *value = NULL;
	struct strings s;

	(void)state;
	strings_of(&s, text);
	value = http_head_query_next(&s.h, s.text, "a[]", value);
	assert_string_equal(value, "1");
	value = http_head_query_next(&s.h, s.text, "a[]", value);
	assert_string_equal(value, "3");
	value = http_head_query_next(&s.h, s.text, "a[]", value);
	assert_string_equal(value, "");
	assert_null(http_head_query_next(&s.h, s.text, "a[]", value));
	free(s.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_read_the_same_however_they_are_cut),
		cmocka_unit_test(a_zero_is_refused_everywhere),
		cmocka_unit_test(the_body_begins_behind_the_head),
		cmocka_unit_test(a_head_fits_or_is_too_large),
		cmocka_unit_test(too_many_fields_are_too_large),
		cmocka_unit_test(too_many_arguments_are_too_large),
		cmocka_unit_test(too_many_cookies_are_too_large),
		cmocka_unit_test(connections_are_kept_as_asked),
		cmocka_unit_test(who_expects_is_seen),
		cmocka_unit_test(fields_are_found_in_any_case),
		cmocka_unit_test(paths_are_decoded),
		cmocka_unit_test(queries_are_decoded),
		cmocka_unit_test(a_name_without_a_value_asks_if_it_is_the_last),
		cmocka_unit_test(an_argument_may_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
