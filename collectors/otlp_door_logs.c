/*
 * Log records. Each becomes a log line, an item of its own (proto/otlp_logs.h), where other bodies are mended. A record
 * that cannot be one is refused alone, and the answer reports it as a partial success.
 */
#include <stdio.h>

#include "collectors/otlp_door.h"
#include "proto/otlp_walk.h"

static void look(struct door_request *r)
{
	struct otlp_logs *logs = &otlp_of(r)->logs;
	const struct otlp_door *d = otlp_door_of(r);
	enum otlp_fault fault;
	size_t at = 0;

	if (otlp_is_json(r, OTLP_JSON_LOGS))
		return;
	r->later = !r->in_lane && r->body.size > DOOR_MEND_INLINE_MAX;
	if (r->later)
		return;
	fault = otlp_logs_plan((struct bytes){ r->body.data, r->body.size }, d->form, d->lines_max, logs, &at);
	if (fault) {
		snprintf(r->reason, sizeof r->reason, "not an OTLP log request: %s at byte %zu", otlp_fault_name(fault),
			at);
		r->fault = r->reason;
		return;
	}
	otlp_logs_tell(logs, r->reason, sizeof r->reason);
	r->wants = logs->room;
	r->over_max = logs->room > d->lines_max;
	if (r->over_max)
		r->fault = "as log lines, each with its resource, the request takes a quarter of `memory` or more: "
			   "send less at a time";
}

static size_t mend(struct door_request *r)
{
	if (r->again)
		return otlp_read_json(r, OTLP_JSON_LOGS);
	return otlp_logs_write(r->body.old, &otlp_of(r)->logs, r->body.data);
}

static bool fill(struct door_request *r)
{
	uint64_t records = otlp_of(r)->logs.records;
	const char *at = batch_block_trim(r->body.batch, records ? r->body.size : 0), *end = at + r->body.size;

	for (uint64_t i = 0; i < records; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		OXP_ASSERT(stop);
		if (batch_add(r->body.batch,
			    &(struct batch_item){ .data = at, .size = (uint32_t)(stop - at), .records = 1 }) < 0)
			return false;
		at = stop + 1;
	}
	return true;
}

static void taken(struct door_request *r)
{
	struct otlp_door *d = otlp_door_of(r);
	const struct otlp_logs *logs = &otlp_of(r)->logs;

	*d->records += logs->records;
	*d->records_refused += logs->refused;
	*d->texts += logs->texts;
	*d->values += logs->values;
	*d->names += logs->repeated;
	if (logs->refused)
		host_refused(d->door.host, SIGNAL_LOGS, logs->refused, logs->refused_bytes);
	otlp_answer_taken(r, "rejectedLogRecords", logs->refused);
}

const struct otlp_service otlp_service_logs = {
	.path = "/v1/logs",
	.rpc = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	.type = { .signal = SIGNAL_LOGS,
		.content = otlp_content,
		.request_size = sizeof(struct otlp_request),
		.look = look,
		.mend = mend,
		.fill = fill,
		.taken = taken,
		.answer = otlp_answer },
};
