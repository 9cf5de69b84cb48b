/*
 * The step `span_limits`: bounds the attributes, events and links of a span, as SDKs can (OpenTelemetry specification,
 * "Attribute Limits", "Span Limits").
 *
 * A text or bytes beyond `value_length` are cut, a text between characters. Attributes beyond `attributes` are left
 * out, the last ones first, and counted in the span's dropped_attributes_count. Values with others in them stay as
 * they are. So it is with events and links, and dropped_events_count and dropped_links_count.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/otlp_build.h"

struct limits_config {
	uint64_t attributes, value_length, events, links;
};

/* What a span has several of. */
enum several { ATTRIBUTES, EVENTS, LINKS, SEVERAL };

struct step {
	uint64_t most[SEVERAL]; /* 0: as many as there are */
	uint64_t value_length;
};

static const struct {
	unsigned field, dropped;
} fields[] = {
	[ATTRIBUTES] = { OTLP_SPAN_ATTRIBUTES, OTLP_SPAN_DROPPED_ATTRIBUTES },
	[EVENTS] = { OTLP_SPAN_EVENTS, OTLP_SPAN_DROPPED_EVENTS },
	[LINKS] = { OTLP_SPAN_LINKS, OTLP_SPAN_DROPPED_LINKS },
};

static const struct option rows[] = {
	{ OPT_COUNT(struct limits_config, attributes), .name = "attributes", .main = true, .text = "off", .zero = "off",
		.min = 1, .max = OTLP_PARTS_MAX, .help = "Most attributes of a span; 128 is usual." },
	{ OPT_SIZE(struct limits_config, value_length), .name = "value_length", .text = "off", .zero = "off", .min = 1,
		.max = 64 << 20, .help = "Most bytes of the text of an attribute of a span; what is longer is cut." },
	{ OPT_COUNT(struct limits_config, events), .name = "events", .text = "off", .zero = "off", .min = 1,
		.max = OTLP_PARTS_MAX, .help = "Most events of a span; 128 is usual." },
	{ OPT_COUNT(struct limits_config, links), .name = "links", .text = "off", .zero = "off", .min = 1,
		.max = OTLP_PARTS_MAX, .help = "Most links of a span; 128 is usual." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct limits_config *c = config;

	snprintf(why, room, "none of attributes, value_length, events and links is given: nothing would be limited");
	return c->attributes > 0 || c->value_length > 0 || c->events > 0 || c->links > 0;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct limits_config *c = config;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	s->most[ATTRIBUTES] = c->attributes;
	s->most[EVENTS] = c->events;
	s->most[LINKS] = c->links;
	s->value_length = c->value_length;
	*ret = s;
	return 0;
}

static struct bytes cut(struct bytes text, size_t size, bool characters)
{
	while (characters && size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
		size--;
	return (struct bytes){ text.data, size };
}

/* False: no room. */
static bool limit_value(const struct step *s, struct record *record, struct otlp_part *p)
{
	struct otlp_any any = otlp_any_read(p->value);
	struct otlp_build b = { .to = NULL };
	struct bytes kept;

	if ((any.type != OTLP_VALUE_TEXT && any.type != OTLP_VALUE_BYTES) || any.bytes.size <= s->value_length)
		return true;
	kept = cut(any.bytes, s->value_length, any.type == OTLP_VALUE_TEXT);
	b.room = 1 + wire_varint_size(kept.size) + kept.size;
	b.to = otlp_edit_room(record->request, b.room);
	if (!b.to)
		return false;
	otlp_build_bytes(&b, any.type, kept);
	otlp_part_value(record->view, p, (struct bytes){ b.to, b.size });
	return true;
}

/* The first ones stay. False: no room. */
static bool limit_count(const struct step *s, struct record *record, enum several what)
{
	struct otlp_view *v = record->view;
	uint64_t count = 0;

	for (size_t i = 0; i < v->count; i++) {
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

static bool limit_values(const struct step *s, struct record *record)
{
	struct otlp_view *v = record->view;
	bool fine = true;

	for (size_t i = 0; i < v->count && fine; i++) {
		struct otlp_part *p = &v->parts[i];
		if (otlp_is_attribute(v, p) && p->value.size > s->value_length)
			fine = limit_value(s, record, p);
	}
	return fine;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	bool fine = true;

	if (record->view->level != OTLP_SPAN)
		return STEP_KEEP;
	for (enum several i = 0; i < SEVERAL && fine; i++)
		if (s->most[i] > 0)
			fine = limit_count(s, record, i);
	if (fine && s->value_length > 0)
		fine = limit_values(s, record);
	return fine ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_span_limits = {
	.name = "span_limits",
	.summary = "Bounds the number of a span's attributes, events and links, and the length of texts.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct limits_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
