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
		return "gauge";
	case EXPOSITION_INFO:
		return format == EXPOSITION_OPENMETRICS ? "info" : "gauge";
	case EXPOSITION_STATESET:
		return format == EXPOSITION_OPENMETRICS ? "stateset" : "gauge";
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

/* `# WORD name text`. */
static int write_meta(struct buffer *b, const char *word, struct bytes name, struct bytes text)
{
	char *to;
	int failed = exposition_line_room(b, name.size + text.size + sizeof "# TYPE  \n", &to);

	if (failed)
		return failed;
	to = put(to, word, 7);
	to = put(to, name.data, name.size);
	*to++ = ' ';
	to = put(to, text.data, text.size);
	*to++ = '\n';
	b->size = (size_t)(to - b->data);
	return 0;
}

int exposition_write_type(struct buffer *b, struct bytes name, enum exposition_type type, enum exposition_format format)
{
	return write_meta(b, "# TYPE ", name, bytes_of(type_word(type, format)));
}

int exposition_write_unit(struct buffer *b, struct bytes name, struct bytes unit)
{
	return write_meta(b, "# UNIT ", name, unit);
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
	int failed = exposition_line_room(
		b, line->head.size + line->value_text.size + 2 * EXPOSITION_NUMBER_SIZE + 6 + line->exemplar.size, &to);

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
	if (UNLIKELY(line->exemplar.size > 0) && format == EXPOSITION_OPENMETRICS)
		to = put(put(to, " # ", 3), line->exemplar.data, line->exemplar.size);
	*to++ = '\n';
	b->size = (size_t)(to - b->data);
	return 0;
}

int exposition_write_native(struct buffer *b, const struct exposition_line *line)
{
	const unsigned char *p = (const unsigned char *)line->native.data;
	size_t groups = (line->native.size + 2) / 3;
	char *to;
	int failed = exposition_line_room(
		b, line->head.size + 2 * EXPOSITION_NUMBER_SIZE + 32 + BASE64_GROUP * groups + 1, &to);

	if (failed)
		return failed;
	to = put(put(to, line->head.data, line->head.size), " {sum:", 6);
	to += exposition_number_format(line->value, to);
	to = put(to, ",native:", 8);
	for (size_t i = 0; i < groups; i++, to += BASE64_GROUP)
		base64_group(p + 3 * i, line->native.size - 3 * i, to);
	*to++ = '}';
	if (line->has_timestamp) {
		*to++ = ' ';
		to += exposition_seconds_format(line->timestamp_ms, to);
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
		bool escapes = format != EXPOSITION_PROTOBUF;
		bool known =
			escapes && (next == '\\' || next == 'n' || (next == '"' && format == EXPOSITION_OPENMETRICS));
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

/* One character of a name: where it ends, and what it is. */
static const char *read_character(const char *p, const char *end, uint32_t *ret)
{
	unsigned char first = (unsigned char)*p++;
	uint32_t c = first < 0x80 ? first : first & (first < 0xe0 ? 0x1f : first < 0xf0 ? 0x0f : 0x07);

	if (first == '\\' && p < end) {
		c = *p == 'n' ? '\n' : (unsigned char)*p;
		p++;
	}
	while (first >= 0xc0 && p < end && ((unsigned char)*p & 0xc0) == 0x80)
		c = c << 6 | ((unsigned char)*p++ & 0x3f);
	*ret = c;
	return p;
}

static bool is_classic(uint32_t c, bool first, bool label)
{
	char byte = (char)c;

	if (c >= '0' && c <= '9')
		return !first;
	return c < 0x80 && exposition_name_valid((struct bytes){ &byte, 1 }, label);
}

static char *put_text(char *to, const char *text)
{
	return put(to, text, strlen(text));
}

static char *put_hex(char *to, uint32_t c)
{
	int shift = 28;

	*to++ = '_';
	while (shift > 0 && c >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[c >> shift & 15];
	*to++ = '_';
	return to;
}

static char *put_character(char *to, uint32_t c, bool classic, enum exposition_escaping escaping)
{
	if (c == '_' && escaping != EXPOSITION_UNDERSCORES)
		return put_text(to, "__");
	if (classic) {
		*to++ = (char)c;
		return to;
	}
	if (escaping == EXPOSITION_VALUES)
		return put_hex(to, c);
	return put_text(to, escaping == EXPOSITION_UNDERSCORES ? "_" : c == '.' ? "_dot_" : "__");
}

size_t exposition_name_escape(struct bytes name, bool label, enum exposition_escaping escaping, char *to)
{
	const char *p = name.data, *end = p + name.size;
	char *from = to;
	uint32_t c;

	if (escaping == EXPOSITION_UTF8)
		return (size_t)(put_text(put(put_text(to, "\""), name.data, name.size), "\"") - from);
	if (escaping == EXPOSITION_VALUES)
		to = put_text(to, "U__");
	while (p < end) {
		bool first = p == name.data;
		p = read_character(p, end, &c);
		to = put_character(to, c, is_classic(c, first, label), escaping);
	}
	return (size_t)(to - from);
}
