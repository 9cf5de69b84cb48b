/*
 * Answers of one kind, by what any server has (http_respond() in serving.c), and routes that have no other.
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

/* Routes. */

static enum http_take drop_body(void *context, struct http_request *request, struct bytes piece)
{
	(void)context, (void)request, (void)piece;
	return HTTP_ANSWERED;
}

static void never(void *context, struct http_request *request)
{
	(void)context, (void)request;
	OXP_ASSERT(!"it has its answer");
}

struct http_route http_route_refusing(enum http_method method, const char *path,
	enum http_take (*begin)(void *route_context, struct http_request *), void *context)
{
	return (struct http_route){
		.method = method, .path = path, .begin = begin, .body = drop_body, .complete = never, .context = context
	};
}
