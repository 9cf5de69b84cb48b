/*
 * What gRPC puts around a message: the frame is read the same however its bytes are cut, and is written as it was read;
 * a deadline is a number of some unit or nothing; a message that is escaped has visible ASCII alone.
 *
 * The first byte: where the bytes are cut. What follows is a frame, a deadline and a message, each from its beginning.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/grpc.h"

enum { ESCAPED_MAX = 64 << 10 };

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static size_t read_frame(struct grpc_frame *f, struct bytes all, size_t piece)
{
	size_t used = 0;

	*f = (struct grpc_frame){ .got = 0 };
	while (all.size > 0 && !grpc_frame_is_whole(f)) {
		struct bytes in = { all.data, smaller(piece, all.size) };
		size_t before = in.size;
		grpc_frame_read(f, &in);
		used += before - in.size;
		all = (struct bytes){ all.data + before - in.size, all.size - (before - in.size) };
	}
	return used;
}

static void try_frame(struct bytes all, size_t piece)
{
	struct grpc_frame whole, cut;
	char head[GRPC_HEAD_SIZE];

	check(read_frame(&whole, all, all.size) == read_frame(&cut, all, piece), "it depends on the cut");
	check(memcmp(&whole, &cut, sizeof whole) == 0, "it depends on the cut");
	if (!grpc_frame_is_whole(&whole))
		return;
	grpc_head_write(false, (uint32_t)grpc_frame_size(&whole), head);
	check(memcmp(head + 1, whole.head + 1, sizeof head - 1) == 0, "not as it was read");
}

static void try_text(struct bytes all)
{
	char *text = malloc(all.size + 1);
	struct duration d = { -1 };
	struct buffer out;

	check(text != NULL, "no memory");
	memcpy(text, all.data, all.size);
	text[all.size] = '\0';
	check(grpc_timeout_parse(text, &d) == 0 ? d.ns >= 0 : d.ns == -1, "a deadline that is none");
	buffer_init(&out, ESCAPED_MAX);
	if (grpc_message_write(text, &out) == 0)
		for (size_t i = 0; i < out.size; i++)
			check(out.data[i] >= ' ' && out.data[i] <= '~', "not visible");
	buffer_clear(&out);
	if (grpc_details_write(GRPC_STATUS_UNAVAILABLE, text, 1, &out) == 0)
		check(out.size > 0 && !memchr(out.data, '=', out.size), "not base64 without padding");
	buffer_done(&out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = { (const char *)data + 1, size - 1 };

	if (size < 2)
		return 0;
	try_frame(all, 1 + data[0] % GRPC_HEAD_SIZE);
	try_text(all);
	return 0;
}
