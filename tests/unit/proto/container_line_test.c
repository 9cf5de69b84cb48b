/*
 * What runtimes write around the pieces of a container's output, and what is none of it.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cri.h"
#include "proto/docker_log.h"
#include "proto/rfc3339.h"

#define TIME "2016-10-06T00:17:09.669794202Z"

static void expect(const struct container_line *l, enum log_stream stream, bool partial, const char *text)
{
	assert_int_equal(l->stream, stream);
	assert_int_equal(l->partial, partial);
	assert_int_equal(l->text.size, strlen(text));
	assert_memory_equal(l->text.data, text, l->text.size);
}

static const struct {
	const char *line, *text;
	enum log_stream stream;
	bool partial;
} cri[] = {
	{ TIME " stdout F text", "text", STREAM_STDOUT, false },
	{ TIME " stderr P The content of the", "The content of the", STREAM_STDERR, true },
	{ TIME " stdout P:TAG1:TAG2 a", "a", STREAM_STDOUT, true },
	{ TIME " stdout F:P a", "a", STREAM_STDOUT, false },
	{ TIME " stdout PF a", "a", STREAM_STDOUT, false },
	{ TIME " stdout F ", "", STREAM_STDOUT, false },
	{ TIME " stdout F", "", STREAM_STDOUT, false },
	{ TIME " stdout F   a ", "  a ", STREAM_STDOUT, false },
	{ "2016-10-06T02:17:09+02:00 stdout F a", "a", STREAM_STDOUT, false },
};

static const char *const not_cri[] = { "", " ", "text", TIME, TIME " ", TIME " stdout", TIME " stdout ",
	TIME " stdin F a", TIME "  stdout F a", "2016-10-06 stdout F a", "2016-10-06T00:17:09 stdout F a",
	"2016-10-06T00:17:09\"Z stdout F a", "2016-10-06T00:17:09,5Z stdout F a", TIME " stdout  a",
	TIME "\tstdout F a", "{\"log\":\"a\"}" };

static void cri_lines(void **state)
{
	struct container_line l;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cri); i++) {
		if (!cri_read(bytes_of(cri[i].line), &l))
			fail_msg("%s", cri[i].line);
		expect(&l, cri[i].stream, cri[i].partial, cri[i].text);
	}
	assert_int_equal(l.time.size, strlen("2016-10-06T02:17:09+02:00"));
	for (size_t i = 0; i < COUNT_OF(not_cri); i++)
		if (cri_read(bytes_of(not_cri[i]), &l))
			fail_msg("%s passed", not_cri[i]);
}

/* The short way for usual moments takes none that the long one refuses: every byte of one is changed to any other. */
static void moments_are_checked(void **state)
{
	struct rfc3339 moment;
	struct container_line l;

	(void)state;
	for (size_t at = 0; at < strlen(TIME); at++)
		for (int c = '\t' + 1; c < 256; c++) {
			char line[] = TIME " stdout F a";
			struct bytes time = { line, strlen(TIME) };
			bool fine;
			line[at] = (char)c;
			fine = rfc3339_read(time, &moment) && moment.strict && moment.zoned;
			if (cri_read((struct bytes){ line, sizeof line - 1 }, &l) != fine)
				fail_msg("%s", line);
		}
}

/* Cut anywhere a line is none, or one with less in it; never anything behind its end. */
static void cri_cut_anywhere(void **state)
{
	const char whole[] = TIME " stdout P:x text";
	struct container_line l;

	(void)state;
	for (size_t size = 0; size < sizeof whole; size++) {
		char *copy = malloc(size + 1);
		memcpy(copy, whole, size);
		if (cri_read((struct bytes){ copy, size }, &l))
			assert_ptr_equal(l.text.data + l.text.size, copy + size);
		else
			assert_true(size < strlen(TIME " stdout P"));
		free(copy);
	}
}

static struct bytes index_of(const char *text, char padded[512], struct json_line *ret)
{
	size_t size = strlen(text);

	memset(padded, 0, 512);
	memcpy(padded, text, size);
	assert_int_equal(json_line_index(json_scan_best(), padded, size, ret), JSON_FINE);
	return (struct bytes){ padded, size };
}

static int read_docker(const char *text, struct buffer *to, struct container_line *ret)
{
	static char kept[512];
	struct buffer extra;
	struct json_line index;
	char padded[512];
	struct bytes line = index_of(text, padded, &index);
	int failed;

	buffer_init(&extra, 256);
	failed = docker_log_read(line, &index, to, &extra, ret);
	if (!failed) {
		snprintf(kept, sizeof kept, "%.*s", (int)extra.size, extra.size ? extra.data : "");
		ret->extra = bytes_of(kept);
	}
	buffer_done(&extra);
	return failed;
}

static void expect_extra(const struct container_line *l, const char *extra)
{
	if (!bytes_are(l->extra, extra))
		fail_msg("%s, not %s", l->extra.data, extra);
}

static void docker_lines(void **state)
{
	struct container_line l;
	struct buffer b;

	(void)state;
	buffer_init(&b, 64);
	assert_int_equal(
		read_docker("{\"log\":\"{\\\"a\\\":\\\"\\u00e4\\\"}\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
			&b, &l),
		0);
	expect(&l, STREAM_STDOUT, false, "{\"a\":\"ä\"}");
	expect_extra(&l, "");
	assert_int_equal(l.time.size, strlen(TIME));
	assert_int_equal(read_docker("{\"log\":\"\\n\"}", &b, &l), 0);
	expect(&l, STREAM_NONE, false, "");
	assert_int_equal(read_docker("{\"log\":1}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{}", &b, &l), -EINVAL);
	buffer_done(&b);
	buffer_init(&b, 4);
	assert_int_equal(read_docker("{\"log\":\"longer\"}", &b, &l), -ENOSPC);
	buffer_done(&b);
}

/* What is not known stays, and so does what only has the name of what is; two of a name are no line of Docker's. */
static void docker_lines_with_more(void **state)
{
	struct container_line l;
	struct buffer b;

	(void)state;
	buffer_init(&b, 64);
	assert_int_equal(
		read_docker(
			"{\"log\":\"part\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"} , \"time\":\"x\"}", &b, &l),
		0);
	expect(&l, STREAM_STDERR, true, "part");
	expect_extra(&l, "\"attrs\":{\"a\":\"b\"},\"time\":\"x\"");
	assert_int_equal(l.time.size, 0);
	assert_int_equal(read_docker("{ \"n\" : [1, 2] ,\"log\":\"\",\"stream\":\"x\"}", &b, &l), 0);
	expect(&l, STREAM_NONE, true, "");
	expect_extra(&l, "\"n\" : [1, 2],\"stream\":\"x\"");
	assert_int_equal(read_docker("{\"log\":\"\",\"truncated\":1,\"stream\":\"stdout\"}", &b, &l), 0);
	expect_extra(&l, "\"truncated\":1");
	assert_int_equal(read_docker("{\"log\":\"\",\"log\":\"\"}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{\"log\":\"\",\"a\":1,\"a\":2}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{\"log\":\"\",\"stream\":\"stdout\",\"stream\":1}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{\"log\":\"\",\"mess\\u0061ge\":1}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{\"log\":\"\",\"@timestamp\":1}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{\"log\":\"\",\"oxpecker.path\":1}", &b, &l), -EINVAL);
	buffer_done(&b);
}

static void what_docker_writes_to_the_letter(void **state)
{
	static const struct {
		const char *line;
		bool is;
	} cases[] = {
		{ "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}", true },
		{ "{\"log\":\"\",\"stream\":\"stderr\",\"attrs\":{\"tag\":\"x\"},\"time\":\"" TIME "\"}", true },
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"" TIME "\",\"order\":7}", false },
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"attrs\":7,\"time\":\"" TIME "\"}", false },
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"order\":{},\"time\":\"" TIME "\"}", false },
		{ "{\"time\":\"" TIME "\",\"stream\":\"stdout\",\"log\":\"a\"}", false },
		{ "{\"log\":\"a\",\"stream\":\"orders\",\"time\":\"" TIME "\"}", false },
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"10:00\"}", false },
		{ "{\"log\":{},\"stream\":\"stdout\",\"time\":\"" TIME "\"}", false },
		{ "{\"log\":\"a\",\"stream\":\"stdout\"}", false },
		{ "{}", false },
	};
	struct json_line index;
	char padded[512];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes line = index_of(cases[i].line, padded, &index);
		if (docker_log_is(line, &index) != cases[i].is)
			fail_msg("%s", cases[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cri_lines),
		cmocka_unit_test(moments_are_checked),
		cmocka_unit_test(cri_cut_anywhere),
		cmocka_unit_test(docker_lines),
		cmocka_unit_test(docker_lines_with_more),
		cmocka_unit_test(what_docker_writes_to_the_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
