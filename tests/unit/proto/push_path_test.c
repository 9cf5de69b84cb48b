/* Paths of the Pushgateway's API: what is a grouping key, and the reason for each that is none. */
#include "proto/push_path.h"

#include <stdio.h>

#include "unit/unit.h"

static void read_key(const char *path, struct push_key *ret)
{
	const char *why = push_path_read(bytes_of(path), ret);

	if (why)
		fail_msg("%s: %s", path, why);
}

static void expect(const char *path, const char *labels)
{
	struct push_key k;
	char text[512] = "";
	size_t size = 0;

	read_key(path, &k);
	for (size_t i = 0; i < k.count; i++)
		size += (size_t)snprintf(
			text + size, sizeof text - size, "%s=%s;", k.labels[i].name, k.labels[i].value);
	assert_string_equal(text, labels);
}

static void labels_come_in_the_order_of_their_names(void **state)
{
	(void)state;
	expect("/metrics/job/a", "job=a;");
	expect("/metrics/job/a/", "job=a;");
	expect("/metrics/job/some job/z/1/instance/host:80", "instance=host:80;job=some job;z=1;");
	expect("/metrics/job/a/x/1/x/2", "job=a;x=2;");
	expect("/metrics/job/a/job/b", "job=a;");
	expect("/metrics/job/a/path/", "job=a;path=;");
}

static void values_may_be_in_base64(void **state)
{
	(void)state;
	expect("/metrics/job@base64/YS9i", "job=a/b;");
	expect("/metrics/job/a/path@base64/L3Zhci90bXA=", "job=a;path=/var/tmp;");
	expect("/metrics/job/a/path@base64/L3Zhci90bXA", "job=a;path=/var/tmp;");
	expect("/metrics/job/a/path@base64/=", "job=a;path=;");
	expect("/metrics/job@base64/w6TDtsO8w58_", "job=\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f?;");
}

static void each_refusal_says_why(void **state)
{
	static const struct {
		const char *path, *why;
	} rows[] = {
		{ "/", "expected /metrics/job/NAME" },
		{ "/metrics", "expected /metrics/job/NAME" },
		{ "/metrics/job", "no value" },
		{ "/metrics/job/", "expected /metrics/job/NAME" },
		{ "/metrics/jobs/a", "expected /metrics/job/NAME" },
		{ "/metrics/job@base64/=", "expected /metrics/job/NAME" },
		{ "/metrics/job/a/x", "no value" },
		{ "/metrics/job/a/a-b/1", "no label can have" },
		{ "/metrics/job/a//1", "no label can have" },
		{ "/metrics/job/a/1a/1", "no label can have" },
		{ "/metrics/job/a/__name__/1", "no label can have" },
		{ "/metrics/job/a/x/\xff", "UTF-8" },
		{ "/metrics/job/a/x@base64/_w", "UTF-8" },
		{ "/metrics/job/a/x@base64/AA", "zero byte" },
		{ "/metrics/job/a/x@base64/a", "base64" },
		{ "/metrics/job/a/x@base64/a*b", "base64" },
		{ "/metrics/job/a/a/1/b/1/c/1/d/1/e/1/f/1/g/1/h/1/i/1/j/1/k/1/l/1/m/1/n/1/o/1/p/1", "16 labels" },
	};
	struct push_key k;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *why = push_path_read(bytes_of(rows[i].path), &k);
		if (!why || !strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].path, why ? why : "fine");
	}
}

static void a_path_that_has_no_room_is_refused(void **state)
{
	struct push_key k;

	(void)state;
	for (size_t size = 1900; size < 2200; size++) {
		char path[4096] = "/metrics/job/a/x/";
		size_t at = strlen(path);
		memset(path + at, 'v', size);
		path[at + size] = '\0';
		/* "job", "a", "x" and the value, each with a zero behind it */
		assert_int_equal(!push_path_read(bytes_of(path), &k), 4 + 2 + 2 + size + 1 <= PUSH_KEY_MAX);
	}
}

static void keys_are_equal_whatever_the_order(void **state)
{
	struct push_key a, b, c;

	(void)state;
	read_key("/metrics/job/a/x/1/y/2", &a);
	read_key("/metrics/job@base64/YQ/y/2/x/1", &b);
	read_key("/metrics/job/a/x/1/y/3", &c);
	assert_true(push_key_equal(&a, &b));
	assert_false(push_key_equal(&a, &c));
	read_key("/metrics/job/a/x/1", &c);
	assert_false(push_key_equal(&a, &c));
}

static void a_key_that_is_written_reads_back(void **state)
{
	static const struct bytes none[] = { { "", 0 }, { "job", 3 }, { "job\0a", 5 }, { "job\0\0", 5 },
		{ "x\0a\0", 4 }, { "job\0a\0a\0b\0", 10 }, { "job\0a\0job\0b\0", 12 }, { "__x\0a\0job\0b\0", 12 },
		{ "1\0a\0job\0b\0", 10 }, { "job\0\xff\0", 6 }, { "job\0a\0x", 7 } };
	struct push_key k, back;
	char text[PUSH_KEY_MAX];
	size_t size;

	(void)state;
	read_key("/metrics/job/a b/z/1/z/2/instance/host:80/e@base64/=/job/c", &k);
	size = push_key_write(&k, text);
	assert_true(push_key_read((struct bytes){ text, size }, &back));
	assert_true(push_key_equal(&k, &back));
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_false(push_key_read(none[i], &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_that_is_written_reads_back),
		cmocka_unit_test(labels_come_in_the_order_of_their_names),
		cmocka_unit_test(values_may_be_in_base64),
		cmocka_unit_test(each_refusal_says_why),
		cmocka_unit_test(a_path_that_has_no_room_is_refused),
		cmocka_unit_test(keys_are_equal_whatever_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
