#include "proto/mapping_conflict.h"

/*
 * The shapes, in the order they are tried. `%f` is the field, `%e` what is expected, `%g` what was found, each up to
 * the character behind it; `%*` is skipped. A shape stands anywhere in the text: Elasticsearch 8 begins with the line
 * and column, "[1:8] ". `found` is what the words of the shape say when there is no %g.
 */
static const struct {
	const char *shape, *expected, *found;
} shapes[] = {
	/* 7.10, 8, OpenSearch 2 and 3: "failed to parse field [code] of type [long] in document with id 'x'. Preview of
	 * field's value: 'abc'" */
	{ "failed to parse field [%f] of type [%e]", NULL, "a value that does not fit" },
	/* 7.10, 8, OpenSearch: an object mapping meets a value */
	{ "object mapping for [%f] tried to parse field [%*] as object, but found a concrete value", "object",
		"a concrete value" },
	{ "object mapping [%f] trying to serialize a value with no field associated with it", "object",
		"a concrete value" },
	/* 7.10, 8, OpenSearch: a dynamic update against what is there */
	{ "mapper [%f] cannot be changed from type [%e] to [%g]", NULL, NULL },
	{ "mapper [%f] of different type, current_type [%e], merged_type [%g]", NULL, NULL },
	{ "can't merge a non object mapping [%f] with an object mapping", "a concrete value", "object" },
	{ "can't merge a non-nested mapping [%f] with a nested mapping", "object", "nested" },
	{ "object mapping [%f] can't be changed from nested to non-nested", "nested", "object" },
	/* "Could not dynamically add mapping for field [a.b]. Existing mapping for [a] must be of type object but found
	 * [text]." */
	{ "Could not dynamically add mapping for field [%*]. Existing mapping for [%f] must be of type object but "
	  "found "
	  "[%e]",
		NULL, "object" },
	/* "mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed" */
	{ "mapping set to strict, dynamic introduction of [%f] within [%*]", "no such field", "a new field" },
	/* "Document contains at least one immense term in field="x" (whose UTF8 encoding is longer …" */
	{ "immense term in field=\\\"%f\\\"", "at most 32766 bytes", "a longer term" },
	{ "immense term in field=\"%f\"", "at most 32766 bytes", "a longer term" },
};

static const char *const types[] = { "mapper_parsing_exception", "document_parsing_exception",
	"illegal_argument_exception", "strict_dynamic_mapping_exception" };

/* Where a piece of a shape is stored. */
static struct bytes *slot(struct mapping_conflict *c, char letter)
{
	return letter == 'f' ? &c->field : letter == 'e' ? &c->expected : letter == 'g' ? &c->found : NULL;
}

/* Whether the text begins with the shape; *rest is what follows it. */
static bool matches(const char *shape, struct bytes text, struct mapping_conflict *c, struct bytes *rest)
{
	const char *p = text.data, *end = text.data + text.size, *stop;
	struct bytes *to;

	for (; *shape; shape++) {
		if (*shape != '%') {
			if (p == end || *p++ != *shape)
				return false;
			continue;
		}
		to = slot(c, shape[1]);
		stop = memchr(p, shape[2], (size_t)(end - p));
		if (!stop)
			return false;
		if (to)
			*to = (struct bytes){ p, (size_t)(stop - p) };
		p = stop;
		shape++;
	}
	*rest = (struct bytes){ p, (size_t)(end - p) };
	return true;
}

/* The words of a shape before its first piece: cheap to look for. */
static const char *find_start(struct bytes text, const char *shape)
{
	return memmem(text.data, text.size, shape, strcspn(shape, "%"));
}

/* Preview of field's value: 'abc' — up to the last quote, or to the end of a text that was cut. */
static struct bytes sample_of(struct bytes rest)
{
	static const char start[] = "Preview of field's value: '";
	const char *p = memmem(rest.data, rest.size, start, sizeof start - 1), *end = rest.data + rest.size, *last;

	if (!p)
		return (struct bytes){ "", 0 };
	p += sizeof start - 1;
	last = memrchr(p, '\'', (size_t)(end - p));
	return (struct bytes){ p, (size_t)((last ? last : end) - p) };
}

static bool is_known(struct bytes type)
{
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (bytes_are(type, types[i]))
			return true;
	return false;
}

bool mapping_conflict_parse(struct bytes type, struct bytes reason, struct mapping_conflict *ret)
{
	if (!is_known(type) || reason.size == 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		const char *start = find_start(reason, shapes[i].shape);
		struct mapping_conflict c = { .expected = bytes_of(shapes[i].expected ? shapes[i].expected : ""),
			.found = bytes_of(shapes[i].found ? shapes[i].found : "") };
		struct bytes rest;
		if (!start)
			continue;
		rest = (struct bytes){ start, reason.size - (size_t)(start - reason.data) };
		if (!matches(shapes[i].shape, rest, &c, &rest) || c.field.size == 0)
			continue;
		c.sample = sample_of(rest);
		*ret = c;
		return true;
	}
	return false;
}
