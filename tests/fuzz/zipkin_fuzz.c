/*
 * Zipkin's JSON: what the plan lets through is JSON by jansson, too, and is written in exactly the room that the plan
 * named; that passes the check of OTLP, with as many spans, and generated code reads it. Nothing reads beyond the body
 * and its padding.
 */
#include <stdint.h>
#include <stdlib.h>

#include "otlp.pb-c.h"
#include "proto/otlp_walk.h"
#include "proto/zipkin.h"
#include "unit/json_twin.h"

enum { GROWTH_MAX = 16, SPARE = 1024 };

static void need(int holds)
{
	if (!holds)
		abort();
}

/* What each span is refused for alone, jansson refuses as a whole. */
static void is_a_list(struct bytes body, const struct otlp_made *made)
{
	json_error_t error;
	json_t *tree = json_loadb(body.data, body.size, TWIN_FLAGS, &error);

	need(json_is_array(tree) || (!tree && (made->refused > 0 || twin_differs_by_design(&error))));
	if (tree)
		need(json_array_size(tree) == made->spans + made->refused);
	json_decref(tree);
}

static void write_it(struct bytes body, const struct otlp_made *made)
{
	struct otlp_summary sum;
	Otlp__TracesRequest *r;
	char *to = malloc(made->size + !made->size);
	size_t at;

	need(made->size <= GROWTH_MAX * body.size + SPARE);
	zipkin_write(body, made, to);
	need(otlp_traces_check(to, made->size, &sum, &at) == OTLP_OK && sum.spans == made->spans);
	r = otlp__traces_request__unpack(NULL, made->size, (const uint8_t *)to);
	need(r != NULL && (made->spans > 0) == (r->n_resource_spans > 0));
	otlp__traces_request__free_unpacked(r, NULL);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[OTLP_MADE_TEXT], *copy = calloc(1, size + JSON_LINE_PADDING);
	struct bytes body = { copy, size };
	struct otlp_made made;
	size_t at;

	if (size > 0)
		memcpy(copy, data, size);
	if (!zipkin_plan(body, &made, &at)) {
		otlp_made_tell(&made, text, sizeof text);
		need((made.refused > 0) == (text[0] != '\0'));
		is_a_list(body, &made);
		write_it(body, &made);
	}
	need(at <= size);
	free(copy);
	return 0;
}
