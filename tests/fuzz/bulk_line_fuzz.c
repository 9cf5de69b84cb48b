/*
 * Any bytes as a log line on its way into a bulk: what passes the JSON line index is asked for its time; the document
 * with the time added must pass as well and then say so, and any value must make a fine index name.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/bulk_line.h"
#include "proto/index_name.h"
#include "proto/rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char time[] = "\"2026-11-23T04:45:06.123Z\"", name[] = "\"@timestamp\":";
enum { TIME_SIZE = sizeof time - 1, NAME_SIZE = sizeof name - 1, ADDED = NAME_SIZE + TIME_SIZE + 1 };

static void check_name(const struct rfc3339 *when)
{
	char index[INDEX_NAME_MAX + 1];

	index_pattern_at("logs-%{+yyyy.MM.dd}", when->seconds, index);
	OXP_ASSERT(!index_name_wrong(index));
}

static size_t put(char *to, const char *data, size_t size)
{
	memcpy(to, data, size);
	return size;
}

/* The document with the time in it is one that says this time, and no member more than needed. */
static void check_added(struct bytes line, const struct bulk_line *l, char *to)
{
	bool absent = l->time == BULK_TIME_ABSENT, empty = true;
	size_t at = absent ? bulk_line_opening(line, &empty) : l->blank, skip = absent ? 0 : l->blank_size, size = 0;
	struct json_line before, after;
	struct bulk_line then;

	size += put(to + size, line.data, at);
	if (absent)
		size += put(to + size, name, NAME_SIZE);
	size += put(to + size, time, TIME_SIZE);
	if (!empty)
		to[size++] = ',';
	size += put(to + size, line.data + at + skip, line.size - at - skip);
	OXP_ASSERT(json_line_index(json_scan_best(), to, size, &after) == JSON_FINE);
	OXP_ASSERT(json_line_index(json_scan_best(), line.data, line.size, &before) == JSON_FINE);
	OXP_ASSERT(after.more || after.count == before.count + absent);
	bulk_line_read(json_scan_best(), (struct bytes){ to, size }, &then);
	OXP_ASSERT(then.time == BULK_TIME_THERE && then.known && then.when.seconds == 1795409106);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = calloc(1, size + JSON_LINE_PADDING), *with_time = calloc(1, size + ADDED + JSON_LINE_PADDING);
	struct bytes whole = { line, size };
	struct json_line index;
	struct bulk_line l;
	bool empty;

	memcpy(line, data, size);
	OXP_ASSERT(bulk_line_opening(whole, &empty) <= size);
	if (json_line_index(json_scan_best(), line, size, &index) == JSON_FINE) {
		bulk_line_read(json_scan_best(), whole, &l);
		if (l.known)
			check_name(&l.when);
		if (l.time != BULK_TIME_THERE)
			check_added(whole, &l, with_time);
	}
	free(line);
	free(with_time);
	return 0;
}
