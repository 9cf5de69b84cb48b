#include "proto/snappy.h"

#include <errno.h>
#include <snappy-c.h>

/* Why there is no room for that many more bytes. */
static int no_room(const struct buffer *to, size_t more)
{
	return more > to->ceiling - to->size ? -ENOSPC : -ENOMEM;
}

int snappy_pack(struct bytes plain, struct buffer *to)
{
	size_t size = snappy_max_compressed_length(plain.size);
	char *room = buffer_reserve(to, size);

	if (!room)
		return no_room(to, size);
	OXP_ASSERT(snappy_compress(plain.data, plain.size, room, &size) == SNAPPY_OK);
	to->size += size;
	return 0;
}

int snappy_unpack(struct bytes packed, struct buffer *to)
{
	size_t size;
	char *room;

	if (snappy_uncompressed_length(packed.data, packed.size, &size) != SNAPPY_OK)
		return -EBADMSG;
	room = buffer_reserve(to, size);
	if (!room && size > 0)
		return no_room(to, size);
	if (snappy_uncompress(packed.data, packed.size, room, &size) != SNAPPY_OK)
		return -EBADMSG;
	to->size += size;
	return 0;
}
