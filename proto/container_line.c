#include "proto/container_line.h"

static const char *const names[LOG_STREAMS] = { "", "stdout", "stderr" };

const char *log_stream_name(enum log_stream stream)
{
	return names[stream];
}

enum log_stream log_stream_of(struct bytes word)
{
	if (bytes_are(word, "stdout"))
		return STREAM_STDOUT;
	return bytes_are(word, "stderr") ? STREAM_STDERR : STREAM_NONE;
}
