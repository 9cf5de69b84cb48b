#include "base/json_writer.h"

#include <math.h>

#include "base/text.h"

static uint64_t level(const struct json_writer *w)
{
	return UINT64_C(1) << w->depth;
}

void json_writer_init(struct json_writer *w, struct buffer *to)
{
	*w = (struct json_writer){ .arrays = 1 }; /* outside of everything a value has no name, as in an array */
	writer_init(&w->text, to);
}

int json_writer_done(struct json_writer *w)
{
	OXP_ASSERT(w->depth == 0 && w->filled);
	return writer_done(&w->text);
}

static void put_comma(struct json_writer *w)
{
	if (w->filled & level(w)) {
		OXP_ASSERT(w->depth > 0);
		writer_text(&w->text, ",");
	}
	w->filled |= level(w);
}

/* What stands before a value. */
static void begin(struct json_writer *w, const char *name)
{
	OXP_ASSERT(!name == !!(w->arrays & level(w)));
	put_comma(w);
	if (!name)
		return;
	writer_quoted(&w->text, bytes_of(name));
	writer_text(&w->text, ":");
}

static void open_level(struct json_writer *w, const char *name, bool array)
{
	begin(w, name);
	OXP_ASSERT(w->depth < JSON_WRITER_DEPTH);
	writer_text(&w->text, array ? "[" : "{");
	w->depth++;
	w->filled &= ~level(w);
	w->arrays = array ? w->arrays | level(w) : w->arrays & ~level(w);
}

void json_put_object(struct json_writer *w, const char *name)
{
	open_level(w, name, false);
}

void json_put_array(struct json_writer *w, const char *name)
{
	open_level(w, name, true);
}

void json_put_end(struct json_writer *w)
{
	OXP_ASSERT(w->depth > 0);
	writer_text(&w->text, w->arrays & level(w) ? "]" : "}");
	w->depth--;
}

void json_put_line_end(struct json_writer *w)
{
	OXP_ASSERT(w->depth == 0 && w->filled);
	writer_text(&w->text, "\n");
}

void json_put_bytes(struct json_writer *w, const char *name, struct bytes text)
{
	begin(w, name);
	writer_quoted(&w->text, text);
}

void json_put_string(struct json_writer *w, const char *name, const char *text)
{
	if (text)
		json_put_bytes(w, name, bytes_of(text));
	else
		json_put_null(w, name);
}

void json_put_u64(struct json_writer *w, const char *name, uint64_t value)
{
	begin(w, name);
	writer_u64(&w->text, value);
}

void json_put_i64(struct json_writer *w, const char *name, int64_t value)
{
	begin(w, name);
	writer_printf(&w->text, "%lld", (long long)value);
}

void json_put_double(struct json_writer *w, const char *name, double value)
{
	char text[DOUBLE_TEXT_SIZE] = "null";

	if (isfinite(value))
		double_format(value, text);
	begin(w, name);
	writer_text(&w->text, text);
}

void json_put_fixed(struct json_writer *w, const char *name, double value, int decimals)
{
	if (!isfinite(value)) {
		json_put_null(w, name);
		return;
	}
	begin(w, name);
	writer_printf(&w->text, "%.*f", decimals, value);
}

void json_put_bool(struct json_writer *w, const char *name, bool value)
{
	begin(w, name);
	writer_text(&w->text, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *name)
{
	begin(w, name);
	writer_text(&w->text, "null");
}

void json_put_members(struct json_writer *w, struct bytes members)
{
	OXP_ASSERT(!(w->arrays & level(w)));
	put_comma(w);
	writer_bytes(&w->text, members);
}

void json_put_raw(struct json_writer *w, const char *name, struct bytes json)
{
	begin(w, name);
	writer_bytes(&w->text, json);
}

struct buffer *json_raw_begin(struct json_writer *w, const char *name)
{
	begin(w, name);
	return w->text.to;
}

void json_raw_end(struct json_writer *w, int failed)
{
	writer_fail(&w->text, failed);
}
