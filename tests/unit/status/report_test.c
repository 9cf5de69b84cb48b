/*
 * What the agent says of itself: the ledger's balance term by term, the pages on /metrics, and the report as jansson
 * reads it.
 */
#include "unit/unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "loop/loop.h"
#include "status/report.h"

enum { ROOM = 1 << 20 };

/* The ledger. */

static void test_every_term_counts_against_what_came_in(void **state)
{
	struct ledger l = { NULL };
	struct ledger_row *row = ledger_row(&l, "logs", "in", "out");

	(void)state;
	for (int t = LEDGER_DELIVERED; t < LEDGER_TERMS; t++) {
		ledger_add(row, (enum ledger_term)t, 3, 30);
		assert_true(ledger_imbalance(row) == -3);
		ledger_add(row, LEDGER_RECEIVED, 3, 30);
		assert_true(ledger_imbalance(row) == 0);
	}
	ledger_take(row, LEDGER_HELD, 1, 10);
	assert_true(ledger_imbalance(row) == 1);
	assert_true(row->live->term[LEDGER_HELD].bytes == 20);
	ledger_done(&l);
}

/* As a damaged disk gives them back: no sum of theirs may overflow. */
static void test_any_numbers_have_an_imbalance(void **state)
{
	struct ledger l = { NULL };
	struct ledger_row *row = ledger_row(&l, "logs", "in", "out");

	(void)state;
	row->live->term[LEDGER_RECEIVED].records = UINT64_C(1) << 63;
	row->live->term[LEDGER_DELIVERED].records = INT64_MAX;
	assert_true(ledger_imbalance(row) == 1);
	ledger_done(&l);
}

static void test_a_pair_has_one_row(void **state)
{
	struct ledger l = { NULL };
	struct ledger_row *row = ledger_row(&l, "logs", "in", "out");
	char key[64];

	(void)state;
	assert_ptr_equal(ledger_row(&l, "logs", "in", "out"), row);
	assert_ptr_not_equal(ledger_row(&l, "traces", "in", "out"), row);
	assert_ptr_not_equal(ledger_row(&l, "logs", "in2", "out"), row);
	assert_ptr_not_equal(ledger_row(&l, "logs", "in", "out2"), row);
	ledger_key(row, key, sizeof key);
	assert_string_equal(key, "logs in out");
	ledger_key(row, key, 8);
	assert_string_equal(key, "logs in");
	ledger_done(&l);
}

static void test_terms_have_names(void **state)
{
	(void)state;
	for (int t = 0; t < LEDGER_TERMS; t++) {
		bool dropped = strcmp(ledger_term_name((enum ledger_term)t), "dropped") == 0;
		assert_true(*ledger_term_name((enum ledger_term)t));
		assert_true(dropped == (*ledger_term_reason((enum ledger_term)t) != '\0'));
	}
}

/* Counters. */

static double read_half(void *context)
{
	return *(const double *)context;
}

static void test_rows_of_a_name_stand_together(void **state)
{
	struct counters all = { NULL };
	struct counter *a = counter_row(&all, COUNTER_GROWS, "a_total", "x=\"1\"", "As.");
	struct buffer page;

	(void)state;
	counter_row(&all, COUNTER_GAUGE, "b", "", "Bs.")->value = 7;
	counter_row(&all, COUNTER_GROWS, "a_total", "x=\"2\"", "As.")->value = UINT64_MAX;
	assert_ptr_equal(counter_row(&all, COUNTER_GROWS, "a_total", "x=\"1\"", "As."), a);
	a->value = 3;
	buffer_init(&page, ROOM);
	assert_int_equal(counters_write(&all, &page, false), 0);
	assert_true(bytes_are(buffer_bytes(&page), "# HELP oxpecker_a_total As.\n"
						   "# TYPE oxpecker_a_total counter\n"
						   "oxpecker_a_total{x=\"1\"} 3\n"
						   "oxpecker_a_total{x=\"2\"} 18446744073709551615\n"
						   "# HELP oxpecker_b Bs.\n"
						   "# TYPE oxpecker_b gauge\n"
						   "oxpecker_b 7\n"));
	buffer_clear(&page);
	assert_int_equal(counters_write(&all, &page, true), 0);
	assert_true(bytes_are(buffer_bytes(&page), "# HELP oxpecker_a As.\n"
						   "# TYPE oxpecker_a counter\n"
						   "oxpecker_a_total{x=\"1\"} 3\n"
						   "oxpecker_a_total{x=\"2\"} 18446744073709551615\n"
						   "# HELP oxpecker_b Bs.\n"
						   "# TYPE oxpecker_b gauge\n"
						   "oxpecker_b 7\n"));
	buffer_done(&page);
	counters_done(&all);
}

static void test_rows_stand_in_the_order_of_their_names(void **state)
{
	static const char *const names[] = { "b", "a_total", "c", "a", "b", "aa" }, *const wanted[] = { "a", "a_total",
		"aa", "b", "b", "c" };
	struct counters all = { NULL };
	size_t i = 0;

	(void)state;
	for (size_t k = 0; k < COUNT_OF(names); k++) {
		char labels[16];
		snprintf(labels, sizeof labels, "x=\"%zu\"", k);
		counter_row(&all, COUNTER_GAUGE, names[k], labels, "")->value = k;
	}
	for (const struct counter *row = all.first; row; row = row->next)
		assert_string_equal(row->name, wanted[i++]);
	assert_int_equal(i, COUNT_OF(wanted));
	assert_int_equal(all.first->next->next->next->value, 0); /* the first of two stands first */
	counters_done(&all);
}

static void fill(struct counters *counters, struct ledger *ledger, double *half)
{
	struct counter *asked = counter_row(counters, COUNTER_GAUGE, "load_ratio", "", "Asked when it is shown.");
	struct ledger_row *row = ledger_row(ledger, "logs", "logs.collect.tail", "logs.export.es");

	asked->read = read_half;
	asked->context = half;
	counter_row(counters, COUNTER_GROWS, "lines_total", "component=\"logs.collect.tail\"", "Lines.")->value = 12;
	counter_row(counters, COUNTER_GROWS, "lines_total", "component=\"logs.collect.b\"", "Lines.")->value = 1;
	ledger_add(row, LEDGER_RECEIVED, 10, 1000);
	ledger_add(row, LEDGER_DELIVERED, 7, 700);
	ledger_add(row, LEDGER_HELD, 2, 200);
	ledger_add(row, LEDGER_DROPPED_EXIT, 1, 100);
	ledger_row(ledger, "metrics", "metrics.collect.scrape", "metrics");
}

static void test_slices_add_up(void **state)
{
	struct loop_slices slices = { .counts = { 5, 4, 3 }, .sum_ns = 2500000 };
	struct buffer page;

	(void)state;
	slices.counts[LOOP_SLICE_BUCKETS] = 1;
	buffer_init(&page, ROOM);
	assert_int_equal(report_slices(&slices, &page), 0);
	assert_int_equal(buffer_append(&page, "", 1), 0);
	assert_non_null(strstr(page.data, "_bucket{le=\"+Inf\"} 13\n"));
	assert_non_null(strstr(page.data, "_count 13\n"));
	assert_non_null(strstr(page.data, "_sum 0.002500000\n"));
	assert_null(strstr(page.data, "} 14\n"));
	for (int i = 0; i < LOOP_SLICE_BUCKETS; i++) {
		char name[32];
		snprintf(name, sizeof name, "%g", loop_slice_bounds[i]);
		assert_string_equal(loop_slice_names[i], name);
	}
	buffer_done(&page);
}

/* The report. */

static void write_section(void *context, const char *name, struct json_writer *w)
{
	json_put_raw(w, name, bytes_of(context));
}

static json_t *parsed(const struct report *r)
{
	struct buffer out;
	json_error_t error;
	json_t *root;

	buffer_init(&out, REPORT_MAX);
	assert_int_equal(report_write(r, (struct wall_time){ r->started.ns + 2500000000 }, &out), 0);
	root = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s at %d", error.text, error.position);
	buffer_done(&out);
	return root;
}

static json_int_t records(const json_t *row, const char *term)
{
	return json_integer_value(json_object_get(json_object_get(row, term), "records"));
}

static void assert_ledger(const json_t *rows)
{
	const json_t *row = json_array_get(rows, 0), *empty = json_array_get(rows, 1);

	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(json_string_value(json_object_get(row, "source")), "logs.collect.tail");
	assert_string_equal(json_string_value(json_object_get(row, "signal")), "logs");
	assert_int_equal(records(row, "received"), 10);
	assert_int_equal(records(row, "delivered"), 7);
	assert_int_equal(records(row, "held"), 2);
	assert_int_equal(records(json_object_get(row, "dropped"), "exit"), 1);
	assert_int_equal(json_object_size(json_object_get(row, "dropped")), 1);
	assert_int_equal(json_integer_value(json_object_get(row, "balance")), 0);
	assert_true(json_is_integer(json_object_get(row, "balance")));
	assert_int_equal(json_object_size(json_object_get(empty, "dropped")), 0);
}

static void test_the_report_is_json(void **state)
{
	struct counters counters = { NULL };
	struct ledger ledger = { NULL };
	double half = 0.5;
	struct report r = { .ledger = &ledger, .counters = &counters, .version = "1.2.3", .started = { 1000000000 } };
	char section[] = "[1,2]";
	json_t *root;

	(void)state;
	fill(&counters, &ledger, &half);
	report_add(&r, "checks", write_section, section);
	root = parsed(&r);
	assert_string_equal(json_string_value(json_object_get(root, "version")), "1.2.3");
	assert_string_equal(json_string_value(json_object_get(root, "started")), "1970-01-01T00:00:01.000Z");
	assert_true(fabs(json_real_value(json_object_get(root, "uptime_seconds")) - 2.5) < 1e-6);
	assert_int_equal(json_array_size(json_object_get(root, "checks")), 2);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 3);
	assert_ledger(json_object_get(root, "ledger"));
	json_decref(root);
	counters_done(&counters);
	ledger_done(&ledger);
}

static void test_a_report_of_nothing_is_json(void **state)
{
	struct counters counters = { NULL };
	struct ledger ledger = { NULL };
	struct report r = { .ledger = &ledger, .counters = &counters, .version = "" };
	json_t *root = parsed(&r);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(root, "ledger")), 0);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 0);
	json_decref(root);
}

/* Whatever ceiling cuts it, it says so. */
static void test_without_room_each_page_fails(void **state)
{
	struct counters counters = { NULL };
	struct ledger ledger = { NULL };
	double half = 0.5;
	struct report r = { .ledger = &ledger, .counters = &counters, .version = "1.2.3" };
	size_t whole;
	struct buffer out;

	(void)state;
	fill(&counters, &ledger, &half);
	buffer_init(&out, ROOM);
	assert_int_equal(report_write(&r, r.started, &out), 0);
	whole = out.size;
	buffer_done(&out);
	for (size_t ceiling = 0; ceiling < whole; ceiling += 7) {
		buffer_init(&out, ceiling);
		assert_int_equal(report_write(&r, r.started, &out), -ENOSPC);
		buffer_check(&out);
		buffer_done(&out);
		buffer_init(&out, ceiling < 100 ? ceiling : 100);
		assert_int_equal(counters_write(&counters, &out, false), -ENOSPC);
		assert_int_equal(report_ledger_metrics(&ledger, &out), -ENOSPC);
		buffer_done(&out);
	}
	counters_done(&counters);
	ledger_done(&ledger);
}

static void test_a_move_keeps_the_balance(void **state)
{
	struct ledger_terms t = { .term = { [LEDGER_RECEIVED] = { 5, 50 }, [LEDGER_PARKED] = { 5, 50 } } };
	struct ledger_row row = { .live = &t };

	(void)state;
	ledger_move(&t, LEDGER_PARKED, LEDGER_DELIVERED, &(struct ledger_amount){ 3, 30 });
	assert_int_equal(t.term[LEDGER_PARKED].records, 2);
	assert_int_equal(t.term[LEDGER_DELIVERED].bytes, 30);
	assert_int_equal(t.term[LEDGER_RECEIVED].records, 5);
	ledger_move(&t, LEDGER_PARKED, LEDGER_REJECTED, &(struct ledger_amount){ 4, 10 });
	assert_int_equal(t.term[LEDGER_PARKED].records, 0);
	assert_int_equal(t.term[LEDGER_PARKED].bytes, 10);
	assert_int_equal(t.term[LEDGER_RECEIVED].records, 7); /* two that it never knew of */
	assert_int_equal(ledger_imbalance(&row), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_term_counts_against_what_came_in),
		cmocka_unit_test(test_any_numbers_have_an_imbalance),
		cmocka_unit_test(test_a_pair_has_one_row),
		cmocka_unit_test(test_terms_have_names),
		cmocka_unit_test(test_a_move_keeps_the_balance),
		cmocka_unit_test(test_rows_of_a_name_stand_together),
		cmocka_unit_test(test_rows_stand_in_the_order_of_their_names),
		cmocka_unit_test(test_slices_add_up),
		cmocka_unit_test(test_the_report_is_json),
		cmocka_unit_test(test_a_report_of_nothing_is_json),
		cmocka_unit_test(test_without_room_each_page_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
