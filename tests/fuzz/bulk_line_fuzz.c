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

static const char time_start[] = "{\"@timestamp\":\"2026-11-23T04:45:06.123Z\"";
enum { TIME_SIZE = sizeof time_start - 1, ADDED = TIME_SIZE + 1 };

static void check_name(struct bytes value)
{
	char name[INDEX_NAME_MAX + 1];
	int64_t seconds = 0;

	rfc3339_seconds(value, &seconds);
	index_pattern_at("logs-%{+yyyy.MM.dd}", seconds, name);
	OXP_ASSERT(!index_name_wrong(name));
}

static void check_added(struct bytes line, char *to)
{
	bool empty;
	size_t skip = bulk_line_opening(line, &empty), size = TIME_SIZE;
	struct json_line index;
	struct bytes value;

	memcpy(to, time_start, TIME_SIZE);
	if (!empty)
		to[size++] = ',';
	memcpy(to + size, line.data + skip, line.size - skip);
	size += line.size - skip;
	OXP_ASSERT(json_line_index(json_scan_best(), to, size, &index) == JSON_FINE);
	OXP_ASSERT(bulk_line_timestamp(json_scan_best(), (struct bytes){ to, size }, &value) && value.size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = calloc(1, size + JSON_LINE_PADDING), *with_time = calloc(1, size + ADDED + JSON_LINE_PADDING);
	struct bytes whole = { line, size }, value;
	struct json_line index;
	bool empty;

	memcpy(line, data, size);
	OXP_ASSERT(bulk_line_opening(whole, &empty) <= size);
	if (json_line_index(json_scan_best(), line, size, &index) == JSON_FINE) {
		if (bulk_line_timestamp(json_scan_best(), whole, &value))
			check_name(value);
		else
			check_added(whole, with_time);
	}
	free(line);
	free(with_time);
	return 0;
}
