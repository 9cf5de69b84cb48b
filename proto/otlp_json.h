/*
 * A request of OTLP in JSON, written as the same request in Protocol Buffers (OTLP specification 1.11.0, "JSON Protobuf
 * Encoding"): names in lowerCamelCase, ids in hex, enums as numbers, 64-bit numbers as text or numbers, bytes in
 * base64, doubles also as "NaN", "Infinity" and "-Infinity". Unknown names and null are ignored. Names as the .proto
 * files have them (trace_id, "SPAN_KIND_SERVER") are read, too, though clients must not send them: ProtoJSON has them,
 * the OpenTelemetry Collector reads them, and spans would be lost in silence.
 *
 * One pass without allocation or recursion, which also checks that it is JSON (RFC 8259). It does not check what the
 * request says: strings may be no UTF-8, and an id that is not a text of hex becomes one of the wrong size. The check
 * of the request finds that, so that one such span costs no other.
 */
#ifndef OXP_OTLP_JSON_H
#define OXP_OTLP_JSON_H

#include "proto/json_line.h"

enum otlp_json_request { OTLP_JSON_TRACES, OTLP_JSON_LOGS, OTLP_JSON_METRICS };

/* The most bytes that a body takes in Protocol Buffers. Only numbers in arrays take more there than in JSON. */
size_t otlp_json_room(struct bytes text, enum otlp_json_request);

/* NULL, and the request's size; or what is wrong, at byte *ret_at. `text` has JSON_LINE_PADDING readable bytes behind
 * it, `to` has room for otlp_json_room(). No text is an empty request. */
const char *otlp_json_read(
	struct bytes text, enum otlp_json_request, char *to, size_t *ret_size, size_t *ret_at) MUST_CHECK;

#endif
