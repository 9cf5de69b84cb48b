/*
 * Names that are looked up in a set: as a JSON reader reads them, and at a cost that does not grow with the keys.
 */
#include "proto/key_set.h"

#include <stdio.h>
#include <time.h>

#include "unit/unit.h"

enum { NAMES = 20000, TRIES = 5 };

static const struct {
	const char *name;
	bool whole, word;
} rows[] = {
	{ "password", true, true },
	{ "PassWord", true, true },
	{ "\\u0070assword", true, true },
	{ "\\u0050ass\\u0057ord", true, true },
	{ "user.password", false, true },
	{ "password.old", false, true },
	{ "a.password.b", false, true },
	{ "user\\u002epassword", false, true },
	{ "user\\u002E\\u0070assword", false, true },
	{ "password\\u002eold.x", false, true },
	{ "\\\\u002epassword", false, false }, /* a backslash, and what looks like a dot behind it */
	{ "a\\\\.password", false, true },
	{ "user\\u002fpassword", false, false },
	{ "passwords", false, false },
	{ "two.words", true, true }, /* is a key */
	{ "two\\u002ewords", true, true },
	{ "two", false, false },
	{ ".", false, false },
	{ "\\u002e", false, false },
	{ "\\u002e\\u002epassword", false, true },
	{ "", false, false },
};

static void names_are_compared_as_they_read(void **state)
{
	struct key_set s = { .fold = true };

	(void)state;
	assert_int_equal(key_set_add(&s, "password"), 0);
	assert_int_equal(key_set_add(&s, "two.words"), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (key_set_has(&s, bytes_of(rows[i].name)) != rows[i].whole ||
			key_set_has_word(&s, bytes_of(rows[i].name)) != rows[i].word)
			fail_msg("%s", rows[i].name);
}

/* OTLP has no escapes: a backslash hides no dot, and is a letter of the name. */
static void plain_names_are_compared_as_they_stand(void **state)
{
	static const struct {
		const char *name;
		bool whole, word;
	} plain[] = {
		{ "password", true, true },
		{ "PassWord", true, true },
		{ "user\\.password", false, true },
		{ "\\password.old", false, false },
		{ "password\\.old", false, false },
		{ "password.\\", false, true },
		{ "\\.password", false, true },
		{ "a.b\\.c\\.password.d", false, true },
		{ "\\u0070assword", false, false },
		{ "user\\u002epassword", false, false },
		{ "back\\slash", true, true },
		{ "x.back\\Slash", false, true },
		{ "two.words", true, true },
		{ "x.two.words", false, false },
		{ "passwords", false, false },
		{ ".", false, false },
		{ "..password", false, true },
		{ "password.", false, true },
		{ "", false, false },
	};
	struct key_set s = { .fold = true };

	(void)state;
	assert_int_equal(key_set_add(&s, "password"), 0);
	assert_int_equal(key_set_add(&s, "two.words"), 0);
	assert_int_equal(key_set_add(&s, "back\\slash"), 0);
	for (size_t i = 0; i < COUNT_OF(plain); i++)
		if (key_set_has_plain(&s, bytes_of(plain[i].name)) != plain[i].whole ||
			key_set_has_plain_word(&s, bytes_of(plain[i].name)) != plain[i].word)
			fail_msg("%s", plain[i].name);
}

/* What rules a name out before its words are searched does not rule out one that has such a word. */
static void the_shortest_key_is_found_among_words(void **state)
{
	static const struct {
		const char *keys[2], *name;
		bool word;
	} sets[] = {
		{ { "client.address", NULL }, "client.address", true },
		{ { "client.address", NULL }, "x.client.address", false }, /* a word has no dot */
		{ { "client.address", "a" }, "b.a", true },
		{ { "a", "client.address" }, "a.b", true },
		{ { "a", NULL }, ".a", true },
		{ { "a", NULL }, "a.", true },
		{ { "a", "bb" }, "c.\\u0062B", true },
		{ { "bb", NULL }, "\\u002e\\u0062B", true },
		{ { "bb", NULL }, "b.b", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sets); i++) {
		struct key_set s = { .fold = true };
		for (size_t k = 0; k < COUNT_OF(sets[i].keys) && sets[i].keys[k]; k++)
			assert_int_equal(key_set_add(&s, sets[i].keys[k]), 0);
		if (key_set_has_word(&s, bytes_of(sets[i].name)) != sets[i].word)
			fail_msg("%s", sets[i].name);
	}
}

/* CPU time of this thread. */
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The least of some tries of looking up an escaped name among that many keys. */
static double costs(size_t keys)
{
	static char texts[KEYS_MAX][32];
	struct key_set s = { .fold = true };
	double least = 1e9;

	for (size_t i = 0; i < keys; i++) {
		snprintf(texts[i], sizeof texts[i], "secret%03zu", i);
		assert_int_equal(key_set_add(&s, texts[i]), 0);
	}
	for (int i = 0; i < TRIES; i++) {
		double began = seconds();
		for (int n = 0; n < NAMES; n++)
			assert_false(key_set_has_word(&s, bytes_of("\\u0073ecre\\u0074999")));
		if (seconds() - began < least)
			least = seconds() - began;
	}
	return least;
}

/* A line may be full of such names, and is looked at in one callback. */
static void an_escaped_name_is_decoded_once(void **state)
{
	(void)state;
	assert_true(costs(KEYS_MAX) < KEYS_MAX / 4 * costs(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_compared_as_they_read),
		cmocka_unit_test(plain_names_are_compared_as_they_stand),
		cmocka_unit_test(the_shortest_key_is_found_among_words),
		cmocka_unit_test(an_escaped_name_is_decoded_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
