#include "proto/otlp_response.h"

#include <errno.h>
#include <stdio.h>

#include "otlp.pb-c.h"

int otlp_response_parse(struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room)
{
	Otlp__TracesResponse *answer;

	*ret_rejected = 0;
	ret_message[0] = '\0';
	if (body.size > OTLP_RESPONSE_MAX)
		return -EBADMSG;
	answer = otlp__traces_response__unpack(NULL, body.size, (const uint8_t *)body.data);
	if (!answer)
		return -EBADMSG;
	if (answer->partial_success) {
		if (answer->partial_success->rejected_spans > 0)
			*ret_rejected = (uint64_t)answer->partial_success->rejected_spans;
		snprintf(ret_message, room, "%s", answer->partial_success->error_message);
	}
	otlp__traces_response__free_unpacked(answer, NULL);
	return 0;
}

int otlp_status_write(int code, const char *message, struct buffer *to)
{
	Otlp__Status status = OTLP__STATUS__INIT;
	char *room;
	size_t size;

	status.code = code;
	status.message = (char *)message;
	size = otlp__status__get_packed_size(&status);
	room = buffer_reserve(to, size);
	if (!room)
		return -ENOSPC;
	to->size += otlp__status__pack(&status, (uint8_t *)room);
	return 0;
}
