#include "proto/snappy.h"
#include "base/library.h"

#include <errno.h>

int snappy_load(struct snappy *ret, char *why, size_t room)
{
	const struct library_function functions[] = {
		{ "snappy_max_compressed_length", &ret->packed_at_most },
		{ "snappy_compress", &ret->pack },
	};

	return library_load("libsnappy.so.1", functions, COUNT_OF(functions), why, room);
}

int snappy_pack(const struct snappy *s, struct bytes plain, struct buffer *to)
{
	size_t size = s->packed_at_most(plain.size);
	char *room = buffer_reserve(to, size);

	if (!room)
		return size > to->ceiling - to->size ? -ENOSPC : -ENOMEM;
	OXP_ASSERT(s->pack(plain.data, plain.size, room, &size) == SNAPPY_OK);
	to->size += size;
	return 0;
}
