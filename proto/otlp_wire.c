#include "proto/otlp_wire.h"

#include <errno.h>

static int fixed(struct wire *w, unsigned size, uint64_t *ret)
{
	uint64_t value = 0;

	if ((size_t)(w->end - w->at) < size)
		return -EBADMSG;
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)w->at[i] << 8 * i;
	w->at += size;
	*ret = value;
	return 1;
}

static int bytes(struct wire *w, struct bytes *ret)
{
	uint64_t size;

	if (wire_varint(&w->at, w->end, &size) || size > (size_t)(w->end - w->at))
		return -EBADMSG;
	*ret = (struct bytes){ (const char *)w->at, (size_t)size };
	w->at += size;
	return 1;
}

int wire_next(struct wire *w, struct wire_field *ret)
{
	uint64_t tag;

	if (w->at == w->end)
		return 0;
	if (wire_varint(&w->at, w->end, &tag) || tag >> 3 == 0 || tag >> 3 > WIRE_FIELD_MAX)
		return -EBADMSG;
	*ret = (struct wire_field){ .number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7) };
	switch (ret->type) {
	case WIRE_VARINT:
		return wire_varint(&w->at, w->end, &ret->value) ? -EBADMSG : 1;
	case WIRE_64:
		return fixed(w, 8, &ret->value);
	case WIRE_LENGTH:
		return bytes(w, &ret->bytes);
	case WIRE_32:
		return fixed(w, 4, &ret->value);
	default:
		return -EBADMSG;
	}
}

struct bytes wire_last(struct bytes message, uint32_t number, bool *broken)
{
	struct wire w = wire_of(message);
	struct bytes last = { "", 0 };
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == number && f.type == WIRE_LENGTH)
			last = f.bytes;
	if (more < 0 && broken)
		*broken = true;
	return last;
}
