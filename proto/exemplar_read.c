#include "proto/exemplar_read.h"

#include "proto/exposition_write.h"

static int no_meta(void *context, const struct exposition_meta *m)
{
	(void)context, (void)m;
	return 0;
}

/* No text gets longer, so all of them fit. */
static struct bytes copy(struct exemplar_read *x, struct bytes from, bool escaped)
{
	char *to = x->text + x->size;
	size_t size = from.size;

	OXP_ASSERT(size <= sizeof x->text - x->size);
	if (escaped)
		size = exposition_unescape(from, EXPOSITION_OPENMETRICS, to);
	else if (size > 0)
		memcpy(to, from.data, size);
	x->size += size;
	return (struct bytes){ to, size };
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct exemplar_read *x = context;

	x->value = s->value;
	x->has_time = s->has_timestamp;
	x->at_ms = s->timestamp_ms;
	for (size_t i = 0; i < s->label_count && x->count < EXEMPLAR_LABELS_MAX; i++) {
		const struct exposition_label *l = &s->labels[i];
		if (l->value.size > 0)
			x->labels[x->count++] =
				(struct exemplar_label){ copy(x, l->name, l->quoted), copy(x, l->value, l->escaped) };
	}
	return 0;
}

/* It is read as a sample of a metric that is called x. */
bool exemplar_read(struct bytes text, struct exemplar_read *ret)
{
	static const struct exposition_events events = { no_meta, on_sample };
	char line[1 + EXPOSITION_EXEMPLAR_MAX + 1];
	struct exposition_parser parser;
	bool fine;

	if (text.size == 0 || text.size > EXPOSITION_EXEMPLAR_MAX)
		return false;
	ret->count = ret->size = 0;
	line[0] = 'x';
	memcpy(line + 1, text.data, text.size);
	line[1 + text.size] = '\n';
	exposition_init(&parser, EXPOSITION_OPENMETRICS, &exposition_limits_default, &events, ret);
	exposition_feed(&parser, line, text.size + 2);
	fine = parser.fault == EXPOSITION_FINE;
	exposition_done(&parser);
	return fine;
}
