/*
 * Chunked bodies (RFC 9112, 7.1), whole and byte by byte: the same data, the same end, the same refusals.
 */
#include "http/chunked.h"

#include "unit/unit.h"

static const char bad[] = "bad", more[] = "more";

struct row {
	const char *text;
	const char *data; /* or `bad` or `more` */
	size_t behind; /* bytes behind the body */
};

static const struct row rows[] = {
	{ "0\r\n\r\n", "", 0 }, { "0\r\n\r\nGET", "", 3 }, { "000\r\n\r\n", "", 0 },
	{ "5\r\nhello\r\n0\r\n\r\n", "hello", 0 },
	{ "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nx", "hello world", 1 },
	{ "A\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0 },
	{ "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello", 0 }, { "5 \t;a\r\nhello\r\n0 \r\n\r\n", "hello", 0 },
	{ "3\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r", 0 }, { "1\r\nx\r\n0\r\nTrailer: a\r\nOther: b\r\n\r\n", "x", 0 },
	{ "", more, 0 }, { "5\r\nhel", more, 0 }, { "5\r\nhello\r\n0\r\n", more, 0 }, { "zz\r\n", bad, 0 },
	{ "\r\n", bad, 0 }, { " 5\r\n", bad, 0 }, { "-1\r\n", bad, 0 }, { "+5\r\n", bad, 0 }, { "0x5\r\n", bad, 0 },
	{ "5 5\r\n", bad, 0 }, { "5\nhello", bad, 0 }, { "5\rhello", bad, 0 }, { "5;a\nhello", bad, 0 },
	{ "5;a\x01\r\n", bad, 0 }, { "5\r\nhello0\r\n\r\n", bad, 0 }, { "5\r\nhello\n0\r\n\r\n", bad, 0 },
	{ "5\r\nhello\r0", bad, 0 }, { "0\r\n\n", bad, 0 }, { "0\r\nA: b\n", bad, 0 }, { "0\r\n\rx", bad, 0 },
	{ "1000000000000000\r\n", bad, 0 }, /* sixteen digits */
};

struct result {
	char data[64];
	size_t size, behind;
	enum http_chunked_verdict verdict;
};

static void decode_some(struct http_chunked *c, struct result *r, struct bytes in)
{
	struct bytes piece;

	do {
		r->verdict = http_chunked_next(c, &in, &piece);
		if (r->verdict == CHUNKED_PIECE) {
			assert_in_range(piece.size, 1, sizeof r->data - r->size);
			memcpy(r->data + r->size, piece.data, piece.size);
			r->size += piece.size;
		}
	} while (r->verdict == CHUNKED_PIECE);
	r->behind = in.size;
}

/* In two pieces. */
static void decode(struct result *r, struct bytes text, size_t cut)
{
	struct http_chunked c = { 0 };

	*r = (struct result){ .size = 0 };
	decode_some(&c, r, (struct bytes){ text.data, cut });
	if (r->verdict == CHUNKED_MORE)
		decode_some(&c, r, (struct bytes){ text.data + cut, text.size - cut });
	else
		r->behind += text.size - cut;
}

static void expect(const struct row *row, const struct result *r)
{
	bool end = row->data != bad && row->data != more;

	if (r->verdict != (end ? CHUNKED_END : row->data == bad ? CHUNKED_BAD : CHUNKED_MORE))
		fail_msg("%d: %s", (int)r->verdict, row->text);
	if (!end)
		return;
	assert_int_equal(r->size, strlen(row->data));
	assert_memory_equal(r->data, row->data, r->size);
	assert_int_equal(r->behind, row->behind);
}

static void rows_are_decoded_however_they_are_cut(void **state)
{
	struct result r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
			decode(&r, bytes_of(rows[i].text), cut);
			expect(&rows[i], &r);
		}
}

static enum http_chunked_verdict decode_filled(const char *start, size_t size)
{
	static const char filler[] = "aaaaaaaa";
	struct http_chunked c = { 0 };
	struct result r = { .size = 0 };

	decode_some(&c, &r, bytes_of(start));
	for (size_t i = 0; r.verdict == CHUNKED_MORE && i < size; i += 8)
		decode_some(&c, &r, bytes_of(filler));
	return r.verdict;
}

static void extensions_and_trailers_have_a_ceiling(void **state)
{
	(void)state;
	assert_int_equal(decode_filled("5;", HTTP_CHUNK_LINE_MAX - 16), CHUNKED_MORE);
	assert_int_equal(decode_filled("5;", HTTP_CHUNK_LINE_MAX), CHUNKED_BAD);
	assert_int_equal(decode_filled("0\r\nA: b\r\nB:", HTTP_CHUNK_LINE_MAX - 24), CHUNKED_MORE);
	assert_int_equal(decode_filled("0\r\nA: b\r\nB:", HTTP_CHUNK_LINE_MAX), CHUNKED_BAD);
}

/* Each chunk's line has the whole ceiling to itself. */
static void many_chunks_are_fine(void **state)
{
	struct http_chunked c = { 0 };
	struct result r = { .size = 0 };

	(void)state;
	for (int i = 0; i < HTTP_CHUNK_LINE_MAX; i++) {
		decode_some(&c, &r, bytes_of("1\r\nx\r\n"));
		assert_int_equal(r.verdict, CHUNKED_MORE);
		assert_int_equal(r.size, 1);
		r.size = 0;
	}
	decode_some(&c, &r, bytes_of("0\r\n\r\n"));
	assert_int_equal(r.verdict, CHUNKED_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_decoded_however_they_are_cut),
		cmocka_unit_test(extensions_and_trailers_have_a_ceiling),
		cmocka_unit_test(many_chunks_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
