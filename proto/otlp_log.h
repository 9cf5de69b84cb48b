/*
 * A log line, JSON, as a LogRecord of OTLP (opentelemetry-proto 1.x, logs.proto; "Logs Data Model").
 *
 * Time, severity, body and ids are taken from the members that loggers write them into (log_time.h, log_level.h;
 * `message` or `msg`; trace_id, trace.id, traceId and their kin, if they are ids in hex). What was taken is no
 * attribute; all other members are, with their types: objects as maps, arrays as lists, null as no value. Objects
 * nested deeper than OTLP_LOG_LEVELS are their JSON as text, since receivers refuse what is nested too deep. A number
 * that is whole and fits 64 bits is an integer.
 */
#ifndef OXP_OTLP_LOG_H
#define OXP_OTLP_LOG_H

#include "proto/json_walk.h"
#include "proto/otlp_build.h"

enum { OTLP_LOG_LEVELS = 24 };

struct otlp_log; /* memory that one conversion after another uses */

struct otlp_log *otlp_log_new(void) __attribute__((returns_nonnull));
void otlp_log_free(struct otlp_log *);
/* Writes the record as field 2 of the ScopeLogs at hand. JSON_LINE_PADDING readable bytes stand behind the line. A line
 * that is no JSON object becomes the body. `observed`: nanoseconds since 1970. */
void otlp_log_build(struct otlp_log *, struct otlp_build *, struct bytes line, uint64_t observed);

#endif
