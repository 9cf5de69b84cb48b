/*
 * OTLP in JSON: what is taken is JSON for jansson, too, becomes a request with a sound frame and takes no more room
 * than was promised. What was written as JSON reads back as the same JSON. Nothing reads beyond the body.
 */
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "proto/otlp_json.h"
#include "proto/otlp_logs.h"
#include "proto/otlp_points.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"

enum { TEXT_MAX = 64 << 20 };

static void need(int holds)
{
	if (!holds)
		abort();
}

/* The body, with padding; what becomes of it in a block of its own. NULL: it is refused. */
static char *convert(const char *data, size_t size, enum otlp_json_request kind, size_t *ret_size)
{
	size_t at, room = otlp_json_room((struct bytes){ data, size }, kind);
	char *copy = calloc(1, size + JSON_LINE_PADDING), *to = calloc(1, room + JSON_LINE_PADDING);
	const char *why;

	need(copy && to);
	if (size)
		memcpy(copy, data, size);
	why = otlp_json_read((struct bytes){ copy, size }, kind, to, ret_size, &at);
	need(at <= size && (why || *ret_size <= room));
	free(copy);
	if (!why)
		return to;
	free(to);
	return NULL;
}

static void reads_back(const char *wire, size_t size)
{
	struct otlp_summary sum;
	struct buffer first, second;
	char *again;
	size_t at;

	if (otlp_traces_check(wire, size, &sum, &at) != OTLP_OK)
		return;
	buffer_init(&first, TEXT_MAX);
	buffer_init(&second, TEXT_MAX);
	need(otlp_traces_to_json(wire, size, &first) == 0);
	again = convert(first.data, first.size, OTLP_JSON_TRACES, &size);
	need(again && otlp_traces_to_json(again, size, &second) == 0);
	need(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
	free(again);
	buffer_done(&first);
	buffer_done(&second);
}

/* jansson has limits of its own, and checks UTF-8. */
static void is_json(const char *data, size_t size)
{
	json_error_t error;
	json_t *json = json_loadb(data, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

	need(json || size == 0 || json_error_code(&error) != json_error_invalid_syntax);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otlp_logs plan;
	struct otlp_summary sum;
	struct otlp_points points;
	size_t wire, at, steps = SIZE_MAX;
	enum otlp_points_next next = OTLP_POINTS_POINT;
	char *to = convert((const char *)data, size, OTLP_JSON_TRACES, &wire);

	if (to) {
		is_json((const char *)data, size);
		need(otlp_fault_can_be_mended(otlp_traces_check(to, wire, &sum, &at)) || at == wire);
		reads_back(to, wire);
	}
	free(to);
	to = convert((const char *)data, size, OTLP_JSON_LOGS, &wire);
	need(!to || otlp_logs_plan((struct bytes){ to, wire }, OTLP_LOG_ECS, TEXT_MAX, &plan, &at) == OTLP_OK);
	free(to);
	to = convert((const char *)data, size, OTLP_JSON_METRICS, &wire);
	otlp_points_init(&points, (struct bytes){ to, to ? wire : 0 });
	while (next == OTLP_POINTS_POINT)
		next = otlp_points_next(&points, &steps);
	need(next == OTLP_POINTS_END);
	free(to);
	return 0;
}
