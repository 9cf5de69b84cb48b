/*
 * Answers of one kind, by what any server has (http_respond() in serving.c).
 */
#include "http/server.h"

void http_respond_json(struct http_request *r, struct buffer *written, int failed)
{
	if (r && failed)
		http_respond_text(r, 500, "text/plain", "the answer is too large\n");
	else if (r)
		http_respond(
			r, &(struct http_answer){ .status = 200, .content_type = "application/json", .body = written });
	buffer_done(written);
}
