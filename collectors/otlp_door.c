#include "collectors/otlp_door.h"

#include <stdio.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "proto/grpc_answer.h"
#include "proto/otlp_response.h"

enum {
	TELL_MENDED_S = 60,
	ANSWER_MAX = 4096,
};

const char *const otlp_content[] = {
	[OTLP_PROTOBUF] = "application/x-protobuf", [OTLP_JSON] = "application/json", NULL
};

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

bool otlp_is_json(struct door_request *r, enum otlp_json_request kind)
{
	if (r->content != OTLP_JSON || otlp_of(r)->read)
		return false;
	r->wants = otlp_json_room((struct bytes){ r->body.data, r->body.size }, kind);
	r->again = true;
	return true;
}

size_t otlp_read_json(struct door_request *r, enum otlp_json_request kind)
{
	size_t size, at;
	const char *why = otlp_json_read(r->body.old, kind, r->body.data, &size, &at);

	otlp_of(r)->read = true;
	if (!why)
		return size;
	snprintf(r->reason, sizeof r->reason, "not an OTLP request in JSON: %s at byte %zu", why, at);
	r->fault = r->reason;
	return 0;
}

/* (ProtoJSON: a google.rpc.Status.) */
static int write_status_json(int code, const char *message, struct buffer *to)
{
	struct json_writer w;

	json_writer_init(&w, to);
	json_put_object(&w, NULL);
	json_put_i64(&w, "code", code);
	json_put_string(&w, "message", message);
	json_put_end(&w);
	return json_writer_done(&w);
}

/* (ProtoJSON: 64-bit numbers are texts.) */
static int write_partial_json(const char *rejected, uint64_t count, const char *message, struct buffer *to)
{
	char digits[U64_DIGITS_MAX];
	struct json_writer w;

	json_writer_init(&w, to);
	json_put_object(&w, NULL);
	if (count > 0 || *message) {
		json_put_object(&w, "partialSuccess");
		json_put_bytes(&w, rejected, (struct bytes){ digits, u64_format(count, digits) });
		json_put_string(&w, "errorMessage", message);
		json_put_end(&w);
	}
	json_put_end(&w);
	return json_writer_done(&w);
}

/* What cannot be read is answered as protobuf. */
static bool speaks_json(const struct http_request *request)
{
	const char *type = http_request_header(request, "Content-Type");

	return type && media_type_is(bytes_of(type), otlp_content[OTLP_JSON]);
}

void otlp_answer(struct http_request *request, unsigned status, const char *message)
{
	static const char *const later[] = { "Retry-After", "1", NULL };
	int code = status == 503 ? GRPC_STATUS_UNAVAILABLE : GRPC_STATUS_INVALID_ARGUMENT;
	bool json = speaks_json(request);
	struct buffer out;

	buffer_init(&out, ANSWER_MAX);
	if (message && (json ? write_status_json : otlp_status_write)(code, message, &out) < 0)
		buffer_clear(&out);
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = otlp_content[json ? OTLP_JSON : OTLP_PROTOBUF],
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
void otlp_answer_taken(struct door_request *r, const char *rejected, uint64_t refused)
{
	struct buffer out;
	int failed;

	if (r->reason[0])
		tell_mended(otlp_door_of(r), r->reason);
	buffer_init(&out, ANSWER_MAX);
	failed = r->content == OTLP_JSON ? write_partial_json(rejected, refused, r->reason, &out)
					 : otlp_response_write(refused, r->reason, &out);
	if (failed)
		buffer_clear(&out);
	door_answered(r,
		&(struct http_answer){
			.status = 200, .content_type = otlp_content[r->content], .body = out.size > 0 ? &out : NULL });
	buffer_done(&out);
}
