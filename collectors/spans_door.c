#include "collectors/spans_door.h"

#include <stdio.h>

#include "collectors/spans_parts.h"

enum { ANSWER_MAX = 4096, GROWTH_MAX = 2 };

struct spans_request {
	struct door_request base;
	struct otlp_made made; /* its `name` is never looked at again: the body moves */
	struct spans_parts parts;
	bool read; /* the body is OTLP now */
};

static struct spans_request *spans_of(struct door_request *r)
{
	return CONTAINER_OF(r, struct spans_request, base);
}

static struct spans_door *door_of(const struct door_request *r)
{
	return CONTAINER_OF(r->door, struct spans_door, door);
}

static void answer_line(struct buffer *out, const char *text)
{
	buffer_init(out, ANSWER_MAX);
	if (*text && buffer_printf(out, "%s\n", text) < 0)
		buffer_clear(out);
}

static void answer(struct http_request *request, unsigned status, const char *message)
{
	static const char *const later[] = { "Retry-After", "1", NULL };
	struct buffer out;

	answer_line(&out, message ? message : "");
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = "text/plain; charset=utf-8",
				      .headers = status == 503 ? later : NULL,
				      .body = &out });
	buffer_done(&out);
}

static void look(struct door_request *r)
{
	struct otlp_made *made = &spans_of(r)->made;
	const struct spans_form *form = door_of(r)->form;
	const char *why;
	size_t at = 0;

	if (spans_of(r)->read) {
		spans_parts_plan(&spans_of(r)->parts, r);
		return;
	}
	r->later = !r->in_lane && r->body.size > DOOR_MEND_INLINE_MAX;
	if (r->later)
		return;
	why = form->plan((struct bytes){ r->body.data, r->body.size }, made, &at);
	if (why) {
		snprintf(r->reason, sizeof r->reason, "not %s: %s at byte %zu", form->name, why, at);
		r->fault = r->reason;
		return;
	}
	otlp_made_tell(made, r->reason, sizeof r->reason);
	made->name = (struct bytes){ "", 0 };
	r->wants = made->size;
	r->again = made->size > SPANS_PART_MAX;
	r->over_max = made->size > GROWTH_MAX * r->door->body_max;
	if (r->over_max)
		r->fault = "as OTLP the request is more than twice as large as body_max: send less at a time";
}

static size_t mend(struct door_request *r)
{
	struct spans_request *s = spans_of(r);

	if (spans_parts_are_due(&s->parts))
		return spans_parts_write(&s->parts, r);
	door_of(r)->form->write(r->body.old, &s->made, r->body.data);
	s->read = true;
	return s->made.size;
}

/* Without a span there is nothing to keep. */
static bool fill(struct door_request *r)
{
	uint64_t spans = spans_of(r)->made.spans;

	return spans == 0 || spans_parts_fill(&spans_of(r)->parts, r, spans);
}

/* The rest of a request counts as taken, even if that is nothing; a request whose spans were all refused does not. */
static void taken(struct door_request *r)
{
	const struct otlp_made *made = &spans_of(r)->made;
	struct buffer out;

	spans_tally_taken(door_of(r)->tally, made, r->reason);
	if (made->spans == 0 && made->refused > 0) {
		door_refuse(r, 400, r->reason);
		return;
	}
	answer_line(&out, r->reason);
	door_answered(r, &(struct http_answer){ .status = 202,
				 .content_type = "text/plain; charset=utf-8",
				 .body = out.size > 0 ? &out : NULL });
	buffer_done(&out);
}

static const struct door_type type = { .signal = SIGNAL_TRACES,
	.request_size = sizeof(struct spans_request),
	.look = look,
	.mend = mend,
	.fill = fill,
	.taken = taken,
	.answer = answer };

int spans_door_init(struct spans_door *d, const struct spans_form *form, struct host *host,
	const struct spans_door_config *config, struct spans_tally *tally)
{
	int failed = door_init(&d->door, &type, host, door_body_max(host, config->body_max, DOOR_BODY_PART));

	if (failed)
		return failed;
	d->form = form;
	d->config = config;
	d->tally = tally;
	d->door.ack = config->ack;
	d->door.origins = config->origins;
	d->door.guarded = &config->guard;
	return 0;
}

bool spans_door_check(const struct spans_door_config *c, char *why, size_t room)
{
	return door_check_origins(c->origins, why, room) && guard_check(&c->guard, why, room);
}

int spans_door_start(struct spans_door *d, const char *path, enum http_take (*begin)(void *door, struct http_request *))
{
	d->routes[0] = (struct http_route){ .method = HTTP_POST,
		.path = path,
		.begin = begin,
		.body = door_body,
		.into = door_into,
		.enough = door_enough,
		.complete = door_complete,
		.gone = door_gone,
		.context = &d->door };
	return door_start(&d->door, d->config->http, d->config->connections, d->routes);
}
