/*
 * Points of OTLP metrics: whatever a request has, the walk ends and stays within it, finds the same in slices of any
 * size, and names of metrics and labels are classic.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/otlp_labels.h"
#include "proto/json_line.h"
#include "proto/otlp_native.h"

enum { NUMBERS = 16 };

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void is_within(struct bytes body, struct bytes part)
{
	need(part.size == 0 || (part.data >= body.data && part.data + part.size <= body.data + body.size));
}

static void names_are_classic(const struct otlp_metric *metric)
{
	char name[OTLP_METRIC_NAME_MAX];
	size_t size = otlp_metric_name(metric, name);

	need(size <= sizeof name);
	need(size == 0 || exposition_name_valid((struct bytes){ name, size }, false));
}

static void labels_are_text(const struct otlp_point *p)
{
	struct otlp_labels *l = calloc(1, sizeof *l);
	size_t count;

	need(l != NULL);
	otlp_labels_init(l);
	if (otlp_labels_read(l, p->message, p->attributes, "", NULL) &&
		otlp_labels_read(l, p->scope, 3, "otel_scope_", NULL)) {
		count = otlp_labels_make(l);
		need(count <= OTLP_LABELS_MAX);
		for (size_t i = 0; i < count; i++)
			need(exposition_name_valid(l->labels[i].name, true));
	}
	otlp_labels_done(l);
	free(l);
}

/* What was read can be added up, and nothing gets lost by it. */
static void natives_add_up(const struct otlp_point *p)
{
	struct native_sum one, sum;
	uint64_t once, twice;

	if (p->metric.kind != OTLP_EXPONENTIAL || p->broken || otlp_native_read(p, &one) != OTLP_NATIVE_FINE)
		return;
	need(native_sum_total(&one.all, &once) && once <= one.all.count);
	native_sum_init(&sum);
	sum.all.zero_threshold = 1;
	if (native_sum_add(&sum, &one.all) && native_sum_add(&sum, &one.all) && native_sum_total(&sum.all, &twice))
		need(twice == 2 * once);
}

static void see(struct bytes body, const struct otlp_point *p)
{
	double quantiles[NUMBERS], values[NUMBERS];
	uint64_t numbers[NUMBERS];

	natives_add_up(p);
	is_within(body, p->message);
	is_within(body, p->resource);
	is_within(body, p->scope);
	is_within(body, p->metric.name);
	is_within(body, p->metric.unit);
	names_are_classic(&p->metric);
	labels_are_text(p);
	need(otlp_point_numbers(p, OTLP_POINT_BUCKETS, numbers, NUMBERS) <= NUMBERS + 1);
	need(otlp_point_numbers(p, OTLP_POINT_BOUNDS, numbers, NUMBERS) <= NUMBERS + 1);
	need(otlp_point_quantiles(p, quantiles, values, NUMBERS) <= NUMBERS + 1);
}

/* Returns how many points there are, and how it ends. */
static size_t walk(struct bytes body, size_t slice, enum otlp_points_next *ret_end)
{
	struct otlp_points points;
	size_t count = 0, steps = slice, slices = 0;

	otlp_points_init(&points, body);
	do {
		*ret_end = otlp_points_next(&points, &steps);
		need(slices++ <= 10 * body.size + 10);
		if (*ret_end == OTLP_POINTS_LATER)
			steps = slice;
		if (*ret_end == OTLP_POINTS_POINT) {
			see(body, &points.point);
			count++;
		}
	} while (*ret_end == OTLP_POINTS_POINT || *ret_end == OTLP_POINTS_LATER);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = calloc(1, size + JSON_LINE_PADDING);
	enum otlp_points_next one, many;
	struct bytes body = { copy, size };

	need(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	need(walk(body, SIZE_MAX, &many) == walk(body, 1, &one) && one == many);
	free(copy);
	return 0;
}
