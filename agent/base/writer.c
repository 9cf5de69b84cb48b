#include "base/writer.h"

#include <stdarg.h>

#include "base/text.h"

void writer_init(struct writer *w, struct buffer *to)
{
	*w = (struct writer){ .to = to, .start = to->size };
}

int writer_done(struct writer *w)
{
	if (w->failed)
		w->to->size = w->start;
	return w->failed;
}

void writer_fail(struct writer *w, int failed)
{
	if (!w->failed)
		w->failed = failed;
}

void writer_printf(struct writer *w, const char *format, ...)
{
	va_list args;

	if (w->failed)
		return;
	va_start(args, format);
	w->failed = buffer_vprintf(w->to, format, args);
	va_end(args);
}

void writer_u64(struct writer *w, uint64_t value)
{
	char digits[U64_DIGITS_MAX];

	writer_bytes(w, (struct bytes){ digits, u64_format(value, digits) });
}

void writer_quoted(struct writer *w, struct bytes b)
{
	if (!w->failed)
		w->failed = json_string_append(w->to, b.data, b.size);
}
