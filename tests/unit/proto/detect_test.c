/*
 * The detectors: what is a match and where it ends, and what only looks like one.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/detect.h"

/* The text with each match in brackets. */
static void expect_with(const struct detector *d, const char *text, const char *wanted)
{
	struct detected found;
	struct buffer out;
	size_t done = 0;

	buffer_init(&out, 1 << 16);
	while (detect_next(d, bytes_of(text), done, &found)) {
		assert_true(found.from >= done && found.to > found.from && found.to <= strlen(text));
		assert_int_equal(buffer_printf(&out, "%.*s[%.*s]", (int)(found.from - done), text + done,
					 (int)(found.to - found.from), text + found.from),
			0);
		done = found.to;
	}
	assert_int_equal(buffer_printf(&out, "%s", text + done), 0);
	assert_string_equal(out.data, wanted);
	buffer_done(&out);
}

/* By every way to skip, and with something behind the text that would be a match. */
static void expect(unsigned what, const char *text, const char *wanted)
{
	char *padded = calloc(1, strlen(text) + 1 + DETECT_PADDING);
	struct detector d;

	memcpy(padded, text, strlen(text));
	memset(padded + strlen(text) + 1, '@', DETECT_PADDING);
	detector_init(&d, what);
	for (d.skip = detect_skips; d.skip->name; d.skip++)
		expect_with(&d, padded, wanted);
	free(padded);
}

static void same(unsigned what, const char *text)
{
	expect(what, text, text);
}

static void cards(void **state)
{
	(void)state;
	expect(DETECT_CARD, "paid with 4111111111111111.", "paid with [4111111111111111].");
	expect(DETECT_CARD, "4111 1111 1111 1111, 5500-0000-0000-0004", "[4111 1111 1111 1111], [5500-0000-0000-0004]");
	expect(DETECT_CARD, "3782 822463 10005", "[3782 822463 10005]");
	expect(DETECT_CARD, "4222222222222", "[4222222222222]");
	expect(DETECT_CARD, "2221000000000009", "[2221000000000009]");
	expect(DETECT_CARD, "30569309025904", "[30569309025904]");
	expect(DETECT_CARD, "6304000000000000000", "[6304000000000000000]");
	expect(DETECT_CARD, "pan=4111111111111111&x", "pan=[4111111111111111]&x");
	expect(DETECT_CARD, "no 7 4111 1111 1111 1111", "no 7 [4111 1111 1111 1111]");
	expect(DETECT_CARD, "id 1234 4111 1111 1111 1111 2026", "id 1234 [4111 1111 1111 1111] 2026");
	expect(DETECT_CARD, "-4111111111111111-", "-[4111111111111111]-");
	expect(DETECT_CARD, "4111111111111111 4111111111111111", "[4111111111111111] [4111111111111111]");
}

static void no_cards(void **state)
{
	(void)state;
	same(DETECT_CARD, "4111111111111112"); /* Luhn */
	same(DETECT_CARD, "411111111111"); /* 12 */
	same(DETECT_CARD, "41111111111111111111"); /* 20 */
	same(DETECT_CARD, "x4111111111111111");
	same(DETECT_CARD, "4111111111111111x");
	same(DETECT_CARD, "_4111111111111111");
	same(DETECT_CARD, "0.4111111111111111");
	same(DETECT_CARD, "4111111111111111.5");
	same(DETECT_CARD, "4111  1111 1111 1111"); /* two spaces */
	same(DETECT_CARD, "0000000000000000");
	same(DETECT_CARD, "1795409106128"); /* a time in milliseconds that Luhn lets pass */
	same(DETECT_CARD, "2795409106127"); /* too short for how it begins */
	same(DETECT_CARD, "9999999999999995");
	same(DETECT_CARD, "2026-11-23 10 00 00 123");
	same(DETECT_CARD, "id 41111111-1111-1111-9abc-4111111111ab"); /* a UUID */
	same(DETECT_CARD, "a-f47ac10b-58cc-4372-4111-111111111111/x");
}

/* Scripts without spaces, and punctuation beyond ASCII, end a word. */
static void borders_beyond_ascii(void **state)
{
	(void)state;
	expect(DETECT_CARD, "卡号4111111111111111。", "卡号[4111111111111111]。");
	expect(DETECT_CARD, "“4111 1111 1111 1111”", "“[4111 1111 1111 1111]”");
	expect(DETECT_IP, "来自10.0.0.1的请求 →10.0.0.2…", "来自[10.0.0.1]的请求 →[10.0.0.2]…");
	expect(DETECT_IP, "来自fe80::1的请求", "来自[fe80::1]的请求");
	expect(DETECT_BEARER, "令牌Bearer abc123。", "令牌Bearer [abc123]。");
	expect(DETECT_EMAIL, "jürgenß@exämple.de", "[jürgenß@exämple.de]");
}

static void bearers(void **state)
{
	(void)state;
	expect(DETECT_BEARER, "Authorization: Bearer abc.def-123==", "Authorization: Bearer [abc.def-123==]");
	expect(DETECT_BEARER, "bearer   xyz!", "bearer   [xyz]!");
	expect(DETECT_BEARER, "BEARER t0ken", "BEARER [t0ken]");
	expect(DETECT_BEARER, "t=eyJhbGciOi.eyJzdWIi.sig-_9", "t=[eyJhbGciOi.eyJzdWIi.sig-_9]");
	expect(DETECT_BEARER, "Bearer%20eyJhbGciOi.eyJzdWIi.sig;", "Bearer%20[eyJhbGciOi.eyJzdWIi.sig];");
	expect(DETECT_BEARER, "Bearer eyJh.eyJz.sig eyJh.eyJz.", "Bearer [eyJh.eyJz.sig] [eyJh.eyJz.]");
	same(DETECT_BEARER, "forbearer abcdef");
	same(DETECT_BEARER, "Bearerabcdef");
	same(DETECT_BEARER, "bearer of bad news");
	same(DETECT_BEARER, "eyJhbGciOi.eyJzdWIi");
	same(DETECT_BEARER, "heyJhbGciOi.eyJzdWIi.sig");
	same(DETECT_BEARER, "Bearer");
	same(DETECT_BEARER, "Bearer ");
}

static void emails(void **state)
{
	(void)state;
	expect(DETECT_EMAIL, "to bob@example.com.", "to [bob@example.com].");
	expect(DETECT_EMAIL, "<b.o-b+x@mail.example.co.uk>", "<[b.o-b+x@mail.example.co.uk]>");
	expect(DETECT_EMAIL, "jürgen@exämple.de", "[jürgen@exämple.de]");
	expect(DETECT_EMAIL, "/u?m=bob%40example.com&x", "/u?m=[bob%40example.com]&x");
	expect(DETECT_EMAIL, "a@b.cd,e@f.gh", "[a@b.cd],[e@f.gh]");
	expect(DETECT_EMAIL, "user=bob@x.de", "user=[bob@x.de]");
	same(DETECT_EMAIL, "@example.com");
	same(DETECT_EMAIL, "bob@localhost");
	same(DETECT_EMAIL, "bob@");
	same(DETECT_EMAIL, "git@1.2.3.4");
	same(DETECT_EMAIL, "@@@@");
	same(DETECT_EMAIL, "100%40");
}

static void addresses(void **state)
{
	(void)state;
	expect(DETECT_IP, "from 10.0.0.1:8080", "from [10.0.0.1]:8080");
	expect(DETECT_IP, "255.255.255.255", "[255.255.255.255]");
	expect(DETECT_IP, "10.0.0.1.", "[10.0.0.1].");
	expect(DETECT_IP, "[::1]:80 and fe80::1%eth0", "[[::1]]:80 and [fe80::1]%eth0");
	expect(DETECT_IP, "2001:db8:0:0:0:0:2:1", "[2001:db8:0:0:0:0:2:1]");
	expect(DETECT_IP, "2001:DB8::/32", "[2001:DB8::]/32");
	expect(DETECT_IP, "::ffff:192.0.2.128", "[::ffff:192.0.2.128]");
	expect(DETECT_IP, "64:ff9b::192.0.2.33", "[64:ff9b::192.0.2.33]");
	expect(DETECT_IP, "peer:fe80::1", "peer:[fe80::1]");
	expect(DETECT_IP, "client: 2001:db8::1: gone", "client: [2001:db8::1]: gone");
}

static void no_addresses(void **state)
{
	(void)state;
	same(DETECT_IP, "256.1.1.1");
	same(DETECT_IP, "1.2.3");
	same(DETECT_IP, "1.2.3.4.5");
	same(DETECT_IP, "v1.2.3.4");
	same(DETECT_IP, "1.2.3.4a");
	same(DETECT_IP, "10:00:00 2026-11-23T10:00:00.123Z");
	same(DETECT_IP, "std::string Foo::Bar::Baz ::");
	same(DETECT_IP, "00:1b:44:11:3a:b7");
	same(DETECT_IP, "1:2:3:4:5:6:7:8:9");
	same(DETECT_IP, "1::2::3");
	same(DETECT_IP, "12345::1");
	same(DETECT_IP, "a:b");
}

static void all_at_once(void **state)
{
	(void)state;
	expect(DETECT_CARD | DETECT_BEARER | DETECT_EMAIL | DETECT_IP,
		"10.1.1.1 bob@x.de 4111111111111111 Bearer abc123 ::1",
		"[10.1.1.1] [bob@x.de] [4111111111111111] Bearer [abc123] [::1]");
	expect(DETECT_IP | DETECT_EMAIL, "bob.10.0.0.1@x.de 10.0.0.1:fe80::1",
		"[bob.10.0.0.1@x.de] [10.0.0.1]:[fe80::1]");
	same(0, "10.1.1.1 bob@x.de 4111111111111111 Bearer abc123 ::1");
}

/* Texts made to be slow: their time is bounded by the test's own time limit, which a square of a MiB is beyond. */
static void hostile_texts_take_linear_time(void **state)
{
	static const char *const pieces[] = { "1", "111 ", "11-", "a@", "a@b.", "%40", ":", "1:", "a::", "eyJ", "eyJ-",
		"eyJ.", "bearer ", "1.1.", "@", "4111 1111 1111 1112 " };
	enum { SIZE = 1 << 20 };
	char *text = malloc(SIZE + DETECT_PADDING);
	struct detected found;
	struct detector d;

	(void)state;
	detector_init(&d, DETECT_CARD | DETECT_BEARER | DETECT_EMAIL | DETECT_IP);
	for (size_t p = 0; p < COUNT_OF(pieces); p++) {
		for (size_t i = 0, size = strlen(pieces[p]); i < SIZE; i++)
			text[i] = pieces[p][i % size];
		for (size_t at = 0; detect_next(&d, (struct bytes){ text, SIZE }, at, &found); at = found.to)
			assert_true(found.to > at);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards),
		cmocka_unit_test(no_cards),
		cmocka_unit_test(borders_beyond_ascii),
		cmocka_unit_test(bearers),
		cmocka_unit_test(emails),
		cmocka_unit_test(addresses),
		cmocka_unit_test(no_addresses),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(hostile_texts_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
