/*
 * Steps of metrics over pages of a series table: what is dropped, what it is called afterwards, what becomes of series
 * that are equal without a label, and what is counted.
 */
#include "unit/series/table_bench.h"

#include <stdio.h>

#include "config/option.h"
#include "pipeline/chain_samples.h"

extern const struct step_type step_metric_add, step_metric_drop, step_metric_filter, step_metric_keep,
	step_metric_rename;

#define LIST(...)                     \
	(&(const struct option_list){ \
		.count = COUNT_OF(((const char *[]){ __VA_ARGS__ })), .items = (const char *[]){ __VA_ARGS__ } })
#define NO_LIST (&(const struct option_list){ 0 })
#define MAP(...)                                                                                 \
	(&(const struct option_map){ .count = COUNT_OF(((struct option_pair[]){ __VA_ARGS__ })), \
		.pairs = (const struct option_pair[]){ __VA_ARGS__ } })
#define NO_MAP (&(const struct option_map){ 0 })

/* Options, in the order of the structs of the steps. */
struct select_options {
	const struct option_map *where;
	const struct option_list *keys;
	unsigned gauges;
};
struct rename_options {
	const struct option_map *names, *fields;
};
struct add_options {
	const struct option_map *fields;
};

enum { REFUSE, SUM, MIN, MAX };

struct bench {
	struct table table;
	struct chain *chain;
	uint64_t dropped[STEPS_MAX];
};

static void add_step(struct bench *b, const struct step_type *type, const void *options)
{
	struct step *step;
	char why[256] = "";

	if (type->check && !type->check(options, why, sizeof why))
		fail_msg("%s: %s", type->name, why);
	assert_int_equal(type->create(options, NULL, &step), 0);
	assert_int_equal(chain_add(b->chain, type, step, &b->dropped[b->chain->count]), 0);
}

static void begin(struct bench *b)
{
	*b = (struct bench){ .table = table_of(&series_limits_default), .chain = chain_new() };
	chain_takes_samples(b->chain, b->table.series);
}

static void end(struct bench *b)
{
	series_free(b->table.series);
	chain_free(b->chain);
}

static struct series_counts page(struct bench *b, struct series_target *target, const char *text)
{
	struct series_counts c;
	uint64_t sum;

	series_begin(target);
	assert_int_equal(stage(target, EXPOSITION_TEXT, text), EXPOSITION_FINE);
	series_commit(target, &c);
	series_check(b->table.series);
	sum = c.merged + c.filtered;
	for (int i = 0; i < SERIES_DROPS; i++)
		sum += c.dropped[i];
	assert_int_equal(sum, c.received);
	return c;
}

static const char shop[] = "# TYPE go_threads gauge\n"
			   "go_threads 7\n"
			   "# TYPE http_requests_total counter\n"
			   "http_requests_total{path=\"/\",pod=\"a\",status=\"200\"} 3\n"
			   "http_requests_total{path=\"/health\",pod=\"a\",status=\"200\"} 100\n"
			   "http_requests_total{path=\"/\",pod=\"a\",status=\"503\"} 1\n"
			   "# HELP http_seconds How long.\n"
			   "# TYPE http_seconds histogram\n"
			   "http_seconds_bucket{pod=\"a\",le=\"1\"} 2\n"
			   "http_seconds_bucket{pod=\"a\",le=\"+Inf\"} 3\n"
			   "http_seconds_sum{pod=\"a\"} 4.5\n"
			   "http_seconds_count{pod=\"a\"} 3\n";

/* Samples of `shop` that stay. */
static uint64_t left(const struct option_map *where)
{
	struct series_counts c;
	struct bench b;

	begin(&b);
	add_step(&b, &step_metric_filter, &(struct select_options){ .where = where });
	c = page(&b, b.table.app, shop);
	assert_int_equal(b.dropped[0], c.filtered);
	assert_int_equal(c.received, 8);
	end(&b);
	return c.merged;
}

static void samples_are_chosen_by_name_type_and_labels(void **unused)
{
	(void)unused;
	assert_int_equal(left(MAP({ "name", "go_*" })), 1);
	assert_int_equal(left(MAP({ "name", "!go_*" })), 7);
	assert_int_equal(left(MAP({ "name", "http_seconds" })), 4);
	assert_int_equal(left(MAP({ "name", "http_seconds_bucket" })), 2);
	assert_int_equal(left(MAP({ "name", "!http_seconds_bucket" })), 6);
	assert_int_equal(left(MAP({ "name", "!http_seconds" })), 4);
	assert_int_equal(left(MAP({ "type", "counter|gauge" })), 4);
	assert_int_equal(left(MAP({ "type", "!histogram" })), 4);
	assert_int_equal(left(MAP({ "status", ">=500" })), 1);
	assert_int_equal(left(MAP({ "path", "!/health" })), 7);
	assert_int_equal(left(MAP({ "path", "/*" }, { "status", "<400" })), 2);
	assert_int_equal(left(MAP({ "labels.type", "*" })), 0);
	assert_int_equal(left(MAP({ "le", "+Inf" })), 1);
}

static void a_target_has_its_labels(void **unused)
{
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_drop, &(struct select_options){ MAP({ "part", "nginx" }, { "x", "1" }), NO_LIST });
	add_step(&b, &step_metric_rename, &(struct rename_options){ NO_MAP, MAP({ "part", "job" }) });
	page(&b, b.table.app, "a{part=\"nginx\",x=\"1\"} 1\na{part=\"php\"} 2\n");
	page(&b, b.table.nginx, "b{x=\"1\"} 1\nb{x=\"2\"} 2\nb{part=\"mine\",x=\"2\"} 3\n");
	assert_page(&b.table,
		"# TYPE a untyped\na{job=\"php\"} 2\n"
		"# TYPE b untyped\nb{job=\"nginx\",x=\"2\"} 2\nb{exported_part=\"mine\",job=\"nginx\",x=\"2\"} 3\n");
	end(&b);
}

static void labels_are_added_where_they_are_not(void **unused)
{
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_add,
		&(struct add_options){ MAP({ "team", "pay\"ments" }, { "a", "x" }, { "name.with", "dot" }) });
	page(&b, b.table.app, "a{a=\"own\"} 1\na{z=\"q\\\"\"} 2\n");
	assert_page(&b.table, "# TYPE a untyped\n"
			      "a{a=\"own\",name_with=\"dot\",team=\"pay\\\"ments\"} 1\n"
			      "a{a=\"x\",name_with=\"dot\",team=\"pay\\\"ments\",z=\"q\\\"\"} 2\n");
	end(&b);
}

static void a_renamed_metric_keeps_type_and_help(void **unused)
{
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_rename,
		&(struct rename_options){
			MAP({ "http_seconds", "web_seconds" }, { "http_requests_total", "web_requests_total" }),
			MAP({ "pod", "instance" }, { "path", "status" }) });
	add_step(&b, &step_metric_drop, &(struct select_options){ MAP({ "name", "http_*|go_*" }), NO_LIST });
	page(&b, b.table.app, shop);
	assert_page(&b.table, "# TYPE web_requests_total counter\n"
			      "web_requests_total{instance=\"a\",path=\"/\",status=\"200\"} 3\n"
			      "web_requests_total{instance=\"a\",path=\"/health\",status=\"200\"} 100\n"
			      "web_requests_total{instance=\"a\",path=\"/\",status=\"503\"} 1\n"
			      "# HELP web_seconds How long.\n"
			      "# TYPE web_seconds histogram\n"
			      "web_seconds_bucket{instance=\"a\",le=\"1\"} 2\n"
			      "web_seconds_bucket{instance=\"a\",le=\"+Inf\"} 3\n"
			      "web_seconds_sum{instance=\"a\"} 4.5\n"
			      "web_seconds_count{instance=\"a\"} 3\n");
	end(&b);
}

/* In OpenMetrics a counter's family is called without _total. */
static void a_counter_of_openmetrics_is_renamed_as_text_shows_it(void **unused)
{
	const struct rename_options names = { MAP({ "hits_total", "visits_total" }, { "build_info", "version" }),
		NO_MAP };
	struct series_counts c;
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_rename, &names);
	series_begin(b.table.app);
	assert_int_equal(stage(b.table.app, EXPOSITION_OPENMETRICS,
				 "# TYPE hits counter\nhits_total 3\nhits_created 1.5\n"
				 "# TYPE build info\nbuild_info{v=\"1\"} 1\n# EOF\n"),
		EXPOSITION_FINE);
	series_commit(b.table.app, &c);
	assert_int_equal(c.merged, 3);
	assert_page(&b.table, "# TYPE version gauge\nversion{v=\"1\"} 1\n"
			      "# TYPE visits_created gauge\nvisits_created 1.5\n"
			      "# TYPE visits_total counter\nvisits_total 3\n");
	end(&b);
}

static const char pods[] = "# TYPE c_total counter\n"
			   "c_total{pod=\"a\",x=\"1\"} 3\nc_total{pod=\"b\",x=\"1\"} 4\nc_total{pod=\"b\",x=\"2\"} 5\n"
			   "# TYPE g gauge\n"
			   "g{pod=\"a\"} 3\ng{pod=\"b\"} -1\n"
			   "# TYPE h histogram\n"
			   "h_bucket{pod=\"a\",le=\"1\"} 2\nh_bucket{pod=\"a\",le=\"+Inf\"} 3\n"
			   "h_sum{pod=\"a\"} 4.5\nh_count{pod=\"a\"} 3\n"
			   "h_bucket{pod=\"b\",le=\"1\"} 1\nh_bucket{pod=\"b\",le=\"+Inf\"} 1\n"
			   "h_sum{pod=\"b\"} 0.5\nh_count{pod=\"b\"} 1\n"
			   "# TYPE s summary\n"
			   "s{pod=\"a\",quantile=\"0.5\"} 1\ns_sum{pod=\"a\"} 1\ns_count{pod=\"a\"} 1\n"
			   "s{pod=\"b\",quantile=\"0.5\"} 2\ns_sum{pod=\"b\"} 2\ns_count{pod=\"b\"} 1\n"
			   "# TYPE u untyped\nu{pod=\"a\"} 1\nu{pod=\"b\"} 2\n"
			   "# TYPE w_total untyped\nw_total{pod=\"a\"} 1\nw_total{pod=\"b\"} 2\n";

static void assert_pods(unsigned gauges, const char *g, const char *u, uint64_t clashes)
{
	const struct select_options drop = { NO_MAP, LIST("pod"), gauges }, keep = { NO_MAP, LIST("x"), gauges };
	char wanted[1024];

	snprintf(wanted, sizeof wanted,
		"# TYPE c_total counter\nc_total{x=\"1\"} 7\nc_total{x=\"2\"} 5\n"
		"# TYPE g gauge\ng %s\n"
		"# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 5\nh_count 4\n"
		"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 3\ns_count 2\n"
		"# TYPE u untyped\nu %s\n"
		"# TYPE w_total untyped\nw_total 3\n",
		g, u);
	for (int i = 0; i < 2; i++) {
		struct series_counts c;
		struct bench b;
		begin(&b);
		add_step(&b, i ? &step_metric_keep : &step_metric_drop, i ? &keep : &drop);
		for (int k = 0; k < 3; k++) {
			c = page(&b, b.table.app, pods);
			assert_int_equal(c.dropped[SERIES_DROP_DUPLICATE], clashes);
			assert_page(&b.table, wanted);
		}
		end(&b);
	}
}

static void series_that_are_equal_without_a_label_become_one(void **unused)
{
	(void)unused;
	assert_pods(REFUSE, "3", "1", 3);
	assert_pods(SUM, "2", "3", 1);
	assert_pods(MIN, "-1", "1", 1);
	assert_pods(MAX, "3", "2", 1);
}

/* A series that lost no label is summed with those that did, and nothing else is. */
static void what_comes_twice_on_a_page_is_still_refused(void **unused)
{
	struct series_counts c;
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_drop, &(struct select_options){ NO_MAP, LIST("pod"), SUM });
	c = page(&b, b.table.app,
		"# TYPE a counter\na 1\na 1\na{pod=\"x\"} 3\n# TYPE b counter\nb{y=\"1\"} 1\nb{y=\"1\"} 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_DUPLICATE], 2);
	assert_page(&b.table, "# TYPE a counter\na 4\n# TYPE b counter\nb{y=\"1\"} 1\n");
	c = page(&b, b.table.nginx, "# TYPE a counter\na{part=\"\",pod=\"z\"} 1\n");
	assert_int_equal(c.merged, 1);
	c = page(&b, b.table.app, "# TYPE a counter\na{part=\"nginx\",pod=\"y\"} 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_DUPLICATE], 1); /* of another target */
	end(&b);
}

/* What an abandoned page had is not counted. */
static void drops_count_with_the_page(void **unused)
{
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_drop, &(struct select_options){ MAP({ "name", "a" }), NO_LIST });
	add_step(&b, &step_metric_filter, &(struct select_options){ .where = MAP({ "name", "!b" }) });
	series_begin(b.table.app);
	assert_int_equal(stage(b.table.app, EXPOSITION_TEXT, "a 1\n"), EXPOSITION_FINE);
	series_abandon(b.table.app);
	assert_int_equal(b.dropped[0], 0);
	page(&b, b.table.app, "a 1\nb 1\nc 1\n");
	assert_int_equal(b.dropped[0], 1);
	assert_int_equal(b.dropped[1], 1);
	end(&b);
}

/* The latest time, and an exemplar of any. */
static void a_merged_series_has_a_time_and_an_exemplar(void **unused)
{
	struct series_counts c;
	struct bench b;

	(void)unused;
	begin(&b);
	add_step(&b, &step_metric_drop, &(struct select_options){ NO_MAP, LIST("pod"), REFUSE });
	series_begin(b.table.app);
	assert_int_equal(stage(b.table.app, EXPOSITION_OPENMETRICS,
				 "# TYPE c counter\nc_total{pod=\"a\"} 1 2\nc_total{pod=\"b\"} 2 3 # {t=\"1\"} 1\n"
				 "c_total{pod=\"c\"} 3 1\n# EOF\n"),
		EXPOSITION_FINE);
	series_commit(b.table.app, &c);
	assert_page_of(&b.table, EXPOSITION_OPENMETRICS, "# TYPE c counter\nc_total 6 3.000 # {t=\"1\"} 1\n");
	end(&b);
}

static void assert_refused(const struct step_type *type, const void *options, const char *said)
{
	char why[256] = "";

	assert_false(type->check(options, why, sizeof why));
	if (!strstr(why, said))
		fail_msg("\"%s\" is not in \"%s\"", said, why);
}

static void options_that_mean_nothing_are_refused(void **unused)
{
	(void)unused;
	assert_refused(&step_metric_drop, &(struct select_options){ NO_MAP, NO_LIST }, "neither keys nor where");
	assert_refused(&step_metric_drop, &(struct select_options){ NO_MAP, LIST("le") }, "a histogram consists of le");
	assert_refused(&step_metric_keep, &(struct select_options){ NO_MAP, LIST("__name__") }, "names` of rename");
	assert_refused(&step_metric_filter, &(struct select_options){ MAP({ "type", "meter" }) }, "some of counter");
	assert_refused(&step_metric_filter, &(struct select_options){ MAP({ "labels.", "x" }) }, "a name");
	assert_refused(&step_metric_filter, &(struct select_options){ MAP({ "a", ">x" }) }, "and a number");
	assert_refused(&step_metric_add, &(struct add_options){ MAP({ "quantile", "1" }) }, "a summary of quantile");
	assert_refused(&step_metric_add, &(struct add_options){ MAP({ "a", "" }) }, "1 byte");
	assert_refused(&step_metric_rename, &(struct rename_options){ NO_MAP, NO_MAP }, "at least one");
	assert_refused(&step_metric_rename, &(struct rename_options){ MAP({ "a", "b\"" }), NO_MAP }, "without quotes");
	assert_refused(&step_metric_rename, &(struct rename_options){ NO_MAP, MAP({ "a", "le" }) }, "consists of le");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_chosen_by_name_type_and_labels),
		cmocka_unit_test(a_target_has_its_labels),
		cmocka_unit_test(labels_are_added_where_they_are_not),
		cmocka_unit_test(a_renamed_metric_keeps_type_and_help),
		cmocka_unit_test(a_counter_of_openmetrics_is_renamed_as_text_shows_it),
		cmocka_unit_test(series_that_are_equal_without_a_label_become_one),
		cmocka_unit_test(what_comes_twice_on_a_page_is_still_refused),
		cmocka_unit_test(drops_count_with_the_page),
		cmocka_unit_test(a_merged_series_has_a_time_and_an_exemplar),
		cmocka_unit_test(options_that_mean_nothing_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
