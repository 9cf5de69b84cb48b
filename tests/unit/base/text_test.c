/*
 * Text helpers, by table: what RFC 3629 and RFC 8259 call valid, numbers at their ends, slips of the finger.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"

static const struct {
	const char *text;
	bool valid;
} utf8_rows[] = {
	{ "", true },
	{ "plain", true },
	{ "\x7f", true },
	{ "gr\xc3\xbc\xc3\x9f", true },
	{ "\xc2\x80", true },
	{ "\xdf\xbf", true },
	{ "\xe0\xa0\x80", true },
	{ "\xef\xbf\xbf", true },
	{ "\xed\x9f\xbf", true },
	{ "\xee\x80\x80", true },
	{ "\xf0\x90\x80\x80", true },
	{ "\xf4\x8f\xbf\xbf", true },
	{ "\x80", false },
	{ "\xbf", false },
	{ "\xc0\x80", false },
	{ "\xc1\xbf", false }, /* overlong */
	{ "\xe0\x9f\xbf", false },
	{ "\xf0\x8f\xbf\xbf", false }, /* overlong */
	{ "\xed\xa0\x80", false },
	{ "\xed\xbf\xbf", false }, /* surrogates */
	{ "\xf4\x90\x80\x80", false },
	{ "\xf5\x80\x80\x80", false },
	{ "\xff", false },
	{ "\xfe", false },
	{ "\xc3", false },
	{ "\xe2\x82", false },
	{ "\xf0\x9f\x98", false }, /* cut */
	{ "\xc3(", false },
	{ "\xe2\x82(", false },
	{ "\xf0\x9f\x98(", false },
	{ "\xf0(\x98\x80", false },
};

/* At every distance from the start, since whole words are looked at first. */
static void test_utf8(void **state)
{
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(utf8_rows); i++)
		for (size_t shift = 0; shift < 18; shift++) {
			size_t n = strlen(utf8_rows[i].text);
			memset(text, 'a', sizeof text);
			memcpy(text + shift, utf8_rows[i].text, n);
			assert_int_equal(utf8_valid(text, shift + n), utf8_rows[i].valid);
			assert_int_equal(utf8_valid(text, shift + n + 9), utf8_rows[i].valid);
		}
}

/* Exact memory behind the text, so that the sanitizer sees a read beyond it. */
static void test_utf8_reads_no_further(void **state)
{
	static const unsigned char starts[] = { 0xc3, 0xe2, 0xf0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		char *one = malloc(1);
		assert_non_null(one);
		*one = (char)starts[i];
		assert_false(utf8_valid(one, 1));
		free(one);
	}
}

static void test_what_is_put_does_nothing_to_a_terminal(void **state)
{
	static const struct {
		const char *text, *put;
		size_t count;
	} rows[] = {
		{ "plain ü €", "plain ü €", 9 },
		{ "a\nb\r\t\033[31m\x7f", "a?b???[31m?", 11 },
		{ "c1 \xc2\x9b"
		  "2J \xc2\x80 \xc2\xa0",
			"c1 ?2J ? \xc2\xa0", 10 },
		{ "\x9b"
		  "1m \xff\xc3",
			"?1m ??", 6 },
		{ "\xe2\x80\xae"
		  "abc\xe2\x80\xa8"
		  "d\xe2\x81\xa6 \xe2\x80\xa6",
			"?abc?d? \xe2\x80\xa6", 9 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *text = NULL;
		size_t size;
		FILE *to = open_memstream(&text, &size);
		assert_int_equal(text_put(to, bytes_of(rows[i].text)), rows[i].count);
		fclose(to);
		assert_string_equal(text, rows[i].put);
		free(text);
	}
}

static void test_json_that_is_put_stays_the_same(void **state)
{
	static const char json[] = "{\n\t\"a\": \"\x7f\xc2\x9b"
				   "1m ü\xc2\xa0\u202e\ufeff\u2014\"\r\n}\n";

	(void)state;
	for (int lines = 0; lines < 2; lines++) {
		char *text = NULL;
		size_t size;
		FILE *to = open_memstream(&text, &size);
		text_put_json(to, bytes_of(json), lines);
		fclose(to);
		assert_string_equal(text, lines ? "{\n \"a\": \"\\u007f\\u009b1m ü\xc2\xa0\\u202e\\ufeff\u2014\" \n}\n"
						: "{  \"a\": \"\\u007f\\u009b1m ü\xc2\xa0\\u202e\\ufeff\u2014\"  } ");
		free(text);
	}
}

static const struct {
	const char *text, *mended;
} mend_rows[] = {
	{ "", "" },
	{ "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80" },
	{ "/caf\xe9.html", "/caf\xef\xbf\xbd.html" },
	{ "\xff", "\xef\xbf\xbd" },
	{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xc3(\xc3\xbc\xc3", "\xef\xbf\xbd(\xc3\xbc\xef\xbf\xbd" },
	{ "\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx" },
};

/* Exactly as much memory as it said that it takes. */
static void test_utf8_is_mended(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(mend_rows); i++) {
		const char *text = mend_rows[i].text, *mended = mend_rows[i].mended;
		size_t size = utf8_mend(text, strlen(text), NULL);
		char *to = malloc(size ? size : 1);
		assert_non_null(to);
		assert_int_equal(size, strlen(mended));
		assert_int_equal(utf8_mend(text, strlen(text), to), size);
		assert_memory_equal(to, mended, size);
		assert_true(utf8_valid(to, size));
		free(to);
	}
}

static const struct {
	const char *text, *json;
} json_rows[] = {
	{ "", "\"\"" },
	{ "plain", "\"plain\"" },
	{ "\"\\/", "\"\\\"\\\\/\"" },
	{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
	{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
	{ "\xc3\xbc\xf0\x9f\x98\x80", "\"\xc3\xbc\xf0\x9f\x98\x80\"" },
	{ "a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
};

static void test_json_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(json_rows); i++) {
		struct buffer b;
		buffer_init(&b, 1000);
		assert_int_equal(json_string_append(&b, json_rows[i].text, strlen(json_rows[i].text)), 0);
		assert_true(bytes_are(buffer_bytes(&b), json_rows[i].json));
		buffer_done(&b);
	}
}

static void test_json_of_a_zero_byte(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 1000);
	assert_int_equal(json_string_append(&b, "a\0b", 3), 0);
	assert_true(bytes_are(buffer_bytes(&b), "\"a\\u0000b\""));
	buffer_done(&b);
}

/* However much room is missing, what was there before stays as it was. */
static void test_json_without_room_appends_nothing(void **state)
{
	(void)state;
	for (size_t ceiling = 3; ceiling < 3 + 2 + 6 + 2; ceiling++) {
		struct buffer b;
		buffer_init(&b, ceiling);
		assert_int_equal(buffer_text(&b, "abc"), 0);
		assert_int_equal(json_string_append(&b,
					 "\x01"
					 "de",
					 3),
			-ENOSPC);
		assert_true(bytes_are(buffer_bytes(&b), "abc"));
		buffer_done(&b);
	}
}

static void test_numbers(void **state)
{
	static const uint64_t values[] = { 0, 9, 10, 99, 100, 12345, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX };
	char digits[20];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		size_t n = u64_format(values[i], digits);
		assert_true(u64_parse((struct bytes){ digits, n }, &back));
		assert_true(back == values[i]);
	}
	assert_int_equal(u64_format(UINT64_MAX, digits), 20);
	assert_memory_equal(digits, "18446744073709551615", 20);
}

static void test_what_is_no_number(void **state)
{
	static const char *const rows[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616",
		"99999999999999999999", "184467440737095516150", "a" };
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_false(u64_parse(bytes_of(rows[i]), &value));
	assert_true(value == 42);
}

static void test_hex_digits(void **state)
{
	static const char digits[] = "0123456789abcdef", large[] = "0123456789ABCDEF";
	const char *at;

	(void)state;
	for (int c = -128; c < 128; c++) {
		at = c ? strchr(digits, c) : NULL;
		if (!at)
			at = c && strchr(large, c) ? strchr(large, c) - (large - digits) : NULL;
		assert_int_equal(hex_digit((char)c), at ? (int)(at - digits) : -1);
	}
}

static void test_hex_parse(void **state)
{
	unsigned char to[2] = { 0 };

	(void)state;
	assert_true(hex_parse(bytes_of("0fA0"), to, 2));
	assert_memory_equal(to, "\x0f\xa0", 2);
	assert_true(hex_parse(bytes_of(""), to, 0));
	assert_false(hex_parse(bytes_of("0fA"), to, 2));
	assert_false(hex_parse(bytes_of("0fA0a"), to, 2));
	assert_false(hex_parse(bytes_of("0fg0"), to, 2));
	assert_false(hex_parse(bytes_of("0f0 "), to, 2));
	for (int c = 0; c < 256; c++) {
		const char text[] = { 'a', (char)c };
		assert_int_equal(hex_parse((struct bytes){ text, 2 }, to, 1), hex_digit((char)c) >= 0);
		assert_true(hex_digit((char)c) < 0 || to[0] == (0xa0 | hex_digit((char)c)));
	}
}

static void test_percent_byte(void **state)
{
	(void)state;
	assert_int_equal(percent_byte("%2f", 3), 0x2f);
	assert_int_equal(percent_byte("%Ff9", 4), 0xff);
	assert_int_equal(percent_byte("%00", 3), 0);
	assert_int_equal(percent_byte("%2f", 2), -1);
	assert_int_equal(percent_byte("%2", 2), -1);
	assert_int_equal(percent_byte("%g0", 3), -1);
	assert_int_equal(percent_byte("%0g", 3), -1);
	assert_int_equal(percent_byte("a00", 3), -1);
	assert_int_equal(percent_byte("", 0), -1);
}

static void test_base64_parse(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t room, taken;
	} rows[] = {
		{ "Zm9v", "foo", 8, 4 },
		{ "Zm8=", "fo", 8, 3 },
		{ "Zm8", "fo", 8, 3 },
		{ "Zg==", "f", 8, 2 },
		{ "Z", "", 8, 1 },
		{ "", "", 8, 0 },
		{ "-_+/", "\xfb\xff\xbf", 8, 4 },
		{ "Zm 9v", "f", 8, 2 },
		{ "Zm9v", "fo", 2, 3 },
		{ "Zm8", "fo", 2, 3 },
		{ "Zg", "", 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char to[8];
		size_t size;
		assert_int_equal(base64_parse(bytes_of(rows[i].text), to, rows[i].room, &size), rows[i].taken);
		assert_true(bytes_are((struct bytes){ to, size }, rows[i].bytes));
	}
}

static void test_hex(void **state)
{
	char to[9] = "........";

	(void)state;
	hex_format("\x00\x9f\xff", 3, to);
	assert_string_equal(to, "009fff..");
}

static void test_nearest_word(void **state)
{
	static const char *const words[] = { "endpoint", "timeout", "concurrency", "path" };
	char *const endless = oxp_new(1000);

	(void)state;
	memset(endless, 'e', 999);
	assert_string_equal(nearest_word("endpiont", words, 4), "endpoint");
	assert_string_equal(nearest_word("tiemout", words, 4), "timeout");
	assert_string_equal(nearest_word("paht", words, 4), "path");
	assert_string_equal(nearest_word("path", words, 4), "path");
	assert_null(nearest_word("elasticsearch", words, 4));
	assert_null(nearest_word("x", words, 4));
	assert_null(nearest_word("path", words, 0));
	assert_string_equal(nearest_word("pth", (const char *const[]){ endless, "path" }, 2), "path");
	free(endless);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *host; /* NULL: it is none */
		uint16_t port;
	} rows[] = { { "a:1", "a", 1 }, { "127.0.0.1:65535", "127.0.0.1", 65535 }, { "[::1]:80", "::1", 80 },
		{ "::1:80", "::1", 80 }, { "", NULL, 0 }, { ":80", NULL, 0 }, { "a", NULL, 0 }, { "a:", NULL, 0 },
		{ "a:0", NULL, 0 }, { "a:65536", NULL, 0 }, { "a:8x", NULL, 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *host = NULL;
		uint16_t port = 0;
		if (address_split(rows[i].text, &host, &port) != (rows[i].host != NULL))
			fail_msg("%s", rows[i].text);
		if (rows[i].host) {
			assert_string_equal(host, rows[i].host);
			assert_int_equal(port, rows[i].port);
		}
		free(host);
	}
}

static void test_one_line(void **state)
{
	char text[] = "a\r\n\tb\033[31m\x7f\xc2\x9bm \xe2\x80\xaegpj \xc2\xa0\xc3\xa9\x9b\xc2";

	(void)state;
	text_one_line(text);
	assert_string_equal(text, "a   b [31m   m    gpj \xc2\xa0\xc3\xa9??");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_reads_no_further),
		cmocka_unit_test(test_what_is_put_does_nothing_to_a_terminal),
		cmocka_unit_test(test_json_that_is_put_stays_the_same),
		cmocka_unit_test(test_utf8_is_mended),
		cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_json_of_a_zero_byte),
		cmocka_unit_test(test_json_without_room_appends_nothing),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_hex_digits),
		cmocka_unit_test(test_hex_parse),
		cmocka_unit_test(test_percent_byte),
		cmocka_unit_test(test_base64_parse),
		cmocka_unit_test(test_nearest_word),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
