/*
 * Sums of StatsD that go on in the next run: when they are written, what becomes of them if the configuration is
 * another one, and if the file cannot be written or read.
 */
#include "collectors/saving.h"

#include "base/json_writer.h"
#include "collectors/statsd_events.h"
#include "series/meters_table.h"
#include "unit/fake_host.h"
#include "unit/http/raw.h"
#include "unit/scratch.h"
#include "unit/series/knife.h"

enum { MANY = 5000 };

static const double few[] = { 1, 10 }, others[] = { 1, 20 };

/* One run after another of a collector over one folder. */
struct bench {
	struct scratch scratch;
	struct world world;
	struct host host;
	struct meters *meters;
	struct statsd_mapping mapping;
	struct statsd_events events;
	struct saving saving;
	struct statsd_options options;
	size_t series; /* that there may be */
	const char *rules; /* NULL: none */
};

static void read_rules(struct bench *b)
{
	char why[256], path[128];
	FILE *file;

	if (!b->rules)
		return;
	snprintf(path, sizeof path, "%s/rules.yml", b->scratch.path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(b->rules, file) >= 0);
	fclose(file);
	assert_true(statsd_mapping_read(&b->mapping, path, why, sizeof why));
}

static void begin_run(struct bench *b)
{
	const struct meters_limits limits = {
		.series = b->series, .family_series = 50, .label = 32, .window = DURATION_S(10)
	};

	fake_host_init(&b->host, b->world.loop, NULL, 8 << 20);
	b->host.state_path = b->scratch.path;
	b->host.series = series_new(&series_limits_default, 3);
	read_rules(b);
	b->options.mapping = b->rules ? &b->mapping : NULL;
	assert_int_equal(meters_new(b->host.series, NULL, 0, &limits, &b->meters), 0);
	statsd_events_init(&b->events, &b->host, b->meters, &b->options);
	saving_init(&b->saving, &b->host, b->meters, &(struct meters_restore){ statsd_events_want, &b->events });
}

/* As by SIGKILL. */
static void end_run(struct bench *b)
{
	meters_check(b->meters);
	statsd_events_done(&b->events);
	statsd_mapping_done(&b->mapping);
	b->mapping = (struct statsd_mapping){ .made = { .size = 0 } };
	meters_free(b->meters);
	saving_done(&b->saving);
	series_free(b->host.series);
	fake_host_done(&b->host);
}

static void begin_next_run(struct bench *b)
{
	end_run(b);
	begin_run(b);
}

static void take(struct bench *b, const char *lines)
{
	statsd_events_take(&b->events, bytes_of(lines));
}

/* All that has changed is saved when it is due. */
static void pass_time(struct bench *b)
{
	b->world.ahead += DURATION_S(1).ns;
	for (int i = 0; i < 20; i++)
		loop_turn(b->world.loop, DURATION_MS(0));
}

static const struct meter *find(struct bench *b, enum meter_kind kind, const char *name)
{
	return meters_find(b->meters, &(struct meter_wanted){ .name = bytes_of(name), .kind = kind });
}

static uint64_t count(struct bench *b, const char *name)
{
	const struct meter *meter = find(b, METER_COUNTER, name);

	return meter ? meter->whole : 0;
}

static int setup(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	scratch_init(&b->scratch, "saving");
	world_init(&b->world);
	memset(&knife, 0, sizeof knife);
	b->series = 100;
	b->options = (struct statsd_options){ .histogram = { .bounds = few, .count = 2 }, .gauge_deltas = true };
	begin_run(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	end_run(b);
	loop_free(b->world.loop);
	scratch_done(&b->scratch);
	free(b);
	return 0;
}

static void what_has_changed_is_saved_soon_and_goes_on(void **state)
{
	struct bench *b = *state;

	take(b, "hits:5|c\nlevel:7|g\ntook:4:40|h\nusers:anna|s");
	pass_time(b);
	take(b, "hits:1|c"); /* too late */
	begin_next_run(b);
	assert_int_equal(fake_host_number(&b->host, "saved_sums"), 3);
	take(b, "hits:1|c\nlevel:-2|g\ntook:4|h");
	assert_int_equal(count(b, "hits"), 6);
	assert_true(find(b, METER_GAUGE, "level")->part == 5);
	assert_int_equal(find(b, METER_HISTOGRAM, "took")->whole, 3);
	assert_null(find(b, METER_SET, "users"));
	assert_non_null(strstr(b->host.last_log, "goes on with 3 sums"));
	assert_int_equal(b->host.warnings, 0);
}

static void at_the_end_all_is_saved(void **state)
{
	struct bench *b = *state;

	take(b, "hits:5|c");
	saving_end(&b->saving);
	saving_end(&b->saving);
	begin_next_run(b);
	assert_int_equal(count(b, "hits"), 5);
}

static void many_are_saved_in_slices(void **state)
{
	struct bench *b = *state;
	char line[32];

	for (int i = 0; i < 90; i++) {
		snprintf(line, sizeof line, "n%d:1|c\nn%d:1|c|#a:b", i, i);
		take(b, line);
	}
	pass_time(b);
	begin_next_run(b);
	assert_int_equal(fake_host_number(&b->host, "saved_sums"), meters_series(b->meters));
	assert_int_equal(meters_series(b->meters), 100);
}

static void an_overflow_goes_on(void **state)
{
	struct bench *b = *state;
	char line[32];

	for (int i = 0; i < 70; i++) {
		snprintf(line, sizeof line, "n:1|c|#a:%d", i);
		take(b, line);
	}
	pass_time(b);
	begin_next_run(b);
	assert_int_equal(meters_series(b->meters), 50);
	take(b, "n:1|c|#a:x");
	assert_int_equal(b->meters->first->overflow->whole, 21);
}

static void with_other_buckets_histograms_begin_anew(void **state)
{
	struct bench *b = *state;

	take(b, "hits:5|c\ntook:4|h");
	pass_time(b);
	b->options.histogram.bounds = others;
	begin_next_run(b);
	take(b, "hits:1|c\ntook:4|h");
	assert_int_equal(count(b, "hits"), 6);
	assert_int_equal(find(b, METER_HISTOGRAM, "took")->whole, 1);
	assert_true(find(b, METER_HISTOGRAM, "took")->scale->bounds[1].value == 20);
}

static void histograms_that_become_native_begin_anew(void **state)
{
	struct bench *b = *state;

	take(b, "hits:5|c\ntook:4|h");
	pass_time(b);
	b->options.histogram.factor = 1.1;
	b->options.histogram.most = 20;
	for (uint64_t run = 1; run <= 2; run++) {
		begin_next_run(b);
		take(b, "took:4|h");
		assert_int_equal(find(b, METER_HISTOGRAM, "took")->whole, run);
		assert_int_equal(find(b, METER_HISTOGRAM, "took")->native->most, 20);
		pass_time(b);
	}
	b->options.histogram.most = 30;
	begin_next_run(b);
	take(b, "hits:1|c\ntook:4|h");
	assert_int_equal(count(b, "hits"), 6);
	assert_int_equal(find(b, METER_HISTOGRAM, "took")->whole, 1);
	assert_int_equal(find(b, METER_HISTOGRAM, "took")->native->most, 30);
}

static void what_a_changed_rule_makes_begins_anew(void **state)
{
	static const char head[] = "mappings:\n- {match: \"a.*\", name: a, ttl: 1h, scale: ";
	static const char tail[] = "}\n- {match: \"b.*\", name: b, help: B}\n";
	struct bench *b = *state;
	char rules[256];

	snprintf(rules, sizeof rules, "%s1%s", head, tail);
	b->rules = rules;
	begin_next_run(b);
	take(b, "a.x:5|c\nb.x:5|c\nc:5|c\nd:5|c");
	pass_time(b);
	snprintf(rules, sizeof rules, "%s1000%s- {match: d, name: d, scale: 2}\n", head, tail);
	b->options.ttl = DURATION_S(7);
	begin_next_run(b);
	assert_int_equal(count(b, "a"), 0); /* in another unit */
	assert_int_equal(count(b, "b"), 5);
	assert_int_equal(count(b, "c"), 5);
	assert_int_equal(find(b, METER_COUNTER, "c")->ttl.ns, DURATION_S(7).ns); /* that of now */
	take(b, "a.x:1|c\nb.x:1|c\nc:1|c\nd:1|c");
	assert_int_equal(count(b, "a"), 1000);
	assert_int_equal(count(b, "b"), 6);
	assert_int_equal(count(b, "c"), 6);
	assert_int_equal(count(b, "d"), 2); /* a rule makes it now, in a unit of its own */
}

static void what_cannot_be_written_is_told_and_tried_again(void **state)
{
	struct bench *b = *state;
	char path[sizeof b->scratch.path + SUMS_NAME_MAX + 1];

	snprintf(path, sizeof path, "%s/%s", b->scratch.path, b->saving.name);
	assert_int_equal(mkfifo(path, 0600), 0);
	begin_next_run(b);
	assert_non_null(strstr(b->host.last_log, "not all sums can be saved"));
	take(b, "hits:5|c");
	pass_time(b);
	saving_look(&b->saving);
	assert_int_equal(fake_host_number(&b->host, "saved_sums_failures_total"), 1);
	assert_int_equal(b->host.warnings, 1);
	assert_int_equal(unlink(path), 0);
	meters_age(b->meters, loop_now(b->world.loop), 10);
	pass_time(b);
	saving_look(&b->saving);
	assert_string_equal(b->host.last_log, "sums are saved again");
	begin_next_run(b);
	assert_int_equal(count(b, "hits"), 5);
}

/* As a collector does every few seconds. */
static void look(struct bench *b)
{
	meters_age(b->meters, loop_now(b->world.loop), 1000);
	pass_time(b);
	saving_look(&b->saving);
}

static void what_is_behind_is_told_once_until_all_is_saved(void **state)
{
	struct bench *b = *state;
	char line[32];

	b->series = MANY;
	begin_next_run(b);
	for (int i = 0; i < MANY; i++) {
		snprintf(line, sizeof line, "n%d:1|c", i);
		take(b, line);
	}
	saving_end(&b->saving);
	assert_int_equal(fake_host_number(&b->host, "saved_sums"), MANY);
	knife = (struct knife){ .dead = true };
	take(b, "n7:1|c\nn8:1|c");
	pass_time(b);
	assert_non_null(strstr(b->host.last_log, "not all sums can be saved"));
	for (int i = 0; i < 40; i++) { /* most looks meet none of the two */
		look(b);
		assert_non_null(strstr(b->host.last_log, "not all sums can be saved"));
		assert_int_equal(b->host.warnings, 1);
	}
	assert_true(fake_host_number(&b->host, "saved_sums_failures_total") > 2);
	meters_check(b->meters);
	knife = (struct knife){ .dead = false };
	for (int i = 0; i < 20; i++)
		look(b);
	assert_string_equal(b->host.last_log, "sums are saved again");
	assert_int_equal(count(b, "n7"), 2);
	begin_next_run(b);
	assert_int_equal(count(b, "n7"), 2);
}

static void a_file_that_is_taken_away_is_told_and_written_anew(void **state)
{
	struct bench *b = *state;

	take(b, "hits:5|c");
	pass_time(b);
	assert_int_equal(unlinkat(b->scratch.fd, b->saving.name, 0), 0);
	saving_look(&b->saving);
	assert_non_null(strstr(b->host.last_log, "was removed, replaced or cut"));
	meters_age(b->meters, loop_now(b->world.loop), 10);
	pass_time(b);
	begin_next_run(b);
	assert_int_equal(count(b, "hits"), 5);
}

static void put_at(struct bench *b, off_t at, const char *data)
{
	int fd = openat(b->scratch.fd, b->saving.name, O_WRONLY);

	assert_int_equal(pwrite(fd, data, strlen(data), at), strlen(data));
	close(fd);
}

static void what_is_broken_is_told(void **state)
{
	struct bench *b = *state;
	struct json_writer w;
	struct buffer out;

	take(b, "hits:5|c\nlevel:1|g");
	pass_time(b);
	put_at(b, 70, "broken");
	begin_next_run(b);
	assert_int_equal(fake_host_number(&b->host, "saved_sums_damaged_total"), 1);
	assert_int_equal(fake_host_number(&b->host, "saved_sums"), 1);
	assert_int_equal(b->host.warnings, 1);
	put_at(b, 0, "another file");
	begin_next_run(b);
	assert_non_null(strstr(b->host.last_log, "renamed to"));
	buffer_init(&out, 4096);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	saving_report(&b->saving, &w);
	json_put_end(&w);
	assert_int_equal(json_writer_done(&w), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_string_equal(
		out.data, "{\"saved\":{\"sums\":0,\"bytes\":0,\"restored\":0,\"damaged\":0,\"error\":\"\"}}");
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_has_changed_is_saved_soon_and_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(at_the_end_all_is_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(many_are_saved_in_slices, setup, teardown),
		cmocka_unit_test_setup_teardown(an_overflow_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(with_other_buckets_histograms_begin_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(histograms_that_become_native_begin_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_changed_rule_makes_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_written_is_told_and_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_behind_is_told_once_until_all_is_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_taken_away_is_told_and_written_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_broken_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
