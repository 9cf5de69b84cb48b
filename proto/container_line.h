/*
 * What a container runtime writes around each piece of a container's output: when it was written, to which stream, and
 * whether the line continues with the stream's next piece. Both formats (cri.h, docker_log.h) are read into this.
 */
#ifndef OXP_CONTAINER_LINE_H
#define OXP_CONTAINER_LINE_H

#include "base/bytes.h"

enum log_stream { STREAM_NONE, STREAM_STDOUT, STREAM_STDERR, LOG_STREAMS };

struct container_line {
	struct bytes text; /* without its line end */
	struct bytes time; /* RFC 3339, nothing in it that JSON escapes; may be empty */
	struct bytes extra; /* members that are not known here, as JSON with commas between them; may be empty */
	enum log_stream stream;
	bool partial; /* its line continues */
};

const char *log_stream_name(enum log_stream); /* "stdout"; empty for STREAM_NONE */
/* STREAM_NONE for any other word. */
enum log_stream log_stream_of(struct bytes word);

#endif
