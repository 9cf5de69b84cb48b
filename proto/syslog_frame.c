#include "proto/syslog_frame.h"

enum { DIGITS_MAX = 9, PRIORITY_DIGITS = 3, PRIORITY_MAX = 191 };

/* Digits from `at` on, up to a number of them; returns where they end. */
static size_t read_number(struct bytes b, size_t at, size_t most, size_t *ret)
{
	size_t end = at;

	for (*ret = 0; end < b.size && end - at < most && b.data[end] >= '0' && b.data[end] <= '9'; end++)
		*ret = *ret * 10 + (size_t)(b.data[end] - '0');
	return end;
}

/* WHOLE: the message begins with a priority. */
static enum syslog_framing find_priority(struct bytes b, size_t at)
{
	size_t priority, end;

	if (at == b.size)
		return SYSLOG_FRAME_UNKNOWN;
	if (b.data[at] != '<')
		return SYSLOG_FRAME_NONE;
	end = read_number(b, at + 1, PRIORITY_DIGITS, &priority);
	if (priority > PRIORITY_MAX)
		return SYSLOG_FRAME_NONE;
	if (end == b.size)
		return SYSLOG_FRAME_UNKNOWN;
	return end > at + 1 && b.data[end] == '>' ? SYSLOG_FRAME_WHOLE : SYSLOG_FRAME_NONE;
}

enum syslog_framing syslog_frame_read(struct bytes b, struct syslog_frame *ret)
{
	enum syslog_framing found;
	size_t size, at = read_number(b, 0, DIGITS_MAX, &size);

	if (b.size > 0 && (at == 0 || b.data[0] == '0'))
		return SYSLOG_FRAME_NONE;
	if (at == b.size)
		return SYSLOG_FRAME_UNKNOWN;
	if (b.data[at++] != ' ')
		return SYSLOG_FRAME_NONE;
	found = find_priority(b, at);
	if (found != SYSLOG_FRAME_WHOLE)
		return found;
	*ret = (struct syslog_frame){ at, size };
	return b.size - at >= size ? SYSLOG_FRAME_WHOLE : SYSLOG_FRAME_PART;
}
