/*
 * The fields of a message on the wire, with where they stand in it: for whoever copies and replaces them as bytes.
 */
#ifndef OXP_OTLP_RAW_H
#define OXP_OTLP_RAW_H

#include <errno.h>

#include "proto/otlp_wire.h"

struct otlp_raw {
	const char *at; /* its tag */
	unsigned number;
	enum wire_type type;
	uint64_t value;
	struct bytes bytes; /* the content; of a varint its bytes */
};

static inline bool otlp_raw_varint(const unsigned char **at, const unsigned char *end, struct otlp_raw *f)
{
	const unsigned char *from = *at;

	if (wire_varint(at, end, &f->value))
		return false;
	f->bytes = (struct bytes){ (const char *)from, (size_t)(*at - from) };
	return true;
}

static inline bool otlp_raw_fixed(const unsigned char **at, const unsigned char *end, size_t size, struct otlp_raw *f)
{
	if ((size_t)(end - *at) < size)
		return false;
	f->bytes = (struct bytes){ (const char *)*at, size };
	f->value = 0;
	memcpy(&f->value, *at, size); /* little endian, as the host is */
	*at += size;
	return true;
}

/* 1 with the next field, 0 at the end, -EBADMSG. */
static inline int otlp_raw_next(struct wire *w, struct otlp_raw *f)
{
	uint64_t tag;

	f->bytes = (struct bytes){ "", 0 };
	if (w->at == w->end)
		return 0;
	f->at = (const char *)w->at;
	if (UNLIKELY(wire_varint(&w->at, w->end, &tag) || tag >> 3 > WIRE_FIELD_MAX))
		return -EBADMSG;
	f->number = (unsigned)(tag >> 3);
	f->type = (enum wire_type)(tag & 7);
	switch (f->type) {
	case WIRE_LENGTH:
		if (wire_varint(&w->at, w->end, &f->value) || f->value > (size_t)(w->end - w->at))
			return -EBADMSG;
		f->bytes = (struct bytes){ (const char *)w->at, f->value };
		w->at += f->value;
		return 1;
	case WIRE_VARINT:
		return otlp_raw_varint(&w->at, w->end, f) ? 1 : -EBADMSG;
	case WIRE_64:
		return otlp_raw_fixed(&w->at, w->end, 8, f) ? 1 : -EBADMSG;
	case WIRE_32:
		return otlp_raw_fixed(&w->at, w->end, 4, f) ? 1 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

#endif
