/*
 * The step `span_metrics` over any bytes: alone, in slices of any size, and among other steps. Of a request that a door
 * takes, alone it counts each span; the pages are what a reader of their format takes, and say how many there were.
 *
 * The first byte chooses the size of slices and the room for label sets, the rest is the request.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "loop/loop.h"
#include "pipeline/chain.h"
#include "proto/otlp_spans.h"
#include "series/table.h"
#include "series/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct step_type step_span_drop, step_span_metrics;

enum { MEMORY = 64 << 20 };

/* What steps are lent. */
struct host {
	struct loop *loop;
	struct series *series;
	uint64_t dropped, beyond;
};

struct loop *host_loop(struct host *h)
{
	return h->loop;
}

struct series *host_series(struct host *h)
{
	return h->series;
}

uint64_t *host_counter(struct host *h, const char *name, const char *help)
{
	(void)name, (void)help;
	return &h->beyond;
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h, (void)level, (void)format;
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Options, in the order of the structs of the steps. */
static const char *const dimensions[] = { "a", "resource.b" }, *const buckets[] = { "1ms", "1s" };
static const struct option_list dimension_list = { 2, dimensions }, bucket_list = { 2, buckets }, no_list = { 0 };
static const struct option_pair nothing = { "name", "no such name" };
static const struct option_map where = { 1, &nothing };

struct metrics_options {
	unsigned names;
	const struct option_list *dimensions, *buckets;
	uint64_t label_sets;
	struct duration expire;
	bool exemplars;
};
struct select_options {
	const struct option_map *where;
	const struct option_list *keys;
};

struct world {
	struct budget budget;
	struct host host;
	struct chain *chain;
};

static struct wall_time wall(const struct clock *c)
{
	(void)c;
	return (struct wall_time){ 1700000000000000000 };
}

static struct mono_time mono(const struct clock *c)
{
	(void)c;
	return (struct mono_time){ 1000000000 };
}

static const struct clock still = { .wall = wall, .mono = mono };

static void use(struct world *w, const struct step_type *type, const void *config)
{
	struct step *step;

	must(type->create(config, &w->host, &step) == 0, "no step");
	must(chain_add(w->chain, type, step, &w->host.dropped) == 0, "no room for a step");
}

static void begin(struct world *w, uint64_t sets, bool alone)
{
	const struct metrics_options options = {
		.dimensions = &dimension_list, .buckets = &bucket_list, .label_sets = sets, .exemplars = true
	};

	*w = (struct world){ .chain = chain_new() };
	budget_init(&w->budget, MEMORY);
	must(loop_new(&still, &w->host.loop) == 0, "no loop");
	w->host.series = series_new(&series_limits_default, 17);
	use(w, &step_span_metrics, &options);
	if (!alone)
		use(w, &step_span_drop, &(struct select_options){ .where = &where, .keys = &no_list });
}

static void end(struct world *w)
{
	series_check(w->host.series);
	must(budget_used(&w->budget) == 0, "memory is still charged");
	chain_free(w->chain);
	series_free(w->host.series);
	loop_free(w->host.loop);
}

static struct batch *batch_of(struct world *w, const uint8_t *data, size_t size, uint64_t spans)
{
	struct batch *b = batch_new(&w->budget, SIGNAL_TRACES);
	struct batch_item item = { .size = (uint32_t)size, .records = (uint32_t)spans };
	char *to = batch_block(b, size);

	must(to, "no room");
	if (size > 0)
		memcpy(to, data, size);
	item.data = to;
	must(batch_add(b, &item) == 0, "no room");
	return b;
}

static void pass(struct world *w, struct batch *b, size_t slice)
{
	struct chain_pass *p = chain_begin(w->chain, b, 0, (struct mono_time){ 1000000000 });

	while (chain_go_on(p, slice) == 1)
		;
	chain_end(p, true, &b);
	batch_taken(b);
	batch_free(b);
}

/* The page. */

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context, (void)meta;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	if (bytes_are(sample->name, "traces_span_metrics_calls_total"))
		*(uint64_t *)context += (uint64_t)sample->value;
	return 0;
}

static uint64_t calls(const struct world *w, enum exposition_format format)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct exposition_parser parser;
	struct series_cursor c;
	struct buffer page;
	uint64_t sum = 0;

	buffer_init(&page, MEMORY);
	series_cursor_init(&c, w->host.series, format);
	must(series_write_some(&c, &page, MEMORY) == 0 && page.size <= series_page_max(w->host.series), "no page");
	if (format == EXPOSITION_OPENMETRICS)
		must(buffer_text(&page, "# EOF\n") == 0, "no room");
	exposition_init(&parser, format, &exposition_limits_default, &events, &sum);
	exposition_feed(&parser, page.data ? page.data : "", page.size);
	must(exposition_end(&parser) == EXPOSITION_FINE, "the page cannot be read");
	exposition_done(&parser);
	buffer_done(&page);
	return sum;
}

/* Bytes that no door has looked at. */
static void walk(struct bytes body, size_t slice)
{
	struct otlp_spans c;
	struct otlp_span span;
	enum otlp_spans_answer answer = OTLP_SPANS_PAUSE;

	otlp_spans_begin(&c, body);
	while (answer != OTLP_SPANS_END) {
		size_t left = slice;
		while ((answer = otlp_spans_next(&c, &left, &span)) == OTLP_SPANS_ONE)
			must(span.span.size <= body.size &&
					otlp_span_attribute(span.span, bytes_of("a")).size <= body.size,
				"beyond the body");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t slice = size > 0 && data[0] & 1 ? (size_t)data[0] + 1 : SIZE_MAX;
	struct otlp_summary sum;
	struct world w;
	size_t at;

	if (size == 0)
		return 0;
	walk((struct bytes){ (const char *)data + 1, size - 1 }, slice);
	if (otlp_traces_check((const char *)data + 1, size - 1, &sum, &at))
		return 0;
	for (int alone = 0; alone < 2; alone++) {
		uint64_t counted;
		begin(&w, data[0] & 2 ? 3 : 1000, alone);
		pass(&w, batch_of(&w, data + 1, size - 1, sum.spans), slice);
		counted = calls(&w, EXPOSITION_TEXT);
		must(counted <= sum.spans && (!alone || counted == sum.spans), "not as many as there are");
		must(counted == calls(&w, EXPOSITION_OPENMETRICS), "another number in OpenMetrics");
		end(&w);
	}
	return 0;
}
