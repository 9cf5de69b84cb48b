/*
 * An OTLP log request (ExportLogsServiceRequest; opentelemetry-proto 1.x, logs.proto) becomes log lines: each LogRecord
 * one JSON object, with what its resource and scope say.
 *
 * What is wrong costs no more than it must: a record whose ids have wrong sizes is refused, the others are taken; text
 * that is not UTF-8 is mended, a value nested beyond OTLP_LEVELS_MAX is null, and a name that is there already is left
 * out. A request that is not such a message is refused as a whole.
 *
 * There are two calls, since the memory is the caller's: otlp_logs_plan() counts, otlp_logs_write() writes. The
 * resource stands in each of its lines, so lines may take many times what the request takes: plan() stops where they
 * would exceed `most`.
 */
#ifndef OXP_OTLP_LOGS_H
#define OXP_OTLP_LOGS_H

#include "proto/otlp_record.h"

struct otlp_logs {
	enum otlp_log_form form;
	uint64_t records; /* taken */
	uint64_t refused, refused_bytes;
	uint64_t texts, values, repeated; /* mended; emptied; left out */
	enum otlp_fault fault; /* of the first that is refused, and its number in the request from 1 on */
	uint64_t number;
	size_t room; /* what otlp_logs_write() needs at most; more than `most`: it was not counted to the end */
};

/* OTLP_OK, or OTLP_WIRE with where the message that cannot be read begins, and *ret is undefined. `body` has
 * JSON_LINE_PADDING readable bytes behind it. */
enum otlp_fault otlp_logs_plan(
	struct bytes body, enum otlp_log_form, size_t most, struct otlp_logs *ret, size_t *ret_at);
/* Writes the lines to `to`, each with a line feed behind it, and returns their size. */
size_t otlp_logs_write(struct bytes body, const struct otlp_logs *plan, char *to) MUST_CHECK;
/* What was done, for the sender: one line, cut to `room`; "" if nothing was. */
void otlp_logs_tell(const struct otlp_logs *plan, char *to, size_t room);

#endif
