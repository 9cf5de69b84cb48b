#include "collectors/push_page.h"

#include <stdio.h>

#include "collectors/push_families.h"

struct checked {
	struct push_family family;
	bool timed;
};

static int see_meta(void *context, const struct exposition_meta *m)
{
	struct checked *c = context;

	push_family_meta(&c->family, m);
	return c->family.changes > PUSH_FAMILIES_MAX;
}

static int see_sample(void *context, const struct exposition_sample *sample)
{
	struct checked *c = context;

	push_family_sample(&c->family, sample->name);
	c->timed = sample->has_timestamp;
	return c->timed || c->family.changes > PUSH_FAMILIES_MAX;
}

static const struct exposition_events checks = { .meta = see_meta, .sample = see_sample };

bool push_page_check(struct bytes text, enum exposition_format format, char *why, size_t room)
{
	struct exposition_parser parser;
	struct checked c = { .family = { 0 } };
	enum exposition_fault fault;

	exposition_init(&parser, format, &exposition_limits_default, &checks, &c);
	fault = exposition_feed(&parser, text.data, text.size);
	if (fault == EXPOSITION_FINE)
		fault = exposition_end(&parser);
	if (fault == EXPOSITION_STOPPED)
		snprintf(why, room, "line %llu: %s", (unsigned long long)parser.line,
			c.timed ? "a pushed sample has a timestamp, which says nothing about the time of the push"
				: "more than 16,384 families on one page");
	else if (fault)
		snprintf(why, room, "no exposition: %s", parser.what);
	exposition_done(&parser);
	return !fault;
}
