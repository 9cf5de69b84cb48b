/*
 * A log line seen by the index and by jansson: both take it or neither does, and each member's span reads as jansson's
 * tree has it.
 *
 * Where they differ by design: jansson refuses \u0000 where it is not allowed, a zero byte in a name, lone surrogates,
 * and numbers that a double cannot hold, while the index passes text through and does not decode it; it goes deeper
 * than JSON_DEPTH_MAX; and it takes a zero byte outside of strings for white space.
 */
#ifndef OXP_JSON_TWIN_H
#define OXP_JSON_TWIN_H

#include <jansson.h>
#include <string.h>

#include "proto/json_walk.h"

enum { TWIN_FLAGS = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY };

static inline bool twin_differs_by_design(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_null_character || code == json_error_null_byte_in_key ||
	       code == json_error_numeric_overflow || code == json_error_stack_overflow ||
	       strstr(error->text, "invalid Unicode") == error->text;
}

/* The tree's value under the name of the member; NULL: it has none. */
static inline json_t *twin_value(const json_t *tree, const char *line, const struct json_member *m)
{
	struct buffer name;
	json_t *value = NULL;

	buffer_init(&name, 1 << 20);
	if (json_decode((struct bytes){ line + m->name, m->name_size }, &name) == 0 && buffer_append(&name, "", 1) == 0)
		value = json_object_get(tree, name.data);
	buffer_done(&name);
	return value;
}

/* Of names that stand twice the tree has the last, which may be one that is not indexed. */
static inline bool twin_is_last(const struct json_line *index, const char *line, size_t at, const json_t *tree)
{
	const json_t *value = twin_value(tree, line, &index->members[at]);

	if (index->more)
		return false;
	for (size_t i = at + 1; i < index->count; i++)
		if (twin_value(tree, line, &index->members[i]) == value)
			return false;
	return true;
}

static inline const char *twin_member(const struct json_line *index, const char *line, size_t at, const json_t *tree)
{
	const struct json_member *m = &index->members[at];
	json_t *value = twin_value(tree, line, m), *span;
	json_error_t error;
	bool same;

	if (!value)
		return "a member that the tree does not have";
	span = json_loadb(line + m->value, m->value_size, TWIN_FLAGS, &error);
	same = span && (!twin_is_last(index, line, at, tree) || json_equal(span, value));
	json_decref(span);
	return same ? NULL : "a span that is not the member's value";
}

static inline const char *twin_members(const struct json_line *index, const char *line, const json_t *tree)
{
	const char *wrong = NULL;

	for (size_t i = 0; i < index->count && !wrong; i++)
		wrong = twin_member(index, line, i, tree);
	if (!wrong && !index->more && json_object_size(tree) > index->count)
		wrong = "members of the tree that are not indexed";
	return wrong;
}

/* What is wrong with what json_line_index() has said of the line, or NULL. */
static inline const char *twin_check_index(
	enum json_fault fault, const struct json_line *index, const char *line, size_t size)
{
	const char *wrong = NULL;
	json_error_t error;
	json_t *tree = json_loadb(line, size, TWIN_FLAGS, &error);

	if (fault == JSON_FINE)
		wrong = tree                             ? twin_members(index, line, tree)
			: twin_differs_by_design(&error) ? NULL
							 : "taken, and jansson refuses it";
	else if (fault != JSON_DEEP && json_is_object(tree) && !memchr(line, 0, size))
		wrong = "refused, and jansson takes it";
	json_decref(tree);
	return wrong;
}

/* The same, of what that scan says. JSON_LINE_PADDING bytes stand behind the line. */
static inline const char *twin_check(const struct json_scan *scan, const char *line, size_t size)
{
	struct json_line index;
	enum json_fault fault = json_line_index(scan, line, size, &index);

	return twin_check_index(fault, &index, line, size);
}

#endif
