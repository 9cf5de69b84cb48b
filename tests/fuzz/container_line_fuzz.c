/*
 * Any bytes as a line of the CRI log format and of Docker's: what is taken stays within the line, its time may stand in
 * JSON as it is, and a text is no longer than the line that it was decoded from.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/cri.h"
#include "proto/docker_log.h"
#include "proto/rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_time(struct bytes time)
{
	struct rfc3339 moment;

	OXP_ASSERT(rfc3339_read(time, &moment) && moment.zoned && moment.strict);
	for (size_t i = 0; i < time.size; i++)
		OXP_ASSERT(time.data[i] > ' ' && time.data[i] < 0x7f && time.data[i] != '"' && time.data[i] != '\\');
}

static void check_cri(struct bytes line)
{
	struct container_line l;

	if (!cri_read(line, &l))
		return;
	check_time(l.time);
	OXP_ASSERT(l.stream != STREAM_NONE && l.stream < LOG_STREAMS);
	OXP_ASSERT(l.text.data + l.text.size == line.data + line.size && l.text.data > l.time.data + l.time.size);
}

/* In braces it is an object. */
static void check_extra(struct bytes extra)
{
	char *text = calloc(1, extra.size + 2 + JSON_LINE_PADDING);
	struct json_line index;

	*text = '{';
	if (extra.size > 0)
		memcpy(text + 1, extra.data, extra.size);
	text[extra.size + 1] = '}';
	OXP_ASSERT(json_line_index(json_scan_best(), text, extra.size + 2, &index) == JSON_FINE);
	free(text);
}

static void check_docker(struct bytes line)
{
	struct container_line l;
	struct json_line index;
	struct buffer text, extra;

	if (json_line_index(json_scan_best(), line.data, line.size, &index) != JSON_FINE)
		return;
	buffer_init(&text, line.size);
	buffer_init(&extra, line.size);
	if (docker_log_read(line, &index, &text, &extra, &l) == 0) {
		OXP_ASSERT(l.text.size <= line.size && l.stream < LOG_STREAMS);
		OXP_ASSERT(l.partial || l.text.data[l.text.size] == '\n');
		OXP_ASSERT(utf8_valid(l.text.data, l.text.size));
		if (l.time.size > 0)
			check_time(l.time);
		check_extra(l.extra);
	} else {
		OXP_ASSERT(!docker_log_is(line, &index));
	}
	buffer_done(&extra);
	buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = calloc(1, size + JSON_LINE_PADDING);

	if (size > 0)
		memcpy(line, data, size);
	check_cri((struct bytes){ line, size });
	check_docker((struct bytes){ line, size });
	free(line);
	return 0;
}
