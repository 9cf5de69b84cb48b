#include "admin/destinations.h"

#include <stdio.h>

#include "base/text.h"
#include "http/server.h"
#include "outlet.h"
#include "pipeline/sender.h"
#include "status/counters.h"

enum { ANSWER_MAX = 256 << 10, LABELS_MAX = 300 };

static const char *const verdict_names[] = {
	[SENDER_DELIVERS] = "fine", [SENDER_STALLED] = "stalled", [SENDER_REFUSES] = "refusing"
};

static enum sender_verdict verdict(const struct outlet *o)
{
	return sender_verdict(o->sender, o->within);
}

/* What both answers say of each. */
static int write_delivery(const struct outlet *o, struct mono_time now, struct buffer *out)
{
	const struct sender *s = o->sender;
	int failed =
		buffer_printf(out, "\"delivery\":\"%s\",\"seconds_since_acknowledged\":", verdict_names[verdict(o)]);

	if (failed)
		return failed;
	failed = s->last_delivered.ns ? buffer_printf(out, "%.3f", duration_seconds(mono_since(now, s->last_delivered)))
				      : buffer_text(out, "null");
	return failed ? failed
		      : buffer_printf(out, ",\"queued_records\":%llu,\"queued_bytes\":%llu",
				(unsigned long long)s->queued_records, (unsigned long long)s->queued_bytes);
}

static int write_error(const char *error, struct buffer *out)
{
	return buffer_text(out, ",\"error\":") || json_string_append(out, error, strlen(error));
}

/* /status */

static int report_one(const struct outlet *o, struct mono_time now, struct buffer *out)
{
	const struct sender *s = o->sender;

	return buffer_printf(out, "{\"name\":\"%s\",\"state\":\"%s\",", s->name, sender_state_name(s->state)) ||
	       write_delivery(o, now, out) ||
	       buffer_printf(out, ",\"sends\":%llu,\"retries\":%llu,\"resent\":%llu,\"concurrency\":%zu",
		       (unsigned long long)s->sends, (unsigned long long)s->retries, (unsigned long long)s->resent,
		       window_size(&s->window)) ||
	       write_error(s->reason, out) || (s->type->report && s->type->report(s->exporter, out)) ||
	       buffer_text(out, "}");
}

int destinations_report(void *context, struct buffer *out)
{
	const struct destinations *d = context;
	const char *comma = "[";
	int failed = 0;

	for (const struct outlet *o = d->outlets->first; o && !failed; o = o->next, comma = ",")
		failed = buffer_text(out, comma) || report_one(o, loop_now(d->loop), out);
	return failed ? failed : buffer_text(out, d->outlets->first ? "]" : "[]");
}

/* /health/delivery */

static const char *shown_error(const struct outlet *o)
{
	if (verdict(o) == SENDER_REFUSES)
		return "records are refused for good; why stands on /status, and with each parked record";
	return o->sender->failure;
}

static int write_health(const struct destinations *d, bool fine, struct buffer *out)
{
	struct mono_time now = loop_now(d->loop);
	const char *comma = "";
	int failed = buffer_printf(out, "{\"status\":\"%s\",\"destinations\":[", fine ? "ok" : "not delivering");

	for (const struct outlet *o = d->outlets->first; o && !failed; o = o->next, comma = ",")
		failed = buffer_printf(out, "%s{\"name\":\"%s\",", comma, o->sender->name) ||
			 write_delivery(o, now, out) || write_error(shown_error(o), out) || buffer_text(out, "}");
	return failed ? failed : buffer_text(out, "]}");
}

static bool all_fine(const struct destinations *d)
{
	for (const struct outlet *o = d->outlets->first; o; o = o->next)
		if (verdict(o) != SENDER_DELIVERS)
			return false;
	return true;
}

void destinations_health(void *context, struct http_request *request)
{
	const struct destinations *d = context;
	bool fine = all_fine(d);
	unsigned status = fine ? 200 : 503;
	struct buffer out;

	buffer_init(&out, ANSWER_MAX);
	if (write_health(d, fine, &out))
		http_respond_text(request, status, "application/json", "{\"destinations\":[]}");
	else
		http_respond(request,
			&(struct http_answer){ .status = status, .content_type = "application/json", .body = &out });
	buffer_done(&out);
}

/* /metrics */

static double read_up(void *context)
{
	return verdict(context) == SENDER_DELIVERS;
}

static double read_last(void *context)
{
	return (double)((const struct outlet *)context)->sender->last_delivered_at.ns * 1e-9;
}

static double read_records(void *context)
{
	return (double)((const struct outlet *)context)->sender->queued_records;
}

static double read_bytes(void *context)
{
	return (double)((const struct outlet *)context)->sender->queued_bytes;
}

void destinations_count(struct counters *counters, struct outlet *o)
{
	static const struct {
		const char *name, *help;
		double (*read)(void *);
	} gauges[] = {
		{ "destination_up", "Whether the destination takes what it is given, as /health/delivery says.",
			read_up },
		{ "destination_last_delivery_timestamp_seconds",
			"When the destination last acknowledged a record, in Unix time; 0: not in this run.",
			read_last },
		{ "destination_queued_records", "Records that wait for the destination or are on their way to it.",
			read_records },
		{ "destination_queued_bytes", "Their bytes.", read_bytes },
	};
	char labels[LABELS_MAX];

	snprintf(labels, sizeof labels, "destination=\"%s\"", o->sender->name);
	for (size_t i = 0; i < COUNT_OF(gauges); i++) {
		struct counter *row = counter_row(counters, COUNTER_GAUGE, gauges[i].name, labels, gauges[i].help);
		row->read = gauges[i].read;
		row->context = o;
	}
}
