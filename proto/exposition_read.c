#include "proto/exposition_read.h"

static bool is_text(const struct exposition_reader *r)
{
	return r->format != EXPOSITION_PROTOBUF;
}

void exposition_read_begin(struct exposition_reader *r, enum exposition_format format,
	const struct exposition_events *events, void *context)
{
	r->format = format;
	if (is_text(r))
		exposition_init(&r->text, format, &exposition_limits_default, events, context);
	else
		family_reader_init(&r->families, &exposition_limits_default, events, context);
}

void exposition_read_in_slices(struct exposition_reader *r)
{
	if (!is_text(r))
		family_reader_in_slices(&r->families);
}

void exposition_read_natives(struct exposition_reader *r)
{
	r->text.natives = true;
}

bool exposition_read_go_on(struct exposition_reader *r)
{
	return !is_text(r) && family_reader_go_on(&r->families);
}

bool exposition_read_is_behind(const struct exposition_reader *r)
{
	return !is_text(r) && family_reader_is_behind(&r->families);
}

enum exposition_fault exposition_read_feed(struct exposition_reader *r, const char *data, size_t size)
{
	return is_text(r) ? exposition_feed(&r->text, data, size) : family_reader_feed(&r->families, data, size);
}

enum exposition_fault exposition_read_end(struct exposition_reader *r)
{
	return is_text(r) ? exposition_end(&r->text) : family_reader_end(&r->families);
}

void exposition_read_done(struct exposition_reader *r)
{
	if (is_text(r))
		exposition_done(&r->text);
	else
		family_reader_done(&r->families);
}

const char *exposition_read_what(const struct exposition_reader *r)
{
	return is_text(r) ? r->text.what : r->families.what;
}

uint64_t exposition_read_place(const struct exposition_reader *r, const char **ret)
{
	*ret = is_text(r) ? "line" : "family";
	return is_text(r) ? r->text.line : r->families.number;
}
