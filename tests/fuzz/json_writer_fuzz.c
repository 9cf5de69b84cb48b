/*
 * What the JSON writer writes is the tree that jansson makes of the same values; if the ceiling is too low, nothing is
 * written.
 *
 * The first two bytes are the ceiling, the rest are values: one byte picks the kind, then come its bytes. What is still
 * open at the end is closed.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/text.h"

enum { KINDS = 10, NAME_MAX_SIZE = 32 };

struct input {
	const uint8_t *data;
	size_t size;
};

/* What is open, outermost first; level 0 is an array that holds the whole text. */
struct twin {
	struct json_writer w;
	json_t *open[JSON_WRITER_DEPTH + 1];
	unsigned depth;
};

static void must(bool true_that)
{
	if (!true_that)
		abort();
}

static struct bytes take(struct input *in, size_t size)
{
	struct bytes taken = { (const char *)in->data, smaller(size, in->size) };

	in->data += taken.size;
	in->size -= taken.size;
	return taken;
}

static uint64_t take_number(struct input *in)
{
	struct bytes b = take(in, sizeof(uint64_t));
	uint64_t value = 0;

	if (b.size)
		memcpy(&value, b.data, b.size);
	return value;
}

/* A member's name is its number and a few bytes without a zero, since jansson's names have none either. */
static const char *take_name(struct input *in, const struct twin *t, char *to)
{
	struct bytes b = take(in, 4);
	int n;

	if (json_is_array(t->open[t->depth]))
		return NULL;
	n = snprintf(to, NAME_MAX_SIZE, "%zu:", json_object_size(t->open[t->depth]));
	for (size_t i = 0; i < b.size && b.data[i]; i++)
		to[n++] = b.data[i];
	to[n] = '\0';
	return to;
}

static json_t *string(struct bytes b)
{
	size_t size = utf8_mend(b.data, b.size, NULL);
	char *mended = malloc(size + 1);
	json_t *made;

	utf8_mend(b.data, b.size, mended);
	made = json_stringn(mended, size);
	free(mended);
	return made;
}

static void add(struct twin *t, const char *name, json_t *value)
{
	json_t *in = t->open[t->depth];
	json_t *mended = name ? string(bytes_of(name)) : NULL;

	must(value && (name ? json_object_set_new(in, json_string_value(mended), value)
			    : json_array_append_new(in, value)) == 0);
	json_decref(mended);
}

static json_t *integer(struct json_writer *w, const char *name, uint64_t value, bool is_signed)
{
	if (is_signed)
		json_put_i64(w, name, (int64_t)value);
	else
		json_put_u64(w, name, value >>= 1); /* what jansson's integers hold */
	return json_integer((json_int_t)value);
}

static json_t *real(struct json_writer *w, const char *name, uint64_t bits)
{
	char digits[32];
	double value;

	memcpy(&value, &bits, sizeof value);
	snprintf(digits, sizeof digits, "%.17g", value);
	if (isfinite(value) && !strpbrk(digits, ".e"))
		value = 0.5; /* "1" is read as an integer */
	json_put_double(w, name, value);
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text(struct json_writer *w, const char *name, struct bytes b)
{
	json_put_bytes(w, name, b);
	return string(b);
}

static void open_one(struct twin *t, const char *name, bool array)
{
	json_t *inner = array ? json_array() : json_object();

	if (array)
		json_put_array(&t->w, name);
	else
		json_put_object(&t->w, name);
	add(t, name, inner);
	t->open[++t->depth] = inner;
}

static void close_one(struct twin *t)
{
	json_put_end(&t->w);
	t->depth--;
}

static void scalar(struct twin *t, struct input *in, int kind, const char *name)
{
	struct json_writer *w = &t->w;

	switch (kind) {
	case 0:
		add(t, name, text(w, name, take(in, in->size ? *in->data : 0)));
		break;
	case 1:
	case 2:
		add(t, name, integer(w, name, take_number(in), kind == 1));
		break;
	case 3:
		add(t, name, real(w, name, take_number(in)));
		break;
	case 4:
		json_put_bool(w, name, true);
		add(t, name, json_true());
		break;
	case 5:
		json_put_null(w, name);
		add(t, name, json_null());
		break;
	default:
		json_put_raw(w, name, bytes_of(" {\"raw\" : [ ] } "));
		add(t, name, json_pack("{s[]}", "raw"));
	}
}

static void put_one(struct twin *t, struct input *in)
{
	char room[NAME_MAX_SIZE];
	int kind = *take(in, 1).data % KINDS;
	const char *name;

	if (kind >= 8) {
		if (t->depth > 1)
			close_one(t);
		return;
	}
	name = take_name(in, t, room);
	if (kind == 7 && t->depth < JSON_WRITER_DEPTH)
		open_one(t, name, in->size & 1);
	else
		scalar(t, in, kind, name);
}

static void compare(const struct buffer *b, const json_t *wanted)
{
	json_error_t error;
	json_t *read = json_loadb(b->data, b->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	must(read && json_equal(read, wanted));
	json_decref(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct twin t = { 0 };
	struct buffer b;
	int failed;

	if (size < 2)
		return 0;
	buffer_init(&b, data[0] | (size_t)data[1] << 8);
	take(&in, 2);
	json_writer_init(&t.w, &b);
	t.open[0] = json_array();
	open_one(&t, NULL, false);
	while (in.size > 0)
		put_one(&t, &in);
	while (t.depth > 0)
		close_one(&t);
	failed = json_writer_done(&t.w);
	must(failed == 0 || (failed == -ENOSPC && b.size == 0));
	if (!failed)
		compare(&b, json_array_get(t.open[0], 0));
	buffer_check(&b);
	json_decref(t.open[0]);
	buffer_done(&b);
	return 0;
}
