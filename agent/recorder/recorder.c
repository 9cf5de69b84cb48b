#include "recorder/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "core.h"
#include "http/server.h"
#include "recorder/mark.h"
#include "status/counters.h"

static const char who[] = "recorder";

/* Answers. */

static void put_result(const struct dump_result *result, struct json_writer *w)
{
	json_put_u64(w, "spans", result->spans);
	json_put_u64(w, "unreadable_requests", result->unreadable);
	json_put_string(w, "error", result->error ? result->error : "");
}

static void answer(struct http_request *request, const struct dump_result *result)
{
	struct json_writer w;
	struct buffer out;

	buffer_init(&out, 4096);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	put_result(result, &w);
	json_put_end(&w);
	json_put_line_end(&w);
	http_respond_json(request, &out, json_writer_done(&w));
}

/* Dumps. */

static void tell_dumped(const struct recorder *r, const struct dump_result *result)
{
	const struct log *log = r->options.core->log;

	if (result->error)
		log_warn(log, who, "a dump ended early, after %llu spans: %s", (unsigned long long)result->spans,
			result->error);
	else
		log_info(log, who, "sends %llu spans of the last %lld s%s, marked " MARK_NAME "=%s: %s",
			(unsigned long long)result->spans, (long long)(r->order.last.ns / 1000000000),
			r->order.all ? "" : " that sampling had left out", dump_reasons[r->order.reason], r->why);
	if (result->unreadable > 0)
		log_warn(log, who, "%llu requests in the ring could not be read, and were left out",
			(unsigned long long)result->unreadable);
}

static void on_dumped(void *context, const struct dump_result *result)
{
	struct recorder *r = context;
	struct http_request *request = r->asked;

	r->asked = NULL;
	r->last = (struct recorder_last){
		.reason = r->order.reason, .at = loop_wall(r->options.core->loop), .result = *result
	};
	memcpy(r->last.why, r->why, sizeof r->why);
	*r->dumped += result->spans;
	tell_dumped(r, result);
	if (request)
		answer(request, result);
}

static void begin(struct recorder *r, const struct dump_order *order, const char *why)
{
	r->order = *order;
	snprintf(r->why, sizeof r->why, "%s", why);
	++*r->dumps[order->reason];
	dump_begin(r->dump, order, on_dumped, r);
}

/* By itself. */
static void begin_unless_resting(struct recorder *r, enum dump_reason reason, const char *why)
{
	struct core *core = r->options.core;
	const struct dump_order order = {
		.reason = reason, .last = r->options.last, .from_newest = reason == DUMP_RESTART
	};

	if (!r->options.when[reason] || core->phase > AGENT_RUNNING)
		return;
	if (dump_is_busy(r->dump) || loop_now(core->loop).ns < r->rested.ns) {
		++*r->skipped;
		return;
	}
	r->rested = mono_after(loop_now(core->loop), r->options.rest);
	begin(r, &order, why);
}

static void on_crashed(void *context, const char *how)
{
	begin_unless_resting(context, DUMP_CRASH, how);
}

void recorder_broke_off(struct recorder *r, const char *door)
{
	char why[RECORDER_WHY];

	if (!r->dump)
		return;
	snprintf(why, sizeof why, "a client of %s closed its connection in the middle of a request", door);
	begin_unless_resting(r, DUMP_CRASH, why);
}

/* The ring. */

static void tell_ring(struct recorder *r, const struct tape_wrote *wrote)
{
	const struct log *log = r->options.core->log;

	if (wrote->opened && wrote->found == RING_SET_ASIDE)
		log_warn(log, who, "%s was not a ring of ours; it was renamed to " RING_NAME ".corrupt-N", RING_NAME);
	if (wrote->failed == r->failed)
		return;
	r->failed = wrote->failed;
	if (!r->failed)
		log_info(log, who, "records again");
	else
		log_error(log, who, "cannot record: %s/" RING_NAME ": %s; spans are not held up by this",
			r->tape.options.folder, path_why(r->failed));
}

static void on_wrote(void *context, const struct tape_wrote *wrote)
{
	struct recorder *r = context;
	uint64_t burst = r->options.when[DUMP_ERRORS] && wrote->errors > 0
				 ? burst_add(&r->burst, loop_now(r->options.core->loop), wrote->errors)
				 : 0;
	char why[RECORDER_WHY];

	tell_ring(r, wrote);
	dump_tape_wrote(r->dump);
	if (wrote->killed)
		begin_unless_resting(r, DUMP_RESTART, "the last run of the agent was killed");
	if (burst == 0)
		return;
	burst_forget(&r->burst);
	snprintf(why, sizeof why, "%llu spans with errors came within %lld ms", (unsigned long long)burst,
		(long long)duration_ms(r->options.within));
	begin_unless_resting(r, DUMP_ERRORS, why);
}

void recorder_note(struct recorder *r, const struct batch *b)
{
	if (r->options.on)
		tape_note(&r->tape, b);
}

/* Life. */

static void init_counters(struct recorder *r)
{
	struct counters *all = &r->options.core->counters;
	char labels[64];

	for (int i = 0; i < DUMP_REASONS; i++) {
		snprintf(labels, sizeof labels, "reason=\"%s\"", dump_reasons[i]);
		r->dumps[i] = &counter_row(all, COUNTER_GROWS, "recorder_dumps_total", labels,
			"Dumps of the flight recorder that were begun.")
				       ->value;
	}
	r->dumped = &counter_row(all, COUNTER_GROWS, "recorder_dumped_spans_total", "",
		"Spans that dumps of the flight recorder have sent.")
			     ->value;
	r->recorded = &counter_row(
		all, COUNTER_GROWS, "recorder_spans_total", "", "Spans that the flight recorder has written.")
			       ->value;
	r->missed = &counter_row(all, COUNTER_GROWS, "recorder_missed_spans_total", "",
		"Spans that the flight recorder had no room for, or a disk that was too slow.")
			     ->value;
	r->skipped = &counter_row(all, COUNTER_GROWS, "recorder_skipped_dumps_total", "",
		"Dumps that were not begun, because there was one less than `rest` before.")
			      ->value;
}

void recorder_init(struct recorder *r, const struct recorder_options *o)
{
	*r = (struct recorder){ .options = *o };
	if (!o->on)
		return;
	init_counters(r);
	burst_init(&r->burst, o->errors, o->within);
	r->dump_config = (struct dump_config){ &r->tape, &r->dump };
	tape_init(&r->tape, &(struct tape_options){ .loop = o->core->loop,
				    .disk = o->core->disk,
				    .budget = o->budget,
				    .folder = o->core->state_path,
				    .size = o->size,
				    .count_errors = o->when[DUMP_ERRORS],
				    .recorded = r->recorded,
				    .missed = r->missed,
				    .wrote = on_wrote,
				    .context = r });
}

void recorder_start(struct recorder *r)
{
	const struct recorder_options *o = &r->options;

	if (!o->on)
		return;
	tape_open(&r->tape);
	if (o->process && o->when[DUMP_CRASH])
		watch_init(&r->watch, &(struct watch_options){ .loop = o->core->loop,
					      .disk = o->core->disk,
					      .file = o->process,
					      .crashed = on_crashed,
					      .context = r });
}

void recorder_end(struct recorder *r)
{
	if (r->dump)
		tape_end(&r->tape);
}

void recorder_done(struct recorder *r)
{
	watch_done(&r->watch);
	if (r->options.on)
		tape_done(&r->tape);
}

/* The control socket. */

static void on_gone(void *context, struct http_request *request)
{
	struct recorder *r = context;

	if (r->asked == request)
		r->asked = NULL;
}

static bool read_order(const struct recorder *r, const struct http_request *request, struct dump_order *ret)
{
	const char *last = http_request_query(request, "last_ms"), *all = http_request_query(request, "all");
	uint64_t ms = (uint64_t)duration_ms(r->options.last);

	if (last && (!u64_parse(bytes_of(last), &ms) || ms > INT64_MAX / 1000000))
		return false;
	*ret = (struct dump_order){ .reason = DUMP_COMMAND, .last = DURATION_MS(ms), .all = all && *all == '1' };
	return true;
}

static void ask(void *context, struct http_request *request)
{
	struct recorder *r = context;
	const char *not_now = core_not_running(r->options.core);
	struct dump_order order;
	char why[RECORDER_WHY];

	if (!r->options.on) {
		http_respond_text(request, 409, "text/plain",
			"the flight recorder is off: set traces.recorder in the configuration\n");
	} else if (!read_order(r, request, &order)) {
		http_respond_text(request, 400, "text/plain", "last_ms is a number\n");
	} else if (not_now) {
		snprintf(why, sizeof why, "%s\n", not_now);
		http_respond_text(request, 503, "text/plain", why);
	} else if (dump_is_busy(r->dump)) {
		http_respond_text(request, 503, "text/plain", "a dump is under way: try again\n");
	} else {
		r->asked = request;
		begin(r, &order, "somebody asked for it");
	}
}

void recorder_routes(struct recorder *r, struct http_route *routes)
{
	routes[0] = (struct http_route){
		.method = HTTP_POST, .path = "/recorder/dump", .complete = ask, .gone = on_gone, .context = r
	};
}

void recorder_report(void *recorder, const char *name, struct json_writer *w)
{
	const struct recorder *r = recorder;
	char at[WALL_TEXT_SIZE];

	json_put_object(w, name);
	json_put_bool(w, "on", r->options.on);
	if (r->options.on) {
		json_put_u64(w, "size_bytes", r->options.size);
		json_put_u64(w, "recorded_spans", *r->recorded);
		json_put_u64(w, "missed_spans", *r->missed);
		json_put_string(w, "ring_error", r->failed ? path_why(r->failed) : "");
		json_put_bool(w, "dumping", r->dump && dump_is_busy(r->dump));
	}
	if (r->last.at.ns) {
		wall_format(r->last.at, at);
		json_put_object(w, "last_dump");
		json_put_string(w, "at", at);
		json_put_string(w, "reason", dump_reasons[r->last.reason]);
		json_put_string(w, "why", r->last.why);
		put_result(&r->last.result, w);
		json_put_end(w);
	}
	json_put_end(w);
}
