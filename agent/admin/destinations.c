#include "admin/destinations.h"

#include <stdio.h>

#include "base/json_writer.h"
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

/* Writes what /status and /health/delivery both say of a destination. */
static void put_delivery(const struct outlet *o, struct mono_time now, struct json_writer *w)
{
	static const char acknowledged[] = "seconds_since_acknowledged";
	const struct sender *s = o->sender;

	json_put_string(w, "delivery", verdict_names[verdict(o)]);
	if (s->standing.last_delivered.ns)
		json_put_fixed(w, acknowledged, duration_seconds(mono_since(now, s->standing.last_delivered)), 3);
	else
		json_put_null(w, acknowledged);
	json_put_u64(w, "queued_records", s->queued_records);
	json_put_u64(w, "queued_bytes", s->queued_bytes);
}

/* /status */

static void put_one(const struct outlet *o, struct mono_time now, struct json_writer *w)
{
	const struct sender *s = o->sender;

	json_put_object(w, NULL);
	json_put_string(w, "name", s->name);
	json_put_string(w, "state", sender_state_name(s->state));
	put_delivery(o, now, w);
	json_put_u64(w, "sends", s->sends);
	json_put_u64(w, "retries", s->retries);
	json_put_u64(w, "scouts", s->scout.sent);
	json_put_u64(w, "resent", s->resent);
	json_put_u64(w, "concurrency", window_size(&s->window));
	json_put_string(w, "error", s->standing.reason);
	if (s->type->report)
		s->type->report(s->exporter, w);
	json_put_end(w);
}

void destinations_report(void *context, const char *name, struct json_writer *w)
{
	const struct destinations *d = context;

	json_put_array(w, name);
	for (const struct outlet *o = d->outlets->first; o; o = o->next)
		put_one(o, loop_now(d->loop), w);
	json_put_end(w);
}

/* /health/delivery */

static const char *shown_error(const struct outlet *o)
{
	if (verdict(o) == SENDER_REFUSES)
		return "records are refused; /status says why, and so does each parked record";
	return o->sender->standing.failure;
}

static int write_health(const struct destinations *d, bool fine, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_string(&w, "status", fine ? "ok" : "not delivering");
	json_put_array(&w, "destinations");
	for (const struct outlet *o = d->outlets->first; o; o = o->next) {
		json_put_object(&w, NULL);
		json_put_string(&w, "name", o->sender->name);
		put_delivery(o, loop_now(d->loop), &w);
		json_put_string(&w, "error", shown_error(o));
		json_put_end(&w);
	}
	json_put_end(&w);
	json_put_end(&w);
	return json_writer_done(&w);
}

bool destinations_are_fine(const struct destinations *d)
{
	for (const struct outlet *o = d->outlets->first; o; o = o->next)
		if (verdict(o) != SENDER_DELIVERS)
			return false;
	return true;
}

void destinations_health(void *context, struct http_request *request)
{
	const struct destinations *d = context;
	bool fine = destinations_are_fine(d);
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
	return (double)((const struct outlet *)context)->sender->standing.last_delivered_at.ns * 1e-9;
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
		{ "destination_up", "1 if the destination takes records, as /health/delivery says; else 0.", read_up },
		{ "destination_last_delivery_timestamp_seconds",
			"Unix time at which the destination last acknowledged a record; 0 if never in this run.",
			read_last },
		{ "destination_queued_records", "Records that wait for the destination or are being sent to it.",
			read_records },
		{ "destination_queued_bytes",
			"Bytes of the records that wait for the destination or are being sent to it.", read_bytes },
	};
	char labels[LABELS_MAX];

	snprintf(labels, sizeof labels, "destination=\"%s\"", o->sender->name);
	for (size_t i = 0; i < COUNT_OF(gauges); i++) {
		struct counter *row = counter_row(counters, COUNTER_GAUGE, gauges[i].name, labels, gauges[i].help);
		row->read = gauges[i].read;
		row->context = o;
	}
}
