/*
 * The answer to a bulk, whole and in every pair of pieces, fine and broken.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "proto/bulk_answer.h"

struct seen {
	char text[2048];
	size_t size;
};

static void on_item(void *context, const struct bulk_item_answer *a)
{
	struct seen *s = context;

	s->size += (size_t)snprintf(s->text + s->size, sizeof s->text - s->size, "%u|%s|%s%s", a->status, a->type,
		a->reason, a->failure_store ? "|kept aside" : "");
	if (*a->cause_type || *a->cause)
		s->size += (size_t)snprintf(
			s->text + s->size, sizeof s->text - s->size, "<%s|%s", a->cause_type, a->cause);
	s->size += (size_t)snprintf(s->text + s->size, sizeof s->text - s->size, ";");
}

static bool read_in_two(const char *text, size_t cut, struct seen *seen)
{
	struct bulk_answer a;
	size_t size = strlen(text);

	memset(seen, 0, sizeof *seen);
	bulk_answer_init(&a, on_item, seen);
	if (cut > size)
		cut = size;
	return bulk_answer_feed(&a, text, cut) && bulk_answer_feed(&a, text + cut, size - cut) && bulk_answer_end(&a);
}

static const struct {
	const char *answer, *items;
} fine[] = {
	{ "{\"items\":[]}", "" },
	{ "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}", "201||;" },
	{ " {\n\"took\" : 3 , \"items\" : [ { \"create\" : { \"status\" : 409 , \"x\":[1,{\"status\":7}] } } ] } \n",
		"409||;" },
	{ "{\"items\":[{\"create\":{\"status\":429,\"error\":{\"type\":\"t\",\"reason\":\"r "
	  "\\\"q\\\"\",\"caused_by\":{\"type\":\"u\","
	  "\"reason\":\"deep\"}}}},{\"create\":{\"status\":201}}],\"took\":1.5e3}",
		"429|t|r \\\"q\\\"<u|deep;201||;" },
	{ "{\"items\":[{\"create\":{\"error\":{\"caused_by\":{\"caused_by\":{\"reason\":\"bottom\",\"type\":\"c\"},"
	  "\"type\":\"b\",\"reason\":\"middle\"},\"reason\":\"top\",\"type\":\"a\"},\"status\":400}},"
	  "{\"create\":{\"status\":400,\"error\":{\"type\":\"a\",\"suppressed\":[{\"type\":\"x\",\"reason\":\"no\"}],"
	  "\"caused_by\":null,\"reason\":\"top\",\"caused\":{\"reason\":\"no\"}}}},"
	  "{\"create\":{\"_shards\":{\"reason\":\"no\",\"caused_by\":{\"type\":\"no\"}},\"status\":500}}]}",
		"400|a|top<c|bottom;400|a|top;500||;" },
	{ "{\"items\":[{\"create\":{\"error\":\"old form\",\"status\":400}}]}", "400|old form|;" },
	{ "{\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201,\"failure_store\":\"used\"}},"
	  "{\"create\":{\"status\":201,\"failure_store\":\"used\"}},{\"create\":{\"status\":201}},"
	  "{\"create\":{\"failure_store\":\"not_enabled\",\"status\":400}}]}",
		"201||;201|||kept aside;201|||kept aside;201||;400||;" },
	{ "{\"status\":200,\"items\":[{\"create\":{}}]}", "0||;" },
	{ "{\"items\":[{\"create\":{\"status\":201}}],\"other\":[{\"create\":{\"status\":500}}]}", "201||;" },
	{ "{\"items\":[{\"create\":{\"status\":null,\"forced\":true}}]}", "0||;" },
	{ "{\"items\":[{\"create\":{\"status\":4294967497}},{\"create\":{\"status\":18446744073709551817}},"
	  "{\"create\":{\"status\":1201}}]}", /* the first two are 201 in 32 and 64 bits */
		"0||;0||;0||;" },
};

static const char *const broken[] = {
	"",
	"{",
	"[]",
	"{}",
	"{\"items\":[{\"create\":{\"status\":201}}]",
	"{\"items\":[}]",
	"{\"items\":[{\"create\":{\"status\":201}}]}x",
	"<html>502</html>",
	"{\"items\" [1]}",
	"{\"items\":[{\"create\":{\"status\":201]}}]}",
	"{items:[]}",
	"{\"a\n\":1,\"items\":[]}",
	"null",
	"\"items\"",
	"{\"items\":[{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]}",
};

static void fine_answers_in_any_pieces(void **state)
{
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		for (size_t cut = 0; cut <= strlen(fine[i].answer); cut++) {
			assert_true(read_in_two(fine[i].answer, cut, &seen));
			assert_string_equal(seen.text, fine[i].items);
		}
}

static void broken_answers_are_no_answers(void **state)
{
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		for (size_t cut = 0; cut <= strlen(broken[i]); cut++)
			assert_false(read_in_two(broken[i], cut, &seen));
}

static void every_prefix_is_cut_short(void **state)
{
	struct bulk_answer a;
	struct seen seen = { .size = 0 };
	const char *text = fine[3].answer;

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		seen.size = 0;
		bulk_answer_init(&a, on_item, &seen);
		assert_true(bulk_answer_feed(&a, text, n));
		assert_false(bulk_answer_end(&a));
	}
}

static void a_long_reason_is_cut(void **state)
{
	char text[3000] = "{\"items\":[{\"create\":{\"status\":400,\"error\":{\"reason\":\"";
	struct bulk_answer a;
	struct seen seen = { .size = 0 };

	(void)state;
	memset(text + strlen(text), 'r', 1500);
	strncat(text, "\"}}}]}", sizeof text - strlen(text) - 1);
	bulk_answer_init(&a, on_item, &seen);
	assert_true(bulk_answer_feed(&a, text, strlen(text)) && bulk_answer_end(&a));
	assert_int_equal(seen.size, strlen("400||;") + BULK_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fine_answers_in_any_pieces),
		cmocka_unit_test(broken_answers_are_no_answers),
		cmocka_unit_test(every_prefix_is_cut_short),
		cmocka_unit_test(a_long_reason_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
