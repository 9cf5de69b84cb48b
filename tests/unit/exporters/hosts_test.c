/*
 * Several hosts: who is asked next, who is left and for how long, what /status says.
 */
#include "unit/unit.h"

#include "exporters/hosts.h"

static const char *const urls[] = { "http://a:9200", "http://user:secret@b:9200/es/", "https://c" };

struct world {
	struct random random;
	struct hosts *hosts;
	struct mono_time now;
};

static int setup(void **state)
{
	static struct world w;
	const struct option_list list = { COUNT_OF(urls), urls };

	random_seed(&w.random, 7);
	w.now = (struct mono_time){ 1000000000 };
	assert_int_equal(hosts_new(&list, "/logs/_bulk", &w.random, &w.hosts), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	hosts_free(((struct world *)*state)->hosts);
	return 0;
}

static void later(struct world *w, int64_t ms)
{
	w->now = mono_after(w->now, DURATION_MS(ms));
}

static void urls_get_the_path(void **state)
{
	struct world *w = *state;

	assert_string_equal(hosts_url(w->hosts, 0), "http://a:9200/logs/_bulk");
	assert_string_equal(hosts_url(w->hosts, 1), "http://user:secret@b:9200/es/logs/_bulk");
	assert_string_equal(hosts_base(w->hosts, 1), "http://user:secret@b:9200/es");
}

static void in_turn(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < 9; i++)
		assert_int_equal(hosts_pick(w->hosts, w->now), i % 3);
}

static void a_host_that_failed_is_left_and_then_looked_at_by_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(hosts_pick(w->hosts, w->now), 0);
	assert_true(hosts_failed(w->hosts, 0, w->now, "refused"));
	for (int i = 0; i < 10; i++)
		assert_int_not_equal(hosts_pick(w->hosts, w->now), 0);
	later(w, 1001);
	while (hosts_pick(w->hosts, w->now) != 0)
		;
	for (int i = 0; i < 10; i++) /* one is there to see */
		assert_int_not_equal(hosts_pick(w->hosts, w->now), 0);
	hosts_answered(w->hosts, 0);
	assert_int_equal(
		(hosts_pick(w->hosts, w->now) + hosts_pick(w->hosts, w->now) + hosts_pick(w->hosts, w->now)), 3);
}

/* Whole ones are not changed; what may be a token is not shown. */
static void whole_urls(void **state)
{
	static const char *const whole[] = { "http://u:p@x/v1/traces?token=abc/" };
	struct world *w = *state;
	struct hosts *one;
	struct json_writer json;
	struct buffer text;

	assert_int_equal(hosts_new(&(struct option_list){ 1, whole }, "", &w->random, &one), 0);
	assert_string_equal(hosts_url(one, 0), whole[0]);
	buffer_init(&text, 4096);
	json_writer_init(&json, &text);
	json_put_object(&json, NULL);
	hosts_report(one, w->now, &json);
	json_put_end(&json);
	assert_non_null(memmem(text.data, text.size, "\"http://x/v1/traces\"", 20));
	assert_null(memmem(text.data, text.size, "abc", 3));
	buffer_done(&text);
	hosts_free(one);
}

static int64_t left_ms(struct world *w)
{
	int64_t ms = 0;

	for (int i = 0; i < 3; i++) /* the others are in order: it is open when a round has it */
		hosts_pick(w->hosts, w->now);
	while (ms < 120000) {
		for (int i = 0; i < 3; i++)
			if (hosts_pick(w->hosts, w->now) == 0)
				return ms;
		later(w, 10);
		ms += 10;
	}
	return ms;
}

static void the_while_grows_up_to_a_minute(void **state)
{
	struct world *w = *state;
	int64_t ceiling = 1000, ms;

	for (int i = 0; i < 12; i++, ceiling = ceiling < 60000 ? ceiling * 2 : 60000) {
		if (ceiling > 60000)
			ceiling = 60000;
		assert_true(hosts_failed(w->hosts, 0, w->now, "refused"));
		ms = left_ms(w);
		assert_in_range(ms, ceiling / 2 - 10, ceiling + 10);
	}
}

/* Several sends were under way when the host went: that is one failure. */
static void failures_at_once_are_one(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++)
		assert_true(hosts_failed(w->hosts, 0, w->now, "refused"));
	assert_in_range(left_ms(w), 490, 1010);
}

static void with_all_left_nobody_is_tried_at_once(void **state)
{
	struct world *w = *state;

	assert_true(hosts_failed(w->hosts, 0, w->now, "refused"));
	assert_true(hosts_failed(w->hosts, 1, w->now, "refused"));
	assert_false(hosts_failed(w->hosts, 2, w->now, "refused"));
	assert_in_range(hosts_pick(w->hosts, w->now), 0, 2);
}

/* After a long outage each is left for a minute or so; a round of tries must find the one that is back. */
static void with_all_left_each_is_asked_in_turn(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 60; i++, later(w, 750)) {
		size_t host = hosts_pick(w->hosts, w->now);
		assert_int_equal(host, i % 3);
		hosts_failed(w->hosts, host, w->now, "refused");
	}
}

static void one_host_has_no_other(void **state)
{
	struct world *w = *state;
	struct hosts *one;

	assert_int_equal(hosts_new(&(struct option_list){ 1, urls }, "", &w->random, &one), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(hosts_pick(one, w->now), 0);
		assert_false(hosts_failed(one, 0, w->now, "refused"));
	}
	hosts_free(one);
}

static void the_report_has_no_password(void **state)
{
	struct world *w = *state;
	struct json_writer json;
	struct buffer out;

	buffer_init(&out, 4096);
	json_writer_init(&json, &out);
	json_put_object(&json, NULL);
	hosts_failed(w->hosts, 1, w->now, "connect to \"b\"\nrefused");
	hosts_report(w->hosts, mono_after(w->now, DURATION_S(5)), &json);
	json_put_end(&json);
	assert_int_equal(json_writer_done(&json), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_string_equal(out.data,
		"{\"hosts\":[{\"url\":\"http://a:9200\",\"failures\":0,\"left_for_ms\":0,\"error\":\"\"},"
		"{\"url\":\"http://b:9200/es\",\"failures\":1,\"left_for_ms\":0,"
		"\"error\":\"connect to \\\"b\\\"\\nrefused\"},"
		"{\"url\":\"https://c\",\"failures\":0,\"left_for_ms\":0,\"error\":\"\"}]}");
	buffer_done(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(urls_get_the_path),
		TEST(whole_urls),
		TEST(in_turn),
		TEST(a_host_that_failed_is_left_and_then_looked_at_by_one),
		TEST(the_while_grows_up_to_a_minute),
		TEST(failures_at_once_are_one),
		TEST(with_all_left_nobody_is_tried_at_once),
		TEST(with_all_left_each_is_asked_in_turn),
		TEST(one_host_has_no_other),
		TEST(the_report_has_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
