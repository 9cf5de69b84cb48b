/*
 * The step `span_limits`: bounds the attributes of a span, as SDKs can (OpenTelemetry specification, "Attribute
 * Limits").
 *
 * A text or bytes beyond `value_length` are cut, a text between characters. Attributes beyond `attributes` are left
 * out, the last ones first, and counted in the span's dropped_attributes_count. Values with others in them stay as
 * they are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/otlp_build.h"

struct limits_config {
	uint64_t attributes, value_length;
};

struct step {
	uint64_t attributes, value_length;
};

static const struct option rows[] = {
	{ OPT_COUNT(struct limits_config, attributes), .name = "attributes", .main = true, .text = "off", .zero = "off",
		.min = 1, .max = OTLP_PARTS_MAX, .help = "Most attributes of a span; 128 is usual." },
	{ OPT_SIZE(struct limits_config, value_length), .name = "value_length", .text = "off", .zero = "off", .min = 1,
		.max = 64 << 20, .help = "Most bytes of the text of an attribute of a span; what is longer is cut." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct limits_config *c = config;

	snprintf(why, room, "neither attributes nor value_length is given: nothing would be limited");
	return c->attributes > 0 || c->value_length > 0;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct limits_config *c = config;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	s->attributes = c->attributes;
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
	struct otlp_any_value any = otlp_any_read(p->value);
	struct otlp_build b = { .to = NULL };
	struct bytes kept;

	if ((any.type != OTLP_ANY_TEXT && any.type != OTLP_ANY_BYTES) || any.bytes.size <= s->value_length)
		return true;
	kept = cut(any.bytes, s->value_length, any.type == OTLP_ANY_TEXT);
	b.room = 1 + wire_varint_size(kept.size) + kept.size;
	b.to = otlp_edit_room(record->request, b.room);
	if (!b.to)
		return false;
	otlp_build_bytes(&b, any.type, kept);
	otlp_part_value(record->view, p, (struct bytes){ b.to, b.size });
	return true;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct otlp_view *v = record->view;
	uint64_t count = 0;
	bool fine = true;

	for (size_t i = 0; v->level == OTLP_SPAN && i < v->count && fine; i++) {
		struct otlp_part *p = &v->parts[i];
		if (!otlp_is_attribute(v, p))
			continue;
		count++;
		if (s->attributes > 0 && count > s->attributes)
			otlp_part_drop(v, p);
		else if (s->value_length > 0 && p->value.size > s->value_length)
			fine = limit_value(s, record, p);
	}
	if (fine && s->attributes > 0 && count > s->attributes)
		fine = otlp_view_count(record->request, v, OTLP_SPAN_DROPPED_ATTRIBUTES, count - s->attributes);
	return fine ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_span_limits = {
	.name = "span_limits",
	.summary = "Bounds the number of a span's attributes and the length of their texts.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct limits_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
