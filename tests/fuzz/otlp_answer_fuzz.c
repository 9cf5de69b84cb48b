/*
 * Answers of OTLP receivers, protobuf and JSON: what is understood fits in its room, is text, and comes back the same
 * when it is written again. The first byte says which type the answer has, and how much room there is for its message.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/otlp_response.h"

enum { ROOM_MAX = 256, AGAIN_MAX = 4096 };

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void write_again(uint64_t rejected, const char *message)
{
	char again[ROOM_MAX];
	uint64_t number;
	struct buffer out;

	buffer_init(&out, AGAIN_MAX);
	check(otlp_response_write(rejected, message, &out) == 0, "it cannot be written");
	check(otlp_response_parse(buffer_bytes(&out), &number, again, sizeof again) == 0, "it cannot be read again");
	check(number == rejected && strcmp(again, message) == 0, "it is another one");
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/x-protobuf", "application/json", "", "text/html" };
	const char *type = size > 0 ? types[data[0] % COUNT_OF(types)] : NULL;
	size_t room = size > 0 ? 1 + data[0] / COUNT_OF(types) : 0;
	uint64_t rejected = 0;
	char *message;

	if (!type)
		return 0;
	message = malloc(room); /* of just that size, so that the sanitizer sees a byte beyond it */
	check(message != NULL, "no memory");
	if (otlp_answer_parse(type, (struct bytes){ (const char *)data + 1, size - 1 }, &rejected, message, room) ==
		0) {
		check(memchr(message, '\0', room) != NULL, "the message has no end");
		check(strcmp(type, "text/html") != 0, "a page is an answer");
		write_again(rejected, message);
	}
	free(message);
	return 0;
}
