/*
 * The names that the .proto files of OpenTelemetry give the values of enums: "SPAN_KIND_SERVER" for 2. OTLP in JSON has
 * the numbers (specification 1.11.0, "JSON Protobuf Encoding"); clients that let a library print their messages send
 * these names, as ProtoJSON has them. Pure.
 */
#ifndef OXP_OTLP_ENUM_H
#define OXP_OTLP_ENUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* The value called `name`, in the field that OTLP in JSON calls `field`. False: it has no such value. */
bool otlp_enum_parse(const char *field, struct bytes name, uint64_t *ret);

#endif
