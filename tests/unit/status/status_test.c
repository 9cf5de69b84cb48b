/*
 * The ledger balances or says by how much not; counters and report are what their formats ask for.
 */
#include "unit/unit.h"

#include <jansson.h>
#include <string.h>

#include "status/report.h"

static void a_row_balances_or_tells(void **state)
{
	struct ledger ledger = { NULL };
	struct ledger_row *row = ledger_row(&ledger, "logs", "in", "out");

	(void)state;
	assert_ptr_equal(row, ledger_row(&ledger, "logs", "in", "out"));
	assert_ptr_not_equal(row, ledger_row(&ledger, "logs", "in", "other"));
	ledger_add(row, LEDGER_RECEIVED, 10, 100);
	assert_int_equal(ledger_imbalance(row), 10);
	ledger_add(row, LEDGER_HELD, 10, 100);
	assert_int_equal(ledger_imbalance(row), 0);
	ledger_take(row, LEDGER_HELD, 4, 40);
	ledger_add(row, LEDGER_DELIVERED, 3, 30);
	assert_int_equal(ledger_imbalance(row), 1);
	ledger_add(row, LEDGER_DROPPED_EXIT, 1, 10);
	assert_int_equal(ledger_imbalance(row), 0);
	ledger_done(&ledger);
}

static void counters_of_one_name_stand_together(void **state)
{
	struct counters all = { NULL };
	struct counter *a = counter_row(&all, COUNTER_GROWS, "a_total", "component=\"x\"", "One.");
	struct buffer out;

	(void)state;
	counter_row(&all, COUNTER_GAUGE, "b", "", "Two.")->value = 7;
	counter_row(&all, COUNTER_GROWS, "a_total", "component=\"y\"", "One.");
	a->value = 3;
	assert_ptr_equal(a, counter_row(&all, COUNTER_GROWS, "a_total", "component=\"x\"", "One."));
	buffer_init(&out, 4096);
	assert_int_equal(counters_write(&all, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_string_equal(out.data, "# HELP oxpecker_a_total One.\n# TYPE oxpecker_a_total counter\n"
				      "oxpecker_a_total{component=\"x\"} 3\noxpecker_a_total{component=\"y\"} 0\n"
				      "# HELP oxpecker_b Two.\n# TYPE oxpecker_b gauge\noxpecker_b 7\n");
	buffer_done(&out);
	counters_done(&all);
}

static void the_report_is_json(void **state)
{
	struct ledger ledger = { NULL };
	struct counters all = { NULL };
	struct report report = { .ledger = &ledger, .counters = &all, .version = "1" };
	struct ledger_row *row = ledger_row(&ledger, "traces", "a \"name\"", "out");
	struct buffer out;
	json_t *json, *first;

	(void)state;
	ledger_add(row, LEDGER_RECEIVED, 2, 20);
	ledger_add(row, LEDGER_DROPPED_KILLED, 2, 20);
	buffer_init(&out, REPORT_MAX);
	assert_int_equal(report_write(&report, (struct wall_time){ 5000000000 }, &out), 0);
	json = json_loadb(out.data, out.size, 0, NULL);
	assert_non_null(json);
	first = json_array_get(json_object_get(json, "ledger"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "source")), "a \"name\"");
	assert_int_equal(json_integer_value(json_object_get(first, "balance")), 0);
	first = json_object_get(json_object_get(first, "dropped"), "killed");
	assert_int_equal(json_integer_value(json_object_get(first, "records")), 2);
	json_decref(json);
	buffer_done(&out);
	ledger_done(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_balances_or_tells),
		cmocka_unit_test(counters_of_one_name_stand_together),
		cmocka_unit_test(the_report_is_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
