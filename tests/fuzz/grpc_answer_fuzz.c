/*
 * Answers of gRPC servers: lines of the head and the trailers, each ended by a line feed, up to an empty one, and the
 * body behind it. What is understood is one line of UTF-8, a wait that is not negative, and a message within bounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/grpc_answer.h"

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void read_body(const struct grpc_answer *a, struct bytes body)
{
	struct bytes message;
	struct buffer room;
	volatile char sum = 0;

	buffer_init(&room, GRPC_MESSAGE_MAX);
	if (grpc_answer_message(a, body, &room, &message) == 0) {
		check(message.size <= GRPC_MESSAGE_MAX || message.size < body.size, "a message beyond its bounds");
		for (size_t i = 0; i < message.size; i++)
			sum = (char)(sum + message.data[i]);
	}
	buffer_done(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = { (const char *)data, size };
	struct grpc_answer a;

	grpc_answer_init(&a);
	while (rest.size > 0 && *rest.data != '\n') {
		const char *end = memchr(rest.data, '\n', rest.size);
		size_t n = end ? (size_t)(end - rest.data) + 1 : rest.size;
		grpc_answer_line(&a, (struct bytes){ rest.data, n });
		rest.data += n;
		rest.size -= n;
	}
	check(a.status >= GRPC_STATUS_NONE && *grpc_status_name(a.status), "a status that is none");
	check(a.retry_ms >= -1, "a wait that is negative");
	check(memchr(a.said, '\0', sizeof a.said) != NULL, "what is said has no end");
	check(utf8_valid(a.said, strlen(a.said)) && !strpbrk(a.said, "\r\n\x1b"),
		"what is said is not one line of text");
	if (rest.size > 0)
		read_body(&a, (struct bytes){ rest.data + 1, rest.size - 1 });
	return 0;
}
