/*
 * Exposition pages, fine and broken, whole and cut in two at every byte: what is told is the same each time.
 */
#include "unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/exposition_number.h"
#include "proto/exposition_parse.h"

#define TEXT EXPOSITION_TEXT
#define OM EXPOSITION_OPENMETRICS

struct told { char text[4096]; size_t size; uint64_t samples, stop_at; };

__attribute__((format(printf, 2, 3))) static void tell(struct told *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->size += (size_t)vsnprintf(t->text + t->size, sizeof t->text - t->size, format, args);
	va_end(args);
	assert_true(t->size < sizeof t->text);
}

static void tell_bytes(struct told *t, struct bytes b)
{
	tell(t, "%.*s", (int)b.size, b.data ? b.data : "");
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	static const char what[] = "HTU";

	tell(context, "%c %s", what[m->what], m->quoted ? "'" : "");
	tell_bytes(context, m->name);
	if (m->what == EXPOSITION_TYPE)
		tell(context, " %d;", (int)m->type);
	else
		tell(context, " [%.*s];", (int)m->text.size, m->text.data);
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct told *t = context;

	tell(t, "%s", s->quoted ? "'" : "");
	tell_bytes(t, s->name);
	if (s->excess) {
		tell(t, "!%d;", (int)s->excess);
		return 0;
	}
	for (size_t i = 0; i < s->label_count; i++)
		tell(t, "|%s%.*s=%.*s%s", s->labels[i].quoted ? "'" : "", (int)s->labels[i].name.size,
			s->labels[i].name.data,
			(int)s->labels[i].value.size, s->labels[i].value.data, s->labels[i].escaped ? "\\" : "");
	tell(t, " %.17g", s->value);
	if (s->has_timestamp)
		tell(t, "@%lld", (long long)s->timestamp_ms);
	if (s->exemplar.size > 0)
		tell(t, "#%.*s", (int)s->exemplar.size, s->exemplar.data);
	tell(t, ";");
	return ++t->samples == t->stop_at;
}

static const struct exposition_events events = { on_meta, on_sample };

/* Feeds text[0, cut) and the rest from memory of exactly that size, so that a byte read too far is seen. */
static enum exposition_fault read_in_two(struct exposition_parser *p, const char *text, size_t cut, struct told *told)
{
	size_t size = strlen(text);
	char *a = malloc(cut + 1), *b = malloc(size - cut + 1);
	enum exposition_fault fault;

	assert_non_null(a);
	assert_non_null(b);
	exposition_feed(p, memcpy(a, text, cut), cut);
	free(a);
	exposition_feed(p, memcpy(b, text + cut, size - cut), size - cut);
	free(b);
	fault = exposition_end(p);
	assert_true(told->size < sizeof told->text);
	exposition_done(p);
	return fault;
}

static const struct { enum exposition_format format; const char *page, *told; } fine[] = {
	{ TEXT, "", "" },
	{ TEXT, "a 1\n", "a 1;" },
	{ TEXT, "a 1", "a 1;" },
	{ TEXT, "\n \t\n  a\t 1  \n\n", "a 1;" },
	{ TEXT, "# a comment\n#\n# HELP\n#TYPE\n# HELPX y\na 1\n# EOF\n", "a 1;" },
	{ TEXT, "# HELP a  how \\\\ it\\nis \n# TYPE a counter\na 1\n", "H a [how \\\\ it\\nis ];T a 1;a 1;" },
	{ TEXT, "# HELP a\n# HELP b \n#\tTYPE a   gauge \n", "H a [];H b [];T a 2;" },
	{ TEXT, "a{} 1\nb{c=\"d\"} 2 1700000000123\n", "a 1;b|c=d 2@1700000000123;" },
	{ TEXT, "a { z = \"1\" , b = \"2\" , } 3 -4\n", "a|b=2|z=1 3@-4;" },
	{ TEXT, "a{b=\"1\"}2\n", "a|b=1 2;" },
	{ TEXT, ":a:b_9{_c9=\"\"} 1\n", ":a:b_9|_c9= 1;" },
	{ TEXT, "a{x=\"q\\\"}\\\\\\n{#,\"} 1\n", "a|x=q\\\"}\\\\\\n{#,\\ 1;" },
	{ TEXT, "a{m=\"1\",c=\"2\",x=\"3\",aa=\"4\",a=\"5\"} 0\n", "a|a=5|aa=4|c=2|m=1|x=3 0;" },
	{ TEXT, "{\"my.name\",\"a.b\"=\"x\"} 1\n", "'my.name|'a.b=x 1;" },
	{ TEXT, "{a=\"1\", \"n\\\"\" } 1\n# TYPE \"my.name\" histogram\n", "'n\\\"|a=1 1;T 'my.name 3;" },
	{ TEXT, "a +Inf\na -inf\na NaN\na Nan\na infinity\n", "a inf;a -inf;a nan;a nan;a inf;" },
	{ TEXT, "a +5\na -0\na 1.\na .5\na 007\na 1e3\n"
		"a 2.5E-3\n", "a 5;a -0;a 1;a 0.5;a 7;a 1000;a 0.0025000000000000001;" },
	{ TEXT, "a 0.1\na 123456789.123456789\na 9007199254740993\na 1e-400\n",
	  "a 0.10000000000000001;a 123456789.12345679;a 9007199254740992;a 0;" },
	{ TEXT, "a{b=\"\xc3\xa9\xe2\x82\xac\"} 1\n", "a|b=\xc3\xa9\xe2\x82\xac 1;" },
	{ TEXT, "# TYPE a info\n# TYPE b unknown\n", "T a 5;T b 0;" },
	{ OM, "# EOF\n", "" },
	{ OM, "# EOF", "" },
	{ OM, "# TYPE a counter\n# UNIT a seconds\n# HELP a \\\"x\\\"\na_total 1 1.5\n# EOF\n",
	  "T a 1;U a [seconds];H a [\\\"x\\\"];a_total 1@1500;" },
	{ OM, "a{b=\"c\"} 1 # {d=\"e\",f=\"} #\"} 0.5 17.25\na 1 -2 # {} 3\n# EOF\n",
	  "a|b=c 1#{d=\"e\",f=\"} #\"} 0.5 17.25;a 1@-2000#{} 3;" },
	{ OM, "a{x=\"\\q\"} 1\n{\"b.c\"} 2\n# TYPE a gaugehistogram\n# TYPE b stateset\n# EOF",
		"a|x=\\q\\ 1;'b.c 2;T a 7;T b 6;" },
	{ OM, "a 1 1700000000.0005\na 1 1e9\n# EOF\n", "a 1@1700000000001;a 1@1000000000000;" },
};

static void fine_pages_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(fine); i++)
		for (size_t cut = 0; cut <= strlen(fine[i].page); cut++) {
			struct exposition_parser p;
			struct told told = { .size = 0 };
			exposition_init(&p, fine[i].format, &exposition_limits_default, &events, &told);
			assert_int_equal(read_in_two(&p, fine[i].page, cut, &told), EXPOSITION_FINE);
			assert_string_equal(told.text, fine[i].told);
			assert_string_equal(p.what, "");
		}
}

#define SHORT { .line = 40, .page = 70, .name = 8 }
static const struct {
	enum exposition_format format;
	const char *page;
	enum exposition_fault fault;
	const char *what;
} broken[] = {
	{ TEXT, "a 1\nb x\n", EXPOSITION_BAD_VALUE, "line 2: value expected, found \"x\"" },
	{ TEXT, "a\n", EXPOSITION_BAD_NAME, "line 1: { or a value expected behind the name, found end of line" },
	{ TEXT, "a \n", EXPOSITION_BAD_VALUE, "line 1: value expected, found end of line" },
	{ TEXT, "a-b 1\n", EXPOSITION_BAD_NAME, "line 1: { or a value expected behind the name, found \"-b 1\"" },
	{ TEXT, "9 1\n", EXPOSITION_BAD_NAME, "line 1: metric name expected, found \"9 1\"" },
	{ TEXT, "{} 1\n", EXPOSITION_BAD_NAME, "line 1: metric name expected, found \"{} 1\"" },
	{ TEXT, "a{\"b\"} 1\n", EXPOSITION_BAD_NAME, "line 1: a second metric name" },
	{ TEXT, "{\"\"} 1\n", EXPOSITION_BAD_NAME, "line 1: metric name expected, found \"\"" },
	{ TEXT, "a{\"\"=\"b\"} 1\n", EXPOSITION_BAD_NAME, "line 1: label name expected, found \"\"" },
	{ TEXT, "a 1\r\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \"1\\x0d\"" },
	{ TEXT, "a 0x10\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \"0x10\"" },
	{ TEXT, "a 1_0\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \"1_0\"" },
	{ TEXT, "a 1e\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \"1e\"" },
	{ TEXT, "a .\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \".\"" },
	{ TEXT, "a 1e999\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \"1e999\"" },
	{ TEXT, "a 1 1.5\n", EXPOSITION_BAD_TIMESTAMP, "line 1: timestamp expected, found \"1.5\"" },
	{ TEXT, "a 1 9223372036854775808\n", EXPOSITION_BAD_TIMESTAMP,
		"line 1: timestamp expected, found \"9223372036854775808\"" },
	{ TEXT, "a 1 2 3\n", EXPOSITION_TRAILING, "line 1: end of line expected, found \"3\"" },
	{ TEXT, "a{b=\"c\"} 1 # {d=\"e\"} 1\n", EXPOSITION_BAD_TIMESTAMP,
		"line 1: timestamp expected, found \"# {d=\"e\"} 1\"" },
	{ TEXT, "a{b=\"c\" 1\n", EXPOSITION_BAD_LABEL, "line 1: , or } expected, found \"1\"" },
	{ TEXT, "a{b=\"c\"", EXPOSITION_BAD_LABEL, "line 1: , or } expected, found end of line" },
	{ TEXT, "a{b=\"c} 1\n", EXPOSITION_BAD_LABEL, "line 1: closing quote expected, found end of line" },
	{ TEXT, "a{b=c} 1\n", EXPOSITION_BAD_LABEL, "line 1: label value in quotes expected, found \"c} 1\"" },
	{ TEXT, "a{b} 1\n", EXPOSITION_BAD_LABEL, "line 1: = expected, found \"} 1\"" },
	{ TEXT, "a{,} 1\n", EXPOSITION_BAD_LABEL, "line 1: label name expected, found \",} 1\"" },
	{ TEXT, "a{b:c=\"d\"} 1\n", EXPOSITION_BAD_LABEL, "line 1: = expected, found \":c=\"d\"} 1\"" },
	{ TEXT, "a{__name__=\"d\"} 1\n", EXPOSITION_BAD_LABEL, "line 1: __name__ is not a label" },
	{ TEXT, "a{b=\"1\",c=\"2\",b=\"3\"} 1\n", EXPOSITION_DUPLICATE_LABEL, "line 1: a label is given twice" },
	{ TEXT, "a{b=\"1\",\"b\"=\"3\"} 1\n", EXPOSITION_DUPLICATE_LABEL, "line 1: a label is given twice" },
	{ TEXT, "a{b=\"\\q\"} 1\n", EXPOSITION_BAD_ESCAPE, "line 1: one of \\\\ \\\" \\n expected, found \"q\"} 1\"" },
	{ TEXT, "a{b=\"\\", EXPOSITION_BAD_ESCAPE, "line 1: one of \\\\ \\\" \\n expected, found end of line" },
	{ TEXT, "a{b=\"\xff\"} 1\n", EXPOSITION_BAD_UTF8, "line 1: not UTF-8" },
	{ TEXT, "# \xed\xa0\x80\n", EXPOSITION_BAD_UTF8, "line 1: not UTF-8" },
	{ TEXT, "# TYPE a\n", EXPOSITION_BAD_LINE, "line 1: a blank expected, found end of line" },
	{ TEXT, "# TYPE a bogus\n", EXPOSITION_BAD_TYPE, "line 1: type expected, found \"bogus\"" },
	{ TEXT, "# TYPE a gauge x\n", EXPOSITION_TRAILING, "line 1: end of line expected, found \"x\"" },
	{ TEXT, "# HELP a-b c\n", EXPOSITION_BAD_NAME, "line 1: metric name expected, found \"-b c\"" },
	{ OM, "a 1\n", EXPOSITION_CUT, "line 2: # EOF expected, found the end" },
	{ OM, "", EXPOSITION_CUT, "line 1: # EOF expected, found the end" },
	{ OM, "# EOF\na 1\n", EXPOSITION_TRAILING, "line 2: nothing expected behind # EOF, found \"a\"" },
	{ OM, "# EOF\n\n", EXPOSITION_TRAILING, "line 2: nothing expected behind # EOF, found \"\\x0a\"" },
	{ OM, "# EOF \n", EXPOSITION_BAD_LINE, "line 1: # HELP, # TYPE, # UNIT or # EOF expected, found \"# EOF \"" },
	{ OM, "\n# EOF\n", EXPOSITION_BAD_LINE, "line 1: sample or metadata expected, found end of line" },
	{ OM, "# hello\n"
		"# EOF\n", EXPOSITION_BAD_LINE, "line 1: # HELP, # TYPE, # UNIT or # EOF expected, found \"# hello\"" },
	{ OM, "a  1\n# EOF\n", EXPOSITION_BAD_VALUE, "line 1: value expected, found \" 1\"" },
	{ OM, "a\t1\n# EOF\n", EXPOSITION_BAD_NAME, "line 1: { or a value expected behind the name, found \"\\x091\"" },
	{ OM, "a{b=\"c\",} 1\n# EOF\n", EXPOSITION_BAD_LABEL, "line 1: label name expected, found \"} 1\"" },
	{ OM, "a{b=\"c\"}1\n# EOF\n", EXPOSITION_BAD_VALUE, "line 1: a space and a value expected, found \"1\"" },
	{ OM, "a 1 \n# EOF\n", EXPOSITION_TRAILING, "line 1: end of line expected, found end of line" },
	{ OM, "a 1 NaN\n# EOF\n", EXPOSITION_BAD_TIMESTAMP, "line 1: timestamp expected, found \"NaN\"" },
	{ OM, "a 1 # x\n# EOF\n", EXPOSITION_BAD_EXEMPLAR, "line 1: labels of the exemplar expected, found \"x\"" },
	{ OM, "a 1 # {\"n\"} 1\n# EOF\n", EXPOSITION_BAD_EXEMPLAR, "line 1: an exemplar has no name" },
	{ OM, "a 1 # {} 1 x\n# EOF\n", EXPOSITION_BAD_EXEMPLAR, "line 1: timestamp of the exemplar expected" },
	{ OM, "a 1 # {} 1 2 3\n# EOF\n", EXPOSITION_TRAILING, "line 1: end of line expected, found \" 3\"" },
};

static void broken_pages_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(broken); i++)
		for (size_t cut = 0; cut <= strlen(broken[i].page); cut++) {
			struct exposition_parser p;
			struct told told = { .size = 0 };
			exposition_init(&p, broken[i].format, &exposition_limits_default, &events, &told);
			assert_int_equal(read_in_two(&p, broken[i].page, cut, &told), broken[i].fault);
			assert_string_equal(p.what, broken[i].what);
		}
}

#define LONG_COMMENT "#23456789012345678901234567890123456789\n"

static const struct { const char *page; enum exposition_fault fault; const char *told; } large[] = {
	{ "a 1\nb{c=\"0123456789\",d=\"0123456789\"} 12345\n", EXPOSITION_FINE,
		"a 1;b|c=0123456789|d=0123456789 12345;" },
	{ "a 1\nb{c=\"0123456789\",d=\"0123456789\"} 12345678901\nc 2\n", EXPOSITION_FINE, "a 1;!1;c 2;" },
	{ "a 1\n  b 111111111111111111111111111111111111111", EXPOSITION_FINE, "a 1;!1;" },
	{ "# HELP a 01234567890123456789012345678901234567\na 1\n", EXPOSITION_FINE, "a 1;" },
	{ " #                     a long comment of blanks      \na 1\n", EXPOSITION_FINE, "a 1;" },
	{ LONG_COMMENT "#23456789012345678901234567890\n", EXPOSITION_PAGE_SIZE, "" },
	{ LONG_COMMENT "#2345678901234567890123456789\n", EXPOSITION_FINE, "" },
	{ "a 1\n" LONG_COMMENT "#23456789012345678901234567890123456789012345678901\n", EXPOSITION_PAGE_SIZE, "a 1;" },
	{ "abcdefghi 1\nb 1\n", EXPOSITION_FINE, "abcdefghi!3;b 1;" },
	{ "a{abcdefghi=\"\"} 1\nb 1\n", EXPOSITION_FINE, "a!3;b 1;" },
	{ "# TYPE abcdefghi gauge\nabcdefgh 1\n", EXPOSITION_FINE, "abcdefgh 1;" },
	{ "abcdefghi 1 x\nb 1\n", EXPOSITION_BAD_TIMESTAMP, "" },
};

/* A sample beyond one costs itself; what is wrong with it otherwise is looked at as far as it is read. */
static void ceilings_hold_in_any_pieces(void **state)
{
	static const struct exposition_limits small = SHORT;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(large); i++)
		for (size_t cut = 0; cut <= strlen(large[i].page); cut++) {
			struct exposition_parser p;
			struct told told = { .size = 0 };
			exposition_init(&p, TEXT, &small, &events, &told);
			assert_int_equal(read_in_two(&p, large[i].page, cut, &told), large[i].fault);
			assert_string_equal(told.text, large[i].told);
			assert_true(large[i].fault != EXPOSITION_PAGE_SIZE || strstr(p.what, "the page is too long"));
		}
}

static void an_exemplar_beyond_a_ceiling_costs_itself(void **state)
{
	static const struct exposition_limits small = SHORT;
	struct exposition_parser p;
	struct told told = { .size = 0 };

	(void)state;
	exposition_init(&p, OM, &small, &events, &told);
	assert_int_equal(read_in_two(&p, "a 1 # {x=\"y\"} 2\na 1 # {abcdefghi=\"\"} 2\n# EOF\n", 3, &told),
		EXPOSITION_FINE);
	assert_string_equal(told.text, "a 1#{x=\"y\"} 2;a 1;");
}

/* Prometheus ends a name, and an exemplar, at a zero, and refuses the page that it is on. */
static void a_zero_in_a_name_is_refused_and_in_an_exemplar_costs_that(void **state)
{
	static const struct {
		struct bytes page;
		enum exposition_fault fault;
		const char *told;
	} pages[] = {
#define PAGE(text) { text, sizeof text - 1 }
		{ PAGE("a{\"b\0\"=\"c\"} 1\n# EOF\n"), EXPOSITION_BAD_NAME, "" },
		{ PAGE("{\"a\0\"} 1\n# EOF\n"), EXPOSITION_BAD_NAME, "" },
		{ PAGE("# TYPE \"a\0\" gauge\n# EOF\n"), EXPOSITION_BAD_NAME, "" },
		{ PAGE("a 1 # {\"x\0\"=\"y\"} 2\n# EOF\n"), EXPOSITION_BAD_NAME, "" },
		{ PAGE("a 1 # {x=\"\0\"} 2\nb 1\n# EOF\n"), EXPOSITION_FINE, "a 1;b 1;" },
#undef PAGE
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		struct exposition_parser p;
		struct told told = { .size = 0 };
		enum exposition_fault fault;
		exposition_init(&p, OM, &exposition_limits_default, &events, &told);
		fault = exposition_feed(&p, pages[i].page.data, pages[i].page.size);
		assert_int_equal(fault ? fault : exposition_end(&p), pages[i].fault);
		assert_string_equal(told.text, pages[i].told);
		assert_true(!fault || strcmp(p.what, "line 1: a name has a zero in it") == 0);
		exposition_done(&p);
	}
}

static void digits_have_a_ceiling(void **state)
{
	char digits[EXPOSITION_NUMBER_MAX + 2];

	(void)state;
	memset(digits, '3', sizeof digits - 1);
	memcpy(digits, "0.", 2);
	for (size_t size = sizeof digits - 1; size >= sizeof digits - 2; size--) {
		struct exposition_parser p;
		struct told told = { .size = 0 };
		char page[EXPOSITION_NUMBER_MAX + 20];
		snprintf(page, sizeof page, "a %.*s\nb 1\n", (int)size, digits);
		exposition_init(&p, TEXT, &exposition_limits_default, &events, &told);
		assert_int_equal(read_in_two(&p, page, 7, &told), EXPOSITION_FINE);
		assert_string_equal(
			told.text, size > EXPOSITION_NUMBER_MAX ? "a!4;b 1;" : "a 0.33333333333333331;b 1;");
	}
}

static void labels_have_a_ceiling(void **state)
{
	(void)state;
	for (int count = EXPOSITION_LABELS_MAX; count <= EXPOSITION_LABELS_MAX + 1; count++) {
		struct exposition_parser p;
		struct told told = { .size = 0 };
		char page[2048];
		size_t size = (size_t)snprintf(page, sizeof page, "a{");
		for (int i = count; i > 0; i--)
			size += (size_t)snprintf(page + size, sizeof page - size, "l%d=\"\",", i);
		snprintf(page + size, sizeof page - size, "} 1\nb 1\n");
		exposition_init(&p, TEXT, &exposition_limits_default, &events, &told);
		assert_int_equal(read_in_two(&p, page, 7, &told), EXPOSITION_FINE);
		assert_int_equal(strncmp(told.text, "a!2;b 1;", 8) == 0, count > EXPOSITION_LABELS_MAX);
	}
}

static void nothing_is_told_after_the_receiver_stops(void **state)
{
	struct exposition_parser p;
	struct told told = { .stop_at = 2 };

	(void)state;
	exposition_init(&p, TEXT, &exposition_limits_default, &events, &told);
	assert_int_equal(read_in_two(&p, "a 1\nb 2\nc 3\n", 5, &told), EXPOSITION_STOPPED);
	assert_string_equal(told.text, "a 1;b 2;");
}

static int keep_raw(void *context, const struct exposition_sample *s)
{
	struct told *t = context;

	tell(t, "%.*s|%.*s", (int)s->raw_labels.size, s->raw_labels.data, (int)s->value_text.size, s->value_text.data);
	return 0;
}

static void raw_text_is_told_too(void **state)
{
	static const struct exposition_events raw = { on_meta, keep_raw };
	struct exposition_parser p;
	struct told told = { .size = 0 };

	(void)state;
	exposition_init(&p, TEXT, &exposition_limits_default, &raw, &told);
	assert_int_equal(read_in_two(&p, "a{z=\"1\", b=\"2\",} 1.50e0\n", 3, &told), EXPOSITION_FINE);
	assert_string_equal(told.text, "z=\"1\", b=\"2\",|1.50e0");
}

static void content_types(void **state)
{
	static const struct { const char *type; enum exposition_format format; } rows[] = {
		{ "text/plain", TEXT }, { "text/plain; version=0.0.4; charset=utf-8", TEXT },
			{ "Text/Plain;version=0.0.4", TEXT },
		{ "text/plain; version=1.0.0; escaping=allow-utf-8", TEXT },
		{ "application/openmetrics-text; version=1.0.0; charset=utf-8", OM },
			{ "application/openmetrics-text", OM },
		{ "application/openmetrics-text; version=\"0.0.1\"", OM },
		{ "application/openmetrics-text; version=2.0.0", EXPOSITION_UNKNOWN },
		{ "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
			EXPOSITION_PROTOBUF },
		{ "application/vnd.google.protobuf;encoding=\"delimited\"", EXPOSITION_PROTOBUF },
		{ "application/vnd.google.protobuf", EXPOSITION_PROTOBUF },
		{ "application/vnd.google.protobuf; encoding=text", EXPOSITION_UNKNOWN },
		{ "application/vnd.google.protobuf; proto=io.prometheus.write.v2.Request", EXPOSITION_UNKNOWN },
		{ "", EXPOSITION_UNKNOWN }, { "text/html", EXPOSITION_UNKNOWN }, { "text/plainer", EXPOSITION_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(exposition_format(bytes_of(rows[i].type)), rows[i].format);
	assert_int_equal(exposition_format((struct bytes){ NULL, 0 }), EXPOSITION_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fine_pages_in_any_pieces),
		cmocka_unit_test(broken_pages_in_any_pieces),
		cmocka_unit_test(ceilings_hold_in_any_pieces),
		cmocka_unit_test(labels_have_a_ceiling),
		cmocka_unit_test(digits_have_a_ceiling),
		cmocka_unit_test(an_exemplar_beyond_a_ceiling_costs_itself),
		cmocka_unit_test(a_zero_in_a_name_is_refused_and_in_an_exemplar_costs_that),
		cmocka_unit_test(nothing_is_told_after_the_receiver_stops),
		cmocka_unit_test(raw_text_is_told_too),
		cmocka_unit_test(content_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
