/*
 * The step `span_limits`: bounds the attributes, events and links of a span, as SDKs can (OpenTelemetry specification,
 * "Attribute Limits", "Span Limits").
 *
 * Attributes beyond `attributes` are left out, the last ones first, and counted in the span's dropped_attributes_count;
 * so are events and links beyond theirs, and attributes of each of them. A text or bytes beyond `value_length` are cut,
 * also within arrays and maps (proto/otlp_limit.h). Attributes of resources and scopes stay, as the specification
 * exempts them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/otlp_limit.h"

struct limits_config {
	uint64_t attributes, value_length, events, links, event_attributes, link_attributes;
};

/* What a span has several of. */
enum several { ATTRIBUTES, EVENTS, LINKS, SEVERAL };

enum {
	PAIR_MIN = 2, /* bytes of an attribute in its message */
	SCRATCH = 1, /* what is cut is copied */
};

struct step {
	uint64_t most[SEVERAL]; /* UINT64_MAX: as many as there are */
	struct otlp_limits each[SEVERAL]; /* of the values of attributes, and of the attributes of the others */
};

static const struct {
	unsigned field, dropped;
	enum otlp_limited each;
} fields[] = {
	[ATTRIBUTES] = { OTLP_SPAN_ATTRIBUTES, OTLP_SPAN_DROPPED_ATTRIBUTES, OTLP_LIMITED_VALUE },
	[EVENTS] = { OTLP_SPAN_EVENTS, OTLP_SPAN_DROPPED_EVENTS, OTLP_LIMITED_EVENT },
	[LINKS] = { OTLP_SPAN_LINKS, OTLP_SPAN_DROPPED_LINKS, OTLP_LIMITED_LINK },
};

static const struct option rows[] = {
	{ OPT_COUNT(struct limits_config, attributes), .name = "attributes", .main = true, .text = "off", .zero = "off",
		.min = 1, .max = OTLP_PARTS_MAX, .help = "Most attributes of a span; 128 is usual." },
	{ OPT_SIZE(struct limits_config, value_length), .name = "value_length", .text = "off", .zero = "off", .min = 1,
		.max = 64 << 20,
		.help = "Most bytes of a text in an attribute of a span, an event or a link, at any depth; what is "
			"longer is cut." },
	{ OPT_COUNT(struct limits_config, events), .name = "events", .text = "off", .zero = "off", .min = 1,
		.max = OTLP_PARTS_MAX, .help = "Most events of a span; 128 is usual." },
	{ OPT_COUNT(struct limits_config, links), .name = "links", .text = "off", .zero = "off", .min = 1,
		.max = OTLP_PARTS_MAX, .help = "Most links of a span; 128 is usual." },
	{ OPT_COUNT(struct limits_config, event_attributes), .name = "event_attributes", .text = "off", .zero = "off",
		.min = 1, .max = OTLP_PARTS_MAX, .help = "Most attributes of an event; 128 is usual." },
	{ OPT_COUNT(struct limits_config, link_attributes), .name = "link_attributes", .text = "off", .zero = "off",
		.min = 1, .max = OTLP_PARTS_MAX, .help = "Most attributes of a link; 128 is usual." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct limits_config *c = config;

	snprintf(why, room,
		"none of attributes, value_length, events, links, event_attributes and link_attributes is given: "
		"nothing would be limited");
	return c->attributes || c->value_length || c->events || c->links || c->event_attributes || c->link_attributes;
}

static uint64_t or_none(uint64_t limit)
{
	return limit > 0 ? limit : UINT64_MAX;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct limits_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	uint64_t length = or_none(c->value_length);

	(void)host;
	s->most[ATTRIBUTES] = or_none(c->attributes);
	s->most[EVENTS] = or_none(c->events);
	s->most[LINKS] = or_none(c->links);
	s->each[ATTRIBUTES] = (struct otlp_limits){ UINT64_MAX, length };
	s->each[EVENTS] = (struct otlp_limits){ or_none(c->event_attributes), length };
	s->each[LINKS] = (struct otlp_limits){ or_none(c->link_attributes), length };
	*ret = s;
	return 0;
}

/* The first ones stay. False: no room. */
static bool limit_count(const struct step *s, struct record *record, enum several what)
{
	struct otlp_view *v = record->view;
	uint64_t count = 0;

	for (size_t i = 0; i < v->count && s->most[what] < UINT64_MAX; i++) {
		struct otlp_part *p = &v->parts[i];
		if (p->field != fields[what].field || p->state == OTLP_PART_GONE)
			continue;
		count++;
		if (count > s->most[what])
			otlp_part_drop(v, p);
	}
	return count <= s->most[what] ||
	       otlp_view_count(&record->request->lent, v, fields[what].dropped, count - s->most[what]);
}

/* Whether something of the part may be beyond them; if not, it is not looked at. */
static bool may_exceed(const struct otlp_limits *limits, const struct otlp_part *p)
{
	return p->value.size > limits->value_length || p->value.size / PAIR_MIN > limits->attributes;
}

/* False: no room. */
static bool limit_each(const struct step *s, struct record *record, enum several what)
{
	struct otlp_view *v = record->view;
	bool fine = true;

	for (size_t i = 0; i < v->count && fine; i++) {
		struct otlp_part *p = &v->parts[i];
		struct bytes left = { NULL, 0 };
		if (p->field != fields[what].field || p->state == OTLP_PART_GONE || p->wire != WIRE_LENGTH ||
			!may_exceed(&s->each[what], p))
			continue;
		fine = otlp_limit(record->request, &s->each[what], fields[what].each, p->value, &left);
		if (left.data)
			otlp_part_value(v, p, left);
	}
	return fine;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	bool fine = true;

	if (record->view->level != OTLP_SPAN)
		return STEP_KEEP;
	for (enum several i = 0; i < SEVERAL && fine; i++)
		fine = limit_count(s, record, i) && limit_each(s, record, i);
	return fine ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_span_limits = {
	.name = "span_limits",
	.summary = "Bounds the number of attributes, events and links of spans, and the length of texts.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct limits_config),
	.check = check,
	.create = create,
	.scratch = SCRATCH,
	.apply = apply,
	.destroy = destroy,
};
