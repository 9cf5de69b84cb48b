/*
 * The JSON line index: every scanner says the same, and what it accepts, and where its members are, is what jansson
 * has.
 */
#include <stdint.h>
#include <stdlib.h>

#include "unit/json_twin.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char fills[] = { 0, '"', '}', ' ' };
	struct json_line first = { .count = 0 }, line;
	enum json_fault wanted = JSON_FINE, fault;
	char *text = malloc(size + JSON_LINE_PADDING);

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
	if (twin_check(json_scan_best(), text, size))
		abort();
	free(text);
	return 0;
}
