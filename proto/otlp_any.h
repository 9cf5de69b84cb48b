/*
 * Reading an AnyValue on the wire.
 */
#ifndef OXP_OTLP_ANY_H
#define OXP_OTLP_ANY_H

#include "proto/otlp_build.h"

struct otlp_any {
	enum otlp_value_type type;
	bool broken; /* it cannot be read to its end; what came before counts */
	struct bytes bytes; /* of a text, bytes, an array, a map */
	uint64_t number; /* of the others, as it is on the wire */
};

/* The last of its fields, which is the one that counts. One whose wire type is another is unknown, as to every reader.
 * `value` may be without data. */
struct otlp_any otlp_any_read(struct bytes value);

#endif
