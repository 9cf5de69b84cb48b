/*
 * OTLP requests on the wire: what passes, what is refused and where, and that generated code agrees.
 */
#include "unit/unit.h"

#include <errno.h>

#include "base/random.h"
#include "proto/otlp_walk.h"
#include "unit/proto/otlp_builder.h"
#include "otlp.pb-c.h"

enum { ROOM = 1 << 20, DEEP = 10000, MUTANTS = 20000 };

static const char trace_id[] = "0123456789abcdef", span_id[] = "01234567";

static enum otlp_fault check(const struct buffer *b, struct otlp_summary *sum)
{
	size_t at;

	return otlp_traces_check(b->data, b->size, sum, &at);
}

static enum otlp_fault fault_of(const struct buffer *b)
{
	struct otlp_summary sum;

	return check(b, &sum);
}

/* The resource spans and scope spans around what stands in the buffer. */
static void wrap_span(struct buffer *b)
{
	put_wrap(b, 0, 2);
	put_wrap(b, 0, 2);
	put_wrap(b, 0, 1);
}

static void start_span(struct buffer *b)
{
	buffer_clear(b);
	put_bytes(b, 1, trace_id, 16);
	put_bytes(b, 2, span_id, 8);
}

static size_t count_spans(const Otlp__TracesRequest *r)
{
	size_t spans = 0;

	for (size_t i = 0; i < r->n_resource_spans; i++)
		for (size_t k = 0; k < r->resource_spans[i]->n_scope_spans; k++)
			spans += r->resource_spans[i]->scope_spans[k]->n_spans;
	return spans;
}

/* -1 when generated code refuses it. */
static long oracle(const char *data, size_t size)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, size, (const uint8_t *)data);
	long spans = r ? (long)count_spans(r) : -1;

	if (r)
		otlp__traces_request__free_unpacked(r, NULL);
	return spans;
}

static void a_request_is_counted(void **state)
{
	struct buffer b;
	struct otlp_summary sum;
	size_t at;

	(void)state;
	buffer_init(&b, ROOM);
	put_http_request(&b, 100);
	put_http_request(&b, 7);
	assert_int_equal(otlp_traces_check(b.data, b.size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, 107);
	assert_int_equal(at, b.size);
	assert_int_equal(oracle(b.data, b.size), 107);
	buffer_done(&b);
}

static void nothing_is_a_request_without_spans(void **state)
{
	struct otlp_summary sum;
	size_t at;

	(void)state;
	assert_int_equal(otlp_traces_check(NULL, 0, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans + at, 0);
}

/* Bytes of a whole request, and where the fault is reported. */
static const struct { const char *bytes; size_t size; enum otlp_fault fault; size_t at; } raw[] = {
	{ "\x0a\x00", 2, OTLP_OK, 2 },
	{ "\x0a\x02\x12\x00", 4, OTLP_OK, 4 },
	{ "\x0a", 1, OTLP_CUT, 0 },
	{ "\x0a\x01", 2, OTLP_CUT, 0 },
	{ "\x0a\x80", 2, OTLP_CUT, 0 },
	{ "\x80", 1, OTLP_CUT, 0 },
	{ "\x0a\x00\x00\x00", 4, OTLP_FIELD_NUMBER, 2 },
	{ "\x02\x00", 2, OTLP_FIELD_NUMBER, 0 },
	{ "\x80\x80\x80\x80\x10", 5, OTLP_FIELD_NUMBER, 0 },
	{ "\xf8\xff\xff\xff\x0f\x01", 6, OTLP_OK, 6 },
	{ "\x8a\x80\x80\x80\x80\x00\x00", 7, OTLP_VARINT, 0 },
	{ "\x0a\x80\x80\x80\x80\x80\x00", 7, OTLP_VARINT, 0 },
	{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, OTLP_VARINT, 0 },
	{ "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, OTLP_OK, 11 },
	{ "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, OTLP_VARINT, 0 },
	{ "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, OTLP_VARINT, 0 },
	{ "\x78\xff", 2, OTLP_CUT, 0 },
	{ "\x08\x01", 2, OTLP_WIRE_TYPE, 0 },
	{ "\x09\x01\x01\x01\x01\x01\x01\x01\x01", 9, OTLP_WIRE_TYPE, 0 },
	{ "\x0b\x0c", 2, OTLP_GROUP, 0 },
	{ "\x7b\x7c", 2, OTLP_GROUP, 0 },
	{ "\x7c", 1, OTLP_GROUP, 0 },
	{ "\x7e", 1, OTLP_WIRE_TYPE, 0 },
	{ "\x7f", 1, OTLP_WIRE_TYPE, 0 },
	{ "\x7a\x02\xff\xff", 4, OTLP_OK, 4 },
	{ "\x79\x01\x02\x03\x04\x05\x06\x07\x08", 9, OTLP_OK, 9 },
	{ "\x79\x01\x02\x03\x04\x05\x06\x07", 8, OTLP_CUT, 0 },
	{ "\x7d\x01\x02\x03\x04", 5, OTLP_OK, 5 },
	{ "\x7d\x01\x02\x03", 4, OTLP_CUT, 0 },
	{ "\x0a\x02\x1a\x01x", 5, OTLP_CUT, 2 },
	{ "\x0a\x03\x1a\x01\xff", 5, OTLP_UTF8, 2 },
	{ "\x0a\x03\x12\x05zzzzz", 9, OTLP_CUT, 2 },
	{ "\x0a\x06\x0a\x04\x1a\x02\x1a\x00", 8, OTLP_OK, 8 },
	{ "\x0a\x07\x0a\x05\x1a\x03\x1a\x01\xc0", 9, OTLP_UTF8, 6 },
};

static void raw_bytes_have_their_fault_and_offset(void **state)
{
	struct otlp_summary sum;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(raw); i++) {
		char *copy = malloc(raw[i].size);
		size_t at = SIZE_MAX;
		assert_non_null(copy);
		memcpy(copy, raw[i].bytes, raw[i].size);
		if (otlp_traces_check(copy, raw[i].size, &sum, &at) != raw[i].fault ||
			at != raw[i].at)
			fail_msg("row %zu: found at %zu", i, at);
		free(copy);
	}
}

static void id_case(unsigned number, size_t size, int byte, enum otlp_fault expected)
{
	struct buffer b;
	char id[32];

	buffer_init(&b, ROOM);
	memset(id, byte, sizeof id);
	start_span(&b);
	put_bytes(&b, number, id, size);
	wrap_span(&b);
	assert_int_equal(fault_of(&b), expected);
	buffer_done(&b);
}

static void ids_have_their_sizes(void **state)
{
	(void)state;
	for (size_t size = 0; size < 32; size++) {
		id_case(1, size, 7, size == 16 ? OTLP_OK : OTLP_TRACE_ID);
		id_case(2, size, 7, size == 8 ? OTLP_OK : OTLP_SPAN_ID);
		id_case(4, size, 7, size == 8 || size == 0 ? OTLP_OK : OTLP_PARENT_ID);
	}
	id_case(1, 16, 0, OTLP_TRACE_ID);
	id_case(2, 8, 0, OTLP_SPAN_ID);
	id_case(4, 8, 0, OTLP_OK);
}

static void one_byte_of_an_id_is_enough(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < 16; i++) {
		char trace[16] = { 0 }, span[8] = { 0 };
		trace[i] = span[i % 8] = 1;
		buffer_clear(&b);
		put_bytes(&b, 1, trace, 16);
		put_bytes(&b, 2, span, 8);
		wrap_span(&b);
		assert_int_equal(fault_of(&b), OTLP_OK);
	}
	buffer_done(&b);
}

static void spans_need_ids(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	put_bytes(&b, 1, trace_id, 16);
	wrap_span(&b);
	assert_int_equal(fault_of(&b), OTLP_SPAN_ID);
	buffer_clear(&b);
	put_bytes(&b, 2, span_id, 8);
	wrap_span(&b);
	assert_int_equal(fault_of(&b), OTLP_TRACE_ID);
	buffer_done(&b);
}

static enum otlp_fault link_case(size_t trace_size, size_t span_size, int byte)
{
	enum otlp_fault fault;
	struct buffer b;
	char id[32];
	size_t link;

	buffer_init(&b, ROOM);
	memset(id, byte, sizeof id);
	start_span(&b);
	link = b.size;
	if (trace_size)
		put_bytes(&b, 1, id, trace_size);
	if (span_size)
		put_bytes(&b, 2, id, span_size);
	put_wrap(&b, link, 13);
	wrap_span(&b);
	fault = fault_of(&b);
	buffer_done(&b);
	return fault;
}

/* A link may be to nothing, if it has attributes or a trace state; ids of another size are refused by receivers. */
static void links_may_lack_ids(void **state)
{
	(void)state;
	for (size_t trace_size = 0; trace_size < 20; trace_size++)
		for (size_t span_size = 0; span_size < 12; span_size++) {
			bool fine = (trace_size == 0 || trace_size == 16) && (span_size == 0 || span_size == 8);
			assert_int_equal(link_case(trace_size, span_size, 7), fine ? OTLP_OK : OTLP_LINK_ID);
			assert_int_equal(link_case(trace_size, span_size, 0), fine ? OTLP_OK : OTLP_LINK_ID);
		}
}

/* Fields of a span with a wire type that is not theirs. */
static void wire_types_are_checked(void **state)
{
	static const unsigned char types[17] = { [1] = 2, 2, 2, 2, 2, 0, 1, 1, 2, 0, 2, 0, 2, 0, 2, 5 };
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (unsigned number = 1; number <= 17; number++)
		for (unsigned type = 0; type < 6; type++) {
			if (type == 3 || type == 4 || type == 2)
				continue;
			start_span(&b);
			put_tag(&b, number, type);
			put_raw(&b, "\0\0\0\0\0\0\0\0", type == 0 ? 1 : type == 1 ? 8 : 4);
			wrap_span(&b);
			assert_int_equal(
				fault_of(&b), number == 17 || types[number] == type ? OTLP_OK : OTLP_WIRE_TYPE);
		}
	buffer_done(&b);
}

/* Every string, whatever its length and wherever its bad byte, in the usual attribute and beside it. */
static void bad_text_is_found_everywhere(void **state)
{
	struct buffer b;
	char text[200];

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t size = 1; size < 140; size++)
		for (size_t bad = 0; bad < size; bad++) {
			memset(text, 'a', sizeof text);
			text[size] = '\0';
			text[bad] = (char)0xff;
			start_span(&b);
			put_attribute(&b, 9, text, "fine");
			wrap_span(&b);
			assert_int_equal(fault_of(&b), OTLP_UTF8);
			start_span(&b);
			put_attribute(&b, 9, "fine", text);
			wrap_span(&b);
			assert_int_equal(fault_of(&b), OTLP_UTF8);
			start_span(&b);
			put_text(&b, 5, text);
			wrap_span(&b);
			assert_int_equal(fault_of(&b), OTLP_UTF8);
		}
	buffer_done(&b);
}

static void good_text_passes(void **state)
{
	static const char *const texts[] = { "", "é", "日本語", "a\xf0\x9f\x98\x80",
		"naïve text of some length, with more behind" };
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		start_span(&b);
		put_text(&b, 3, texts[i]);
		put_attribute(&b, 9, texts[i], texts[i]);
		wrap_span(&b);
		assert_int_equal(fault_of(&b), OTLP_OK);
	}
	buffer_done(&b);
}

enum { ROW = 6 };

/* A span whose attributes are a row of texts with one number among them; in place of the one at `which` stands
 * `text`, as its key or its value. */
static void put_row(struct buffer *b, size_t which, bool key, const char *text)
{
	start_span(b);
	for (size_t i = 0; i < ROW; i++) {
		if (i == ROW / 2) {
			put_bytes(b, 9, "\x0a\x01k\x12\x03\x18\xc8\x01", 8);
			continue;
		}
		put_attribute(b, 9, i == which && key ? text : "http.request.method",
			i == which && !key ? text : "a value of some length");
	}
	wrap_span(b);
}

/* A row is checked as one, but each string of it is one by itself: a sequence that is cut at the end of one does not go
 * on in the next. The fault is told at the string that has it. */
static void texts_in_a_row_are_judged_one_by_one(void **state)
{
	static const char *const bad[] = { "\xc3", "cut \xf0\x9f\x98", "\xa9", "\xed\xa0\x80",
		"\xff and more behind it" };
	struct otlp_summary sum;
	struct buffer b;
	size_t at;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < 2 * ROW; i++) {
		put_row(&b, i / 2, i % 2, "\xc3\xa9 and \xf0\x9f\x98\x80");
		assert_int_equal(fault_of(&b), OTLP_OK);
		for (size_t k = 0; k < COUNT_OF(bad) && i / 2 != ROW / 2; k++) {
			put_row(&b, i / 2, i % 2, bad[k]);
			assert_int_equal(otlp_traces_check(b.data, b.size, &sum, &at), OTLP_UTF8);
			assert_int_equal(b.data[at], 1 << 3 | 2);
			assert_memory_equal(b.data + at + 2, bad[k], strlen(bad[k]));
		}
	}
	buffer_done(&b);
}

/* What nearly every span begins with is passed in one step only when it is fine. */
static void the_start_of_a_span_is_checked(void **state)
{
	static const struct {
		const char *name;
		unsigned parent, kind_wire, start_wire;
		enum otlp_fault fault;
	} rows[] = {
		{ "GET /", 8, 0, 1, OTLP_OK }, { "\xc3\xa9", 8, 0, 1, OTLP_OK }, { "\xc3", 8, 0, 1, OTLP_UTF8 },
		{ "GET /", 0, 0, 1, OTLP_OK }, { "GET /", 7, 0, 1, OTLP_PARENT_ID },
		{ "GET /", 8, 1, 1, OTLP_WIRE_TYPE }, { "GET /", 8, 0, 5, OTLP_WIRE_TYPE },
	};
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		start_span(&b);
		put_bytes(&b, 4, "parents!", rows[i].parent);
		put_text(&b, 5, rows[i].name);
		put_tag(&b, 6, rows[i].kind_wire);
		put_raw(&b, "\1\0\0\0\0\0\0\0", rows[i].kind_wire ? 8 : 1);
		put_tag(&b, 7, rows[i].start_wire);
		put_raw(&b, "\1\0\0\0\0\0\0\0", rows[i].start_wire == 1 ? 8 : 4);
		put_fixed64(&b, 8, 2);
		put_attribute(&b, 9, "k", "v");
		wrap_span(&b);
		assert_int_equal(fault_of(&b), rows[i].fault);
	}
	buffer_done(&b);
}

/* Attributes that look like the usual one and are not. */
static const struct { const char *bytes; size_t size; enum otlp_fault fault; } attributes[] = {
	{ "", 0, OTLP_OK },
	{ "\x0a\x00\x12\x00", 4, OTLP_OK },
	{ "\x0a\x01k\x12\x02\x0a\x00", 7, OTLP_OK },
	{ "\x0a\x01k\x12\x02\x0a\x01", 7, OTLP_CUT },
	{ "\x0a\x01k\x12\x03\x0a\x01", 7, OTLP_CUT },
	{ "\x0a\x01k\x12\x03\x0a\x00x", 8, OTLP_CUT },
	{ "\x0a\x09k\x12\x02\x0a\x00", 7, OTLP_CUT },
	{ "\x0a\x01k\x12\x02\x18\x05", 7, OTLP_OK },
	{ "\x0a\x01k\x12\x02\x18\x85", 7, OTLP_CUT },
	{ "\x0a\x01k\x12\x03\x18\x85\x01", 8, OTLP_OK },
	{ "\x0a\x01k\x12\x03\x18\x05\x78", 8, OTLP_CUT },
	{ "\x0a\x01k\x12\x03\x18\x05\x06", 8, OTLP_FIELD_NUMBER },
	{ "\x0a\x01k\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 16, OTLP_OK },
	{ "\x0a\x01k\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 16, OTLP_VARINT },
	{ "\x0a\x01k\x12\x09\x21\x01\x02\x03\x04\x05\x06\x07\x08", 14, OTLP_OK },
	{ "\x0a\x01k\x12\x08\x21\x01\x02\x03\x04\x05\x06\x07", 13, OTLP_CUT },
	{ "\x0a\x01k\x12\x01\x21", 6, OTLP_CUT },
	{ "\x0a\x01k\x12\x02\x1a\x00", 7, OTLP_WIRE_TYPE },
	{ "\x0a\x01k\x12\x02\x08\x00", 7, OTLP_WIRE_TYPE },
	{ "\x0a\x01k\x12\x03\x3a\x01\xff", 8, OTLP_OK },
	{ "\x12\x02\x0a\x00\x0a\x01k", 7, OTLP_OK },
	{ "\x12\x03\x0a\x01\xff\x0a\x01k", 8, OTLP_UTF8 },
};

static void odd_attributes_take_the_long_way(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < COUNT_OF(attributes); i++) {
		start_span(&b);
		put_bytes(&b, 9, attributes[i].bytes, attributes[i].size);
		wrap_span(&b);
		if (fault_of(&b) != attributes[i].fault)
			fail_msg("attribute %zu: %s", i, otlp_fault_name(fault_of(&b)));
	}
	buffer_done(&b);
}

/* The same behind usual ones, which are skipped in a row. */
static void odd_attributes_are_found_in_a_row(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < COUNT_OF(attributes); i++) {
		start_span(&b);
		put_attribute(&b, 9, "http.request.method", "GET");
		put_attribute(&b, 9, "http.route", "/");
		put_bytes(&b, 9, attributes[i].bytes, attributes[i].size);
		put_attribute(&b, 9, "url.scheme", "http");
		wrap_span(&b);
		if (fault_of(&b) != attributes[i].fault)
			fail_msg("attribute %zu: %s", i, otlp_fault_name(fault_of(&b)));
	}
	buffer_done(&b);
}

/* The tag of attributes in one byte more than it needs: the byte behind the next one's first is no length but a tag's
 * second, of an unknown field that is cut short. */
static void a_row_with_long_tags_is_no_row(void **state)
{
	static const char first[] = "\xca\x00\x07\x0a\x01k\x12\x02\x0a", second[] = "\xca\x07\x0a\x01k\x12\x02\x0a";
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	start_span(&b);
	put_raw(&b, first, sizeof first); /* with its zero */
	wrap_span(&b);
	assert_int_equal(fault_of(&b), OTLP_OK);
	start_span(&b);
	put_raw(&b, first, sizeof first);
	put_raw(&b, second, sizeof second);
	wrap_span(&b);
	assert_int_equal(fault_of(&b), OTLP_CUT);
	buffer_done(&b);
}

/* The ids come first in nearly every span, and are taken in one step only when they are fine. */
static void ids_at_the_start_are_checked(void **state)
{
	static const char zeros[16];
	static const struct { const char *trace, *span; size_t span_size; enum otlp_fault fault; } ids[] = {
		{ trace_id, span_id, 8, OTLP_OK },       { zeros, span_id, 8, OTLP_TRACE_ID },
		{ trace_id, zeros, 8, OTLP_SPAN_ID },    { trace_id, span_id, 7, OTLP_SPAN_ID },
		{ trace_id, trace_id, 9, OTLP_SPAN_ID },
	};
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		buffer_clear(&b);
		put_bytes(&b, 1, ids[i].trace, 16);
		put_bytes(&b, 2, ids[i].span, ids[i].span_size);
		put_number(&b, 6, 1);
		wrap_span(&b);
		assert_int_equal(fault_of(&b), ids[i].fault);
	}
	buffer_done(&b);
}

/* An attribute in field `field` whose value is a string in `levels` arrays, or maps, one within another. */
static void put_nested(struct buffer *b, unsigned field, size_t levels, bool maps)
{
	struct buffer value;
	size_t pair = b->size;

	buffer_init(&value, ROOM);
	put_text(&value, 1, "x");
	for (size_t i = 0; i < levels; i++) {
		put_wrap(&value, 0, maps ? 2 : 1);
		if (maps)
			put_wrap(&value, 0, 1);
		put_wrap(&value, 0, maps ? 6 : 5);
	}
	put_text(b, 1, "k");
	put_bytes(b, 2, value.data, value.size);
	put_wrap(b, pair, field);
	buffer_done(&value);
}

/* In a span, and in one of its events, which is where messages nest deepest. */
static void nest(struct buffer *b, size_t levels, bool maps, bool in_event)
{
	size_t event;

	start_span(b);
	event = b->size;
	put_nested(b, in_event ? 3 : 9, levels, maps);
	if (in_event)
		put_wrap(b, event, 11);
	wrap_span(b);
}

static void values_nest_as_deep_as_sdks_let_them(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	for (size_t levels = 0; levels < OTLP_LEVELS_MAX + 20; levels++)
		for (unsigned kind = 0; kind < 4; kind++) {
			nest(&b, levels, kind & 1, kind & 2);
			assert_int_equal(fault_of(&b), levels <= OTLP_LEVELS_MAX ? OTLP_OK : OTLP_DEEP);
		}
	nest(&b, DEEP, false, false);
	assert_int_equal(fault_of(&b), OTLP_DEEP);
	buffer_done(&b);
}

/* A value beside a nested one is as deep as that, no deeper: what ended counts no more. */
static void levels_are_those_at_hand(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	start_span(&b);
	for (unsigned i = 0; i < 3; i++)
		put_nested(&b, 9, OTLP_LEVELS_MAX, i % 2);
	wrap_span(&b);
	assert_int_equal(fault_of(&b), OTLP_OK);
	assert_int_equal(oracle(b.data, b.size), 1);
	buffer_done(&b);
}

static void every_prefix_is_judged_as_generated_code_does(void **state)
{
	struct buffer b;
	struct otlp_summary sum;
	size_t fine = 0;

	(void)state;
	buffer_init(&b, ROOM);
	for (unsigned i = 0; i < 3; i++)
		put_http_request(&b, 2);
	for (size_t n = 0; n <= b.size; n++) {
		char *copy = malloc(n ? n : 1);
		size_t at;
		assert_non_null(copy);
		memcpy(copy, b.data, n);
		if (otlp_traces_check(copy, n, &sum, &at) == OTLP_OK) {
			assert_int_equal(oracle(copy, n), sum.spans);
			fine++;
		} else {
			assert_int_equal(oracle(copy, n), -1);
		}
		free(copy);
	}
	assert_int_equal(fine, 4);
	buffer_done(&b);
}

static void mutate(struct buffer *b, struct random *r)
{
	for (uint64_t n = 1 + random_below(r, 3); n > 0; n--) {
		size_t at = random_below(r, b->size);
		switch (random_below(r, 4)) {
		case 0: b->data[at] ^= (char)(1u << random_below(r, 8)); break;
		case 1: b->data[at] = (char)random_below(r, 256); break;
		case 2: b->data[at] = (char)(b->data[at] + 1); break;
		default: memmove(b->data + at, b->data + at + 1, b->size - at - 1); b->size--; break;
		}
	}
}

/* What passes here is never refused there, and is counted alike. */
static void mutants_that_pass_are_decoded(void **state)
{
	struct buffer good, b;
	struct random r;
	struct otlp_summary sum;
	size_t passed = 0;

	(void)state;
	random_seed(&r, 20261123);
	buffer_init(&good, ROOM);
	buffer_init(&b, ROOM);
	put_http_request(&good, 3);
	for (size_t i = 0; i < MUTANTS; i++) {
		buffer_clear(&b);
		put_raw(&b, good.data, good.size);
		mutate(&b, &r);
		if (check(&b, &sum) != OTLP_OK)
			continue;
		passed++;
		assert_int_equal(oracle(b.data, b.size), sum.spans);
	}
	assert_in_range(passed, MUTANTS / 10, MUTANTS * 9 / 10);
	buffer_done(&good);
	buffer_done(&b);
}

struct seen { size_t spans, stop_at; uint64_t kinds; char text[256]; };

static int see(void *context, const struct otlp_span *s)
{
	struct seen *seen = context;

	assert_int_equal(s->trace_id.size, 16);
	assert_int_equal(s->span_id.size, 8);
	seen->kinds += s->kind;
	snprintf(seen->text, sizeof seen->text, "%.*s|%.*s|%llu|%llu", (int)s->service.size, s->service.data,
		(int)s->name.size, s->name.data, (unsigned long long)s->status,
		(unsigned long long)(s->end_ns - s->start_ns));
	return ++seen->spans == seen->stop_at ? 7 : 0;
}

static void each_span_is_visited(void **state)
{
	struct seen seen = { 0 }, stopped = { .stop_at = 3 };
	struct buffer b;

	(void)state;
	buffer_init(&b, ROOM);
	put_http_request(&b, 5);
	put_http_request(&b, 2);
	assert_int_equal(otlp_traces_each(buffer_bytes(&b), see, &seen), 0);
	assert_int_equal(seen.spans, 7);
	assert_int_equal(seen.kinds, 14);
	assert_string_equal(seen.text, "api|GET /api/users/:id|0|20000000");
	assert_int_equal(otlp_traces_each(buffer_bytes(&b), see, &stopped), 7);
	assert_int_equal(stopped.spans, 3);
	b.data[b.size - 1] = 0x7f;
	assert_int_equal(otlp_traces_each(buffer_bytes(&b), see, &seen), -EBADMSG);
	buffer_done(&b);
}

static void every_fault_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OTLP_FAULTS; i++)
		assert_true(otlp_fault_name(i) && *otlp_fault_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_counted),
		cmocka_unit_test(nothing_is_a_request_without_spans),
		cmocka_unit_test(raw_bytes_have_their_fault_and_offset),
		cmocka_unit_test(ids_have_their_sizes),
		cmocka_unit_test(one_byte_of_an_id_is_enough),
		cmocka_unit_test(spans_need_ids),
		cmocka_unit_test(links_may_lack_ids),
		cmocka_unit_test(wire_types_are_checked),
		cmocka_unit_test(bad_text_is_found_everywhere),
		cmocka_unit_test(good_text_passes),
		cmocka_unit_test(texts_in_a_row_are_judged_one_by_one),
		cmocka_unit_test(the_start_of_a_span_is_checked),
		cmocka_unit_test(odd_attributes_take_the_long_way),
		cmocka_unit_test(odd_attributes_are_found_in_a_row),
		cmocka_unit_test(a_row_with_long_tags_is_no_row),
		cmocka_unit_test(ids_at_the_start_are_checked),
		cmocka_unit_test(values_nest_as_deep_as_sdks_let_them),
		cmocka_unit_test(levels_are_those_at_hand),
		cmocka_unit_test(every_prefix_is_judged_as_generated_code_does),
		cmocka_unit_test(mutants_that_pass_are_decoded),
		cmocka_unit_test(each_span_is_visited),
		cmocka_unit_test(every_fault_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
