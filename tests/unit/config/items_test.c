/*
 * A list of mappings with rows of their own: what is read, what is said of what is wrong, and how it is printed.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/config/sample.h"

struct loaded {
	struct sample sample;
	struct config *config;
	struct buffer said; /* the errors, terminated */
};

#define TAIL "logs:\n  collect:\n    tail:\n      paths: [a]\n      labels: { x: \"${HOST}\" }\n"

static void load(struct loaded *l, const char *text)
{
	memset(l, 0, sizeof *l);
	l->config = config_new(sample_sections, &l->sample);
	buffer_init(&l->said, 1 << 20);
	(void)!config_load(l->config, &(struct config_input){ "f.yaml", bytes_of(text), NULL, &sample_world });
	assert_int_equal(config_errors_print(&l->config->errors, false, &l->said), 0);
	assert_int_equal(buffer_append(&l->said, "", 1), 0);
}

static void unload(struct loaded *l)
{
	config_free(l->config);
	buffer_done(&l->said);
}

static const struct option_items *rules_of(const struct loaded *l)
{
	const struct sample_tail *tail = config_components(l->config, "logs.collect")->options;

	assert_string_equal(tail->labels->pairs[0].value, "elasticsearch");
	return tail->rules;
}

static void each_mapping_has_its_own_defaults(void **state)
{
	struct loaded l;
	const struct sample_rule *rules;

	(void)state;
	load(&l, TAIL "      rules:\n"
		      "        - { find: 'a', in: b, format: JSON }\n"
		      "        - find: b\n          put: \"\"\n          in: [c, d]\n          format: CRI\n"
		      "          most: 4\n");
	assert_string_equal(l.said.data, "");
	assert_int_equal(rules_of(&l)->count, 2);
	rules = rules_of(&l)->items;
	assert_string_equal(rules[0].put, "$1");
	assert_true(rules[0].in->count == 1 && rules[0].format == SAMPLE_JSON && rules[0].most == 1);
	assert_string_equal(rules[1].put, "");
	assert_true(rules[1].in->count == 2 && rules[1].format == SAMPLE_CRI && rules[1].most == 4);
	unload(&l);
	load(&l, TAIL);
	assert_int_equal(rules_of(&l)->count, 0);
	unload(&l);
}

/* Neither in what is written, nor where ${…} would be an error. */
static void a_dollar_sign_is_one(void **state)
{
	struct loaded l;
	const struct sample_rule *rules;

	(void)state;
	load(&l, TAIL "      rules: [{ find: \"a$\", put: \"$$1${1}${HOST}$\", in: [\"${NOBODY}\"] }]\n");
	assert_string_equal(l.said.data, "");
	rules = rules_of(&l)->items;
	assert_string_equal(rules[0].find, "a$");
	assert_string_equal(rules[0].put, "$$1${1}${HOST}$");
	assert_string_equal(rules[0].in->items[0], "${NOBODY}");
	unload(&l);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const char *const rows[][2] = {
		{ "{ find: a }", "f.yaml:6:14: logs.collect.tail.rules: a mapping; expected a list of mappings\n" },
		{ "[a]", "f.yaml:6:15: logs.collect.tail.rules[0]: a value; expected a mapping\n" },
		{ "[{ find: a }, { fnd: a }]", "f.yaml:6:30: logs.collect.tail.rules[1].fnd: unknown key; did you mean "
					       "\"find\"?\n" },
		{ "[{ find: }]", "f.yaml:6:17: logs.collect.tail.rules[0].find: has no value; write \"\" for an empty "
				 "text\n" },
		{ "[{ put: a }]", "f.yaml:6:15: logs.collect.tail.rules[0]: \"find\" is missing\n" },
		{ "[{ find: a, most: 7 }]", "f.yaml:6:32: logs.collect.tail.rules[0].most: is 7; expected another "
					    "number\n" },
		{ "[{ find: a, most: 10 }]",
			"f.yaml:6:32: logs.collect.tail.rules[0].most: \"10\" is out of range (0 to "
			"9); expected a whole number\n" },
		{ "[{ find: a, format: jsn }]", "f.yaml:6:34: logs.collect.tail.rules[0].format: \"jsn\" is unknown; "
						"did you mean \"json\"? Expected one of auto, json, cri\n" },
		{ "[{ find: [a] }]", "f.yaml:6:23: logs.collect.tail.rules[0].find: a list; expected text\n" },
		{ "[{find: a}, {find: a}, {find: a}, {find: a}]",
			"f.yaml:6:14: logs.collect.tail.rules: 4 of them, and 3 are the most\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct loaded l;
		char text[512];
		snprintf(text, sizeof text, TAIL "      rules: %s\n", rows[i][0]);
		load(&l, text);
		assert_string_equal(l.said.data, rows[i][1]);
		unload(&l);
	}
}

static void what_is_printed_reads_back(void **state)
{
	static const char line[] = "      rules: [{ find: \"a$\", put: \"$$1\", in: [], format: json, most: 1 }, "
				   "{ find: b, put: \"$1\", in: [c], format: cri, most: 4 }]\n";
	struct loaded l;
	struct buffer out;
	char text[512];

	(void)state;
	snprintf(text, sizeof text, TAIL "%s", line);
	load(&l, text);
	assert_string_equal(l.said.data, "");
	buffer_init(&out, 1 << 20);
	assert_int_equal(config_effective(l.config, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	if (!strstr(out.data, line))
		fail_msg("%s", out.data);
	buffer_clear(&out);
	assert_int_equal(reference_yaml(sample_sections, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_non_null(strstr(out.data, "    #  # What is replaced. (list of mappings)\n"
					 "    #  #   find: What to look for. (text)\n"
					 "    #  #   put: What to put there. (text; default \"$1\")\n"));
	buffer_done(&out);
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mapping_has_its_own_defaults),
		cmocka_unit_test(a_dollar_sign_is_one),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(what_is_printed_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
