/*
 * The words of an answer: within their room, one line, whatever comes as whichever type.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/said.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "", "application/x-protobuf", "application/json", "text/html" };
	const char *type = types[size > 0 ? data[0] % COUNT_OF(types) : 0];
	size_t room = size > 1 ? 1 + data[1] : 1;
	char *said = malloc(room);
	struct bytes body = { size > 2 ? (const char *)data + 2 : "", size > 2 ? size - 2 : 0 };

	if (!said || said_read(type, body, said, room) != (*said != 0) || !memchr(said, 0, room))
		abort();
	for (const char *p = said; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	free(said);
	return 0;
}
