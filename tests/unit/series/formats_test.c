/*
 * What comes in by one format goes out by another and comes back the same. Random pages of OpenMetrics with all that it
 * has, and the same pages as text.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/exposition_read.h"
#include "unit/series/table_bench.h"

enum { ROUNDS = 400, PAGE = 1 << 16 };

static const struct series_limits limits = { .series = 4000, .family_series = 4000, .bytes = 8 << 20 };

static unsigned draw(uint64_t *x, unsigned below)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return (unsigned)(*x >> 11) % below;
}

/* Writing of a random page. */
struct maker {
	uint64_t seed;
	const char *time; /* of all samples of a label set */
	char text[PAGE];
	size_t size;
};

PRINTF_LIKE(2, 3)
static void put(struct maker *m, const char *format, ...)
{
	va_list all;

	va_start(all, format);
	m->size += (size_t)vsnprintf(m->text + m->size, PAGE - m->size, format, all);
	va_end(all);
	assert_true(m->size < PAGE - 1);
}

static bool is_classic(const char *name)
{
	return exposition_name_valid(bytes_of(name), false);
}

static void put_sample(struct maker *m, const char *name, const char *suffix, const char *labels, const char *value)
{
	if (is_classic(name))
		put(m, *labels ? "%s%s{%s} %s" : "%s%s%s %s", name, suffix, labels, value);
	else
		put(m, *labels ? "{\"%s%s\",%s} %s" : "{\"%s%s\"%s} %s", name, suffix, labels, value);
	put(m, "%s", m->time);
}

static void put_exemplar(struct maker *m)
{
	static const char *const all[] = { " # {trace_id=\"1\"} 1", " # {} 0.5 1.5",
		" # {a=\"\\\"\\n\",\"b c\"=\"\"} -1e5" };

	put(m, "%s\n", draw(&m->seed, 3) ? "" : all[draw(&m->seed, 3)]);
}

static const char *value(struct maker *m)
{
	static const char *const all[] = { "0", "1", "1.5", "NaN", "+Inf", "1e-300", "12345678901234567890", "0.1" };

	return all[draw(&m->seed, 8)];
}

static void put_counter(struct maker *m, const char *name, const char *labels)
{
	put_sample(m, name, "_total", labels, value(m));
	put_exemplar(m);
	if (draw(&m->seed, 2)) {
		put_sample(m, name, "_created", labels, "1.5e9");
		put(m, "\n");
	}
}

static void put_histogram(struct maker *m, const char *name, const char *labels)
{
	char all[256];

	for (int i = 0; i < 3; i++) {
		snprintf(all, sizeof all, "%s%sle=\"%s\"", labels, *labels ? "," : "",
			i < 2 ? (i ? "2.0" : "1.0") : "+Inf");
		put_sample(m, name, "_bucket", all, "1");
		put_exemplar(m);
	}
	put_sample(m, name, "_sum", labels, value(m));
	put(m, "\n");
	put_sample(m, name, "_count", labels, "1");
	put(m, "\n");
	if (draw(&m->seed, 2)) {
		put_sample(m, name, "_created", labels, "1.5e9");
		put(m, "\n");
	}
}

static void put_plain(struct maker *m, const char *name, const char *labels, const char *suffix)
{
	put_sample(m, name, suffix, labels, *suffix ? "1" : value(m));
	put(m, "\n");
}

static void put_metric(struct maker *m, const char *type, const char *name, const char *labels)
{
	static const char *const times[] = { "", " 1.5", " 1395066363.123" };

	m->time = draw(&m->seed, 4) ? "" : times[draw(&m->seed, 3)];
	if (strcmp(type, "counter") == 0)
		put_counter(m, name, labels);
	else if (strcmp(type, "histogram") == 0)
		put_histogram(m, name, labels);
	else
		put_plain(m, name, labels, strcmp(type, "info") == 0 ? "_info" : "");
}

static void put_family(struct maker *m, int number)
{
	static const char *const types[] = { "counter", "gauge", "histogram", "info", "unknown", "stateset" };
	static const char *const names[] = { "f%d_seconds", "f.%d_seconds", "f%d \\\"\\\\\\n_seconds" };
	static const char *const labels[] = { "", "x=\"1\"", "x=\"1\",y=\"\\\\\\\"\\n\"", "\"x.y\"=\"3\"",
		"\"\\\"\"=\"4\"" };
	const char *type = types[draw(&m->seed, 6)];
	char name[64], quoted[80];

	snprintf(name, sizeof name, names[draw(&m->seed, 3)], number);
	snprintf(quoted, sizeof quoted, is_classic(name) ? "%s" : "\"%s\"", name);
	put(m, "# TYPE %s %s\n", quoted, type);
	if (draw(&m->seed, 2))
		put(m, "# HELP %s A \\\\ \\n \\\" b\n", quoted);
	if (draw(&m->seed, 2) && strcmp(type, "info") != 0 && strcmp(type, "stateset") != 0)
		put(m, "# UNIT %s seconds\n", quoted);
	for (unsigned i = 0; i < 5; i++)
		if (draw(&m->seed, 2))
			put_metric(m, type, name, labels[i]);
}

static void make(struct maker *m, uint64_t seed)
{
	m->seed = seed * 0x9e3779b97f4a7c15u + 1;
	m->size = 0;
	for (int i = 0, count = (int)draw(&m->seed, 8); i < count; i++)
		put_family(m, 100 + i);
	put(m, "# EOF\n");
}

static void stage_page(struct series_target *t, struct bytes page, enum exposition_format format)
{
	struct exposition_reader r;

	exposition_read_begin(&r, format, &series_events, t);
	exposition_read_feed(&r, page.data, page.size);
	if (exposition_read_end(&r) != EXPOSITION_FINE)
		fail_msg("%s", exposition_read_what(&r));
	exposition_read_done(&r);
}

/* The page of a table with that page alone. The caller frees it. */
static struct bytes through_bytes(struct bytes source, enum exposition_format in, enum exposition_format out)
{
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer b;

	series_begin(t.app);
	stage_page(t.app, source, in);
	commit(&t, t.app);
	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t.series, out);
	c.escaping = EXPOSITION_UTF8;
	assert_int_equal(series_write_some(&c, &b, 1 << 20), 0);
	assert_in_range(b.size, 0, series_page_max(t.series));
	assert_int_equal(buffer_text(&b, out == EXPOSITION_OPENMETRICS ? "# EOF\n" : ""), 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	series_free(t.series);
	return (struct bytes){ b.data, b.size - 1 };
}

/* Of pages of text. */
static char *through(const char *source, enum exposition_format in, enum exposition_format out)
{
	return (char *)through_bytes(bytes_of(source), in, out).data;
}

/* The samples of a page, and exemplars, as a sum that does not know their order. */
struct sum {
	uint64_t samples, exemplars;
	size_t count;
};

static uint64_t hash(uint64_t h, struct bytes b)
{
	for (size_t i = 0; i < b.size; i++)
		h = (h ^ (unsigned char)b.data[i]) * 0x100000001b3;
	return h * 31 + b.size;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	(void)context, (void)m;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct sum *sum = context;
	uint64_t h = hash(7, s->name);

	for (size_t i = 0; i < s->label_count; i++)
		h = hash(hash(h, s->labels[i].name), s->labels[i].value);
	sum->exemplars += s->exemplar.size ? hash(h, s->exemplar) : 0;
	sum->samples += hash(h, s->value_text) + (s->has_timestamp ? (uint64_t)s->timestamp_ms * 77 + 1 : 0);
	sum->count++;
	return 0;
}

static int on_value(void *context, const struct exposition_sample *s)
{
	struct sum *sum = context;
	uint64_t h = hash(7, s->name), bits;

	for (size_t i = 0; i < s->label_count; i++)
		h = hash(hash(h, s->labels[i].name), s->labels[i].value);
	memcpy(&bits, &s->value, sizeof bits);
	h += s->exemplar.size ? 99 : 0;
	sum->samples += hash(h, (struct bytes){ (const char *)&bits, sizeof bits });
	sum->samples += s->has_timestamp && !memmem(s->name.data, s->name.size, "_created", 8)
				? (uint64_t)s->timestamp_ms * 77 + h
				: 0;
	sum->count++;
	return 0;
}

static struct sum sum_of(const char *page, enum exposition_format format)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct exposition_parser p;
	struct sum sum = { 0 };

	exposition_init(&p, format, &exposition_limits_default, &events, &sum);
	exposition_feed(&p, page, strlen(page));
	assert_int_equal(exposition_end(&p), EXPOSITION_FINE);
	exposition_done(&p);
	return sum;
}

static void assert_same_samples(const char *a, enum exposition_format as, const char *b, enum exposition_format bs)
{
	struct sum one = sum_of(a, as), other = sum_of(b, bs);

	if (one.count != other.count || one.samples != other.samples)
		fail_msg("%s\nis not\n%s", a, b);
	if (as == bs && one.exemplars != other.exemplars)
		fail_msg("%s\nhas not the exemplars of\n%s", b, a);
}

static void a_page_comes_back_the_same(void **state)
{
	const enum exposition_format text = EXPOSITION_TEXT, open = EXPOSITION_OPENMETRICS;
	struct maker *m = calloc(1, sizeof *m);

	(void)state;
	assert_non_null(m);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		char *pages[4];
		make(m, seed);
		pages[0] = through(m->text, open, open);
		pages[1] = through(pages[0], open, open);
		pages[2] = through(m->text, open, text);
		pages[3] = through(pages[2], text, text);
		assert_same_samples(m->text, open, pages[0], open);
		assert_same_samples(m->text, open, pages[2], text);
		assert_string_equal(pages[0], pages[1]);
		assert_string_equal(pages[2], pages[3]);
		for (int i = 0; i < 4; i++)
			free(pages[i]);
	}
	free(m);
}

/* Numbers are spelt anew, so these are compared by what they are. */
static struct sum values_of(struct bytes page, enum exposition_format format)
{
	static const struct exposition_events events = { on_meta, on_value };
	struct exposition_reader r;
	struct sum sum = { 0 };

	exposition_read_begin(&r, format, &events, &sum);
	exposition_read_feed(&r, page.data, page.size);
	assert_int_equal(exposition_read_end(&r), EXPOSITION_FINE);
	exposition_read_done(&r);
	return sum;
}

/* Protobuf has what OpenMetrics has, and makes the same page again, also of what was protobuf before. */
static void a_page_goes_through_protobuf(void **state)
{
	const enum exposition_format open = EXPOSITION_OPENMETRICS, proto = EXPOSITION_PROTOBUF;
	struct maker *m = calloc(1, sizeof *m);

	(void)state;
	assert_non_null(m);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct bytes pages[4];
		struct sum wanted;
		make(m, seed);
		wanted = values_of(bytes_of(m->text), open);
		pages[0] = through_bytes(bytes_of(m->text), open, proto);
		pages[1] = through_bytes(pages[0], proto, proto);
		pages[2] = through_bytes(pages[0], proto, open);
		pages[3] = through_bytes(pages[2], open, proto);
		for (int i = 0; i < 4; i++) {
			struct sum sum = values_of(pages[i], i == 2 ? open : proto);
			if (sum.count != wanted.count || sum.samples != wanted.samples)
				fail_msg("seed %d, page %d: %s\nhas become\n%.*s", (int)seed, i, m->text,
					(int)pages[2].size, pages[2].data);
		}
		assert_int_equal(pages[0].size, pages[1].size);
		assert_memory_equal(pages[0].data, pages[1].data, pages[0].size);
		for (int i = 0; i < 4; i++)
			free((void *)pages[i].data);
	}
	free(m);
}

static void assert_becomes(const char *source, const char *wanted)
{
	char *page = through(source, EXPOSITION_OPENMETRICS, EXPOSITION_OPENMETRICS);

	assert_string_equal(page, wanted);
	free(page);
}

/* A label set has its time behind it, as the specification wants it; none is lost that belongs to nothing. */
static void created_times_stand_with_their_label_sets(void **state)
{
	(void)state;
	assert_becomes(
		"# TYPE c counter\nc_total{x=\"1\"} 1\nc_created{x=\"1\"} 2\nc_total{x=\"2\"} 3\nc_created{x=\"2\"} 4\n"
		"# TYPE h histogram\nh_bucket{x=\"1\",le=\"+Inf\"} 1\nh_count{x=\"1\"} 1\nh_sum{x=\"1\"} "
		"2\nh_created{x=\"1\"} 5\n"
		"# TYPE g gauge\ng 1\ng_created 2\n# EOF\n",
		"# TYPE c counter\nc_total{x=\"1\"} 1\nc_created{x=\"1\"} 2\nc_total{x=\"2\"} 3\nc_created{x=\"2\"} 4\n"
		"# TYPE g gauge\ng 1\n# TYPE g_created unknown\ng_created 2\n"
		"# TYPE h histogram\nh_bucket{le=\"+Inf\",x=\"1\"} 1\nh_count{x=\"1\"} 1\nh_created{x=\"1\"} 5\n"
		"h_sum{x=\"1\"} 2\n# EOF\n");
}

static void types_and_units_of_openmetrics_are_kept(void **state)
{
	static const char page[] =
		"# TYPE a_s counter\n# UNIT a_s s\na_s_total 1\n# TYPE b info\nb_info{v=\"1\"} 1\n"
		"# TYPE c stateset\nc{c=\"x\"} 1\nc{c=\"y\"} 0\n# TYPE d_m gauge\n# UNIT d_m m\nd_m 1\n# EOF\n";

	(void)state;
	assert_becomes(page, page);
	assert_becomes("# TYPE a gauge\n# UNIT a s\na 1\n# TYPE b info\nb_info 1\n# TYPE b_info gauge\nb_info{x=\"1\"} "
		       "2\n# EOF\n",
		"# TYPE a gauge\na 1\n# TYPE b info\nb_info 1\nb_info{x=\"1\"} 2\n# EOF\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_comes_back_the_same),
		cmocka_unit_test(a_page_goes_through_protobuf),
		cmocka_unit_test(created_times_stand_with_their_label_sets),
		cmocka_unit_test(types_and_units_of_openmetrics_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
