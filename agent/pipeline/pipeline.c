#include "pipeline/pipeline.h"

/* There is room again after a source found none. Every waiting source is told, and offers again. */
static void tell_starved(void *context)
{
	struct pipeline *p = context;
	struct source *s;

	TAILQ_FOREACH(s, &p->sources, entry)
		source_refill(s);
}

static void budget_freed(void *context)
{
	struct pipeline *p = context;

	loop_soon_run(&p->room);
}

void pipeline_init(struct pipeline *p, const struct pipeline_options *o)
{
	*p = (struct pipeline){
		.source_world = { .loop = o->loop,
			.budget = &p->budget,
			.ledger = o->ledger,
			.preparations = &p->preparations,
			.shelf = &p->shelf },
		.sender_world = { .loop = o->loop,
			.random = o->random,
			.log = o->log,
			.disk = o->disk,
			.room = &p->room },
	};
	TAILQ_INIT(&p->sources);
	TAILQ_INIT(&p->senders);
	loop_soon_init(&p->room, o->loop, tell_starved, p);
	preparations_init(&p->preparations, o->loop, o->cpu, &p->room);
	shelf_init(&p->shelf, o->loop, o->disk, o->folder);
	budget_init(&p->budget, o->memory);
	p->budget.freed = budget_freed;
	p->budget.context = p;
}

void pipeline_done(struct pipeline *p)
{
	struct sender *sender;
	struct source *source;

	preparations_done(&p->preparations);
	while ((sender = TAILQ_FIRST(&p->senders))) {
		TAILQ_REMOVE(&p->senders, sender, entry);
		sender_free(sender);
	}
	while ((source = TAILQ_FIRST(&p->sources)))
		pipeline_source_free(p, source);
	shelf_done(&p->shelf);
	loop_soon_done(&p->room);
	p->budget.freed = NULL; /* nobody is left to use the bytes given back from here on */
}

struct source *pipeline_source(struct pipeline *p, const struct source_options *o)
{
	struct source *s = source_new(&p->source_world, o);

	TAILQ_INSERT_TAIL(&p->sources, s, entry);
	return s;
}

void pipeline_source_free(struct pipeline *p, struct source *s)
{
	if (s)
		TAILQ_REMOVE(&p->sources, s, entry);
	source_free(s);
}

struct sender *pipeline_sender(
	struct pipeline *p, const char *name, const struct exporter_type *type, const struct sender_limits *limits)
{
	struct sender *sender = sender_new(&p->sender_world, name, type, limits);

	TAILQ_INSERT_TAIL(&p->senders, sender, entry);
	return sender;
}

struct sender *pipeline_find_sender(const struct pipeline *p, const char *name)
{
	struct sender *sender;

	TAILQ_FOREACH(sender, &p->senders, entry)
		if (strcmp(sender->name, name) == 0)
			return sender;
	return NULL;
}

void pipeline_drain(struct pipeline *p)
{
	struct source *s;
	struct sender *sender;

	p->sender_world.draining = true;
	TAILQ_FOREACH(s, &p->sources, entry)
		source_drain(s);
	TAILQ_FOREACH(sender, &p->senders, entry)
		sender_hurry(sender);
}

void pipeline_end_waiting(struct pipeline *p)
{
	preparations_halt(&p->preparations);
}

bool pipeline_idle(const struct pipeline *p)
{
	const struct source *s;

	TAILQ_FOREACH(s, &p->sources, entry)
		if (!source_idle(s))
			return false;
	return true;
}

uint64_t pipeline_lost(const struct pipeline *p)
{
	const struct source *s;
	uint64_t sum = 0;

	TAILQ_FOREACH(s, &p->sources, entry)
		sum += source_lost_records(s);
	return sum;
}

void pipeline_visit(const struct pipeline *p, void (*visit)(void *context, const struct send *), void *context)
{
	const struct sender *sender;

	TAILQ_FOREACH(sender, &p->senders, entry)
		sender_visit(sender, visit, context);
}

void pipeline_halt(struct pipeline *p)
{
	struct sender *sender;
	struct source *s;

	preparations_halt(&p->preparations);
	shelf_halt(&p->shelf);
	p->sender_world.disk = NULL;
	TAILQ_FOREACH(s, &p->sources, entry)
		source_abandon(s);
	TAILQ_FOREACH(sender, &p->senders, entry)
		sender_halt(sender);
}

static struct sender *sender_with_left(const struct pipeline *p)
{
	struct sender *sender;

	TAILQ_FOREACH(sender, &p->senders, entry)
		if (sender_left(sender))
			return sender;
	return NULL;
}

const struct send *pipeline_left(const struct pipeline *p)
{
	const struct sender *sender = sender_with_left(p);

	return sender ? sender_left(sender) : NULL;
}

void pipeline_give_up(struct pipeline *p, bool safe)
{
	struct sender *sender = sender_with_left(p);
	const struct send *send = sender_left(sender);
	struct ledger_amount left = send_left(send);

	if (!safe)
		delivery_give_up(send->delivery, send->route, LEDGER_DROPPED_EXIT, &left);
	sender_forget(sender);
}
