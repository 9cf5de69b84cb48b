/*
 * Reason texts as OpenSearch 2.19 and Elasticsearch 7.10 answered them (OpenSearch 3.8 has the same words), those of
 * Elasticsearch 8 with the line and column before them, cut at every byte, and texts that are no conflict.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "proto/mapping_conflict.h"

static const struct {
	const char *type, *reason, *field, *expected, *found, *sample;
} texts[] = {
	{ "mapper_parsing_exception",
		"failed to parse field [code] of type [long] in document with id '0'. Preview of field's value: "
		"'no number'",
		"code", "long", "a value that does not fit", "no number" },
	{ "mapper_parsing_exception",
		"failed to parse field [t] of type [text] in document with id '6'. Preview of field's value: '{a=1}'",
		"t", "text", "a value that does not fit", "{a=1}" },
	{ "mapper_parsing_exception",
		"failed to parse field [q] of type [long] in document with id '1'. Preview of field's value: 'it's'",
		"q", "long", "a value that does not fit", "it's" },
	{ "mapper_parsing_exception",
		"failed to parse field [a.b] of type [float] in document with id 'x'. Could not parse field value "
		"preview,",
		"a.b", "float", "a value that does not fit", "" },
	{ "mapper_parsing_exception",
		"object mapping for [user] tried to parse field [user] as object, but found a concrete value", "user",
		"object", "a concrete value", "" },
	{ "mapper_parsing_exception",
		"Could not dynamically add mapping for field [code.sub]. Existing mapping for [code] must be of type "
		"object but found [long].",
		"code", "long", "object", "" },
	{ "strict_dynamic_mapping_exception",
		"mapping set to strict, dynamic introduction of [z] within [_doc] is not allowed", "z", "no such field",
		"a new field", "" },
	{ "illegal_argument_exception", "mapper [f] cannot be changed from type [long] to [text]", "f", "long", "text",
		"" },
	{ "illegal_argument_exception", "mapper [f] of different type, current_type [long], merged_type [text]", "f",
		"long", "text", "" },
	{ "illegal_argument_exception",
		"Document contains at least one immense term in field=\"k\" (whose UTF8 encoding is longer than the "
		"max length 32766), all of which were skipped.",
		"k", "at most 32766 bytes", "a longer term", "" },
	{ "illegal_argument_exception",
		"Document contains at least one immense term in field=\\\"k\\\" (whose UTF8 encoding", "k",
		"at most 32766 bytes", "a longer term", "" },
	/* Elasticsearch 8 and 9 */
	{ "document_parsing_exception",
		"[1:1207] object mapping for [component] tried to parse field [component] as object, but found a "
		"concrete value",
		"component", "object", "a concrete value", "" },
	{ "document_parsing_exception",
		"[1:1009] object mapping for [labels] tried to parse field [null] as object, but found a concrete "
		"value",
		"labels", "object", "a concrete value", "" },
	{ "document_parsing_exception",
		"[1:12] failed to parse field [code] of type [long] in document with id 'x'. Preview of field's "
		"value: 'abc'",
		"code", "long", "a value that does not fit", "abc" },
};

static const struct {
	const char *type, *reason;
} others[] = {
	{ "mapper_parsing_exception", "" },
	{ "mapper_parsing_exception", "failed to parse" },
	{ "mapper_parsing_exception", "failed to parse field [] of type [long]" },
	{ "illegal_argument_exception", "Limit of total fields [2] has been exceeded" },
	{ "illegal_argument_exception", "Failed to build analyzers: [thai]" },
	{ "illegal_argument_exception", "mapper [f] cannot be changed from type [long" },
	{ "version_conflict_engine_exception", "failed to parse field [code] of type [long] in document" },
	{ "", "failed to parse field [code] of type [long] in document" },
};

static void test_texts_are_taken_apart(void **state)
{
	struct mapping_conflict c;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_true(mapping_conflict_parse(bytes_of(texts[i].type), bytes_of(texts[i].reason), &c));
		assert_true(bytes_are(c.field, texts[i].field));
		assert_true(bytes_are(c.expected, texts[i].expected));
		assert_true(bytes_are(c.found, texts[i].found));
		assert_true(bytes_are(c.sample, texts[i].sample));
	}
}

static void test_other_texts_are_none(void **state)
{
	struct mapping_conflict c = { .sample = { NULL, 7 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(mapping_conflict_parse(bytes_of(others[i].type), bytes_of(others[i].reason), &c));
	assert_int_equal(c.sample.size, 7); /* untouched */
}

/* Each length of each text, in memory that ends there; slices stay within. */
static void test_cut_anywhere_it_stays_within(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		for (size_t size = 0; size <= strlen(texts[i].reason); size++) {
			struct mapping_conflict c;
			char *cut = malloc(size + 1);
			memcpy(cut, texts[i].reason, size);
			cut = realloc(cut, size ? size : 1);
			if (mapping_conflict_parse(bytes_of(texts[i].type), (struct bytes){ cut, size }, &c)) {
				assert_true(c.field.data >= cut && c.field.data + c.field.size <= cut + size);
				assert_true(c.sample.size <= size);
			}
			free(cut);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_are_taken_apart),
		cmocka_unit_test(test_other_texts_are_none),
		cmocka_unit_test(test_cut_anywhere_it_stays_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
