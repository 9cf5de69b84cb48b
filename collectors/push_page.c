#include "collectors/push_page.h"

#include <stdio.h>

#include "proto/exposition_read.h"
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

	push_family_sample(&c->family, sample);
	c->timed = sample->has_timestamp;
	return c->timed || c->family.changes > PUSH_FAMILIES_MAX;
}

static const struct exposition_events checks = { .meta = see_meta, .sample = see_sample };

/* Reads the page of a reader that has begun, and ends that. */
static bool check(struct exposition_reader *page, const struct checked *c, struct bytes text, char *why, size_t room)
{
	enum exposition_fault fault = exposition_read_feed(page, text.data, text.size);
	const char *unit;
	uint64_t place;

	if (fault == EXPOSITION_FINE)
		fault = exposition_read_end(page);
	place = exposition_read_place(page, &unit);
	if (fault == EXPOSITION_STOPPED)
		snprintf(why, room, "%s %llu: %s", unit, (unsigned long long)place,
			c->timed ? "a pushed sample has a timestamp, which says nothing about the time of the push"
				 : "more than 16,384 families on one page");
	else if (fault)
		snprintf(why, room, "no exposition: %s", exposition_read_what(page));
	exposition_read_done(page);
	return !fault;
}

bool push_page_check(struct bytes text, enum exposition_format format, char *why, size_t room)
{
	struct exposition_reader page;
	struct checked c = { .family = { 0 } };

	exposition_read_begin(&page, format, &checks, &c);
	return check(&page, &c, text, why, room);
}

bool push_page_check_own(struct bytes text, enum exposition_format format, char *why, size_t room)
{
	struct exposition_reader page;
	struct checked c = { .family = { 0 } };

	exposition_read_begin(&page, format, &checks, &c);
	exposition_read_natives(&page);
	return check(&page, &c, text, why, room);
}
