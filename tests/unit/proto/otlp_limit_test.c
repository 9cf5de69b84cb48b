/*
 * Limits of attributes on the wire: what is left of an event, a link or a value is what is left of the tree that
 * generated code makes of it, limited the same way. What is within the limits is not touched.
 */
#include "unit/unit.h"

#include "base/random.h"
#include "otlp.pb-c.h"
#include "proto/otlp_fault.h"
#include "proto/otlp_limit.h"
#include "unit/proto/otlp_builder.h"

enum { SIZE_MAX_BYTES = 1 << 20, ROUNDS = 20000, NESTED_MAX = 3 };

/* By chance. */

static void put_some_text(struct buffer *b, struct random *r, unsigned field)
{
	static const char *const pieces[] = { "a", "é", "€", "😀", "word " };
	size_t mark = b->size;

	for (uint64_t i = random_below(r, 9); i > 0; i--) {
		const char *piece = pieces[random_below(r, COUNT_OF(pieces))];
		put_raw(b, piece, strlen(piece));
	}
	put_wrap(b, mark, field);
}

static void put_value(struct buffer *b, struct random *r, unsigned field, int depth);

static void put_pair(struct buffer *b, struct random *r, unsigned field, int depth)
{
	size_t mark = b->size;

	put_text(b, 1, "a name that is longer than any limit");
	if (random_below(r, 8))
		put_value(b, r, 2, depth);
	put_wrap(b, mark, field);
}

static void put_several(struct buffer *b, struct random *r, unsigned field, int depth)
{
	size_t mark = b->size;

	for (uint64_t i = random_below(r, 4); i > 0; i--)
		if (field == OTLP_VALUE_ARRAY)
			put_value(b, r, 1, depth);
		else
			put_pair(b, r, 1, depth);
	put_wrap(b, mark, field);
}

static void put_content(struct buffer *b, struct random *r, int depth)
{
	switch (random_below(r, depth < NESTED_MAX ? 7 : 5)) {
	case 0:
		put_bytes(b, OTLP_VALUE_BYTES, "\x80\x80\x80\x80\x80\x80", random_below(r, 7));
		break;
	case 1:
		put_number(b, OTLP_VALUE_INT, random_next(r));
		break;
	case 2:
		break; /* null */
	case 5:
		put_several(b, r, OTLP_VALUE_ARRAY, depth + 1);
		break;
	case 6:
		put_several(b, r, OTLP_VALUE_MAP, depth + 1);
		break;
	default:
		put_some_text(b, r, OTLP_VALUE_TEXT);
	}
}

static void put_value(struct buffer *b, struct random *r, unsigned field, int depth)
{
	size_t mark = b->size;

	put_content(b, r, depth);
	put_wrap(b, mark, field);
}

static void put_event(struct buffer *b, struct random *r)
{
	put_fixed64(b, 1, 7);
	if (random_below(r, 3) == 0)
		put_number(b, 4, random_below(r, 2) ? UINT32_MAX : 3);
	put_text(b, 2, "a name that is longer than any limit");
	for (uint64_t i = random_below(r, 5); i > 0; i--)
		put_pair(b, r, 3, 0);
}

static void put_link(struct buffer *b, struct random *r)
{
	put_bytes(b, 1, "0123456789abcdef", 16);
	put_bytes(b, 2, "01234567", 8);
	put_text(b, 3, "state=longer than any limit");
	for (uint64_t i = random_below(r, 5); i > 0; i--)
		put_pair(b, r, 4, 0);
	if (random_below(r, 3) == 0)
		put_number(b, 5, 2);
	put_fixed32(b, 6, 0x301);
}

/* The model: on the tree. */

static size_t cut_to(const char *text, size_t size)
{
	while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
		size--;
	return size;
}

static void model_value(Otlp__AnyValue *v, const struct otlp_limits *limits)
{
	switch (v ? v->value_case : OTLP__ANY_VALUE__VALUE__NOT_SET) {
	case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
		if (strlen(v->string_value) > limits->value_length)
			v->string_value[cut_to(v->string_value, limits->value_length)] = '\0';
		break;
	case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
		if (v->bytes_value.len > limits->value_length)
			v->bytes_value.len = limits->value_length;
		break;
	case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
		for (size_t i = 0; i < v->array_value->n_values; i++)
			model_value(v->array_value->values[i], limits);
		break;
	case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
		for (size_t i = 0; i < v->kvlist_value->n_values; i++)
			model_value(v->kvlist_value->values[i]->value, limits);
		break;
	default:
		break;
	}
}

static void model_pairs(Otlp__KeyValue **pairs, size_t *count, uint32_t *dropped, const struct otlp_limits *limits)
{
	while (*count > limits->attributes) {
		otlp__key_value__free_unpacked(pairs[--*count], NULL);
		*dropped += *dropped < UINT32_MAX;
	}
	for (size_t i = 0; i < *count; i++)
		model_value(pairs[i]->value, limits);
}

static const ProtobufCMessageDescriptor *const descriptors[] = {
	[OTLP_LIMITED_EVENT] = &otlp__event__descriptor,
	[OTLP_LIMITED_LINK] = &otlp__link__descriptor,
	[OTLP_LIMITED_VALUE] = &otlp__any_value__descriptor,
};

static ProtobufCMessage *read_tree(enum otlp_limited what, struct bytes message)
{
	ProtobufCMessage *m =
		protobuf_c_message_unpack(descriptors[what], NULL, message.size, (const uint8_t *)message.data);

	assert_non_null(m);
	return m;
}

static void model(ProtobufCMessage *m, enum otlp_limited what, const struct otlp_limits *limits)
{
	Otlp__Event *event = (Otlp__Event *)m;
	Otlp__Link *link = (Otlp__Link *)m;

	if (what == OTLP_LIMITED_EVENT)
		model_pairs(event->attributes, &event->n_attributes, &event->dropped_attributes_count, limits);
	else if (what == OTLP_LIMITED_LINK)
		model_pairs(link->attributes, &link->n_attributes, &link->dropped_attributes_count, limits);
	else
		model_value((Otlp__AnyValue *)m, limits);
}

/* Both as generated code writes them. */
static bool are_equal(const ProtobufCMessage *one, const ProtobufCMessage *other)
{
	size_t size = protobuf_c_message_get_packed_size(one);
	uint8_t *a = malloc(size + 1), *b = malloc(size + 1);
	bool equal = protobuf_c_message_get_packed_size(other) == size;

	assert_true(a && b);
	if (equal) {
		protobuf_c_message_pack(one, a);
		protobuf_c_message_pack(other, b);
		equal = memcmp(a, b, size) == 0;
	}
	free(a);
	free(b);
	return equal;
}

static void check_one(
	struct otlp_edit *e, const struct otlp_limits *limits, enum otlp_limited what, struct bytes message)
{
	ProtobufCMessage *as_it_was = read_tree(what, message), *wanted = read_tree(what, message), *got;
	struct bytes left = { NULL, 0 };

	model(wanted, what, limits);
	assert_true(otlp_limit(e, limits, what, message, &left));
	got = read_tree(what, left.data ? left : message);
	assert_true(are_equal(got, wanted));
	assert_int_equal(left.data == NULL, are_equal(as_it_was, wanted));
	protobuf_c_message_free_unpacked(as_it_was, NULL);
	protobuf_c_message_free_unpacked(wanted, NULL);
	protobuf_c_message_free_unpacked(got, NULL);
}

static void what_is_left_is_as_generated_code_would_leave_it(void **state)
{
	struct otlp_edit *e = otlp_edit_new(SIZE_MAX);
	struct random r;
	struct buffer b;

	(void)state;
	random_seed(&r, 5);
	buffer_init(&b, SIZE_MAX_BYTES);
	for (int i = 0; i < ROUNDS; i++) {
		enum otlp_limited what = (enum otlp_limited)random_below(&r, 3);
		struct otlp_limits limits = { random_below(&r, 3) ? random_below(&r, 5) : UINT64_MAX,
			random_below(&r, 3) ? random_below(&r, 12) : UINT64_MAX };
		buffer_clear(&b);
		if (what == OTLP_LIMITED_VALUE)
			put_content(&b, &r, 0);
		else
			(what == OTLP_LIMITED_EVENT ? put_event : put_link)(&b, &r);
		check_one(e, &limits, what, b.size > 0 ? buffer_bytes(&b) : (struct bytes){ "", 0 });
	}
	buffer_done(&b);
	otlp_edit_free(e);
}

/* As deep as otlp_traces_check() lets them be. */
static void values_are_cut_however_deep_they_are(void **state)
{
	struct otlp_edit *e = otlp_edit_new(SIZE_MAX);
	struct otlp_limits limits = { UINT64_MAX, 1 };
	struct bytes left = { NULL, 0 };
	struct buffer b;

	(void)state;
	buffer_init(&b, SIZE_MAX_BYTES);
	put_text(&b, OTLP_VALUE_TEXT, "longer");
	for (int level = 0; level < OTLP_LEVELS_MAX; level++) {
		put_wrap(&b, 0, 2);
		put_wrap(&b, 0, 1);
		put_wrap(&b, 0, OTLP_VALUE_MAP);
	}
	assert_true(otlp_limit(e, &limits, OTLP_LIMITED_VALUE, buffer_bytes(&b), &left));
	assert_non_null(left.data);
	assert_memory_equal(left.data + left.size - 3, "\x0a\x01l", 3);
	buffer_done(&b);
	otlp_edit_free(e);
}

static void without_room_it_says_so(void **state)
{
	struct otlp_edit *e = otlp_edit_new(8);
	struct otlp_limits limits = { UINT64_MAX, 1 };
	struct bytes left = { NULL, 0 };
	struct buffer b;

	(void)state;
	buffer_init(&b, SIZE_MAX_BYTES);
	put_text(&b, OTLP_VALUE_TEXT, "longer");
	assert_false(otlp_limit(e, &limits, OTLP_LIMITED_VALUE, buffer_bytes(&b), &left));
	assert_null(left.data);
	buffer_done(&b);
	otlp_edit_free(e);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_as_generated_code_would_leave_it),
		cmocka_unit_test(values_are_cut_however_deep_they_are),
		cmocka_unit_test(without_room_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
