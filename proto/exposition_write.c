#include "proto/exposition_write.h"

#include <errno.h>

#include "base/text.h"

static const char *type_word(enum exposition_type type, enum exposition_format format)
{
	switch (type) {
	case EXPOSITION_COUNTER:
		return "counter";
	case EXPOSITION_HISTOGRAM:
	case EXPOSITION_GAUGEHISTOGRAM:
		return "histogram";
	case EXPOSITION_SUMMARY:
		return "summary";
	case EXPOSITION_GAUGE:
	case EXPOSITION_INFO:
	case EXPOSITION_STATESET:
		return "gauge";
	default:
		return format == EXPOSITION_OPENMETRICS ? "unknown" : "untyped";
	}
}

static char *put(char *to, const void *data, size_t size)
{
	memcpy(to, data, size);
	return to + size;
}

int exposition_line_room(struct buffer *b, size_t size, char **ret)
{
	char *to = buffer_reserve(b, size);

	if (!to)
		return size > b->ceiling - b->size ? -ENOSPC : -ENOMEM;
	*ret = to;
	return 0;
}

int exposition_write_help(struct buffer *b, struct bytes name, struct bytes help, enum exposition_format format)
{
	char *to;
	int failed = exposition_line_room(b, name.size + 2 * help.size + sizeof "# HELP  \n", &to);

	if (failed)
		return failed;
	to = put(to, "# HELP ", 7);
	to = put(to, name.data, name.size);
	*to++ = ' ';
	for (size_t i = 0; i < help.size; i++) {
		if (help.data[i] == '\\' || help.data[i] == '\n' ||
			(help.data[i] == '"' && format == EXPOSITION_OPENMETRICS))
			*to++ = '\\';
		*to++ = help.data[i] == '\n' ? 'n' : help.data[i];
	}
	*to++ = '\n';
	b->size = (size_t)(to - b->data);
	return 0;
}

int exposition_write_type(struct buffer *b, struct bytes name, enum exposition_type type, enum exposition_format format)
{
	const char *word = type_word(type, format);
	char *to;
	int failed = exposition_line_room(b, name.size + strlen(word) + sizeof "# TYPE  \n", &to);

	if (failed)
		return failed;
	to = put(to, "# TYPE ", 7);
	to = put(to, name.data, name.size);
	*to++ = ' ';
	to = put(to, word, strlen(word));
	*to++ = '\n';
	b->size = (size_t)(to - b->data);
	return 0;
}

size_t exposition_seconds_format(int64_t ms, char to[EXPOSITION_NUMBER_SIZE])
{
	char *at = to;
	uint64_t size = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;

	if (ms < 0)
		*at++ = '-';
	at += u64_format(size / 1000, at);
	*at++ = '.';
	for (unsigned unit = 100; unit > 0; unit /= 10)
		*at++ = (char)('0' + size / unit % 10);
	return (size_t)(at - to);
}

int exposition_write_sample(struct buffer *b, const struct exposition_line *line, enum exposition_format format)
{
	char *to;
	int failed =
		exposition_line_room(b, line->head.size + line->value_text.size + 2 * EXPOSITION_NUMBER_SIZE + 3, &to);

	if (failed)
		return failed;
	to = put(to, line->head.data, line->head.size);
	*to++ = ' ';
	if (line->value_text.size > 0)
		to = put(to, line->value_text.data, line->value_text.size);
	else
		to += exposition_number_format(line->value, to);
	if (line->has_timestamp) {
		*to++ = ' ';
		if (format == EXPOSITION_OPENMETRICS)
			to += exposition_seconds_format(line->timestamp_ms, to);
		else
			to += exposition_integer_format(line->timestamp_ms, to);
	}
	*to++ = '\n';
	b->size = (size_t)(to - b->data);
	return 0;
}

size_t exposition_unescape(struct bytes text, enum exposition_format format, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < text.size; i++) {
		char next = text.data[i] == '\\' && i + 1 < text.size ? text.data[i + 1] : '\0';
		bool known = next == '\\' || next == 'n' || (next == '"' && format == EXPOSITION_OPENMETRICS);
		i += known;
		to[n++] = known && next == 'n' ? '\n' : text.data[i];
	}
	return n;
}

size_t exposition_value_copy(struct bytes value, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i], next = i + 1 < value.size ? value.data[i + 1] : '\0';
		to[n++] = c;
		if (c != '\\')
			continue;
		if (next == '\\' || next == '"' || next == 'n')
			to[n++] = value.data[++i];
		else
			to[n++] = '\\';
	}
	return n;
}

size_t exposition_name_escape(struct bytes name, bool label, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < name.size; i++) {
		bool first = n == 0, digit = name.data[i] >= '0' && name.data[i] <= '9';
		if (((unsigned char)name.data[i] & 0xc0) == 0x80)
			continue; /* the rest of a character that has already become an underscore */
		if ((digit && !first) || (!digit && exposition_name_valid((struct bytes){ name.data + i, 1 }, label)))
			to[n++] = name.data[i];
		else
			to[n++] = '_';
		i += name.data[i] == '\\';
	}
	return n;
}
