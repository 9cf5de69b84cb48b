/*
 * Syslog messages: the examples of RFC 5424 and RFC 3164, what programs send in their place, and what is none.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/syslog.h"
#include "proto/syslog_frame.h"

enum { NOW = 1795409106 }; /* 2026-11-23T04:45:06Z */

static const struct syslog_now now = { NOW, 0 };

/* What the text becomes; "-" when it is no syslog message. */
static const char *made(const char *data, size_t size, const struct syslog_now *at)
{
	static char out[8192];
	char *text = calloc(1, size + JSON_LINE_PADDING);
	struct buffer b;
	struct syslog s;

	memcpy(text, data, size);
	buffer_init(&b, sizeof out - 1);
	memcpy(out, "-", 2);
	if (syslog_read((struct bytes){ text, size }, at, &s)) {
		assert_int_equal(syslog_write(&s, json_scan_best(), &b), 0);
		memcpy(out, b.data, b.size);
		out[b.size] = '\0';
	}
	buffer_done(&b);
	free(text);
	return out;
}

struct example {
	const char *text, *object;
};

static void check(const struct example *e, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_string_equal(made(e[i].text, strlen(e[i].text), &now), e[i].object);
}

#define HEAD(level, priority, severity, facility)                                                \
	"\"oxpecker.syslog.severity.name\":\"" level "\",\"oxpecker.syslog.priority\":" priority \
	",\"oxpecker.syslog.severity.code\":" severity ",\"oxpecker.syslog.facility.name\":\"" facility "\""
#define CRITICAL HEAD("critical", "34", "2", "auth")
#define NOTICE5 HEAD("notice", "165", "5", "local4")
#define INFO HEAD("info", "14", "6", "user")

static void test_rfc_5424(void **state)
{
	static const struct example examples[] = {
		{ "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
			"{\"@timestamp\":\"2003-10-11T22:14:15.003Z\"," CRITICAL
			",\"oxpecker.syslog.hostname\":\"mymachine.example.com\",\"oxpecker.syslog.appname\":\"su\","
			"\"oxpecker.syslog.msgid\":\"ID47\",\"message\":\"'su root' failed\"}" },
		{ "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time.",
			"{\"@timestamp\":\"2003-08-24T12:14:15.000003Z\"," NOTICE5
			",\"oxpecker.syslog.hostname\":\"192.0.2.1\",\"oxpecker.syslog.appname\":\"myproc\","
			"\"oxpecker.syslog.procid\":\"8710\",\"message\":\"%% It's time.\"}" },
		{ "<165>1 2003-10-11T22:14:15.003Z h e - ID47 [exampleSDID@32473 iut=\"3\" eventID=\"1011\"][x@1 "
		  "a=\"b\"]",
			"{\"@timestamp\":\"2003-10-11T22:14:15.003Z\"," NOTICE5
			",\"oxpecker.syslog.hostname\":\"h\",\"oxpecker.syslog.appname\":\"e\",\"oxpecker.syslog."
			"msgid\":\"ID47\","
			"\"oxpecker.syslog.structured_data\":{\"exampleSDID@32473\":{\"iut\":\"3\",\"eventID\":"
			"\"1011\"},"
			"\"x@1\":{\"a\":\"b\"}},\"message\":\"\"}" },
		{ "<14>1 - - - - - -", "{" INFO ",\"message\":\"\"}" },
	};

	(void)state;
	check(examples, COUNT_OF(examples));
}

static void test_escapes_of_structured_data(void **state)
{
	static const struct example examples[] = {
		{ "<14>1 - - - - - [i q=\"\\\"x\\\"\" b=\"\\\\\" c=\"\\]\" n=\"\\n\" d=\"\\\\\\\"\\\\\"][j] m",
			"{" INFO
			",\"oxpecker.syslog.structured_data\":{\"i\":{\"q\":\"\\\"x\\\"\",\"b\":\"\\\\\",\"c\":\"]\","
			"\"n\":\"\\\\n\",\"d\":\"\\\\\\\"\\\\\"},\"j\":{}},\"message\":\"m\"}" },
		/* Names twice: one text. */
		{ "<14>1 - - - - - [i ip=\"1\" ip=\"2\"] m",
			"{" INFO ",\"oxpecker.syslog.structured_data\":{\"text\":\"[i ip=\\\"1\\\" ip=\\\"2\\\"]\"},"
			"\"message\":\"m\"}" },
		{ "<14>1 - - - - - [i][i] m",
			"{" INFO ",\"oxpecker.syslog.structured_data\":{\"text\":\"[i][i]\"},\"message\":\"m\"}" },
		/* Not as the RFC writes it: all of it is the message. */
		{ "<14>1 - - - - - [i a=\"b] m", "{" INFO ",\"message\":\"1 - - - - - [i a=\\\"b] m\"}" },
		{ "<14>1 - - - - - [i]m", "{" INFO ",\"message\":\"1 - - - - - [i]m\"}" },
		{ "<14>1 yesterday h a p m - x", "{" INFO ",\"message\":\"1 yesterday h a p m - x\"}" },
	};

	(void)state;
	check(examples, COUNT_OF(examples));
}

static void test_rfc_3164_and_what_programs_send(void **state)
{
	static const struct example examples[] = {
		{ "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
			"{\"@timestamp\":\"2026-10-11T22:14:15.000Z\"," CRITICAL
			",\"oxpecker.syslog.hostname\":\"mymachine\",\"oxpecker.syslog.appname\":\"su\","
			"\"message\":\"'su root' failed\"}" },
		/* logger -u: no host on a local socket. */
		{ "<14>Nov  3 04:45:06 app[123]: hello", "{\"@timestamp\":\"2026-11-03T04:45:06.000Z\"," INFO
							 ",\"oxpecker.syslog.appname\":\"app\",\"oxpecker.syslog."
							 "procid\":\"123\",\"message\":\"hello\"}" },
		/* An address for a host. */
		{ "<14>Nov  3 04:45:06 fe80::1 app: hello", "{\"@timestamp\":\"2026-11-03T04:45:06.000Z\"," INFO
							    ",\"oxpecker.syslog.hostname\":\"fe80::1\",\"oxpecker."
							    "syslog.appname\":\"app\",\"message\":\"hello\"}" },
		/* Python's SysLogHandler: nothing but a priority, and a zero. */
		{ "<14>error: no disk", "{" INFO ",\"message\":\"error: no disk\"}" },
		{ "<14>app[7]: no disk\n", "{" INFO ",\"oxpecker.syslog.appname\":\"app\",\"oxpecker.syslog.procid\":"
					   "\"7\",\"message\":\"no disk\"}" },
		/* rsyslog's time. */
		{ "<14>2026-11-23T05:45:06.5+01:00 host app: x", "{\"@timestamp\":\"2026-11-23T04:45:06.500Z\"," INFO
								 ",\"oxpecker.syslog.hostname\":\"host\",\"oxpecker."
								 "syslog.appname\":\"app\",\"message\":\"x\"}" },
		{ "<14>Nov 31 04:45:06 h a: x", "{" INFO ",\"message\":\"Nov 31 04:45:06 h a: x\"}" },
		{ "<14>", "{" INFO ",\"message\":\"\"}" },
		{ "<14>x", "{" INFO ",\"message\":\"x\"}" },
		{ "<192>x", "-" },
		{ "<>x", "-" },
		{ "<1234>x", "-" },
		{ "14>x", "-" },
		{ "<b>bold</b>", "-" },
	};

	(void)state;
	check(examples, COUNT_OF(examples));
	assert_non_null(strstr(made("<14>x\0", 6, &now), "\"message\":\"x\"}"));
	assert_non_null(strstr(made("<14>\xff\x01", 6, &now), "\"message\":\"\xef\xbf\xbd\\u0001\"}"));
}

static void test_the_year_is_the_nearest(void **state)
{
	static const struct syslog_now new_year = { 1798761600, 0 }, before = { 1798761599, 0 }, /* 2027-01-01 */
		leap = { 1835438400, 0 }, east = { NOW, 3600 };
	const char *text = "<14>Dec 31 23:59:59 a: x";

	(void)state;
	assert_non_null(strstr(made(text, strlen(text), &new_year), "\"2026-12-31T23:59:59.000Z\""));
	text = "<14>Jan  1 00:00:01 a: x";
	assert_non_null(strstr(made(text, strlen(text), &before), "\"2027-01-01T00:00:01.000Z\""));
	text = "<14>Feb 29 00:00:00 a: x";
	assert_non_null(strstr(made(text, strlen(text), &leap), "\"2028-02-29T00:00:00.000Z\""));
	text = "<14>Nov 23 05:45:06 a: x";
	assert_non_null(strstr(made(text, strlen(text), &east), "\"2026-11-23T04:45:06.000Z\""));
}

static void test_an_object_stays_one(void **state)
{
	static const struct example examples[] = {
		{ "<14>app[1]: @cee: {\"a\":1}",
			"{" INFO ",\"oxpecker.syslog.appname\":\"app\",\"oxpecker.syslog.procid\":\"1\",\"a\":1}" },
		{ "<14>{}", "{" INFO "}" },
		{ "<14>{\"level\":\"warn\",\"n\":1}",
			"{\"oxpecker.syslog.priority\":14,\"oxpecker.syslog.severity.code\":6,"
			"\"oxpecker.syslog.facility.name\":\"user\",\"level\":\"warn\",\"n\":1}" },
		{ "<14>Nov 23 04:45:06 a: {\"oxpecker\":{\"x\":1},\"time\":\"2026-01-01T00:00:00Z\"}",
			"{\"oxpecker\":{\"x\":1},\"time\":\"2026-01-01T00:00:00Z\"}" },
		{ "<14>Nov 23 04:45:06 a: {\"ox\\u0070ecker.syslog.procid\":1,\"@timestamp\":null}",
			"{\"ox\\u0070ecker.syslog.procid\":1,\"@timestamp\":\"2026-11-23T04:45:06.000Z\"}" },
		{ "<14>Nov 23 04:45:06 a: {\"oxpecker\":1,\"@timestamp\":\"x\"}",
			"{\"oxpecker\":1,\"@timestamp\":\"x\"}" },
		{ "<14>Nov 23 04:45:06 a: {\"oxpecker\":1,\"\\u0040timestamp\":\"\",\"time\":\"2026-01-01 00:00:00\"}",
			"{\"oxpecker\":1,\"\\u0040timestamp\":\"\",\"time\":\"2026-01-01 00:00:00\"}" },
		{ "<14>{\"log\":\"an app's text\"}", "{" INFO ",\"log\":\"an app's text\"}" },
		{ "<14>{\"a\":1", "{" INFO ",\"message\":\"{\\\"a\\\":1\"}" },
		{ "<14>@cee: x", "{" INFO ",\"message\":\"@cee: x\"}" },
	};

	(void)state;
	check(examples, COUNT_OF(examples));
}

static enum syslog_framing frame(const char *text, struct syslog_frame *f)
{
	return syslog_frame_read(bytes_of(text), f);
}

static void test_frames(void **state)
{
	struct syslog_frame f;

	(void)state;
	assert_int_equal(frame("5 <1>ab", &f), SYSLOG_FRAME_WHOLE);
	assert_true(f.head == 2 && f.size == 5);
	assert_int_equal(frame("5 <1>a", &f), SYSLOG_FRAME_PART);
	assert_int_equal(frame("100 <1>a", &f), SYSLOG_FRAME_PART);
	assert_int_equal(frame("123456789 <1>a", &f), SYSLOG_FRAME_PART);
	assert_true(f.head == 10 && f.size == 123456789);
	assert_int_equal(frame("", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("5", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("5 ", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("101", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("404 <", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("404 <19", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("404 <191>", &f), SYSLOG_FRAME_PART);
	assert_int_equal(frame("404 <192", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("404 <html>", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("404 <>", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("404 <1234>", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("05 <1>ab", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("5 {\"a\":1}", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("{\"a\":1}", &f), SYSLOG_FRAME_NONE);
	assert_int_equal(frame("999999999", &f), SYSLOG_FRAME_UNKNOWN);
	assert_int_equal(frame("9999999999 <", &f), SYSLOG_FRAME_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_5424),
		cmocka_unit_test(test_escapes_of_structured_data),
		cmocka_unit_test(test_rfc_3164_and_what_programs_send),
		cmocka_unit_test(test_the_year_is_the_nearest),
		cmocka_unit_test(test_an_object_stays_one),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
