#include "health/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"

enum { ANSWER_MAX = 64 << 10 };

void health_init(struct health *h, struct loop *loop, const struct log *log)
{
	*h = (struct health){ .loop = loop, .log = log };
}

void health_wait_for(struct health *h, bool (*began)(void *), void *context)
{
	h->began = began;
	h->context = context;
}

void health_done(struct health *h)
{
	for (struct health_check *c; (c = h->checks);) {
		h->checks = c->next;
		loop_timer_done(&c->timer);
		loop_timer_done(&c->patience);
		if (c->check && c->looking)
			c->type->cancel(c->check);
		c->type->destroy(c->check);
		free(c);
	}
}

static void look(void *context)
{
	struct health_check *c = context;

	c->looking = true;
	loop_timer_set(&c->patience, c->limits.timeout);
	c->type->start(c->check);
}

static void on_patience_over(void *context)
{
	struct health_check *c = context;

	c->type->cancel(c->check);
	health_checked(c, false, "no answer in time");
}

struct health_check *health_add(
	struct health *h, const char *name, const struct check_type *type, const struct health_limits *limits)
{
	struct health_check *c = oxp_new(sizeof *c), **at = &h->checks;

	while (*at)
		at = &(*at)->next;
	*c = (struct health_check){ .health = h, .name = name, .type = type, .limits = *limits };
	loop_timer_init(&c->timer, h->loop, look, c);
	loop_timer_init(&c->patience, h->loop, on_patience_over, c);
	*at = c;
	return c;
}

void health_check_set(struct health_check *c, struct check *check)
{
	c->check = check;
}

void health_start(struct health *h)
{
	h->started = true;
	for (struct health_check *c = h->checks; c; c = c->next)
		loop_timer_set(&c->timer, DURATION_MS(0));
}

void health_checked(void *health_check, bool fine, const char *why)
{
	struct health_check *c = health_check;

	OXP_ASSERT(c->looking);
	c->looking = false;
	loop_timer_clear(&c->patience);
	if (!c->known || c->fine != fine) {
		if (fine)
			log_info(c->health->log, c->name, "fine");
		else
			log_warn(c->health->log, c->name, "not fine: %s", why);
	}
	c->known = true;
	c->fine = fine;
	snprintf(c->why, sizeof c->why, "%s", fine ? "" : why);
	loop_timer_set(&c->timer, c->limits.interval);
}

static bool has_begun(const struct health *h)
{
	return !h->began || h->began(h->context);
}

bool health_ready(const struct health *h)
{
	if (!has_begun(h))
		return false;
	for (const struct health_check *c = h->checks; c; c = c->next)
		if (!c->fine)
			return false;
	return true;
}

void health_liveness(void *context, struct http_request *request)
{
	const struct health *h = context;
	char text[80];

	snprintf(text, sizeof text, "{\"status\":\"%s\",\"timestamp\":%lld}", h->started ? "ok" : "starting",
		(long long)(loop_wall(h->loop).ns / 1000000));
	http_respond_text(request, 200, "application/json", text);
}

/* The name as people wrote it: "health.checks.database" is shown as "database". */
static const char *short_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static int write_readiness(const struct health *h, bool ready, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_string(&w, "status", ready ? "ready" : has_begun(h) ? "not ready" : "starting");
	json_put_object(&w, "checks");
	for (const struct health_check *c = h->checks; c; c = c->next)
		json_put_bool(&w, short_name(c->name), c->fine);
	json_put_end(&w);
	json_put_end(&w);
	return json_writer_done(&w);
}

void health_readiness(void *context, struct http_request *request)
{
	const struct health *h = context;
	bool ready = health_ready(h);
	struct buffer out;

	buffer_init(&out, ANSWER_MAX);
	if (write_readiness(h, ready, &out))
		http_respond_text(request, 503, "application/json", "{\"status\":\"not ready\",\"checks\":{}}");
	else
		http_respond(request,
			&(struct http_answer){
				.status = ready ? 200 : 503, .content_type = "application/json", .body = &out });
	buffer_done(&out);
}

void health_report(void *context, const char *name, struct json_writer *w)
{
	const struct health *h = context;

	json_put_array(w, name);
	for (const struct health_check *c = h->checks; c; c = c->next) {
		json_put_object(w, NULL);
		json_put_string(w, "name", c->name);
		json_put_bool(w, "fine", c->fine);
		json_put_string(w, "why", c->why);
		json_put_end(w);
	}
	json_put_end(w);
}
