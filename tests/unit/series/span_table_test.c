/*
 * The span table: what is counted is on the page, once, under its ceilings, and goes again.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "series/span_sets.h"
#include "series/table.h"
#include "series/write.h"

enum { PAGE = 4 << 20, MS = 1000000 };

static const uint64_t bounds[] = { 2 * MS, 100 * MS, 1400 * (uint64_t)MS };
static const char *const dimensions[] = { "http_route" };
static const struct series_limits limits = { .series = 1000, .family_series = 500, .bytes = 1 << 20 };

struct world {
	struct series *series;
	struct span_table *table;
	uint64_t beyond;
	size_t taken, most; /* of memory and page; 0: there is no end */
	struct mono_time now;
};

static bool take(void *context, size_t bytes)
{
	struct world *w = context;

	if (w->most > 0 && w->taken + bytes > w->most)
		return false;
	w->taken += bytes;
	return true;
}

static void give(void *context, size_t bytes)
{
	struct world *w = context;

	assert_true(w->taken >= bytes);
	w->taken -= bytes;
}

static struct world *world_of(const struct span_table_options *changes)
{
	struct world *w = calloc(1, sizeof *w);
	struct series_limits l = limits;
	struct span_table_options o = *changes;

	l.take = take;
	l.give = give;
	l.context = w;
	w->series = series_new(&l, 17);
	w->now = (struct mono_time){ 1000 };
	o.bounds_ns = bounds;
	o.bound_count = COUNT_OF(bounds);
	o.sets = o.sets ? o.sets : 10;
	o.beyond = &w->beyond;
	assert_int_equal(span_table_new(w->series, &o, &w->table), 0);
	return w;
}

static void end(struct world *w)
{
	span_table_free(w->table);
	series_check(w->series);
	series_free(w->series);
	assert_int_equal(w->taken, 0);
	free(w);
}

static bool add(struct world *w, struct span_tally *tally, const char *name, unsigned kind, uint64_t ms)
{
	const struct bytes route = bytes_of("/x");

	return span_tally_add(tally,
		&(struct span_counted){ .service = bytes_of("shop"),
			.name = bytes_of(name),
			.kind = kind,
			.status = 2,
			.dimensions = &route,
			.duration_ns = ms * MS },
		w->now);
}

static void finish(struct world *w, struct span_tally *tally, bool taken)
{
	span_tally_close(tally);
	span_tally_end(tally, taken, w->now, (struct wall_time){ 1700000000123000000 });
	series_check(w->series);
}

static void count(struct world *w, const char *name, uint64_t ms)
{
	struct span_tally *tally = span_tally_new(w->table);

	add(w, tally, name, 2, ms);
	finish(w, tally, true);
}

/* The caller frees it. */
static char *page_in(struct world *w, enum exposition_format format, size_t budget)
{
	struct series_cursor c;
	struct buffer b;
	int more;

	buffer_init(&b, PAGE);
	series_cursor_init(&c, w->series, format);
	while ((more = series_write_some(&c, &b, budget)) == 1)
		;
	assert_int_equal(more, 0);
	assert_true(b.size <= series_page_max(w->series));
	assert_int_equal(buffer_append(&b, "", 1), 0);
	return b.data;
}

static char *page_of(struct world *w, enum exposition_format format)
{
	char *whole = page_in(w, format, PAGE);

	for (size_t budget = 1; budget < strlen(whole); budget = budget * 3 + 1) {
		char *other = page_in(w, format, budget);
		assert_string_equal(other, whole);
		free(other);
	}
	return whole;
}

static void assert_page(struct world *w, enum exposition_format format, const char *wanted)
{
	char *page = page_of(w, format);

	assert_string_equal(page, wanted);
	free(page);
}

static bool shows(struct world *w, const char *text)
{
	char *page = page_of(w, EXPOSITION_OPENMETRICS);
	bool there = strstr(page, text) != NULL;

	free(page);
	return there;
}

#define LABELS \
	"service_name=\"shop\",span_kind=\"SPAN_KIND_SERVER\",span_name=\"GET /\",status_code=\"STATUS_CODE_ERROR\""
#define MILLISECONDS "traces_span_metrics_duration_milliseconds"

static void a_span_is_a_call_and_a_duration(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ 0 });

	(void)state;
	assert_page(w, EXPOSITION_TEXT, "");
	count(w, "GET /", 2);
	count(w, "GET /", 3);
	count(w, "GET /", 2000);
	assert_page(w, EXPOSITION_TEXT,
		"# HELP traces_span_metrics_calls_total Spans, by what they are about.\n"
		"# TYPE traces_span_metrics_calls_total counter\n"
		"traces_span_metrics_calls_total{" LABELS "} 3\n"
		"# HELP " MILLISECONDS " How long spans took.\n"
		"# TYPE " MILLISECONDS " histogram\n" MILLISECONDS "_bucket{" LABELS ",le=\"2\"} 1\n" MILLISECONDS
		"_bucket{" LABELS ",le=\"100\"} 2\n" MILLISECONDS "_bucket{" LABELS ",le=\"1400\"} 2\n" MILLISECONDS
		"_bucket{" LABELS ",le=\"+Inf\"} 3\n" MILLISECONDS "_sum{" LABELS "} 2005\n" MILLISECONDS
		"_count{" LABELS "} 3\n");
	assert_int_equal(w->table->map.count, 1);
	end(w);
}

static void names_are_those_of_others(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .names = SPAN_NAMES_TEMPO });

	(void)state;
	count(w, "GET /", 3);
	assert_true(shows(w, "\ntraces_spanmetrics_calls_total{service=\"shop\",span_kind="));
	assert_true(shows(w, "\ntraces_spanmetrics_latency_bucket{service=\"shop\","));
	assert_true(shows(w, ",le=\"0.002\"} 0\n"));
	assert_true(shows(w, "\ntraces_spanmetrics_latency_sum{"));
	end(w);
	w = world_of(&(struct span_table_options){ .names = SPAN_NAMES_SECONDS });
	count(w, "GET /", 3);
	assert_true(shows(w, "\n# TYPE traces_span_metrics_duration_seconds histogram\n"));
	assert_true(shows(w, "\ntraces_span_metrics_duration_seconds_sum{" LABELS "} 0.003\n"));
	end(w);
}

static void labels_are_escaped_mended_and_cut(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .dimensions = dimensions, .dimension_count = 1 });
	char lang[200] = "";

	(void)state;
	count(w, "a\"b\\c\nd\xff", 1);
	assert_true(shows(
		w, "span_name=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\",status_code=\"STATUS_CODE_ERROR\",http_route=\"/x\"}"));
	lang[0] = 'x';
	for (size_t i = 1; i < 131; i += 2)
		memcpy(lang + i, "é", 3);
	count(w, lang, 1); /* its 128th byte is half of a character */
	memcpy(lang + 129, " and more", 10);
	count(w, lang, 1);
	memcpy(lang + 127, "\",", 3);
	assert_true(shows(w, lang));
	assert_int_equal(w->table->map.count, 2);
	end(w);
}

static void what_is_not_taken_is_not_counted(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ 0 });
	struct span_tally *first = span_tally_new(w->table), *second;

	(void)state;
	add(w, first, "GET /", 2, 1);
	span_tally_close(first);
	second = span_tally_new(w->table);
	add(w, second, "GET /", 2, 1);
	add(w, second, "GET /", 2, 1);
	assert_page(w, EXPOSITION_TEXT, "");
	finish(w, second, true);
	assert_true(shows(w, "calls_total{" LABELS "} 2\n"));
	span_tally_end(first, false, w->now, (struct wall_time){ 0 });
	assert_true(shows(w, "calls_total{" LABELS "} 2\n"));
	end(w);
}

/* Names beyond the ceiling are one set, and of the first ones none is lost. */
static void too_many_names_are_one(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .sets = 5 });
	char name[16];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 40; i++) {
			snprintf(name, sizeof name, "GET /%d", i);
			count(w, name, 1);
		}
	assert_int_equal(w->table->map.count, 5);
	assert_int_equal(w->beyond, 70);
	assert_true(shows(w, "calls_total{otel_metric_overflow=\"true\",service_name=\"other\",span_kind=\"other\","
			     "span_name=\"other\",status_code=\"other\"} 70\n"));
	assert_true(shows(w, "span_name=\"GET /4\",status_code=\"STATUS_CODE_ERROR\"} 2\n"));
	end(w);
}

/* Each set is 3 buckets, +Inf, sum, count and calls: 7 series, of which 6 are of one family. */
static void the_ceilings_of_series_hold(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .sets = 10000 });
	char name[16];

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "GET /%d", i);
		count(w, name, 1);
	}
	assert_int_equal(w->table->map.count, limits.family_series / 6 - 1);
	assert_true(w->beyond > 0 && w->series->counted <= limits.series);
	end(w);
}

static void without_memory_spans_count_all_the_same(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .sets = 10000, .age = DURATION_S(60) });

	(void)state;
	count(w, "first", 1);
	w->most = w->taken + 100;
	for (int i = 0; i < 10; i++)
		count(w, "second", 1);
	assert_int_equal(w->beyond, 11 - 1);
	w->most = 0;
	count(w, "second", 1); /* it is not tried again at once */
	assert_int_equal(w->beyond, 11);
	w->now.ns += DURATION_S(1).ns;
	count(w, "second", 1);
	assert_int_equal(w->beyond, 11);
	end(w);
}

static void a_set_goes_when_no_span_touches_it(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .sets = 2, .age = DURATION_S(60) });
	struct span_tally *waits;

	(void)state;
	count(w, "old", 1);
	count(w, "held", 1);
	waits = span_tally_new(w->table);
	add(w, waits, "held", 2, 1);
	span_tally_close(waits);
	w->now.ns += DURATION_S(61).ns;
	count(w, "new", 1); /* takes the place of the old one */
	assert_int_equal(w->beyond, 0);
	assert_true(!shows(w, "\"old\"") && shows(w, "\"held\"") && shows(w, "\"new\""));
	series_age(w->series, w->now);
	assert_true(shows(w, "\"held\"")); /* a batch that is on its way has a span of it */
	span_tally_end(waits, true, w->now, (struct wall_time){ 0 });
	w->now.ns += DURATION_S(61).ns;
	series_age(w->series, w->now);
	assert_page(w, EXPOSITION_TEXT, "");
	count(w, "old", 1);
	assert_true(shows(w, "\"old\",status_code=\"STATUS_CODE_ERROR\"} 1\n"));
	end(w);
}

static void exemplar(struct world *w, uint64_t ms, char id)
{
	struct span_tally *tally = span_tally_new(w->table);
	char ids[16];

	memset(ids, id, sizeof ids);
	if (add(w, tally, "GET /", 2, ms))
		span_tally_exemplar(tally, (struct bytes){ ids, 16 }, (struct bytes){ ids, 8 });
	finish(w, tally, true);
}

#define EXEMPLAR(id, value)                                                                                       \
	" # {trace_id=\"" id id id id id id id id id id id id id id id id "\",span_id=\"" id id id id id id id id \
	"\"} " value " 1700000000.123\n"

static void openmetrics_has_exemplars_one_a_bucket_and_not_too_often(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .exemplars = true });
	char *page;

	(void)state;
	exemplar(w, 5, 0x11);
	exemplar(w, 6, 0x22);
	exemplar(w, 2000, 0x33);
	assert_true(shows(w, "# TYPE traces_span_metrics_calls counter\ntraces_span_metrics_calls_total{"));
	assert_true(shows(w, ",le=\"2\"} 0\n"));
	assert_true(shows(w, ",le=\"100\"} 2" EXEMPLAR("11", "5")));
	assert_true(shows(w, ",le=\"+Inf\"} 3" EXEMPLAR("33", "2000")));
	w->now.ns += DURATION_S(SPAN_EXEMPLAR_EVERY_S).ns;
	exemplar(w, 7, 0x44);
	assert_true(shows(w, ",le=\"100\"} 3" EXEMPLAR("44", "7")));
	page = page_of(w, EXPOSITION_TEXT);
	assert_null(strstr(page, "trace_id"));
	free(page);
	end(w);
}

/* A page in the making, and sets that come and go between any two slices. */
static void a_page_survives_sets_that_go(void **state)
{
	struct world *w = world_of(&(struct span_table_options){ .sets = 20, .age = DURATION_S(1) });
	struct series_cursor c;
	struct buffer b;
	char name[16];
	int more = 1;

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "GET /%d", i);
		count(w, name, 1);
		w->now.ns += DURATION_MS(100).ns;
	}
	buffer_init(&b, PAGE);
	series_cursor_init(&c, w->series, EXPOSITION_TEXT);
	for (int i = 0; more == 1; i++) {
		more = series_write_some(&c, &b, 300);
		w->now.ns += DURATION_MS(50).ns;
		series_age(w->series, w->now);
		snprintf(name, sizeof name, "GET /%d", 50 + i);
		count(w, name, 1);
	}
	assert_int_equal(more, 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_non_null(strstr(b.data, "calls_total"));
	assert_non_null(strstr(b.data, "_count{"));
	buffer_done(&b);
	end(w);
}

static void its_names_are_reserved(void **state)
{
	static const char page[] = "traces_span_metrics_calls_total{a=\"b\"} 1\ntraces_span_metric 1\n";
	struct world *w = world_of(&(struct span_table_options){ 0 });
	struct series_target *target;
	struct exposition_parser p;
	struct series_counts counts;
	struct span_table *second;

	(void)state;
	assert_int_equal(
		span_table_new(w->series, &(struct span_table_options){ .bounds_ns = bounds }, &second), -EEXIST);
	assert_int_equal(series_target_new(w->series, NULL, 0, &target), 0);
	series_begin(target);
	exposition_init(&p, EXPOSITION_TEXT, &exposition_limits_default, &series_events, target);
	exposition_feed(&p, page, strlen(page));
	assert_int_equal(exposition_end(&p), EXPOSITION_FINE);
	exposition_done(&p);
	series_commit(target, &counts);
	assert_int_equal(counts.dropped[SERIES_DROP_RESERVED], 1);
	assert_int_equal(counts.merged, 1);
	series_target_free(target);
	end(w);
}

static void a_label_is_not_one_of_the_tables_own(void **state)
{
	char to[64];

	(void)state;
	assert_true(span_label_name(bytes_of("http.request.method"), to));
	assert_string_equal(to, "http_request_method");
	assert_true(span_label_name(bytes_of("1st"), to));
	assert_string_equal(to, "_st");
	assert_false(span_label_name(bytes_of("service.name"), to));
	assert_false(span_label_name(bytes_of("le"), to));
	assert_false(span_label_name(bytes_of(""), to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_span_is_a_call_and_a_duration),
		cmocka_unit_test(names_are_those_of_others),
		cmocka_unit_test(labels_are_escaped_mended_and_cut),
		cmocka_unit_test(what_is_not_taken_is_not_counted),
		cmocka_unit_test(too_many_names_are_one),
		cmocka_unit_test(the_ceilings_of_series_hold),
		cmocka_unit_test(without_memory_spans_count_all_the_same),
		cmocka_unit_test(a_set_goes_when_no_span_touches_it),
		cmocka_unit_test(openmetrics_has_exemplars_one_a_bucket_and_not_too_often),
		cmocka_unit_test(a_page_survives_sets_that_go),
		cmocka_unit_test(its_names_are_reserved),
		cmocka_unit_test(a_label_is_not_one_of_the_tables_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
