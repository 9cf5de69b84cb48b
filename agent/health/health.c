#include "health/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"

const char *const health_probe_names[] = { [PROBE_READINESS] = "readiness", [PROBE_APP] = "app", NULL };

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

static struct mono_time now(const struct health *h)
{
	const struct clock *clock = loop_clock(h->loop);

	return clock->mono(clock);
}

static void look(void *context)
{
	struct health_check *c = context;

	c->looking = true;
	c->began = now(c->health);
	loop_timer_set(&c->patience, c->limits->timeout);
	c->type->start(c->check);
}

static void on_patience_over(void *context)
{
	struct health_check *c = context;

	c->type->cancel(c->check);
	health_checked(c, false, "no answer in time");
}

static bool is_of(const struct option_list *probes, enum health_probe probe)
{
	for (size_t i = 0; i < probes->count; i++)
		if (strcmp(probes->items[i], health_probe_names[probe]) == 0)
			return true;
	return false;
}

struct health_check *health_add(
	struct health *h, const char *name, const struct check_type *type, const struct health_limits *limits)
{
	struct health_check *c = oxp_new(sizeof *c), **at = &h->checks;

	while (*at)
		at = &(*at)->next;
	*c = (struct health_check){ .health = h, .name = name, .type = type, .limits = limits };
	for (int i = 0; i < HEALTH_PROBES; i++)
		c->of[i] = is_of(limits->probes, (enum health_probe)i);
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

/* What a look says turns `fine` if enough in a row have said so. True: it turned. */
static bool count_look(struct health_check *c, bool fine)
{
	uint64_t enough = fine ? c->limits->success_threshold : c->limits->failure_threshold;

	*(fine ? &c->successes : &c->failures) += 1;
	if (fine == c->fine)
		c->streak = 0;
	else
		c->streak++;
	if (c->streak < enough || c->streak == 0)
		return false;
	c->fine = fine;
	c->streak = 0;
	return true;
}

static void tell(const struct health_check *c, const char *why)
{
	if (c->fine)
		log_info(c->health->log, c->name, "fine");
	else
		log_warn(c->health->log, c->name, "not fine: %s", why);
}

void health_checked(void *health_check, bool fine, const char *why)
{
	struct health_check *c = health_check;
	bool turned;

	OXP_ASSERT(c->looking);
	c->looking = false;
	loop_timer_clear(&c->patience);
	c->latency = mono_since(now(c->health), c->began);
	c->all_latency.ns += c->latency.ns;
	turned = count_look(c, fine);
	if (turned || (!c->known && !fine))
		tell(c, why);
	c->known = true;
	if (fine)
		c->succeeded = loop_wall(c->health->loop);
	snprintf(c->why, sizeof c->why, "%s", fine ? "" : why);
	loop_timer_set(&c->timer, c->limits->interval);
}

bool health_has_begun(const struct health *h)
{
	return !h->began || h->began(h->context);
}

bool health_fine(const struct health *h, enum health_probe probe)
{
	for (const struct health_check *c = h->checks; c; c = c->next)
		if (c->of[probe] && !c->fine)
			return false;
	return true;
}

bool health_ready(const struct health *h)
{
	return health_has_begun(h) && health_fine(h, PROBE_READINESS);
}

static bool all_have_looked(const struct health *h)
{
	for (const struct health_check *c = h->checks; c; c = c->next)
		if (!c->known)
			return false;
	return true;
}

bool health_started_up(struct health *h)
{
	h->started_up = h->started_up || (h->started && health_has_begun(h) && all_have_looked(h));
	return h->started_up;
}

const char *health_short_name(const struct health_check *c)
{
	static const char section[] = "health.checks.";
	size_t size = sizeof section - 1;

	return strncmp(c->name, section, size) == 0 ? c->name + size : c->name;
}
