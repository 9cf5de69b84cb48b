/*
 * What runtimes write around the pieces of a container's output, and what is none of it.
 */
#include "unit/unit.h"

#include <errno.h>
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

static int read_docker(const char *text, struct buffer *to, struct container_line *ret)
{
	char padded[512] = "";
	struct json_line index;
	size_t size = strlen(text);

	memcpy(padded, text, size);
	assert_int_equal(json_line_index(json_scan_best(), padded, size, &index), JSON_FINE);
	return docker_log_read((struct bytes){ padded, size }, &index, to, ret);
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
	assert_int_equal(l.time.size, strlen(TIME));
	assert_int_equal(
		read_docker("{\"log\":\"part\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"x\"}", &b, &l),
		0);
	expect(&l, STREAM_STDERR, true, "part");
	assert_int_equal(l.time.size, 0);
	assert_int_equal(read_docker("{\"log\":\"\\n\"}", &b, &l), 0);
	expect(&l, STREAM_NONE, false, "");
	assert_int_equal(read_docker("{\"log\":\"\",\"stream\":\"x\"}", &b, &l), 0);
	expect(&l, STREAM_NONE, true, "");
	assert_int_equal(read_docker("{\"log\":1}", &b, &l), -EINVAL);
	assert_int_equal(read_docker("{}", &b, &l), -EINVAL);
	buffer_done(&b);
	buffer_init(&b, 4);
	assert_int_equal(read_docker("{\"log\":\"longer\"}", &b, &l), -ENOSPC);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cri_lines),
		cmocka_unit_test(moments_are_checked),
		cmocka_unit_test(cri_cut_anywhere),
		cmocka_unit_test(docker_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
