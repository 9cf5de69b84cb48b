#include "collectors/otlp_door.h"

#include "proto/otlp_response.h"

enum {
	/* google.rpc.Code */
	RPC_INVALID_ARGUMENT = 3,
	RPC_UNAVAILABLE = 14,
	TELL_MENDED_S = 60,
	ANSWER_MAX = 4096,
};

const char *const otlp_content[] = { "application/x-protobuf", NULL };

void otlp_door_count(struct otlp_door *d, struct host *host)
{
	d->spans = host_counter(host, "spans_total", "Spans accepted.");
	d->refused = host_counter(host, "spans_refused_total",
		"Spans refused because their ids are not valid; the rest of the request was taken.");
	d->records = host_counter(host, "log_records_total", "Log records accepted.");
	d->records_refused = host_counter(host, "log_records_refused_total",
		"Log records refused because an id has the wrong size; the rest of the request was taken.");
	d->texts = host_counter(host, "strings_mended_total",
		"Strings in spans and log records that were not UTF-8; each bad byte was replaced by U+FFFD.");
	d->values = host_counter(
		host, "values_emptied_total", "Attribute values emptied because they were nested too deep.");
	d->links = host_counter(host, "links_left_out_total", "Span links left out because an id had the wrong size.");
	d->names = host_counter(host, "attributes_repeated_total",
		"Attributes of log records left out because their list had one of that name before.");
}

void otlp_answer(struct http_request *request, unsigned status, const char *message)
{
	static const char *const later[] = { "Retry-After", "1", NULL };
	int code = status == 503 ? RPC_UNAVAILABLE : RPC_INVALID_ARGUMENT;
	struct buffer out;

	buffer_init(&out, ANSWER_MAX);
	if (message && otlp_status_write(code, message, &out) < 0)
		buffer_clear(&out);
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = otlp_content[0],
				      .headers = status == 503 ? later : NULL,
				      .body = &out });
	buffer_done(&out);
}

static void tell_mended(struct otlp_door *d, const char *what)
{
	struct mono_time now = loop_now(host_loop(d->door.host));

	if (d->told.ns && mono_since(now, d->told).ns < DURATION_S(TELL_MENDED_S).ns)
		return;
	d->told = now;
	host_log(d->door.host, LOG_LEVEL_WARN, "a request was mended, or taken without some of its records: %s", what);
}

/* (OTLP specification, "Partial Success": with no record refused the message is a warning.) */
void otlp_answer_taken(struct door_request *r, uint64_t refused)
{
	struct buffer out;

	if (r->reason[0])
		tell_mended(otlp_door_of(r), r->reason);
	buffer_init(&out, ANSWER_MAX);
	if (otlp_response_write(refused, r->reason, &out) < 0)
		buffer_clear(&out);
	door_answered(r, &(struct http_answer){
				 .status = 200, .content_type = otlp_content[0], .body = out.size > 0 ? &out : NULL });
	buffer_done(&out);
}
