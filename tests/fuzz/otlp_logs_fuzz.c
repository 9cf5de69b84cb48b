/*
 * Log requests of OTLP: what can be read becomes as many lines as records are taken, each a JSON object, and
 * they take no more than was counted. Nothing reads beyond the request.
 */
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "proto/otlp_logs.h"

enum { MOST = 4 << 20 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static void lines_are_objects(const char *lines, size_t size, const struct otlp_logs *plan)
{
	const char *at = lines, *end = lines + size;
	uint64_t count = 0;

	for (; at < end; count++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		json_error_t error;
		json_t *line;
		need(stop != NULL);
		line = json_loadb(at, (size_t)(stop - at), JSON_ALLOW_NUL, &error);
		/* the one thing that jansson refuses and JSON does not: a name with a zero in it */
		need(json_is_object(line) || json_error_code(&error) == json_error_null_byte_in_key);
		json_decref(line);
		at = stop + 1;
	}
	need(count == plan->records);
}

static void make_lines(struct bytes body, enum otlp_log_form form)
{
	struct otlp_logs plan;
	char told[256], *lines;
	size_t at, size;

	if (otlp_logs_plan(body, form, MOST, &plan, &at) || plan.room > MOST) {
		need(at <= body.size);
		return;
	}
	lines = malloc(plan.room ? plan.room : 1);
	need(lines != NULL);
	size = otlp_logs_write(body, &plan, lines);
	need(size <= plan.room);
	lines_are_objects(lines, size, &plan);
	otlp_logs_tell(&plan, told, sizeof told);
	free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = calloc(1, size + JSON_LINE_PADDING);

	need(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	make_lines((struct bytes){ copy, size }, OTLP_LOG_ECS);
	make_lines((struct bytes){ copy, size }, OTLP_LOG_OTEL);
	free(copy);
	return 0;
}
