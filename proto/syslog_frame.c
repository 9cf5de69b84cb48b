#include "proto/syslog_frame.h"

enum { DIGITS_MAX = 9 };

enum syslog_framing syslog_frame_read(struct bytes b, size_t max, struct syslog_frame *ret)
{
	size_t at = 0, size = 0;

	while (at < b.size && at < DIGITS_MAX && b.data[at] >= (at ? '0' : '1') && b.data[at] <= '9')
		size = size * 10 + (size_t)(b.data[at++] - '0');
	if (at == b.size)
		return size <= max ? SYSLOG_FRAME_UNKNOWN : SYSLOG_FRAME_NONE;
	if (at == 0 || b.data[at++] != ' ' || size > max)
		return SYSLOG_FRAME_NONE;
	if (at == b.size)
		return SYSLOG_FRAME_UNKNOWN;
	if (b.data[at] != '<')
		return SYSLOG_FRAME_NONE;
	*ret = (struct syslog_frame){ at, size };
	return b.size - at >= size ? SYSLOG_FRAME_WHOLE : SYSLOG_FRAME_PART;
}
