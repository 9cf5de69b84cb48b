#include "proto/otlp_build.h"

#include "base/text.h"

void otlp_build_fixed64(struct otlp_build *b, unsigned field, uint64_t value)
{
	char *to;

	otlp_build_tag(b, field, WIRE_64);
	to = otlp_build_claim(b, sizeof value);
	for (unsigned i = 0; to && i < sizeof value; i++)
		to[i] = (char)(value >> 8 * i);
}

void otlp_build_bytes(struct otlp_build *b, unsigned field, struct bytes bytes)
{
	otlp_build_tag(b, field, WIRE_LENGTH);
	otlp_build_varint(b, bytes.size);
	otlp_build_raw(b, bytes);
}

void otlp_build_text(struct otlp_build *b, unsigned field, struct bytes text)
{
	size_t size;
	char *to;

	if (LIKELY(utf8_valid(text.data, text.size))) {
		otlp_build_bytes(b, field, text);
		return;
	}
	size = utf8_mend(text.data, text.size, NULL);
	otlp_build_tag(b, field, WIRE_LENGTH);
	otlp_build_varint(b, size);
	to = otlp_build_claim(b, size);
	if (to)
		(void)utf8_mend(text.data, text.size, to);
}

/* The length stands before the content, at first with one byte. */
void otlp_build_end(struct otlp_build *b, size_t begun)
{
	otlp_build_end_as(b, begun, 1);
}

void otlp_build_end_as(struct otlp_build *b, size_t begun, size_t length)
{
	size_t size = b->size - begun, takes = wire_varint_size(size), most = b->size;
	struct otlp_build head = { b->to, b->room, begun - length };

	OXP_ASSERT(begun >= length && begun <= b->size);
	b->size = head.size + takes + size;
	if (b->size > b->room || most > b->room)
		return;
	if (takes != length)
		memmove(b->to + head.size + takes, b->to + begun, size);
	otlp_build_varint(&head, size);
}

void otlp_build_value(struct otlp_build *b, const struct otlp_value *value)
{
	uint64_t bits;

	switch (value->type) {
	case OTLP_VALUE_TEXT:
		otlp_build_text(b, value->type, value->bytes);
		return;
	case OTLP_VALUE_BYTES:
		otlp_build_bytes(b, value->type, value->bytes);
		return;
	case OTLP_VALUE_BOOL:
	case OTLP_VALUE_INT:
		otlp_build_number(b, value->type, (uint64_t)value->number);
		return;
	case OTLP_VALUE_DOUBLE:
		memcpy(&bits, &value->real, sizeof bits);
		otlp_build_fixed64(b, value->type, bits);
		return;
	default:
		OXP_ASSERT(value->type == OTLP_VALUE_EMPTY);
	}
}
