/*
 * A list of words of which there are only some: read, refused with the nearest, and shown in reference and schema.
 */
#include "unit/unit.h"

#include <errno.h>

#include "config/load.h"
#include "config/reference.h"

struct sample {
	const struct option_list *what;
};

static const char *const words[] = { "card", "email", NULL };
static const struct option rows[] = {
	{ OPT_TEXTS(struct sample, what), .name = "what", .choices = words, .example = "[card]", .help = "What is." },
	{ .name = NULL },
};
static const struct config_section sections[] = { { .path = "find", .help = "Finds.", .options = rows },
	{ .path = NULL } };

static const char *no_variable(void *context, const char *name)
{
	(void)context;
	(void)name;
	return NULL;
}

static int load(struct config *c, const char *text)
{
	static const struct config_world world = { .variable = no_variable };

	return config_load(c, &(struct config_input){ "f.yaml", bytes_of(text), NULL, &world });
}

static void words_are_read(void **state)
{
	struct sample sample = { NULL };
	struct config *c = config_new(sections, &sample);

	(void)state;
	assert_int_equal(load(c, "find: { what: [email, card] }\n"), 0);
	assert_int_equal(sample.what->count, 2);
	assert_string_equal(sample.what->items[1], "card");
	config_free(c);
}

static void other_words_are_refused(void **state)
{
	struct sample sample = { NULL };
	struct config *c = config_new(sections, &sample);
	struct buffer said;

	(void)state;
	buffer_init(&said, 1 << 16);
	assert_int_equal(load(c, "find: { what: [email, cards] }\n"), -EINVAL);
	assert_int_equal(config_errors_print(&c->errors, false, &said), 0);
	assert_int_equal(buffer_append(&said, "", 1), 0);
	assert_non_null(strstr(said.data, "is unknown; did you mean \"card\"? Expected one or more of card, email"));
	buffer_done(&said);
	config_free(c);
}

static void words_are_shown(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 1 << 16);
	assert_int_equal(reference_yaml(sections, &out), 0);
	assert_int_equal(reference_schema(sections, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_non_null(strstr(out.data, "# What is. (one or more of card, email)"));
	assert_non_null(strstr(out.data, "^(card|email|.*"));
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read),
		cmocka_unit_test(other_words_are_refused),
		cmocka_unit_test(words_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
