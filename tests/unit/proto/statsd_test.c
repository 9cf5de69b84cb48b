/*
 * StatsD lines: what they say, and a row for everything that is refused.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/statsd.h"

static const char *const types[] = { "c", "g", "ms", "h", "d", "s" };

static void put_text(char *to, size_t room, const char *what, struct bytes text)
{
	if (text.data)
		snprintf(to + strlen(to), room - strlen(to), " %s%.*s", what, (int)text.size, text.data);
}

static void put_tags(char *to, size_t room, struct bytes tags, char separator)
{
	struct statsd_tag tag;

	while (statsd_tag_next(&tags, separator, &tag)) {
		put_text(to, room, "", tag.name);
		snprintf(to + strlen(to), room - strlen(to), "=%.*s", (int)tag.value.size,
			tag.value.data ? tag.value.data : "");
	}
}

static void put_values(char *to, size_t room, const struct statsd_sample *s)
{
	struct bytes values = s->values, value;
	bool relative;
	double number;

	while (statsd_value_next(&values, &value)) {
		if (s->type == STATSD_SET)
			put_text(to, room, "", value);
		else if (!statsd_number(value, &number, &relative))
			snprintf(to + strlen(to), room - strlen(to), " bad_value");
		else
			snprintf(to + strlen(to), room - strlen(to), " %s%g", relative ? "~" : "", number);
	}
}

/* What is read of a line, as one text. */
static void read_line(const char *line, char *to, size_t room)
{
	char *exact = malloc(strlen(line) + 1); /* so that nothing behind it is read */
	struct statsd_line l;
	struct statsd_sample s;
	enum statsd_fault fault;

	memcpy(exact, line, strlen(line));
	to[0] = '\0';
	fault = statsd_line_read((struct bytes){ exact, strlen(line) }, &l);
	if (fault)
		snprintf(to, room, "%s", statsd_fault_name(fault));
	else if (l.kind != STATSD_METRIC)
		snprintf(to, room, l.kind == STATSD_EVENT ? "event" : "check");
	else
		snprintf(to, room, "%.*s%.*s", (int)l.name.size, l.name.data, (int)l.name_rest.size,
			l.name_rest.data ? l.name_rest.data : "");
	if (!fault)
		put_tags(to, room, l.name_tags, '=');
	while (!fault && statsd_sample_next(&l, &s, &fault)) {
		if (fault) {
			put_text(to, room, "", bytes_of(statsd_fault_name(fault)));
			fault = STATSD_FINE;
			continue;
		}
		put_text(to, room, "", bytes_of(types[s.type]));
		put_values(to, room, &s);
		if (s.rate < 1)
			snprintf(to + strlen(to), room - strlen(to), " @%g", s.rate);
		put_tags(to, room, s.tags, ':');
		put_text(to, room, "c:", s.container);
		put_text(to, room, "e:", s.external);
		put_text(to, room, "card:", s.cardinality);
		if (s.timestamp)
			snprintf(to + strlen(to), room - strlen(to), " T%lld", (long long)s.timestamp);
	}
	free(exact);
}

struct row {
	const char *line, *read;
};

static void check_rows(const struct row *rows, size_t count)
{
	char read[512];

	for (size_t i = 0; i < count; i++) {
		read_line(rows[i].line, read, sizeof read);
		if (strcmp(read, rows[i].read) != 0)
			fail_msg("%s: read as \"%s\", expected \"%s\"", rows[i].line, read, rows[i].read);
	}
}

static void lines_are_read(void **state)
{
	static const struct row rows[] = {
		{ "gorets:1|c", "gorets c 1" },
		{ "gorets:1|c|@0.1", "gorets c 1 @0.1" },
		{ "glork:320|ms|@0.1", "glork ms 320 @0.1" },
		{ "gaugor:333|g", "gaugor g 333" },
		{ "gaugor:-10|g", "gaugor g ~-10" },
		{ "gaugor:+4|g", "gaugor g ~4" },
		{ "uniques:765|s", "uniques s 765" },
		{ "uniques:any text|s", "uniques s any text" },
		{ "a b/c:1e3|h", "a b/c h 1000" },
		{ "d:0.5|d", "d d 0.5" },
		{ "users.online:1|c|@0.5|#country:china", "users.online c 1 @0.5 country=china" },
		{ "a:1|c|#x:y|@0.5", "a c 1 @0.5 x=y" },
		{ "a:1|c|#x:y:z,b,:,c:,#d:e,,f:g", "a c 1 x=y:z b= = c= d=e = f=g" },
		{ "a:1|c|#", "a c 1" },
		{ "page.views:1:2:32|d|#a:b", "page.views d 1 2 32 a=b" },
		{ "a:1:2|c", "a c 1 2" },
		{ "a:1|c:2|g:3|ms|@0.5", "a c 1 g 2 ms 3 @0.5" },
		{ "a:1|c|@0.5:2|c", "a c 1 @0.5 c 2" },
		{ "page.views:15|c|#env:dev|c:ci-83c0a99c", "page.views c 15 env=dev c:ci-83c0a99c" },
		{ "a:15|c|c:in-51", "a c 15 c:in-51" },
		{ "page.views:15|c|#env:dev|T1656581400", "page.views c 15 env=dev T1656581400" },
		{ "a:1|g|T1656581400", "a g 1 T1656581400" },
		{ "a:1|ms|T1656581400", "a ms 1 T1656581400" },
		{ "a:1|c|#x:y|c:ci-1|e:it-false,cn-n,pu-8|card:low", "a c 1 x=y c:ci-1 e:it-false,cn-n,pu-8 card:low" },
		{ "foo,tag1=bar,tag2=baz:100|c", "foo tag1=bar tag2=baz c 100" },
		{ "foo#tag1=bar,tag2:100|c", "foo tag1=bar tag2= c 100" },
		{ "foo.[tag1=bar,tag2=baz]test:100|c", "foo.test tag1=bar tag2=baz c 100" },
		{ "foo]a[b:1|c", "foo]a[b c 1" },
		{ "foo[a:1|c", "foo[a c 1" },
		{ "_e{5,4}:title|text", "event" },
		{ "_e{5,9}:title|te|xt:abc|t:warning|#a:b", "event" },
		{ "_sc|Redis connection|2|#env:dev|m:timed out", "check" },
		{ "_sc|a|0", "check" },
		{ "_errors:1|c", "_errors c 1" },
		{ "\xc3\xa4:1|c", "\xc3\xa4 c 1" },
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void bad_values_have_their_reason(void **state)
{
	static const struct row rows[] = {
		{ "", "bad_line" },
		{ "a", "bad_line" },
		{ "a:", "bad_line" },
		{ "a:1", "bad_line" },
		{ ":1|c", "bad_line" },
		{ ",a=b:1|c", "bad_line" },
		{ "a\xff:1|c", "bad_utf8" },
		{ "a:1|c|#x:\xc3", "bad_utf8" },
		{ "a:1|", "a bad_type" },
		{ "a:1|x", "a bad_type" },
		{ "a:1|C", "a bad_type" },
		{ "a:1|cc", "a bad_type" },
		{ "a:1|m", "a bad_type" },
		{ "a:|c", "a c bad_value" },
		{ "a:x|c", "a c bad_value" },
		{ "a:1:x:2|c", "a c 1 bad_value 2" },
		{ "a:1:|c", "a c 1 bad_value" },
		{ "a:nan|g", "a g bad_value" },
		{ "a:inf|g", "a g bad_value" },
		{ "a:-Inf|h", "a h bad_value" },
		{ "a:1e400|c", "a c bad_value" },
		{ "a: 1|c", "a c bad_value" },
		{ "a:1_0|c", "a c bad_value" },
		{ "a:+-1|g", "a g bad_value" },
		{ "a:1|c|@", "a bad_rate" },
		{ "a:1|c|@0", "a bad_rate" },
		{ "a:1|c|@-0.5", "a bad_rate" },
		{ "a:1|c|@1.5", "a bad_rate" },
		{ "a:1|c|@1e-10", "a bad_rate" },
		{ "a:1|c|@nan", "a bad_rate" },
		{ "a:1|c|@x", "a bad_rate" },
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void bad_fields_have_their_reason(void **state)
{
	static const struct row rows[] = {
		{ "a:1|c|0.1", "a bad_field" },
		{ "a:1|c|", "a bad_field" },
		{ "a:1|c||@0.1", "a bad_field" },
		{ "a:1|c|#a:b|#c:d", "a bad_field" },
		{ "a:1|c|c:", "a bad_field" },
		{ "a:1|c|c:x|c:y", "a bad_field" },
		{ "a:1|c|e:", "a bad_field" },
		{ "a:1|c|card:", "a bad_field" },
		{ "a:1|c|z:1", "a bad_field bad_line" },
		{ "a:1|c|T", "a bad_timestamp" },
		{ "a:1|c|T0", "a bad_timestamp" },
		{ "a:1|c|T-5", "a bad_timestamp" },
		{ "a:1|c|T1.5", "a bad_timestamp" },
		{ "a:1|c|T99999999999999999999", "a bad_timestamp" },
		{ "a,b=c:1|c|#d:e", "mixed_tags" },
		{ "a[b=c]:1|c|#d:e", "mixed_tags" },
		{ "a:1|c:2|c|#d:e", "a mixed_tags" },
		{ "a:1|x:2|c", "a bad_type c 2" },
		{ "a:1|c|@x:2|c", "a bad_rate c 2" },
		{ "a:1|c:2", "a c 1 bad_line" },
		{ "a:1|c:", "a c 1 bad_line" },
		{ "_e{5,4}:title|tex", "bad_event" },
		{ "_e{5,4}:title|texts", "bad_event" },
		{ "_e{4,4}:title|text", "bad_event" },
		{ "_e{0,4}:|text", "bad_event" },
		{ "_e{5}:title", "bad_event" },
		{ "_e{-1,4}:title|text", "bad_event" },
		{ "_e{99999999999,4}:title|text", "bad_event" },
		{ "_e{", "bad_event" },
		{ "_sc|a", "bad_check" },
		{ "_sc||0", "bad_check" },
		{ "_sc|a|4", "bad_check" },
		{ "_sc|a|00", "bad_check" },
		{ "_sc|", "bad_check" },
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

/* The same as EscapeMetricName() of statsd_exporter 0.31, pkg/mapper/escape_test.go among them. */
static void names_become_those_of_prometheus(void **state)
{
	static const struct row rows[] = {
		{ "clean", "clean" },
		{ "0starts_with_digit", "_0starts_with_digit" },
		{ "with_underscore", "with_underscore" },
		{ "with.dot", "with_dot" },
		{ "with\xf0\x9f\x98\xb1"
		  "emoji",
			"with_emoji" },
		{ "with.*.multiple", "with___multiple" },
		{ "test.web-server.foo.bar", "test_web_server_foo_bar" },
		{ "a--b---c", "a_b_c" },
		{ "-a", "_a" },
		{ "a-.-b", "a___b" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char made[64];
		made[statsd_name_escape(bytes_of(rows[i].line), made)] = '\0';
		assert_string_equal(made, rows[i].read);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(bad_values_have_their_reason),
		cmocka_unit_test(bad_fields_have_their_reason),
		cmocka_unit_test(names_become_those_of_prometheus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
