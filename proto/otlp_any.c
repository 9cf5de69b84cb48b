#include "proto/otlp_any.h"

#include "proto/otlp_raw.h"

/* Nearly every value is a text of less than 128 bytes, and nothing else. */
static inline bool is_short_text(const unsigned char *p, size_t size)
{
	return size >= 2 && p[0] == (OTLP_VALUE_TEXT << 3 | WIRE_LENGTH) && p[1] == size - 2 && p[1] < 0x80;
}

struct otlp_any otlp_any_read(struct bytes value)
{
	static const unsigned char types[] = { [OTLP_VALUE_TEXT] = WIRE_LENGTH,
		[OTLP_VALUE_BOOL] = WIRE_VARINT,
		[OTLP_VALUE_INT] = WIRE_VARINT,
		[OTLP_VALUE_DOUBLE] = WIRE_64,
		[OTLP_VALUE_ARRAY] = WIRE_LENGTH,
		[OTLP_VALUE_MAP] = WIRE_LENGTH,
		[OTLP_VALUE_BYTES] = WIRE_LENGTH };
	struct otlp_any any = { .type = OTLP_VALUE_EMPTY, .bytes = { "", 0 } };
	struct wire w = wire_of(value.data ? value : (struct bytes){ "", 0 });
	struct otlp_raw f;
	int more;

	if (LIKELY(is_short_text(w.at, (size_t)(w.end - w.at))))
		return (struct otlp_any){ .type = OTLP_VALUE_TEXT, .bytes = { value.data + 2, value.size - 2 } };
	while ((more = otlp_raw_next(&w, &f)) > 0 && f.number > 0) {
		if (f.number > OTLP_VALUE_BYTES || f.type != types[f.number])
			continue;
		any.type = (enum otlp_value_type)f.number;
		any.bytes = f.bytes;
		any.number = f.value;
	}
	any.broken = more != 0;
	return any;
}
