#include "http/pause.h"

static bool has_enough(const struct http_connection *c)
{
	return c->last && c->last->enough && c->last->enough(c->last->context);
}

bool http_connection_pauses(struct http_connection *c)
{
	if (c->paused)
		return true;
	if (c->server->quiesced || !has_enough(c))
		return false;
	c->paused = true;
	TAILQ_INSERT_TAIL(&c->server->pauses.list, c, pause);
	return true;
}

void http_pause_end(struct http_connection *c)
{
	if (c->paused)
		TAILQ_REMOVE(&c->server->pauses.list, c, pause);
	c->paused = false;
}

static void go_on(void *context)
{
	struct http_server *s = context;
	struct http_connection *c = TAILQ_FIRST(&s->pauses.list);

	while (c && !s->quiesced && has_enough(c))
		c = TAILQ_NEXT(c, pause);
	if (!c)
		return;
	http_pause_end(c);
	loop_soon_run(&s->pauses.soon);
	s->engine->read_on(c);
}

void http_server_go_on(struct http_server *s)
{
	if (!TAILQ_EMPTY(&s->pauses.list))
		loop_soon_run(&s->pauses.soon);
}

void http_pauses_init(struct http_server *s)
{
	TAILQ_INIT(&s->pauses.list);
	loop_soon_init(&s->pauses.soon, s->loop, go_on, s);
	s->pauses.soon.priority = s->options.priority;
}

void http_pauses_done(struct http_server *s)
{
	OXP_ASSERT(TAILQ_EMPTY(&s->pauses.list));
	loop_soon_done(&s->pauses.soon);
}
