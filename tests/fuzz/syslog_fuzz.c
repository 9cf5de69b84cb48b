/*
 * Syslog messages: whatever is taken for one becomes a JSON object, its parts lie within it, and a frame lies within
 * the bytes it was read of.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/syslog.h"
#include "proto/syslog_frame.h"

static void check_within(struct bytes part, const char *data, size_t size)
{
	if (part.size > 0 && (part.data < data || part.data + part.size > data + size))
		abort();
}

static void check_object(const struct syslog *s)
{
	struct json_line index;
	struct buffer b;
	char *line;

	buffer_init(&b, 1 << 22);
	if (syslog_write(s, json_scan_best(), &b) < 0)
		abort();
	line = calloc(1, b.size + JSON_LINE_PADDING);
	memcpy(line, b.data, b.size);
	if (json_line_index(json_scan_best(), line, b.size, &index) != JSON_FINE)
		abort();
	free(line);
	buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct syslog_now now = { 1795409106, 3600 };
	char *text = calloc(1, size + JSON_LINE_PADDING);
	struct syslog_frame frame;
	struct syslog s;

	memcpy(text, data, size);
	if (syslog_read((struct bytes){ text, size }, &now, &s)) {
		const struct bytes parts[] = { s.host, s.app, s.procid, s.msgid, s.structured, s.message };
		for (size_t i = 0; i < COUNT_OF(parts); i++)
			check_within(parts[i], text, size);
		check_object(&s);
	}
	if (syslog_frame_read((struct bytes){ text, size }, &frame) == SYSLOG_FRAME_WHOLE &&
		frame.head + frame.size > size)
		abort();
	free(text);
	return 0;
}
