#include "proto/otlp_response.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "otlp.pb-c.h"

/* Gives at most `left` bytes in all; unknown fields would otherwise cost tens of bytes each. */
struct capped {
	ProtobufCAllocator allocator;
	size_t left;
};

static void *capped_alloc(void *context, size_t size)
{
	struct capped *c = context;

	if (size > c->left)
		return NULL;
	c->left -= size;
	return malloc(size);
}

static void capped_free(void *context, void *memory)
{
	(void)context;
	free(memory);
}

static void read_partial(const Otlp__PartialSuccess *partial, uint64_t *ret_rejected, char *ret_message, size_t room)
{
	if (partial->rejected_spans > 0)
		*ret_rejected = (uint64_t)partial->rejected_spans;
	snprintf(ret_message, room, "%s", partial->error_message);
}

int otlp_response_parse(struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room)
{
	struct capped capped = { .allocator = { capped_alloc, capped_free, &capped }, .left = OTLP_RESPONSE_MEMORY };
	Otlp__TracesResponse *answer;

	*ret_rejected = 0;
	ret_message[0] = '\0';
	if (body.size > OTLP_RESPONSE_MAX)
		return -EBADMSG;
	answer = otlp__traces_response__unpack(&capped.allocator, body.size, (const uint8_t *)body.data);
	if (!answer)
		return -EBADMSG;
	if (answer->partial_success)
		read_partial(answer->partial_success, ret_rejected, ret_message, room);
	otlp__traces_response__free_unpacked(answer, &capped.allocator);
	return 0;
}

int otlp_status_parse(struct bytes body, char *ret_message, size_t room)
{
	struct capped capped = { .allocator = { capped_alloc, capped_free, &capped }, .left = OTLP_RESPONSE_MEMORY };
	Otlp__Status *status;

	ret_message[0] = '\0';
	if (body.size > OTLP_RESPONSE_MAX)
		return -EBADMSG;
	status = otlp__status__unpack(&capped.allocator, body.size, (const uint8_t *)body.data);
	if (!status)
		return -EBADMSG;
	snprintf(ret_message, room, "%s", status->message);
	otlp__status__free_unpacked(status, &capped.allocator);
	return *ret_message ? 0 : -EBADMSG;
}

/* In JSON an int64 is a text (Protocol Buffers, "ProtoJSON"), but many senders write a number. */
static uint64_t json_count(const json_t *value)
{
	uint64_t count = 0;

	if (json_is_integer(value))
		return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
	if (json_is_string(value) && (!u64_parse(bytes_of(json_string_value(value)), &count) || count > INT64_MAX))
		count = 0;
	return count;
}

/* By its name in ProtoJSON, or that of the .proto file, which readers take as well. */
static const json_t *member(const json_t *object, const char *name, const char *original)
{
	const json_t *value = json_object_get(object, name);

	return value ? value : json_object_get(object, original);
}

static int read_json(const json_t *answer, uint64_t *ret_rejected, char *ret_message, size_t room)
{
	const json_t *partial = member(answer, "partialSuccess", "partial_success");
	const char *message = json_string_value(member(partial, "errorMessage", "error_message"));
	const json_t *rejected;

	if (!json_is_object(answer) || (!partial && json_object_size(answer) > 0))
		return -EBADMSG;
	if (partial && !json_is_object(partial) && !json_is_null(partial))
		return -EBADMSG;
	rejected = member(partial, "rejectedSpans", "rejected_spans");
	if (!rejected)
		rejected = member(partial, "rejectedLogRecords", "rejected_log_records");
	*ret_rejected = json_count(rejected);
	snprintf(ret_message, room, "%s", message ? message : "");
	return 0;
}

static int parse_json(struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room)
{
	bool fits = body.size <= OTLP_RESPONSE_JSON_MAX;
	json_t *answer = fits ? json_loadb(body.data, body.size, 0, NULL) : NULL;
	int failed = answer ? read_json(answer, ret_rejected, ret_message, room) : -EBADMSG;

	json_decref(answer);
	return failed;
}

int otlp_answer_parse(
	const char *content_type, struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room)
{
	/* The last one is for bytes of an unknown type (RFC 9110, 8.3). */
	static const char *const types[] = { "application/x-protobuf", "application/protobuf",
		"application/octet-stream" };

	*ret_rejected = 0;
	ret_message[0] = '\0';
	if (media_type_is(bytes_of(content_type), "application/json"))
		return body.size == 0 ? 0 : parse_json(body, ret_rejected, ret_message, room);
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (media_type_is(bytes_of(content_type), types[i]))
			return otlp_response_parse(body, ret_rejected, ret_message, room);
	return *content_type ? -EBADMSG : otlp_response_parse(body, ret_rejected, ret_message, room);
}

static int append_message(const ProtobufCMessage *message, struct buffer *to)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	char *room;

	if (size == 0)
		return 0;
	room = buffer_reserve(to, size);
	if (!room)
		return size > to->ceiling - to->size ? -ENOSPC : -ENOMEM;
	to->size += protobuf_c_message_pack(message, (uint8_t *)room);
	return 0;
}

int otlp_response_write(uint64_t rejected, const char *message, struct buffer *to)
{
	Otlp__TracesResponse answer = OTLP__TRACES_RESPONSE__INIT;
	Otlp__PartialSuccess partial = OTLP__PARTIAL_SUCCESS__INIT;

	if (rejected == 0 && (!message || !*message))
		return 0;
	partial.rejected_spans = rejected > INT64_MAX ? INT64_MAX : (int64_t)rejected;
	if (message)
		partial.error_message = (char *)message;
	answer.partial_success = &partial;
	return append_message(&answer.base, to);
}

int otlp_status_write(int code, const char *message, struct buffer *to)
{
	Otlp__Status status = OTLP__STATUS__INIT;

	status.code = code;
	status.message = (char *)message;
	return append_message(&status.base, to);
}
