/*
 * The JSON line index: every scanner says the same, and what it accepts is what jansson accepts.
 *
 * Known differences, left out: jansson refuses \u0000 and lone surrogates, and numbers that a double cannot hold;
 * the index passes text through and does not decode it. And jansson takes a zero byte outside of strings for white
 * space.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/json_line.h"

static bool same(const struct json_line *a, const struct json_line *b)
{
	if (a->count != b->count || a->more != b->more)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct json_member *x = &a->members[i], *y = &b->members[i];
		if (x->name != y->name || x->name_size != y->name_size || x->value != y->value ||
			x->value_size != y->value_size || x->kind != y->kind)
			return false;
	}
	return true;
}

static bool differs_by_design(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_null_character || code == json_error_numeric_overflow ||
	       code == json_error_invalid_utf8 || code == json_error_stack_overflow || strstr(error->text, "Unicode") ||
	       strstr(error->text, "\\u");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char fills[] = { 0, '"', '}', ' ' };
	struct json_line first, line;
	enum json_fault wanted = JSON_FINE, fault;
	char *text = malloc(size + JSON_LINE_PADDING);
	json_error_t error;
	json_t *decoded;

	memcpy(text, data, size);
	for (const struct json_scan *scan = json_scans; scan->name; scan++)
		for (size_t f = 0; f < sizeof fills; f++) {
			if (!json_scan_runs(scan))
				continue;
			memset(text + size, fills[f], JSON_LINE_PADDING);
			fault = json_line_index(scan, text, size, &line);
			if (scan == json_scan_best() && f == 0) {
				wanted = fault;
				first = line;
			}
			if (fault != wanted || (fault == JSON_FINE && !same(&first, &line)))
				abort();
		}
	decoded = json_loadb(text, size, 0, &error);
	if (wanted == JSON_FINE && !decoded && !differs_by_design(&error))
		abort();
	if (wanted != JSON_FINE && wanted != JSON_DEEP && decoded && json_is_object(decoded) && !memchr(text, 0, size))
		abort();
	json_decref(decoded);
	free(text);
	return 0;
}
