/*
 * Pages in protobuf, made by hand: what they tell, and why they are refused. Each is read whole, and cut anywhere.
 */
#include "proto/metric_family_read.h"

#include "unit/unit.h"

#include <stdio.h>

#include "proto/exposition_number.h"

enum { TOLD = 4096, PAGE = 8192 };

static const struct exposition_limits small = { .line = 300, .page = 2000, .name = 30 };

/* What was told, as lines. */
struct told {
	char text[TOLD];
	size_t size;
	uint64_t stop_at; /* how many samples are wanted; 0: all */
};

PRINTF_LIKE(2, 3) static void put(struct told *t, const char *format, ...)
{
	va_list all;

	va_start(all, format);
	t->size += (size_t)vsnprintf(t->text + t->size, TOLD - t->size, format, all);
	va_end(all);
	assert_true(t->size < TOLD - 1);
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	static const char *const words[] = { "help", "type", "unit" };
	struct told *t = context;

	assert_int_equal(m->format, EXPOSITION_PROTOBUF);
	put(t, "%s %.*s ", words[m->what], (int)m->name.size, m->name.data);
	if (m->what == EXPOSITION_TYPE)
		put(t, "%d\n", (int)m->type);
	else
		put(t, "%.*s\n", (int)m->text.size, m->text.data);
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct told *t = context;
	char number[EXPOSITION_NUMBER_SIZE];

	if (s->excess) {
		put(t, "excess %d\n", (int)s->excess);
		return 0;
	}
	put(t, "%s%.*s{", s->created ? "created " : "", (int)s->name.size, s->name.data);
	for (size_t i = 0; i < s->label_count; i++)
		put(t, "%s%.*s=\"%.*s\"", i ? "," : "", (int)s->labels[i].name.size, s->labels[i].name.data,
			(int)s->labels[i].value.size, s->labels[i].value.data);
	put(t, "} %.*s", (int)exposition_number_format(s->value, number), number);
	if (s->has_timestamp)
		put(t, " @%lld", (long long)s->timestamp_ms);
	put(t, s->exemplar.size ? " # %.*s\n" : "\n", (int)s->exemplar.size, s->exemplar.data);
	return t->stop_at > 0 && --t->stop_at == 0;
}

static const struct exposition_events events = { on_meta, on_sample };

/* The beginning, then the rest in steps. */
static void read_in(struct family_reader *r, struct bytes page, size_t first, size_t step)
{
	family_reader_feed(r, page.data, first);
	for (size_t at = first; at < page.size; at += step)
		family_reader_feed(r, page.data + at, step < page.size - at ? step : page.size - at);
}

static enum exposition_fault read_cut(
	struct bytes page, size_t first, size_t step, struct told *told, char what[EXPOSITION_WHAT_MAX])
{
	struct family_reader r;
	enum exposition_fault fault;

	*told = (struct told){ .size = 0 };
	family_reader_init(&r, &small, &events, told);
	read_in(&r, page, first, step);
	fault = family_reader_end(&r);
	memcpy(what, r.what, EXPOSITION_WHAT_MAX);
	assert_int_equal(fault != EXPOSITION_FINE, what[0] != '\0');
	family_reader_done(&r);
	return fault;
}

static void assert_read(struct bytes page, enum exposition_fault wanted, const char *text, const char *what)
{
	struct told told;
	char said[EXPOSITION_WHAT_MAX];

	for (size_t first = 0; first <= page.size; first++)
		for (size_t step = 1; step <= page.size + 1; step += page.size) {
			enum exposition_fault fault = read_cut(page, first, step, &told, said);
			if (fault != wanted || (text && strcmp(told.text, text) != 0) || !strstr(said, what))
				fail_msg("cut at %zu: %d, \"%s\":\n%s\nwanted: %d, \"%s\":\n%s", first, (int)fault,
					said, told.text, (int)wanted, what, text ? text : "");
		}
}

/* One family with that body. */
static struct bytes family_of(struct bytes body, char to[PAGE])
{
	size_t n = 0, size = body.size;

	for (; size > 0x7f; size >>= 7)
		to[n++] = (char)(size | 0x80);
	to[n++] = (char)size;
	memcpy(to + n, body.data, body.size);
	return (struct bytes){ to, n + body.size };
}

#define BODY(text)                    \
	{                             \
		text, sizeof text - 1 \
	}
#define NAME       \
	"\x0a\x01" \
	"a"
#define COUNTER "\x18\x00"
#define GAUGE "\x18\x01"
#define SUMMARY "\x18\x02"
#define UNTYPED "\x18\x03"
#define HISTOGRAM "\x18\x04"
#define GAUGE_HISTOGRAM "\x18\x05"
#define ONE "\0\0\0\0\0\0\xf0\x3f"
#define TWO "\0\0\0\0\0\0\0\x40"
#define HALF "\0\0\0\0\0\0\xe0\x3f"
#define INF "\0\0\0\0\0\0\xf0\x7f"
#define X_IS_Y             \
	"\x0a\x06\x0a\x01" \
	"x"                \
	"\x12\x01"         \
	"y"
/* A gauge of 1, as the body of a metric. */
#define VALUE "\x12\x09\x09" ONE

static const struct {
	struct bytes body;
	const char *told;
} pages[] = {
	{ BODY(""), "" },
	{ BODY(NAME GAUGE), "" },
	{ BODY(NAME GAUGE "\x22\x0b" VALUE), "type a 2\na{} 1\n" },
	{ BODY(GAUGE NAME "\x22\x0b" VALUE), "type a 2\na{} 1\n" },
	{ BODY(NAME GAUGE "\x22\x00"), "type a 2\na{} 0\n" },
	{ BODY("\x12\x02"
	       "b\n" NAME GAUGE "\x22\x13" X_IS_Y VALUE "\x2a\x01"
	       "s"),
		"type a 2\nhelp a b\n\na{x=\"y\"} 1\nunit a s\n" },
	{ BODY(NAME "\x22\x0d\x1a\x09\x09" ONE "\x30\x07"), "type a 1\na{} 1 @7\n" }, /* without its type */
	{ BODY(NAME UNTYPED "\x22\x0d\x2a\x09\x09" TWO "\x30\x00"), "type a 0\na{} 2\n" },
	/* A counter: an exemplar, and when it began. */
	{ BODY("\x0a\x07"
	       "a_total" COUNTER "\x22\x2a\x1a\x28\x09" ONE "\x12\x13" X_IS_Y "\x11" HALF "\x1a\x00"
	       "\x1a\x08\x08\x02\x10\x80\xca\xb5\xee\x01"),
		"type a_total 1\na_total{} 1 # {x=\"y\"} 0.5\ncreated a_created{} 2.5\n" },
	/* An exemplar with a zero in it is left out. */
	{ BODY("\x0a\x07"
	       "a_total" COUNTER "\x22\x1e\x1a\x1c\x09" ONE "\x12\x11\x0a\x06\x0a\x01"
	       "x"
	       "\x12\x01\0\x11" HALF),
		"type a_total 1\na_total{} 1\n" },
	{ BODY(NAME SUMMARY "\x22\x25\x22\x23\x08\x02\x11" ONE "\x1a\x12\x09" HALF "\x11" TWO "\x22\x02\x08\x07"),
		"type a 4\na{quantile=\"0.5\"} 2\na_sum{} 1\na_count{} 2\ncreated a_created{} 7\n" },
	{ BODY(NAME HISTOGRAM "\x22\x22" X_IS_Y "\x3a\x18\x08\x02\x11" TWO "\x1a\x0b\x08\x01\x11" ONE),
		"type a 3\na_bucket{le=\"1.0\",x=\"y\"} 1\na_bucket{le=\"+Inf\",x=\"y\"} 2\na_sum{x=\"y\"} 2\n"
		"a_count{x=\"y\"} 2\n" },
	{ BODY(NAME HISTOGRAM "\x22\x23\x3a\x1f\x21" HALF "\x1a\x12\x21" HALF "\x11" INF
			      "\x40\x01\x30\x01"), /* parts */
		"type a 3\na_bucket{le=\"+Inf\"} 0.5 @1\na_sum{} 0 @1\na_count{} 0.5 @1\n" },
	{ BODY(NAME GAUGE_HISTOGRAM "\x22\x0d\x3a\x0b\x08\x02\x11" TWO),
		"type a 7\na_bucket{le=\"+Inf\"} 2\na_gsum{} 2\na_gcount{} 2\n" },
	/* Names and values that text has to escape. */
	{ BODY("\x0a\x03"
	       "a\"b" GAUGE "\x22\x16\x0a\x09\x0a\x03"
	       "x\\y"
	       "\x12\x02"
	       "\n\"" VALUE),
		"type a\\\"b 2\na\\\"b{x\\\\y=\"\\n\\\"\"} 1\n" },
	/* Fields that are not known, of each kind. */
	{ BODY("\x30\x01\x39" ONE "\x42\x01"
	       "x"
	       "\x4d"
	       "1234" NAME GAUGE "\x22\x0d\x40\x01" VALUE),
		"type a 2\na{} 1\n" },
};

static void what_a_page_has_is_told(void **state)
{
	char page[PAGE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pages); i++)
		assert_read(family_of(pages[i].body, page), EXPOSITION_FINE, pages[i].told, "");
}

static const struct {
	struct bytes body;
	enum exposition_fault fault;
	const char *what;
} refused[] = {
	{ BODY("\x22\x0b" VALUE), EXPOSITION_BAD_NAME, "family 1: a name expected before the metrics" },
	{ BODY("\x0a\x00"), EXPOSITION_BAD_NAME, "an empty name" },
	{ BODY("\x0a\x01\xff"), EXPOSITION_BAD_UTF8, "the name is not UTF-8" },
	{ BODY("\x0a\x01\0"), EXPOSITION_BAD_NAME, "the name has a zero in it" },
	{ BODY(NAME GAUGE "\x22\x0b" VALUE NAME), EXPOSITION_BAD_NAME, "family 1 \"a\": a name behind the metrics" },
	{ BODY(NAME "\x18\x06\x22\x0b" VALUE), EXPOSITION_BAD_TYPE, "a type from 0 to 5 expected, found 6" },
	{ BODY(NAME GAUGE "\x22\x0b" VALUE COUNTER), EXPOSITION_BAD_TYPE, "another type behind the metrics" },
	{ BODY("\x12\x01\xff"), EXPOSITION_BAD_UTF8, "the help is not UTF-8" },
	{ BODY("\x2a\x01\xff"), EXPOSITION_BAD_UTF8, "the unit is not UTF-8" },
	{ BODY("\x02\x00"), EXPOSITION_BAD_LINE, "a field cannot be read" },
	{ BODY("\x0b\x00"), EXPOSITION_BAD_LINE, "a field cannot be read" },
	{ BODY("\x0c\x00"), EXPOSITION_BAD_LINE, "a field cannot be read" },
	{ BODY("\x0e\x00"), EXPOSITION_BAD_LINE, "a field cannot be read" },
	{ BODY("\x0a"), EXPOSITION_BAD_LINE, "a field cannot be read" },
	{ BODY("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), EXPOSITION_BAD_LINE, "a field cannot be read" },
	{ BODY("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), EXPOSITION_BAD_LINE, "longer than the family" },
	{ BODY("\x0a\x02"
	       "a"),
		EXPOSITION_BAD_LINE, "a field is longer than the family" },
	{ BODY("\x09"
	       "1234567"),
		EXPOSITION_BAD_LINE, "a field is longer than the family" },
	{ BODY(NAME GAUGE "\x22\x01\x0a"), EXPOSITION_BAD_LINE, "a metric cannot be read" },
	{ BODY(NAME GAUGE "\x22\x03\x0a\x01\x0a"), EXPOSITION_BAD_LINE, "a label cannot be read" },
	{ BODY(NAME GAUGE "\x22\x05\x0a\x03\x12\x01"
			  "y"),
		EXPOSITION_BAD_LABEL, "a label has no name" },
	{ BODY(NAME GAUGE "\x22\x0c\x0a\x0a\x0a\x08"
			  "__name__"),
		EXPOSITION_BAD_LABEL, "__name__ is not a label" },
	{ BODY(NAME GAUGE "\x22\x10" X_IS_Y X_IS_Y), EXPOSITION_DUPLICATE_LABEL, "a label is given twice" },
	{ BODY(NAME GAUGE "\x22\x05\x0a\x03\x0a\x01\xff"), EXPOSITION_BAD_UTF8, "the name of a label is not UTF-8" },
	{ BODY(NAME GAUGE "\x22\x05\x0a\x03\x0a\x01\0"), EXPOSITION_BAD_NAME, "the name of a label has a zero" },
	{ BODY(NAME GAUGE "\x22\x08\x0a\x06\x0a\x01"
			  "x"
			  "\x12\x01\xff"),
		EXPOSITION_BAD_UTF8, "the value of a label" },
	{ BODY(NAME GAUGE "\x22\x03\x12\x01\x09"), EXPOSITION_BAD_LINE, "a metric cannot be read" },
	{ BODY(NAME "\x22\x05\x1a\x03\x12\x01\x0a"), EXPOSITION_BAD_LINE, "an exemplar cannot be read" },
	{ BODY(NAME SUMMARY "\x22\x03\x22\x01\x09"), EXPOSITION_BAD_LINE, "a summary cannot be read" },
	{ BODY(NAME SUMMARY "\x22\x05\x22\x03\x1a\x01\x09"), EXPOSITION_BAD_LINE, "a quantile cannot be read" },
	{ BODY(NAME HISTOGRAM "\x22\x03\x3a\x01\x09"), EXPOSITION_BAD_LINE, "a histogram cannot be read" },
	{ BODY(NAME HISTOGRAM "\x22\x05\x3a\x03\x1a\x01\x09"), EXPOSITION_BAD_LINE, "a bucket cannot be read" },
	{ BODY(NAME HISTOGRAM "\x22\x0a\x0a\x06\x0a\x02"
			      "le"
			      "\x12\x00\x3a\x00"),
		EXPOSITION_DUPLICATE_LABEL, "twice" },
};

static void what_is_wrong_ends_it(void **state)
{
	char page[PAGE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		assert_read(family_of(refused[i].body, page), refused[i].fault, NULL, refused[i].what);
}

static void lengths_of_families_are_checked(void **state)
{
	(void)state;
	assert_read(
		(struct bytes)BODY("\xd1\x0f"), EXPOSITION_PAGE_SIZE, "", "family 1: it is longer than a page may be");
	assert_read((struct bytes)BODY("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), EXPOSITION_PAGE_SIZE, "", "longer");
	assert_read((struct bytes)BODY("\x05" NAME GAUGE "\x80"), EXPOSITION_CUT, "", "family 2: the page ends in the");
	assert_read((struct bytes)BODY("\x06" NAME GAUGE), EXPOSITION_CUT, "", "family 1 \"a\": the page ends in the");
	assert_read((struct bytes)BODY("\x00\x00\x05" NAME GAUGE "\x00"), EXPOSITION_FINE, "", "");
}

/* What stands behind a family does not complete it. */
static void a_field_ends_with_its_family(void **state)
{
	(void)state;
	assert_read((struct bytes)BODY("\x01\x18\x12"
				       "a?"),
		EXPOSITION_BAD_LINE, "", "a field cannot be read");
}

static void a_page_has_its_ceiling(void **state)
{
	static const char zeros[2001];

	(void)state;
	assert_read((struct bytes){ zeros, 2000 }, EXPOSITION_FINE, "", "");
	assert_read((struct bytes){ zeros, 2001 }, EXPOSITION_PAGE_SIZE, "", "the page is too long");
}

/* A metric of that many bytes, in a family of gauges, behind which another metric stands. */
static struct bytes page_with(size_t size, char label, char to[PAGE])
{
	char body[PAGE];
	size_t n = 5;

	assert_in_range(size, 128, 16383);
	memcpy(body, NAME GAUGE, n);
	body[n++] = '\x22';
	body[n++] = (char)(size | 0x80);
	body[n++] = (char)(size >> 7);
	body[n++] = '\x0a';
	body[n++] = (char)((size - 3) | 0x80);
	body[n++] = (char)((size - 3) >> 7);
	memcpy(body + n, "\x0a\x01x\x12", 4);
	body[n + 4] = (char)((size - 9) | 0x80);
	body[n + 5] = (char)((size - 9) >> 7);
	memset(body + n + 6, label, size - 9);
	n += size - 3;
	memcpy(body + n, "\x22\x0b" VALUE, 13);
	return family_of((struct bytes){ body, n + 13 }, to);
}

static void what_is_too_large_costs_itself(void **state)
{
	static const char long_name[] = "\x0a\x1f"
					"0123456789012345678901234567890" GAUGE "\x22\x0b" VALUE;
	char page[PAGE], wanted[TOLD];

	(void)state;
	snprintf(wanted, sizeof wanted, "type a 2\na{x=\"%.*s\"} 0\na{} 1\n", 291, page_with(300, 'v', page).data + 23);
	assert_read(page_with(300, 'v', page), EXPOSITION_FINE, NULL, "");
	assert_read(page_with(301, 'v', page), EXPOSITION_FINE, "type a 2\nexcess 1\na{} 1\n", "");
	assert_read(page_with(1500, '\xff', page), EXPOSITION_FINE, "type a 2\nexcess 1\na{} 1\n", "");
	assert_read(
		family_of((struct bytes){ long_name, sizeof long_name - 1 }, page), EXPOSITION_FINE, "excess 3\n", "");
}

/* 129 labels; a label's name of 31 bytes. */
static void labels_have_ceilings(void **state)
{
	static const struct exposition_limits wide = { .line = 4000, .page = 8000, .name = 30 };
	char body[PAGE], page[PAGE];
	size_t n = 0;
	struct told told = { .size = 0 };
	struct family_reader r;

	(void)state;
	memcpy(body, NAME GAUGE "\x22\x87\x08", 8);
	n = 8;
	for (int i = 0; i < 129; i++)
		n += (size_t)snprintf(body + n, PAGE - n, "\x0a\x05\x0a\x03%c%c%c", 'a' + i % 26, 'a' + i / 26, 'x');
	body[6] = (char)((n - 8) | 0x80);
	body[7] = (char)((n - 8) >> 7);
	memcpy(body + n,
		"\x22\x25\x0a\x23\x0a\x21"
		"012345678901234567890123456789012",
		39);
	family_reader_init(&r, &wide, &events, &told);
	(void)family_of((struct bytes){ body, n + 39 }, page);
	assert_int_equal(family_reader_feed(&r, page, n + 41), EXPOSITION_FINE);
	assert_int_equal(family_reader_end(&r), EXPOSITION_FINE);
	family_reader_done(&r);
	assert_string_equal(told.text, "type a 2\nexcess 2\nexcess 3\n");
}

static void a_receiver_can_stop_it(void **state)
{
	struct told told = { .stop_at = 1 };
	struct family_reader r;
	char page[PAGE];
	struct bytes all = family_of((struct bytes)BODY(NAME GAUGE "\x22\x0b" VALUE "\x22\x0b" VALUE), page);

	(void)state;
	family_reader_init(&r, &small, &events, &told);
	assert_int_equal(family_reader_feed(&r, all.data, all.size), EXPOSITION_STOPPED);
	assert_int_equal(family_reader_feed(&r, all.data, all.size), EXPOSITION_STOPPED);
	family_reader_done(&r);
	assert_string_equal(told.text, "type a 2\na{} 1\n");
}

/* Many parts. */

enum { PARTS = 12000, SLICE_MAX = 600, LARGE = 1 << 20 };

static void put_varint(struct buffer *to, uint64_t value)
{
	char bytes[10];
	size_t n = 0;

	for (; value > 0x7f; value >>= 7)
		bytes[n++] = (char)(value | 0x80);
	bytes[n++] = (char)value;
	assert_int_equal(buffer_append(to, bytes, n), 0);
}

static void put_field(struct buffer *to, unsigned number, struct bytes body)
{
	put_varint(to, number << 3 | 2);
	put_varint(to, body.size);
	assert_int_equal(buffer_append(to, body.data, body.size), 0);
}

static void put_double(struct buffer *to, unsigned number, double value)
{
	put_varint(to, number << 3 | 1);
	assert_int_equal(buffer_append(to, (const char *)&value, sizeof value), 0);
}

/* A family of that name, with one histogram or summary of so many parts. */
static void put_large(struct buffer *page, const char *name, bool summary, size_t parts)
{
	struct buffer part, body, metric, family;

	buffer_init(&body, LARGE);
	buffer_init(&metric, LARGE);
	buffer_init(&family, LARGE);
	for (size_t i = 0; i < parts; i++) {
		buffer_init(&part, 64);
		put_double(&part, summary ? 1 : 2, (double)i / (double)parts);
		if (summary)
			put_double(&part, 2, (double)i);
		put_field(&body, 3, buffer_bytes(&part));
		buffer_done(&part);
	}
	put_double(&body, 2, 7);
	put_field(&metric, 1, (struct bytes)BODY("\x0a\x01x\x12\x03y\"z"));
	put_field(&metric, summary ? 4 : 7, buffer_bytes(&body));
	put_field(&family, 1, bytes_of(name));
	put_varint(&family, 3 << 3);
	put_varint(&family, summary ? 2 : 4);
	put_field(&family, 4, buffer_bytes(&metric));
	put_field(&family, 4, (struct bytes)BODY(X_IS_Y));
	put_varint(page, family.size);
	assert_int_equal(buffer_append(page, family.data, family.size), 0);
	buffer_done(&family);
	buffer_done(&metric);
	buffer_done(&body);
}

/* What was told, as one number, and how often. */
struct sum {
	uint64_t hash;
	size_t samples, metas;
};

static void hash(struct sum *s, struct bytes b)
{
	for (size_t i = 0; i < b.size; i++)
		s->hash = (s->hash ^ (unsigned char)b.data[i]) * 1099511628211u;
}

static int add_meta(void *context, const struct exposition_meta *m)
{
	struct sum *s = context;

	s->metas++;
	hash(s, m->name);
	return 0;
}

static int add_sample(void *context, const struct exposition_sample *sample)
{
	struct sum *s = context;

	s->samples++;
	hash(s, sample->name);
	for (size_t i = 0; i < sample->label_count; i++) {
		hash(s, sample->labels[i].name);
		hash(s, sample->labels[i].value);
	}
	hash(s, (struct bytes){ (const char *)&sample->value, sizeof sample->value });
	return 0;
}

static const struct exposition_events sums = { add_meta, add_sample };

enum patience { AT_ONCE, IN_SLICES, IN_A_HURRY };

/* In pieces of that size. In slices, each is small, and what came behind a metric waits; in a hurry, it is fed at once
 * nevertheless. */
static struct sum sum_of(struct bytes page, size_t piece, enum patience patience)
{
	struct sum s = { .hash = 1 };
	struct family_reader r;
	size_t slices = 0;

	family_reader_init(&r, &exposition_limits_default, &sums, &s);
	if (patience != AT_ONCE)
		family_reader_in_slices(&r);
	for (size_t at = 0; at < page.size; at += piece) {
		size_t before = s.samples;
		assert_int_equal(
			family_reader_feed(&r, page.data + at, piece < page.size - at ? piece : page.size - at), 0);
		assert_true(patience != IN_SLICES || s.samples - before <= SLICE_MAX + piece / 8);
		for (bool more = patience == IN_SLICES; more; slices++) {
			before = s.samples;
			more = family_reader_go_on(&r);
			assert_true(s.samples - before <= SLICE_MAX + piece / 8);
			assert_int_equal(more, family_reader_is_behind(&r));
		}
	}
	assert_int_equal(family_reader_end(&r), EXPOSITION_FINE);
	assert_true(patience != IN_SLICES || slices > PARTS / SLICE_MAX);
	family_reader_done(&r);
	return s;
}

static void many_parts_are_told_in_slices(void **state)
{
	static const size_t pieces[] = { 1000, 4096, 16384 };
	struct buffer page;
	struct sum whole, cut;

	(void)state;
	buffer_init(&page, LARGE);
	put_large(&page, "h", false, PARTS);
	put_large(&page, "s", true, PARTS / 2);
	put_large(&page, "t", true, 1);
	whole = sum_of(buffer_bytes(&page), page.size, AT_ONCE);
	assert_int_equal(whole.metas, 3);
	assert_true(whole.samples > PARTS + PARTS / 2);
	for (size_t i = 0; i < COUNT_OF(pieces); i++)
		for (int patience = AT_ONCE; patience <= IN_A_HURRY; patience++) {
			cut = sum_of(buffer_bytes(&page), pieces[i], (enum patience)patience);
			assert_int_equal(cut.hash, whole.hash);
			assert_int_equal(cut.samples, whole.samples);
			assert_int_equal(cut.metas, whole.metas);
		}
	buffer_done(&page);
}

/* The page ends, or is given up, in the middle of one. */
static void what_is_behind_may_be_forgotten(void **state)
{
	struct sum s = { .hash = 1 };
	struct family_reader r;
	struct buffer page;

	(void)state;
	buffer_init(&page, LARGE);
	put_large(&page, "h", false, PARTS);
	family_reader_init(&r, &exposition_limits_default, &sums, &s);
	family_reader_in_slices(&r);
	for (size_t at = 0; at < page.size && !family_reader_is_behind(&r); at += 1000)
		(void)family_reader_feed(&r, page.data + at, page.size - at < 1000 ? page.size - at : 1000);
	assert_true(family_reader_is_behind(&r));
	family_reader_done(&r);
	buffer_done(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_parts_are_told_in_slices),
		cmocka_unit_test(what_is_behind_may_be_forgotten),
		cmocka_unit_test(what_a_page_has_is_told),
		cmocka_unit_test(what_is_wrong_ends_it),
		cmocka_unit_test(lengths_of_families_are_checked),
		cmocka_unit_test(a_field_ends_with_its_family),
		cmocka_unit_test(a_page_has_its_ceiling),
		cmocka_unit_test(what_is_too_large_costs_itself),
		cmocka_unit_test(labels_have_ceilings),
		cmocka_unit_test(a_receiver_can_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
