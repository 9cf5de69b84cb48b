/*
 * The step `span_metrics`: what it counts, alone and among other steps, against a plain model; and when it counts.
 */
#include "unit/pipeline/bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "proto/otlp_walk.h"
#include "series/span_table.h"
#include "series/table.h"
#include "series/write.h"
#include "unit/proto/otlp_builder.h"

extern const struct step_type step_span_drop, step_span_metrics, step_span_redact, step_span_sample;

enum { MEMORY = 32 << 20, MS = 1000000, ROUNDS = 60, SETS = 4096 };

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

#define LIST(...)                     \
	(&(const struct option_list){ \
		.count = COUNT_OF(((const char *[]){ __VA_ARGS__ })), .items = (const char *[]){ __VA_ARGS__ } })
#define NO_LIST (&(const struct option_list){ 0 })
#define MAP(...)                                                                                 \
	(&(const struct option_map){ .count = COUNT_OF(((struct option_pair[]){ __VA_ARGS__ })), \
		.pairs = (const struct option_pair[]){ __VA_ARGS__ } })

/* Options, in the order of the structs of the steps. */
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
struct sample_options {
	const char *ratio;
	uint64_t rate;
	bool errors;
	struct duration slower;
	const struct option_map *where;
};
struct redact_options {
	const struct option_list *keys, *detect;
	unsigned with;
	const char *salt;
};

static const struct metrics_options plain = {
	.dimensions = NO_LIST, .buckets = LIST("2ms", "100ms", "1s"), .label_sets = SETS, .exemplars = true
};

struct exporter {
	size_t sent;
};

static void take(struct exporter *e, const struct batch *b, struct send *s)
{
	e->sent += batch_records(b);
	send_done(s, DELIVERED, NULL);
}

static void no_cancel(struct exporter *e, struct send *s)
{
	(void)e, (void)s;
}

static void forget(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type taker = {
	.name = "taker", .signals = SIGNAL_TRACES, .send = take, .cancel = no_cancel, .destroy = forget
};
static const struct sender_limits limits = {
	.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000000 }, .retry_last = { 8000000000 }
};

struct world {
	BENCH;
	struct exporter exporter;
	struct host host;
	struct chain *chain;
	struct source *source;
};

static void use(struct world *w, const struct step_type *type, const void *config)
{
	struct step *step;
	char why[256] = "";

	if (type->check && !type->check(config, why, sizeof why))
		fail_msg("%s", why);
	assert_int_equal(type->create(config, &w->host, &step), 0);
	assert_int_equal(chain_add(w->chain, type, step, &w->host.dropped), 0);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);
	struct sender *sender;

	bench_init(&w->bench, MEMORY);
	w->chain = chain_new();
	w->host = (struct host){ .loop = w->loop, .series = series_new(&series_limits_default, 17) };
	w->source = pipeline_source(
		&w->pipeline, &(struct source_options){ .name = "in",
				      .signal = SIGNAL_TRACES,
				      .rewind = REWIND_NONE,
				      .generation = 7,
				      .chain = w->chain,
				      .limits = { .bytes = 1 << 20, .records = 1000000, .age = DURATION_S(1) } });
	sender = pipeline_sender(&w->pipeline, "out", &taker, &limits);
	sender_exporter(sender, &w->exporter);
	source_route(w->source, sender);
	return w;
}

static void world_free(struct world *w)
{
	series_check(w->host.series);
	bench_done(&w->bench);
	chain_free(w->chain);
	series_free(w->host.series);
	free(w);
}

static struct batch *batch_of(struct world *w, const struct buffer *body)
{
	struct batch *b = batch_new(&w->pipeline.budget, SIGNAL_TRACES);
	struct batch_item item = { .size = (uint32_t)body->size };
	struct otlp_summary sum;
	char *data = batch_block(b, body->size);
	size_t at;

	assert_int_equal(otlp_traces_check(body->data, body->size, &sum, &at), OTLP_OK);
	assert_non_null(data);
	if (body->size > 0)
		memcpy(data, body->data, body->size);
	item.data = data;
	item.records = (uint32_t)sum.spans;
	assert_int_equal(batch_add(b, &item), 0);
	return b;
}

/* In slices of so many bytes; returns how many there were. */
static size_t pass(struct world *w, const struct buffer *body, size_t slice, bool taken)
{
	struct batch *b = batch_of(w, body);
	struct chain_pass *p = chain_begin(w->chain, b, 0, loop_now(w->loop));
	size_t slices = 1;

	while (chain_go_on(p, slice) == 1)
		slices++;
	chain_end(p, taken, &b);
	if (taken)
		batch_taken(b);
	batch_free(b);
	return slices;
}

static char *page_of(const struct world *w, enum exposition_format format)
{
	struct series_cursor c;
	struct buffer b;

	buffer_init(&b, MEMORY);
	series_cursor_init(&c, w->host.series, format);
	assert_int_equal(series_write_some(&c, &b, MEMORY), 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	return b.data;
}

static bool shows(const struct world *w, const char *text)
{
	char *page = page_of(w, EXPOSITION_OPENMETRICS);
	bool there = strstr(page, text) != NULL;

	free(page);
	return there;
}

/* The model: a list of label sets, found by their text. */

struct set {
	char labels[256];
	uint64_t count, buckets[4], sum_ms;
};

struct model {
	struct set sets[SETS];
	size_t count;
};

static void model_add(struct model *m, const char *labels, uint64_t ms)
{
	struct set *s = m->sets;

	while (s < m->sets + m->count && strcmp(s->labels, labels) != 0)
		s++;
	if (s == m->sets + m->count) {
		assert_true(m->count < SETS);
		m->count++;
		*s = (struct set){ .count = 0 };
		snprintf(s->labels, sizeof s->labels, "%s", labels);
	}
	s->count++;
	s->sum_ms += ms;
	s->buckets[ms <= 2 ? 0 : ms <= 100 ? 1 : ms <= 1000 ? 2 : 3]++;
}

static void must_show(const char *page, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (!strstr(page, line))
		fail_msg("missing: %s", line);
}

static size_t count_of(const char *page, const char *text)
{
	size_t n = 0;

	for (const char *at = page; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void assert_model(const struct world *w, const struct model *m)
{
	static const char *const le[] = { "2", "100", "1000", "+Inf" };
	char *page = page_of(w, EXPOSITION_TEXT);

	for (const struct set *s = m->sets; s < m->sets + m->count; s++) {
		uint64_t sum = 0;
		must_show(
			page, "\ntraces_span_metrics_calls_total{%s} %llu\n", s->labels, (unsigned long long)s->count);
		must_show(page, "_sum{%s} %llu\n", s->labels, (unsigned long long)s->sum_ms);
		for (size_t i = 0; i < COUNT_OF(le); i++) {
			sum += s->buckets[i];
			must_show(page, "_bucket{%s,le=\"%s\"} %llu\n", s->labels, le[i], (unsigned long long)sum);
		}
	}
	assert_int_equal(count_of(page, "\ntraces_span_metrics_calls_total{"), m->count);
	free(page);
}

/* Random requests. */

static uint64_t below(struct random *r, uint64_t end)
{
	return random_below(r, end);
}

static void put_ids(struct buffer *b, struct random *r)
{
	uint64_t ids[3] = { random_next(r) | 1, random_next(r), random_next(r) | 1 };

	put_bytes(b, 1, ids, 16);
	put_bytes(b, 2, ids + 2, 8);
}

static const char *const kind_words[] = { "UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER" };
static const char *const status_words[] = { "UNSET", "OK", "ERROR" };

static void put_status(struct buffer *b, uint64_t status)
{
	size_t mark = b->size;

	put_text(b, 2, "why");
	if (status > 0)
		put_number(b, 3, status);
	put_wrap(b, mark, 15);
}

/* The route of a span is a text, a number, or not there. */
static const char *put_route(struct buffer *b, uint64_t which)
{
	if (which == 1)
		put_attribute(b, 9, "http.route", "/a");
	else if (which == 2)
		put_attribute_int(b, 9, "http.route", -7);
	return which == 1 ? "/a" : which == 2 ? "-7" : "";
}

static void put_span(struct buffer *b, struct random *r, struct model *m, const char *service, const char *zone)
{
	uint64_t kind = below(r, 8), status = below(r, 4), ms = 1u << below(r, 13), start = below(r, 1000) * MS;
	size_t span = b->size;
	char name[8], labels[256];
	const char *route;
	bool ends = below(r, 8) > 0;

	snprintf(name, sizeof name, "op%d", (int)below(r, 4));
	put_ids(b, r);
	put_text(b, 5, "first of two names");
	if (below(r, 2))
		put_attribute(b, 9, "other", "x");
	route = put_route(b, below(r, 3));
	put_text(b, 5, name);
	put_number(b, 6, kind);
	put_fixed64(b, 7, start);
	if (ends)
		put_fixed64(b, 8, start + ms * MS);
	put_status(b, status);
	put_wrap(b, span, 2);
	snprintf(labels, sizeof labels,
		"service_name=\"%s\",span_kind=\"SPAN_KIND_%s\",span_name=\"%s\",status_code=\"STATUS_CODE_%s\","
		"http_route=\"%s\",zone=\"%s\"",
		service, kind_words[kind < COUNT_OF(kind_words) ? kind : 0], name,
		status_words[status < COUNT_OF(status_words) ? status : 0], route, zone);
	model_add(m, labels, ends ? ms : 0);
}

static void put_resource(struct buffer *b, struct random *r, struct model *m)
{
	static const char *const services[] = { "shop", "cart", "" };
	const char *service = services[below(r, COUNT_OF(services))], *zone = below(r, 2) ? "a" : "";
	size_t resource = b->size, mark = b->size;

	if (*zone)
		put_attribute(b, 1, "zone", zone);
	if (*service)
		put_attribute(b, 1, "service.name", service);
	if (below(r, 4) > 0 || *zone || *service)
		put_wrap(b, mark, 1);
	for (uint64_t scopes = below(r, 3); scopes > 0; scopes--) {
		mark = b->size;
		for (uint64_t spans = below(r, 6); spans > 0; spans--)
			put_span(b, r, m, service, zone);
		put_wrap(b, mark, 2);
	}
	put_wrap(b, resource, 1);
}

/* The same requests go through the step alone, in slices of any size, and beside a step that drops nothing. */
static void it_counts_what_there_is(void **state)
{
	struct metrics_options o = plain;
	struct world *alone = world_new(), *beside = world_new();
	struct model *m = calloc(1, sizeof *m), *refused = calloc(1, sizeof *m);
	struct random r;

	(void)state;
	random_seed(&r, 5);
	o.dimensions = LIST("http.route", "resource.zone");
	use(alone, &step_span_metrics, &o);
	use(beside, &step_span_metrics, &o);
	use(beside, &step_span_drop, &(struct select_options){ .where = MAP({ "name", "nothing" }), .keys = NO_LIST });
	for (int i = 0; i < ROUNDS; i++) {
		bool taken = i % 5 != 3;
		struct buffer body;
		buffer_init(&body, MEMORY);
		for (uint64_t resources = below(&r, 4); resources > 0; resources--)
			put_resource(&body, &r, taken ? m : refused);
		pass(alone, &body, 1 + below(&r, 300), taken);
		pass(beside, &body, SIZE_MAX, taken);
		buffer_done(&body);
	}
	assert_model(alone, m);
	assert_model(beside, m);
	assert_true(refused->count > 0 && alone->host.beyond == 0);
	world_free(alone);
	world_free(beside);
	free(m);
	free(refused);
}

/* One request with spans of these names; those of `bad` have an error. */
static void put_spans(struct buffer *b, const char *const *names, size_t count, const char *bad)
{
	for (size_t i = 0; i < count; i++) {
		size_t span = b->size;
		put_bytes(b, 1, "0123456789abcdef", 16);
		put_bytes(b, 2, "abcdefgh", 8);
		put_text(b, 5, names[i]);
		put_fixed64(b, 7, 1);
		put_fixed64(b, 8, 1 + 5 * MS);
		if (strcmp(names[i], bad) == 0)
			put_status(b, 2);
		put_wrap(b, span, 2);
	}
	put_wrap(b, 0, 2);
	put_wrap(b, 0, 1);
}

static void an_exemplar_names_a_trace_that_is_kept(void **state)
{
	static const char *const names[] = { "good", "bad" };
	struct world *w = world_new();
	struct buffer body;

	(void)state;
	buffer_init(&body, MEMORY);
	put_spans(&body, names, 2, "bad");
	use(w, &step_span_metrics, &plain);
	use(w, &step_span_sample,
		&(struct sample_options){ .ratio = "0", .errors = true, .where = &(struct option_map){ 0 } });
	pass(w, &body, SIZE_MAX, true);
	assert_true(shows(w, "span_name=\"good\",status_code=\"STATUS_CODE_UNSET\"} 1\n"));
	assert_true(shows(w, "span_name=\"good\",status_code=\"STATUS_CODE_UNSET\",le=\"100\"} 1\n"));
	assert_true(shows(w, "span_name=\"bad\",status_code=\"STATUS_CODE_ERROR\",le=\"100\"} 1 # {trace_id=\"303132"));
	buffer_done(&body);
	world_free(w);
}

static void what_is_redacted_before_is_in_no_label(void **state)
{
	static const char *const names[] = { "mail to bob@example.com" };
	struct world *w = world_new();
	struct buffer body;

	(void)state;
	buffer_init(&body, MEMORY);
	put_spans(&body, names, 1, "");
	use(w, &step_span_redact, &(struct redact_options){ .keys = NO_LIST, .detect = LIST("email") });
	use(w, &step_span_metrics, &plain);
	pass(w, &body, SIZE_MAX, true);
	assert_true(shows(w, "span_name=\"mail to ***\""));
	buffer_done(&body);
	world_free(w);
}

/* An offer whose batch is refused behind its steps, as on a full disk, comes again and counts once. */
static void an_offer_counts_when_it_is_taken(void **state)
{
	static const char *const names[] = { "a" };
	struct world *w = world_new();
	struct buffer body;
	struct batch *b;

	(void)state;
	buffer_init(&body, MEMORY);
	put_spans(&body, names, 1, "");
	use(w, &step_span_metrics, &plain);
	for (int i = 0; i < 2; i++) {
		b = batch_of(w, &body);
		assert_int_equal(source_prepare(w->source, &b), ADMIT_TAKEN);
		batch_free(b);
	}
	assert_false(shows(w, "calls_total"));
	b = batch_of(w, &body);
	assert_int_equal(source_prepare(w->source, &b), ADMIT_TAKEN);
	source_take(w->source, &b);
	assert_true(shows(w, "status_code=\"STATUS_CODE_UNSET\"} 1\n"));
	b = batch_of(w, &body);
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	assert_true(shows(w, "status_code=\"STATUS_CODE_UNSET\"} 2\n"));
	buffer_done(&body);
	world_free(w);
}

/* 100,000 of the smallest spans that there are, and scopes without any. */
static void a_large_request_is_read_in_slices(void **state)
{
	enum { SPANS = 100000, SLICES = SPANS * 30 / (128 << 10) };
	struct world *w = world_new();
	struct buffer body;

	(void)state;
	buffer_init(&body, MEMORY);
	for (int i = 0; i < SPANS; i++)
		put_raw(&body,
			"\x12\x1c\x0a\x10"
			"0123456789abcdef"
			"\x12\x08"
			"abcdefgh",
			30);
	put_wrap(&body, 0, 2);
	for (int i = 0; i < SPANS; i++)
		put_raw(&body, "\x12\x00", 2);
	put_wrap(&body, 0, 1);
	use(w, &step_span_metrics, &plain);
	assert_true(pass(w, &body, chain_slice(w->chain), true) >= SLICES);
	assert_true(shows(w, "} 100000\n"));
	buffer_done(&body);
	world_free(w);
}

static void wrong_options_are_refused(void **state)
{
	struct metrics_options o = plain;
	char why[256];

	(void)state;
	assert_true(step_span_metrics.check(&o, why, sizeof why));
	o.buckets = LIST("2ms", "2ms");
	assert_false(step_span_metrics.check(&o, why, sizeof why));
	assert_string_equal(why, "buckets: \"2ms\" is not above what comes before it");
	o.buckets = LIST("fast");
	assert_false(step_span_metrics.check(&o, why, sizeof why));
	o.buckets = NO_LIST;
	assert_true(step_span_metrics.check(&o, why, sizeof why));
	o.dimensions = LIST("a.b", "a_b");
	assert_false(step_span_metrics.check(&o, why, sizeof why));
	o.dimensions = LIST("span.name");
	assert_false(step_span_metrics.check(&o, why, sizeof why));
	o.dimensions = LIST("a", "b", "c", "d", "e", "f", "g", "h", "i");
	assert_false(step_span_metrics.check(&o, why, sizeof why));
	assert_string_equal(why, "dimensions: at most 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_counts_what_there_is),
		cmocka_unit_test(an_exemplar_names_a_trace_that_is_kept),
		cmocka_unit_test(what_is_redacted_before_is_in_no_label),
		cmocka_unit_test(an_offer_counts_when_it_is_taken),
		cmocka_unit_test(a_large_request_is_read_in_slices),
		cmocka_unit_test(wrong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
