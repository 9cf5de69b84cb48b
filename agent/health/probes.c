#include "health/probes.h"

#include <stdio.h>

#include "base/json_writer.h"
#include "status/counters.h"

/* With the details, a check whose name and reason are hostile takes up to 2 KiB. */
enum { ANSWER_MAX = 64 << 10, VERBOSE_MAX = 256 << 10, LABELS_MAX = 300 };

void probes_liveness(void *context, struct http_request *request)
{
	const struct health *h = context;
	char text[80];

	snprintf(text, sizeof text, "{\"status\":\"%s\",\"timestamp\":%lld}", h->started ? "ok" : "starting",
		(long long)(loop_wall(h->loop).ns / 1000000));
	http_respond_text(request, 200, "application/json", text);
}

/* An answer on its way: which checks are part of it, and what it says of each. */
struct answer {
	const struct health *health;
	bool (*has)(const struct health_check *);
	bool (*says)(const struct health_check *);
	const char *status;
	bool yes, verbose;
};

static void put_succeeded(const struct health_check *c, struct json_writer *w)
{
	char text[WALL_TEXT_SIZE];

	if (c->succeeded.ns)
		wall_format(c->succeeded, text);
	json_put_string(w, "last_success", c->succeeded.ns ? text : NULL);
}

/* How it fared last, as members of an object. */
static void put_details(const struct health_check *c, struct json_writer *w)
{
	json_put_string(w, "type", c->type->name);
	json_put_string(w, "why", c->known ? c->why : "has not been made yet");
	json_put_fixed(w, "latency_seconds", duration_seconds(c->latency), 6);
	put_succeeded(c, w);
}

static int write_answer(const struct answer *a, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_string(&w, "status", a->status);
	json_put_object(&w, "checks");
	for (const struct health_check *c = a->health->checks; c; c = c->next)
		if (a->has(c))
			json_put_bool(&w, health_short_name(c), a->says(c));
	json_put_end(&w);
	if (a->verbose)
		json_put_object(&w, "details");
	for (const struct health_check *c = a->verbose ? a->health->checks : NULL; c; c = c->next)
		if (a->has(c)) {
			json_put_object(&w, health_short_name(c));
			put_details(c, &w);
			json_put_end(&w);
		}
	if (a->verbose)
		json_put_end(&w);
	json_put_end(&w);
	return json_writer_done(&w);
}

/* Without the details, if these do not fit; and a no without the checks, if they do not. */
static void respond(struct http_request *request, struct answer *a)
{
	struct buffer out;
	int failed;

	a->verbose = http_request_asks(request, "verbose");
	buffer_init(&out, a->verbose ? VERBOSE_MAX : ANSWER_MAX);
	failed = write_answer(a, &out);
	if (failed && a->verbose) {
		a->verbose = false;
		failed = write_answer(a, &out);
	}
	if (failed)
		http_respond_text(request, 503, "application/json", "{\"status\":\"not ready\",\"checks\":{}}");
	else
		http_respond(request,
			&(struct http_answer){
				.status = a->yes ? 200 : 503, .content_type = "application/json", .body = &out });
	buffer_done(&out);
}

static bool is_there(const struct health_check *c)
{
	(void)c;
	return true;
}

static bool is_of_readiness(const struct health_check *c)
{
	return c->of[PROBE_READINESS];
}

static bool is_of_app(const struct health_check *c)
{
	return c->of[PROBE_APP];
}

static bool is_fine(const struct health_check *c)
{
	return c->fine;
}

static bool has_looked(const struct health_check *c)
{
	return c->known;
}

void probes_startup(void *context, struct http_request *request)
{
	struct health *h = context;
	bool yes = health_started_up(h);
	struct answer a = {
		.health = h, .has = is_there, .says = has_looked, .status = yes ? "started" : "starting", .yes = yes
	};

	respond(request, &a);
}

void probes_readiness(void *context, struct http_request *request)
{
	const struct health *h = context;
	bool yes = health_ready(h);
	struct answer a = { .health = h,
		.has = is_of_readiness,
		.says = is_fine,
		.status = yes                   ? "ready"
			  : health_has_begun(h) ? "not ready"
						: "starting",
		.yes = yes };

	respond(request, &a);
}

void probes_app(void *context, struct http_request *request)
{
	const struct health *h = context;
	bool yes = h->started && health_fine(h, PROBE_APP);
	struct answer a = { .health = h,
		.has = is_of_app,
		.says = is_fine,
		.status = yes          ? "ok"
			  : h->started ? "not ok"
				       : "starting",
		.yes = yes };

	respond(request, &a);
}

void probes_report(void *context, const char *name, struct json_writer *w)
{
	const struct health *h = context;

	json_put_array(w, name);
	for (const struct health_check *c = h->checks; c; c = c->next) {
		json_put_object(w, NULL);
		json_put_string(w, "name", c->name);
		json_put_bool(w, "fine", c->fine);
		put_details(c, w);
		json_put_end(w);
	}
	json_put_end(w);
}

/* /metrics */

static double read_fine(void *context)
{
	return ((const struct health_check *)context)->fine;
}

static double read_succeeded(void *context)
{
	return (double)((const struct health_check *)context)->succeeded.ns * 1e-9;
}

static double read_latency(void *context)
{
	return duration_seconds(((const struct health_check *)context)->latency);
}

static double read_all_latency(void *context)
{
	return duration_seconds(((const struct health_check *)context)->all_latency);
}

static double read_successes(void *context)
{
	return (double)((const struct health_check *)context)->successes;
}

static double read_failures(void *context)
{
	return (double)((const struct health_check *)context)->failures;
}

void probes_count(struct counters *counters, struct health_check *c)
{
	static const char looks[] = "Looks of the check that ended, by what they saw.";
	static const struct {
		enum counter_kind kind;
		const char *name, *more, *help;
		double (*read)(void *);
	} rows[] = {
		{ COUNTER_GAUGE, "check_up", "", "1 if the check is fine, as the probes say; else 0.", read_fine },
		{ COUNTER_GAUGE, "check_last_success_timestamp_seconds", "",
			"Unix time at which a look of the check last succeeded; 0 if none did in this run.",
			read_succeeded },
		{ COUNTER_GAUGE, "check_latency_seconds", "", "How long the last look of the check took.",
			read_latency },
		{ COUNTER_GROWS, "check_seconds_total", "", "How long all looks of the check took together.",
			read_all_latency },
		{ COUNTER_GROWS, "checks_total", ",result=\"success\"", looks, read_successes },
		{ COUNTER_GROWS, "checks_total", ",result=\"failure\"", looks, read_failures },
	};
	char labels[LABELS_MAX];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct counter *row;
		snprintf(labels, sizeof labels, "check=\"%s\"%s", health_short_name(c), rows[i].more);
		row = counter_row(counters, rows[i].kind, rows[i].name, labels, rows[i].help);
		row->read = rows[i].read;
		row->context = c;
	}
}
