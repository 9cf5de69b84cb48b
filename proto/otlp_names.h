/*
 * The names that OTLP has in JSON (specification 1.11.0, "JSON Protobuf Encoding"), for each message the fields with
 * their numbers and forms. What writes JSON (otlp_text.c) and what reads it (otlp_json.c) share it; no other file
 * includes it. (opentelemetry-proto 1.x: trace.proto, logs.proto, metrics.proto, common.proto, resource.proto.)
 */
#ifndef OXP_OTLP_NAMES_H
#define OXP_OTLP_NAMES_H

#include "proto/otlp_wire.h"

enum message {
	REQUEST,
	RESOURCE_SPANS,
	RESOURCE,
	ENTITY,
	SCOPE_SPANS,
	SCOPE,
	SPAN,
	SPAN_DETAILS,
	EVENT,
	LINK,
	STATUS,
	KEY_VALUE,
	ANY_VALUE,
	ARRAY,
	KV_LIST,
	LOGS_REQUEST,
	RESOURCE_LOGS,
	SCOPE_LOGS,
	LOG_RECORD,
	METRICS_REQUEST,
	RESOURCE_METRICS,
	SCOPE_METRICS,
	METRIC,
	GAUGE,
	SUM,
	HISTOGRAM,
	EXPONENTIAL,
	SUMMARY,
	NUMBER_POINT,
	HISTOGRAM_POINT,
	EXPONENTIAL_POINT,
	SUMMARY_POINT,
	BUCKETS,
	QUANTILE,
	EXEMPLAR,
	MESSAGES,
};
enum form { TEXT, HEX, BASE64, UINT32, SINT32, ENUM, UINT64, INT64, BOOL, DOUBLE, MESSAGE };
enum { ROWS_MAX = 17, REPEATED = 1 };

/* A field and how it is written. number 0 ends a message's rows. */
struct row {
	const char *name;
	unsigned char number, type, form, message, repeated, size; /* of the name */
};

#define LEAF_ROW(number, name, type, form)                      \
	{                                                       \
		name, number, type, form, 0, 0, sizeof name - 1 \
	}
#define STRING_ROW(number, name) LEAF_ROW(number, name, WIRE_LENGTH, TEXT)
#define COUNT_ROW(number, name) LEAF_ROW(number, name, WIRE_VARINT, UINT32)
#define MESSAGE_ROW(number, name, message)                                      \
	{                                                                       \
		name, number, WIRE_LENGTH, MESSAGE, message, 0, sizeof name - 1 \
	}
#define LIST_ROW(number, name, message)                                                \
	{                                                                              \
		name, number, WIRE_LENGTH, MESSAGE, message, REPEATED, sizeof name - 1 \
	}
#define STRINGS_ROW(number, name)                                             \
	{                                                                     \
		name, number, WIRE_LENGTH, TEXT, 0, REPEATED, sizeof name - 1 \
	}
#define NUMBERS_ROW(number, name, type, form)                          \
	{                                                              \
		name, number, type, form, 0, REPEATED, sizeof name - 1 \
	}
#define POINT_TIME_ROWS LEAF_ROW(2, "startTimeUnixNano", WIRE_64, UINT64), LEAF_ROW(3, "timeUnixNano", WIRE_64, UINT64)
#define TEMPORALITY_ROW(number) LEAF_ROW(number, "aggregationTemporality", WIRE_VARINT, ENUM)
#define SPAN_DETAIL_ROWS                                                                                            \
	STRING_ROW(3, "traceState"), LIST_ROW(9, "attributes", KEY_VALUE), COUNT_ROW(10, "droppedAttributesCount"), \
		LIST_ROW(11, "events", EVENT), COUNT_ROW(12, "droppedEventsCount"), LIST_ROW(13, "links", LINK),    \
		COUNT_ROW(14, "droppedLinksCount"), MESSAGE_ROW(15, "status", STATUS),                              \
		LEAF_ROW(16, "flags", WIRE_32, UINT32)

static const struct row rows[MESSAGES][ROWS_MAX] = {
	[REQUEST] = { LIST_ROW(1, "resourceSpans", RESOURCE_SPANS) },
	[RESOURCE_SPANS] = { MESSAGE_ROW(1, "resource", RESOURCE), LIST_ROW(2, "scopeSpans", SCOPE_SPANS),
		STRING_ROW(3, "schemaUrl") },
	[RESOURCE] = { LIST_ROW(1, "attributes", KEY_VALUE), COUNT_ROW(2, "droppedAttributesCount"),
		LIST_ROW(3, "entityRefs", ENTITY) },
	[ENTITY] = { STRING_ROW(1, "schemaUrl"), STRING_ROW(2, "type"), STRINGS_ROW(3, "idKeys"),
		STRINGS_ROW(4, "descriptionKeys") },
	[SCOPE_SPANS] = { MESSAGE_ROW(1, "scope", SCOPE), LIST_ROW(2, "spans", SPAN), STRING_ROW(3, "schemaUrl") },
	[SCOPE] = { STRING_ROW(1, "name"), STRING_ROW(2, "version"), LIST_ROW(3, "attributes", KEY_VALUE),
		COUNT_ROW(4, "droppedAttributesCount") },
	[SPAN] = { LEAF_ROW(1, "traceId", WIRE_LENGTH, HEX), LEAF_ROW(2, "spanId", WIRE_LENGTH, HEX),
		LEAF_ROW(4, "parentSpanId", WIRE_LENGTH, HEX), STRING_ROW(5, "name"),
		LEAF_ROW(6, "kind", WIRE_VARINT, ENUM), LEAF_ROW(7, "startTimeUnixNano", WIRE_64, UINT64),
		LEAF_ROW(8, "endTimeUnixNano", WIRE_64, UINT64), SPAN_DETAIL_ROWS },
	[SPAN_DETAILS] = { SPAN_DETAIL_ROWS },
	[EVENT] = { LEAF_ROW(1, "timeUnixNano", WIRE_64, UINT64), STRING_ROW(2, "name"),
		LIST_ROW(3, "attributes", KEY_VALUE), COUNT_ROW(4, "droppedAttributesCount") },
	[LINK] = { LEAF_ROW(1, "traceId", WIRE_LENGTH, HEX), LEAF_ROW(2, "spanId", WIRE_LENGTH, HEX),
		STRING_ROW(3, "traceState"), LIST_ROW(4, "attributes", KEY_VALUE),
		COUNT_ROW(5, "droppedAttributesCount"), LEAF_ROW(6, "flags", WIRE_32, UINT32) },
	[STATUS] = { STRING_ROW(2, "message"), LEAF_ROW(3, "code", WIRE_VARINT, ENUM) },
	[KEY_VALUE] = { STRING_ROW(1, "key"), MESSAGE_ROW(2, "value", ANY_VALUE) },
	[ANY_VALUE] = { STRING_ROW(1, "stringValue"), LEAF_ROW(2, "boolValue", WIRE_VARINT, BOOL),
		LEAF_ROW(3, "intValue", WIRE_VARINT, INT64), LEAF_ROW(4, "doubleValue", WIRE_64, DOUBLE),
		MESSAGE_ROW(5, "arrayValue", ARRAY), MESSAGE_ROW(6, "kvlistValue", KV_LIST),
		LEAF_ROW(7, "bytesValue", WIRE_LENGTH, BASE64) },
	[ARRAY] = { LIST_ROW(1, "values", ANY_VALUE) },
	[KV_LIST] = { LIST_ROW(1, "values", KEY_VALUE) },
	[LOGS_REQUEST] = { LIST_ROW(1, "resourceLogs", RESOURCE_LOGS) },
	[RESOURCE_LOGS] = { MESSAGE_ROW(1, "resource", RESOURCE), LIST_ROW(2, "scopeLogs", SCOPE_LOGS),
		STRING_ROW(3, "schemaUrl") },
	[SCOPE_LOGS] = { MESSAGE_ROW(1, "scope", SCOPE), LIST_ROW(2, "logRecords", LOG_RECORD),
		STRING_ROW(3, "schemaUrl") },
	[LOG_RECORD] = { LEAF_ROW(1, "timeUnixNano", WIRE_64, UINT64),
		LEAF_ROW(11, "observedTimeUnixNano", WIRE_64, UINT64), LEAF_ROW(2, "severityNumber", WIRE_VARINT, ENUM),
		STRING_ROW(3, "severityText"), MESSAGE_ROW(5, "body", ANY_VALUE), LIST_ROW(6, "attributes", KEY_VALUE),
		COUNT_ROW(7, "droppedAttributesCount"), LEAF_ROW(8, "flags", WIRE_32, UINT32),
		LEAF_ROW(9, "traceId", WIRE_LENGTH, HEX), LEAF_ROW(10, "spanId", WIRE_LENGTH, HEX),
		STRING_ROW(12, "eventName") },
	[METRICS_REQUEST] = { LIST_ROW(1, "resourceMetrics", RESOURCE_METRICS) },
	[RESOURCE_METRICS] = { MESSAGE_ROW(1, "resource", RESOURCE), LIST_ROW(2, "scopeMetrics", SCOPE_METRICS),
		STRING_ROW(3, "schemaUrl") },
	[SCOPE_METRICS] = { MESSAGE_ROW(1, "scope", SCOPE), LIST_ROW(2, "metrics", METRIC),
		STRING_ROW(3, "schemaUrl") },
	[METRIC] = { STRING_ROW(1, "name"), STRING_ROW(2, "description"), STRING_ROW(3, "unit"),
		MESSAGE_ROW(5, "gauge", GAUGE), MESSAGE_ROW(7, "sum", SUM), MESSAGE_ROW(9, "histogram", HISTOGRAM),
		MESSAGE_ROW(10, "exponentialHistogram", EXPONENTIAL), MESSAGE_ROW(11, "summary", SUMMARY),
		LIST_ROW(12, "metadata", KEY_VALUE) },
	[GAUGE] = { LIST_ROW(1, "dataPoints", NUMBER_POINT) },
	[SUM] = { LIST_ROW(1, "dataPoints", NUMBER_POINT), TEMPORALITY_ROW(2),
		LEAF_ROW(3, "isMonotonic", WIRE_VARINT, BOOL) },
	[HISTOGRAM] = { LIST_ROW(1, "dataPoints", HISTOGRAM_POINT), TEMPORALITY_ROW(2) },
	[EXPONENTIAL] = { LIST_ROW(1, "dataPoints", EXPONENTIAL_POINT), TEMPORALITY_ROW(2) },
	[SUMMARY] = { LIST_ROW(1, "dataPoints", SUMMARY_POINT) },
	[NUMBER_POINT] = { LIST_ROW(7, "attributes", KEY_VALUE), POINT_TIME_ROWS,
		LEAF_ROW(4, "asDouble", WIRE_64, DOUBLE), LEAF_ROW(6, "asInt", WIRE_64, INT64),
		LIST_ROW(5, "exemplars", EXEMPLAR), COUNT_ROW(8, "flags") },
	[HISTOGRAM_POINT] = { LIST_ROW(9, "attributes", KEY_VALUE), POINT_TIME_ROWS,
		LEAF_ROW(4, "count", WIRE_64, UINT64), LEAF_ROW(5, "sum", WIRE_64, DOUBLE),
		NUMBERS_ROW(6, "bucketCounts", WIRE_64, UINT64), NUMBERS_ROW(7, "explicitBounds", WIRE_64, DOUBLE),
		LIST_ROW(8, "exemplars", EXEMPLAR), COUNT_ROW(10, "flags"), LEAF_ROW(11, "min", WIRE_64, DOUBLE),
		LEAF_ROW(12, "max", WIRE_64, DOUBLE) },
	[EXPONENTIAL_POINT] = { LIST_ROW(1, "attributes", KEY_VALUE), POINT_TIME_ROWS,
		LEAF_ROW(4, "count", WIRE_64, UINT64), LEAF_ROW(5, "sum", WIRE_64, DOUBLE),
		LEAF_ROW(6, "scale", WIRE_VARINT, SINT32), LEAF_ROW(7, "zeroCount", WIRE_64, UINT64),
		MESSAGE_ROW(8, "positive", BUCKETS), MESSAGE_ROW(9, "negative", BUCKETS), COUNT_ROW(10, "flags"),
		LIST_ROW(11, "exemplars", EXEMPLAR), LEAF_ROW(12, "min", WIRE_64, DOUBLE),
		LEAF_ROW(13, "max", WIRE_64, DOUBLE), LEAF_ROW(14, "zeroThreshold", WIRE_64, DOUBLE) },
	[SUMMARY_POINT] = { LIST_ROW(7, "attributes", KEY_VALUE), POINT_TIME_ROWS,
		LEAF_ROW(4, "count", WIRE_64, UINT64), LEAF_ROW(5, "sum", WIRE_64, DOUBLE),
		LIST_ROW(6, "quantileValues", QUANTILE), COUNT_ROW(8, "flags") },
	[BUCKETS] = { LEAF_ROW(1, "offset", WIRE_VARINT, SINT32), NUMBERS_ROW(2, "bucketCounts", WIRE_VARINT, UINT64) },
	[QUANTILE] = { LEAF_ROW(1, "quantile", WIRE_64, DOUBLE), LEAF_ROW(2, "value", WIRE_64, DOUBLE) },
	[EXEMPLAR] = { LIST_ROW(7, "filteredAttributes", KEY_VALUE), LEAF_ROW(2, "timeUnixNano", WIRE_64, UINT64),
		LEAF_ROW(3, "asDouble", WIRE_64, DOUBLE), LEAF_ROW(6, "asInt", WIRE_64, INT64),
		LEAF_ROW(4, "spanId", WIRE_LENGTH, HEX), LEAF_ROW(5, "traceId", WIRE_LENGTH, HEX) },
};

#endif
