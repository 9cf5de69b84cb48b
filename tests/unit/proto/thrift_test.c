/*
 * Thrift on the wire: both protocols say the same, what is unknown is skipped, and every lie is found.
 */
#include "unit/unit.h"

#include "unit/proto/thrift_writer.h"

enum { ROOM = 1 << 20 };

static void start(struct thrift_writer *w, enum thrift_protocol protocol)
{
	buffer_init(&w->out, ROOM);
	w->protocol = protocol;
}

static struct thrift reader(const struct thrift_writer *w)
{
	return thrift_of(w->protocol, buffer_bytes(&w->out));
}

#define FOR_BOTH(p) for (enum thrift_protocol p = THRIFT_BINARY; p <= THRIFT_COMPACT; p++)

static void next(struct thrift *t, struct thrift_field *f, enum thrift_type type, int id)
{
	assert_true(thrift_field(t, f));
	assert_int_equal(f->type, type);
	assert_int_equal(f->id, id);
}

static void values_are_read_as_they_were_written(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct thrift_field f = { 0 };
		struct thrift t;
		start(&w, p);
		write_i64(&w, 1, INT64_MIN);
		write_i64(&w, 2, INT64_MAX);
		write_i32(&w, -3, -2);
		write_double(&w, 300, -1.5);
		write_bool(&w, 5, true);
		write_bool(&w, 6, false);
		write_text(&w, INT16_MAX, "text");
		write_list(&w, INT16_MIN, THRIFT_I64, 20);
		for (int i = 0; i < 20; i++)
			write_i64_value(&w, i - 10);
		write_stop(&w);
		t = reader(&w);
		next(&t, &f, THRIFT_I64, 1);
		assert_true(thrift_i64(&t) == INT64_MIN);
		next(&t, &f, THRIFT_I64, 2);
		assert_true(thrift_i64(&t) == INT64_MAX);
		next(&t, &f, THRIFT_I32, -3);
		assert_int_equal(thrift_i32(&t), -2);
		next(&t, &f, THRIFT_DOUBLE, 300);
		assert_true(thrift_double(&t) == -1.5);
		next(&t, &f, THRIFT_BOOL, 5);
		assert_true(f.is);
		next(&t, &f, THRIFT_BOOL, 6);
		assert_false(f.is);
		next(&t, &f, THRIFT_STRING, INT16_MAX);
		assert_true(bytes_are(thrift_string(&t), "text"));
		next(&t, &f, THRIFT_LIST, INT16_MIN);
		assert_int_equal(thrift_list(&t).count, 20);
		for (int i = 0; i < 20; i++)
			assert_int_equal(thrift_i64(&t), i - 10);
		assert_false(thrift_field(&t, &f));
		assert_int_equal(t.fault, THRIFT_OK);
		assert_ptr_equal(t.at, t.end);
		buffer_done(&w.out);
	}
}

/* Compact ids that follow each other are steps of up to 15. */
static void compact_steps_add_up(void **state)
{
	static const char bytes[] = "\x16\x02\x16\x04\xf6\x06\x00"; /* 1: 1, 2: 2, 17: 3 */
	struct thrift t = thrift_of(THRIFT_COMPACT, (struct bytes){ bytes, sizeof bytes - 1 });
	struct thrift_field f = { 0 };

	(void)state;
	next(&t, &f, THRIFT_I64, 1);
	assert_int_equal(thrift_i64(&t), 1);
	next(&t, &f, THRIFT_I64, 2);
	assert_int_equal(thrift_i64(&t), 2);
	next(&t, &f, THRIFT_I64, 17);
	assert_int_equal(thrift_i64(&t), 3);
	assert_false(thrift_field(&t, &f));
	assert_int_equal(t.fault, THRIFT_OK);
}

static void write_map_head(struct thrift_writer *w, enum thrift_type key, enum thrift_type value, unsigned count)
{
	write_field(w, THRIFT_MAP, 9);
	if (w->protocol == THRIFT_BINARY) {
		write_byte(w, key);
		write_byte(w, value);
		write_big(w, count, 4);
		return;
	}
	write_varint(w, count);
	if (count > 0)
		write_byte(w, compact_type(key) << 4 | compact_type(value));
}

static void write_everything(struct thrift_writer *w)
{
	write_bool(w, 1, true);
	write_field(w, THRIFT_BYTE, 2);
	write_byte(w, 0xff);
	write_field(w, THRIFT_I16, 3);
	write_raw(w, "\x00\x07", w->protocol == THRIFT_BINARY ? 2 : 1);
	write_i32(w, 4, 7);
	write_i64(w, 5, 7);
	write_double(w, 6, 7);
	write_text(w, 7, "seven");
	write_list(w, 8, THRIFT_BOOL, 3);
	write_raw(w, "\1\2\1", 3);
	write_map_head(w, THRIFT_STRING, THRIFT_STRUCT, 1);
	write_size(w, 1);
	write_raw(w, "k", 1);
	write_bool(w, 1, false);
	write_stop(w);
	write_map_head(w, THRIFT_I64, THRIFT_I64, 0);
	write_list(w, 10, THRIFT_LIST, 1);
	write_byte(w, w->protocol == THRIFT_BINARY ? THRIFT_UUID : 0x1d);
	if (w->protocol == THRIFT_BINARY)
		write_big(w, 1, 4);
	write_raw(w, "0123456789abcdef", 16);
	write_stop(w);
}

static void whatever_is_unknown_is_skipped(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct thrift_field f = { .type = THRIFT_STRUCT };
		struct thrift t;
		start(&w, p);
		write_everything(&w);
		write_byte(&w, 0x55);
		t = reader(&w);
		thrift_skip(&t, &f);
		assert_int_equal(t.fault, THRIFT_OK);
		assert_int_equal(t.end - t.at, 1);
		/* Cut anywhere, it is a fault, and nothing is read beyond. */
		for (size_t size = 0; size + 1 < w.out.size; size++) {
			char *copy = memcpy(malloc(size + !size), w.out.data, size);
			t = thrift_of(p, (struct bytes){ copy, size });
			thrift_skip(&t, &f);
			assert_int_not_equal(t.fault, THRIFT_OK);
			free(copy);
		}
		buffer_done(&w.out);
	}
}

static enum thrift_fault fault_of_nested(enum thrift_protocol p, unsigned levels)
{
	struct thrift_writer w;
	struct thrift_field f = { .type = THRIFT_STRUCT };
	struct thrift t;

	start(&w, p);
	for (unsigned i = 1; i < levels; i++)
		write_field(&w, THRIFT_STRUCT, 1);
	for (unsigned i = 0; i < levels; i++)
		write_stop(&w);
	t = reader(&w);
	thrift_skip(&t, &f);
	buffer_done(&w.out);
	return t.fault;
}

static void depth_has_a_ceiling(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		assert_int_equal(fault_of_nested(p, THRIFT_DEPTH_MAX), THRIFT_OK);
		assert_int_equal(fault_of_nested(p, THRIFT_DEPTH_MAX + 1), THRIFT_DEEP);
		assert_int_equal(fault_of_nested(p, 100000), THRIFT_DEEP);
	}
}

struct lie {
	const char *name;
	enum thrift_protocol protocol;
	const char *bytes;
	size_t size;
	enum thrift_fault fault;
};
#define LIE(name, protocol, literal, fault)                         \
	{                                                           \
		name, protocol, literal, sizeof(literal) - 1, fault \
	}

/* The content of a struct. */
static const struct lie lies[] = {
	LIE("nothing", THRIFT_BINARY, "", THRIFT_CUT),
	LIE("nothing", THRIFT_COMPACT, "", THRIFT_CUT),
	LIE("a string of 4 GiB", THRIFT_BINARY, "\x0b\0\1\xff\xff\xff\xff", THRIFT_CUT),
	LIE("a string of 4 GiB", THRIFT_COMPACT, "\x18\xff\xff\xff\xff\x0f", THRIFT_CUT),
	LIE("a string one byte too long", THRIFT_BINARY, "\x0b\0\1\0\0\0\2x", THRIFT_CUT),
	LIE("a length of 33 bits", THRIFT_COMPACT, "\x18\x80\x80\x80\x80\x10", THRIFT_NUMBER),
	LIE("a length in six bytes", THRIFT_COMPACT, "\x18\x80\x80\x80\x80\x80\0", THRIFT_NUMBER),
	LIE("a number of 65 bits", THRIFT_COMPACT, "\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", THRIFT_NUMBER),
	LIE("a number in eleven bytes", THRIFT_COMPACT, "\x16\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0",
		THRIFT_NUMBER),
	LIE("2 billion structs", THRIFT_BINARY, "\x0f\0\1\x0c\x7f\xff\xff\xff\0", THRIFT_CUT),
	LIE("2 billion structs", THRIFT_COMPACT, "\x19\xfc\xff\xff\xff\xff\x07\0", THRIFT_CUT),
	LIE("a map of 4 billion", THRIFT_BINARY, "\x0d\0\1\3\3\xff\xff\xff\xff\0", THRIFT_CUT),
	LIE("a map of 4 billion", THRIFT_COMPACT, "\x1b\xff\xff\xff\xff\x0f\x33\0", THRIFT_CUT),
	LIE("a map of one, of two", THRIFT_BINARY, "\x0d\0\1\3\3\0\0\0\2\1\1", THRIFT_CUT),
	LIE("doubles that do not fit", THRIFT_BINARY,
		"\x0f\0\1\4\0\0\0\2"
		"01234567"
		"0123456",
		THRIFT_CUT),
	LIE("type 5", THRIFT_BINARY, "\5\0\1", THRIFT_TYPE),
	LIE("type 255", THRIFT_BINARY, "\xff\0\1", THRIFT_TYPE),
	LIE("type 14", THRIFT_COMPACT, "\x1e", THRIFT_TYPE),
	LIE("a list of type 0", THRIFT_BINARY, "\x0f\0\1\0\0\0\0\0\0", THRIFT_TYPE),
	LIE("a map of type 0", THRIFT_COMPACT,
		"\x1b\1\x03"
		"x\0",
		THRIFT_TYPE),
	LIE("field 32768", THRIFT_COMPACT, "\x06\x80\x80\4\0\0", THRIFT_TYPE),
	LIE("steps beyond field 32767", THRIFT_COMPACT, "\x06\xfe\xff\3\0\x16\0\0", THRIFT_TYPE),
	LIE("JSON", THRIFT_BINARY, "{\"spans\":[]}", THRIFT_TYPE),
};

static void every_lie_is_found(void **state)
{
	struct thrift_field f = { .type = THRIFT_STRUCT };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lies); i++) {
		char *copy = memcpy(malloc(lies[i].size + 1), lies[i].bytes, lies[i].size);
		struct thrift t = thrift_of(lies[i].protocol, (struct bytes){ copy, lies[i].size });
		thrift_skip(&t, &f);
		if (t.fault != lies[i].fault)
			fail_msg("%s: %s", lies[i].name, thrift_fault_name(t.fault));
		assert_false(thrift_field(&t, &f));
		assert_true(thrift_i64(&t) == 0 && thrift_string(&t).size == 0 && thrift_list(&t).count == 0);
		assert_int_equal(t.fault, lies[i].fault); /* the first stays */
		free(copy);
	}
}

/* It is found before the first element is read. */
static void a_list_holds_no_more_than_the_bytes_behind_it(void **state)
{
	static const char doubles[] = "\4\0\0\0\2"
				      "0123456701234567";

	(void)state;
	for (size_t size = sizeof doubles - 3; size < sizeof doubles; size++) {
		struct thrift t = thrift_of(THRIFT_BINARY, (struct bytes){ doubles, size });
		bool fits = size == sizeof doubles - 1;
		assert_int_equal(thrift_list(&t).count, fits ? 2 : 0);
		assert_int_equal(t.fault, fits ? THRIFT_OK : THRIFT_CUT);
	}
}

static void messages_have_names(void **state)
{
	static const struct lie heads[] = {
		LIE("strict", THRIFT_BINARY, "\x80\1\0\4\0\0\0\4name\0\0\0\1\0", THRIFT_OK),
		LIE("older", THRIFT_BINARY, "\0\0\0\4name\4\0\0\0\1\0", THRIFT_OK),
		LIE("compact", THRIFT_COMPACT, "\x82\x81\x01\4name\0", THRIFT_OK),
		LIE("another version", THRIFT_BINARY, "\x80\2\0\4\0\0\0\4name\0\0\0\1\0", THRIFT_MESSAGE),
		LIE("compact in the binary protocol", THRIFT_BINARY, "\x82\x81\x01\4name\0", THRIFT_MESSAGE),
		LIE("binary in the compact protocol", THRIFT_COMPACT, "\x80\1\0\4\0\0\0\4name\0\0\0\1\0",
			THRIFT_MESSAGE),
		LIE("compact of another version", THRIFT_COMPACT, "\x82\x82\x01\4name\0", THRIFT_MESSAGE),
		LIE("cut", THRIFT_BINARY, "\x80\1\0\4\0\0\0\4name\0\0\0", THRIFT_CUT),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct thrift t = thrift_of(heads[i].protocol, (struct bytes){ heads[i].bytes, heads[i].size });
		struct bytes name = thrift_message(&t);
		if (t.fault != heads[i].fault)
			fail_msg("%s: %s", heads[i].name, thrift_fault_name(t.fault));
		assert_true(bytes_are(name, t.fault ? "" : "name"));
		assert_true(t.fault || t.end - t.at == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_as_they_were_written),
		cmocka_unit_test(compact_steps_add_up),
		cmocka_unit_test(whatever_is_unknown_is_skipped),
		cmocka_unit_test(depth_has_a_ceiling),
		cmocka_unit_test(every_lie_is_found),
		cmocka_unit_test(a_list_holds_no_more_than_the_bytes_behind_it),
		cmocka_unit_test(messages_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
