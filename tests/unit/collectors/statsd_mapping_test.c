/*
 * Mapping rules of statsd_exporter: which rule fits, what it makes of a name, and what is refused with its line.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/statsd_mapping.h"

/* The mapping of that text, or why there is none. */
static bool read_text(struct statsd_mapping *m, const char *text, char *why, size_t room)
{
	char path[] = "/tmp/oxpecker-mapping-XXXXXX";
	int fd = mkstemp(path);
	bool fine;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	fine = statsd_mapping_read(m, path, why, room);
	unlink(path);
	return fine;
}

static struct statsd_mapping mapping_of(const char *text)
{
	struct statsd_mapping m;
	char why[256] = "";

	if (!read_text(&m, text, why, sizeof why))
		fail_msg("%s", why);
	return m;
}

/* name{label=value,…}, or what else came of it. */
static void assert_maps(struct statsd_mapping *m, const char *name, enum meter_kind kind, const char *wanted)
{
	static const char *const fits[] = { "unmapped", "mapped", "dropped", "excess" };
	struct statsd_mapped mapped;
	enum statsd_fit fit = statsd_mapping_find(m, bytes_of(name), kind, &mapped);
	char made[512];

	snprintf(made, sizeof made, "%s", fits[fit]);
	if (fit == STATSD_MAPPED) {
		snprintf(made, sizeof made, "%.*s", (int)mapped.name.size, mapped.name.data);
		for (size_t i = 0; i < mapped.label_count; i++)
			snprintf(made + strlen(made), sizeof made - strlen(made), " %s=%.*s",
				mapped.rule->labels[i].name, (int)mapped.values[i].size, mapped.values[i].data);
	}
	assert_string_equal(made, wanted);
}

static void the_first_rule_that_fits_counts(void **state)
{
	struct statsd_mapping m = mapping_of(
		"mappings:\n"
		"- match: 'late\\.(.*)'\n  match_type: regex\n  name: \"late_$1\"\n"
		"- match: test.dispatcher.*.*.*\n  name: \"dispatcher_events_total\"\n"
		"  labels: { processor: \"$1\", action: \"$2\", outcome: \"$3\", job: \"test_dispatcher\" }\n"
		"- match: \"*.signup.*.*\"\n  name: signup_events_total\n"
		"  labels:\n    provider: \"$2\"\n    outcome: \"$3\"\n    all: '$0'\n"
		"- match: late.glob\n  name: glob\n"
		"- match: only.gauges\n  match_metric_type: gauge\n  name: a_gauge\n"
		"- match: only.*\n  match_metric_type: observer\n  name: \"${1}_seconds\"\n"
		"- match: .\n  match_type: regex\n  action: drop\n  name: dropped\n  match_metric_type: counter\n");

	(void)state;
	assert_maps(&m, "test.dispatcher.FooProcessor.send.success", METER_COUNTER,
		"dispatcher_events_total processor=FooProcessor action=send outcome=success job=test_dispatcher");
	assert_maps(&m, "foo.signup.facebook.failure", METER_COUNTER,
		"signup_events_total provider=facebook outcome=failure all=foo.signup.facebook.failure");
	assert_maps(&m, ".signup..", METER_GAUGE, "signup_events_total provider= outcome= all=.signup..");
	assert_maps(&m, "test.dispatcher.a.b", METER_GAUGE, "unmapped");
	assert_maps(&m, "test.dispatcher.a.b.c.d", METER_GAUGE, "unmapped");
	assert_maps(&m, "late.glob", METER_GAUGE, "glob");
	assert_maps(&m, "later.late.x", METER_GAUGE, "late_x");
	assert_maps(&m, "only.gauges", METER_GAUGE, "a_gauge");
	assert_maps(&m, "only.gauges", METER_HISTOGRAM, "gauges_seconds");
	assert_maps(&m, "only.gauges", METER_COUNTER, "dropped");
	assert_maps(&m, "anything", METER_COUNTER, "dropped");
	assert_maps(&m, "anything", METER_GAUGE, "unmapped");
	statsd_mapping_done(&m);
}

static void references_are_replaced(void **state)
{
	struct statsd_mapping m = mapping_of(
		"mappings:\n"
		"- match: a.*.*\n  name: \"x_${1}_${2}y\"\n"
		"  labels: { two: \"$1-$2\", none: \"$3 $x ${9} ${\", cost: \"$$1\", end: \"$\", glued: \"$1x\" }\n"
		"- match: '^b\\.(?P<first>\\w+)(\\.z)?'\n  match_type: regex\n  name: \"b_${first}\"\n"
		"  labels: { whole: \"$0\", absent: \"<$2>\" }\n");

	(void)state;
	assert_maps(&m, "a.p.q", METER_COUNTER, "x_p_qy two=p-q none=   ${ cost=$1 end=$ glued=");
	assert_maps(&m, "b.foo.bar", METER_COUNTER, "b_foo whole=b.foo absent=<>");
	statsd_mapping_done(&m);
}

static void rules_say_what_their_series_are(void **state)
{
	struct statsd_mapping m =
		mapping_of("defaults:\n  observer_type: histogram\n  match_type: regex\n  glob_disable_ordering: "
			   "false\n  ttl: 1h30m\n"
			   "  histogram_options:\n    buckets: [ 0.5, 1, 2.5 ]\n"
			   "mappings:\n"
			   "- match: ^a\n  name: a\n  ttl: 250ms\n  scale: 0.001\n  help: Of a\n  honor_labels: true\n"
			   "- match: b\n  match_type: glob\n  name: b\n  histogram_options: { buckets: [1, 2] }\n");
	const struct statsd_rule *a = &m.rules.rules[0], *b = &m.rules.rules[1];

	(void)state;
	assert_int_equal(m.rules.count, 2);
	assert_int_equal(duration_ms(m.rules.ttl), 90 * 60 * 1000);
	assert_true(a->regex && !b->regex);
	assert_int_equal(duration_ms(a->ttl), 250);
	assert_int_equal(b->ttl.ns, 0);
	assert_true(a->scale == 0.001 && b->scale == 1);
	assert_string_equal(a->help, "Of a");
	assert_true(a->honor_labels && !b->honor_labels);
	assert_int_equal(a->histogram.count, 3);
	assert_true(b->histogram.count == 2 && b->histogram.bounds[1] == 2);
	statsd_mapping_done(&m);
}

/* As statsd_exporter wrote them before 0.20, and still reads them. */
static void keys_of_older_files_mean_the_same(void **state)
{
	struct statsd_mapping m = mapping_of("defaults:\n  timer_type: histogram\n  buckets: [1, 2]\n"
					     "  quantiles: [{ quantile: 0.5, error: 0.1 }]\n"
					     "mappings:\n"
					     "- match: a\n  name: a\n"
					     "- match: b\n  name: b\n  timer_type: histogram\n  buckets: [3]\n"
					     "- match: c\n  name: c\n  buckets: [4]\n"
					     "  histogram_options: { buckets: [5] }\n");
	const struct statsd_rule *rules = m.rules.rules;

	(void)state;
	assert_int_equal(m.rules.count, 3);
	assert_true(rules[0].histogram.count == 2 && rules[0].histogram.bounds[1] == 2);
	assert_true(rules[1].histogram.count == 1 && rules[1].histogram.bounds[0] == 3);
	assert_true(rules[2].histogram.count == 1 && rules[2].histogram.bounds[0] == 5);
	statsd_mapping_done(&m);
}

static void an_empty_file_maps_nothing(void **state)
{
	struct statsd_mapping m = mapping_of("mappings:\n");

	(void)state;
	assert_maps(&m, "a", METER_COUNTER, "unmapped");
	statsd_mapping_done(&m);
}

static void histograms_are_native_if_a_factor_is_said(void **state)
{
	struct statsd_mapping m =
		mapping_of("defaults:\n  histogram_options: { native_histogram_bucket_factor: 1.5 }\nmappings:\n"
			   "- match: a\n  name: a\n"
			   "- match: b\n  name: b\n  histogram_options: { native_histogram_bucket_factor: 1 }\n"
			   "- match: c\n  name: c\n  histogram_options: { native_histogram_bucket_factor: 0 }\n"
			   "- match: d\n  name: d\n  histogram_options:\n    buckets: [1]\n"
			   "    native_histogram_bucket_factor: 1.1\n    native_histogram_max_buckets: 1000\n");
	const struct statsd_rule *rules = m.rules.rules;
	const struct statsd_histogram own = { .factor = 2, .most = 20 };

	(void)state;
	assert_true(rules[0].histogram.factor == 1.5 && rules[0].histogram.most == 0);
	assert_true(rules[1].histogram.factor == 1); /* not this one */
	assert_true(rules[2].histogram.factor == 1.5);
	assert_true(rules[3].histogram.factor == 1.1 && rules[3].histogram.most == NATIVE_BUCKETS_MAX);
	assert_int_equal(rules[3].histogram.count, 1);
	assert_int_equal(statsd_histogram_or(&rules[0].histogram, &own).most, 20);
	assert_true(statsd_histogram_or(&rules[1].histogram, &own).factor == 1);
	statsd_mapping_done(&m);
}

static void what_cannot_be_followed_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *at, *why;
	} rows[] = {
		{ "mappings:\n- match: a\n", ":2:", "name is missing" },
		{ "mappings:\n- name: a\n", ":2:", "match is missing" },
		{ "mappings:\n- match: a\n  name: a\n  nonsense: 1\n", ":4:", "nonsense" },
		{ "nonsense: 1\n", ":1:", "nonsense" },
		{ "defaults:\n  timer_type: summary\n", ":2:", "summary\" is not made here" },
		{ "mappings:\n- match: a\n  name: a\n  timer_type: summary\n", ":4:", "is not made here" },
		{ "mappings:\n- match: a\n  name: a\n  quantiles: []\n", ":4:", "summaries are not made" },
		{ "mappings:\n- match: a\n  name: a\n  buckets: [2, 1]\n", ":4:", "not above" },
		{ "defaults:\n  observer_type: summary\n", ":2:", "summary\" is not made here" },
		{ "mappings:\n- match: a\n  name: a\n  observer_type: summary\n", ":4:", "is not made here" },
		{ "mappings:\n- match: a\n  name: a\n  summary_options: {}\n", ":4:", "summaries are not made" },
		{ "defaults:\n  histogram_options:\n    native_histogram_max_buckets: 1.5\n", ":3:", "a whole number" },
		{ "defaults:\n  histogram_options:\n    native_histogram_max_buckets: -1\n", ":3:", "a whole number" },
		{ "defaults:\n  histogram_options:\n    native_histogram_bucket_factor: x\n", ":3:", "a number" },
		{ "defaults:\n  glob_disable_ordering: true\n", ":2:", "in their order" },
		{ "defaults:\n  ttl: 5 minutes\n", ":2:", "is not a duration" },
		{ "defaults:\n  ttl: \"1\"\n", ":2:", "is not a duration" },
		{ "defaults:\n  match_type: exact\n", ":2:", "neither glob nor regex" },
		{ "defaults:\n  histogram_options:\n    buckets: [1, 1]\n", ":3:", "not above" },
		{ "defaults:\n  histogram_options:\n    buckets: [1, x]\n", ":3:", "expected a number" },
		{ "defaults:\n  histogram_options:\n    buckets: 1\n", ":3:", "expected a list" },
		{ "mappings:\n- match: a..b\n  name: a\n", ":2:", "is not a glob" },
		{ "mappings:\n- match: a*.b\n  name: a\n", ":2:", "is not a glob" },
		{ "mappings:\n- match: a.b.\n  name: a\n", ":2:", "is not a glob" },
		{ "mappings:\n- match: a(b\n  match_type: regex\n  name: a\n", ":2:", "character 4" },
		{ "mappings:\n- match: a\n  name: a.b\n", ":3:", "is not a name" },
		{ "mappings:\n- match: a\n  name: 1a\n", ":3:", "is not a name" },
		{ "mappings:\n- match: a\n  name: a\n  labels: { a-b: x }\n", ":4:", "name of a label" },
		{ "mappings:\n- match: a\n  name: a\n  labels: { __b: x }\n", ":4:", "name of a label" },
		{ "mappings:\n- match: a\n  name: a\n  labels: [x]\n", ":4:", "expected a mapping" },
		{ "mappings:\n- match: a\n  name: a\n  labels: { b: [x] }\n", ":4:", "expected a text" },
		{ "mappings:\n- match: a\n  name: a\n  action: keep\n", ":4:", "neither map nor drop" },
		{ "mappings:\n- match: a\n  name: a\n  match_metric_type: timer\n", ":4:", "counter, gauge, observer" },
		{ "mappings:\n- match: a\n  name: a\n  scale: big\n", ":4:", "expected a number" },
		{ "mappings:\n- match: a\n  name: a\n  honor_labels: 1\n", ":4:", "neither false nor true" },
		{ "mappings: { match: a }\n", ":1:", "expected a list" },
		{ "mappings:\n- a\n", ":2:", "expected a mapping" },
		{ "mappings: [\n", ":", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct statsd_mapping m;
		char why[256] = "";
		if (read_text(&m, rows[i].text, why, sizeof why))
			fail_msg("%s: was taken", rows[i].text);
		if (!strstr(why, rows[i].at) || !strstr(why, rows[i].why))
			fail_msg("%s: told \"%s\", expected \"%s\" and \"%s\"", rows[i].text, why, rows[i].at,
				rows[i].why);
		statsd_mapping_done(&m);
	}
}

static void a_file_that_is_not_there_is_told(void **state)
{
	struct statsd_mapping m;
	char why[256] = "";

	(void)state;
	assert_false(statsd_mapping_read(&m, "/nonexistent/mapping.yml", why, sizeof why));
	assert_non_null(strstr(why, "/nonexistent/mapping.yml"));
	assert_non_null(strstr(why, "No such file"));
	statsd_mapping_done(&m);
}

static void what_has_no_end_is_given_up(void **state)
{
	struct statsd_mapping m = mapping_of("mappings:\n- match: '^(a+)+$'\n  match_type: regex\n  name: a\n"
					     "- match: long.*\n  name: a\n  labels: { b: \"$1$1$1$1\" }\n");
	char name[20000];

	(void)state;
	assert_maps(&m, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", METER_COUNTER, "excess");
	memset(name, 'x', sizeof name);
	memcpy(name, "long.", 5);
	name[sizeof name - 1] = '\0';
	assert_maps(&m, name, METER_COUNTER, "excess");
	statsd_mapping_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_fits_counts),
		cmocka_unit_test(references_are_replaced),
		cmocka_unit_test(rules_say_what_their_series_are),
		cmocka_unit_test(keys_of_older_files_mean_the_same),
		cmocka_unit_test(an_empty_file_maps_nothing),
		cmocka_unit_test(histograms_are_native_if_a_factor_is_said),
		cmocka_unit_test(what_cannot_be_followed_is_refused_with_its_line),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
		cmocka_unit_test(what_has_no_end_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
