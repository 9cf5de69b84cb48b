/*
 * What may be wrong with an OTLP request, and how deep one may be.
 */
#ifndef OXP_OTLP_FAULT_H
#define OXP_OTLP_FAULT_H

#include <stdbool.h>

enum {
	/* Arrays and maps in an attribute's value, one within another: as many as SDKs let pass (OpenTelemetry
	 * configuration, `attribute_value_depth_limit`). */
	OTLP_LEVELS_MAX = 64,
	/* Messages in messages, the request being the first: request, resource spans, scope spans, span, event, key
	 * and value, value; then a map, a key and value, and a value for each level. */
	OTLP_DEPTH_MAX = 7 + 3 * OTLP_LEVELS_MAX,
};

/* Up to OTLP_WIRE the frame is wrong; what is wrong from OTLP_UTF8 on can be mended. */
enum otlp_fault {
	OTLP_OK, OTLP_CUT, OTLP_VARINT, OTLP_WIRE_TYPE, OTLP_GROUP, OTLP_FIELD_NUMBER, OTLP_WIRE, OTLP_UTF8,
	OTLP_TRACE_ID, OTLP_SPAN_ID, OTLP_PARENT_ID, OTLP_LINK_ID, OTLP_LOG_TRACE_ID, OTLP_LOG_SPAN_ID, OTLP_DEEP,
	OTLP_FAULTS
};
static inline bool otlp_fault_can_be_mended(enum otlp_fault fault) { return fault >= OTLP_UTF8; }

#endif
