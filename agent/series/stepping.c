#include "series/stepping.h"

#include <stdlib.h>

void series_steps(struct series *s, const struct series_steps *steps)
{
	s->steps = steps ? *steps : (struct series_steps){ .step = NULL };
	if (s->edited)
		relabel_set_done(&s->edited->labels);
	free(s->edited);
	s->edited = NULL;
	if (!steps)
		return;
	s->edited = oxp_new(sizeof *s->edited);
	relabel_set_init(&s->edited->labels);
}

/* What the name of the metric has behind that of its source. */
static struct bytes own_end(const struct series_target *t, const struct origin *o, enum role role)
{
	enum exposition_type type = o->slot[staged_slot(t)].type;

	if (type == EXPOSITION_COUNTER && (role == ROLE_TOTAL || role == ROLE_CREATED))
		return bytes_of("_total");
	return bytes_of(role == ROLE_INFO ? "_info" : "");
}

/* In the set's memory; without data, and an excess, if it does not fit. */
static struct bytes joined(struct relabel_set *set, struct bytes name, struct bytes end)
{
	char *to = relabel_set_room(set, name.size + end.size);

	if (!to)
		return (struct bytes){ NULL, 0 };
	memcpy(to, name.data, name.size);
	memcpy(to + name.size, end.data, end.size);
	return relabel_set_keep(set, to, name.size + end.size);
}

static bool ends_with(struct bytes name, struct bytes end)
{
	return name.size > end.size && memcmp(name.data + name.size - end.size, end.data, end.size) == 0;
}

static bool begins_with(struct bytes name, struct bytes begin)
{
	return name.size >= begin.size && memcmp(name.data, begin.data, begin.size) == 0;
}

void series_edit_rename(struct series_edit *e, struct bytes metric)
{
	struct bytes base = metric, rest = { e->line.data + e->source.size, e->line.size - e->source.size }, line;

	if (e->end.size > 0 && ends_with(base, e->end))
		base.size -= e->end.size;
	else if (bytes_equal(rest, e->end))
		rest.size = 0;
	line = joined(e->labels, base, rest);
	if (!line.data)
		return;
	e->line = line;
	e->metric = metric;
	e->source = base;
	e->end = (struct bytes){ base.data + base.size, metric.size - base.size };
	e->renamed = true;
}

static void label_target(const struct series_target *t, struct relabel_label labels[SERIES_TARGET_LABELS_MAX])
{
	for (size_t i = 0; i < t->label_count; i++)
		labels[i] = (struct relabel_label){ { t->labels[i].name.data, t->labels[i].name.size },
			{ t->labels[i].plain.data, t->labels[i].plain.size } };
}

/* A source whose name has escapes counts as none. */
static void begin_edit(const struct series_target *t, struct series_edit *e, const struct origin *o, enum role role)
{
	e->line = e->metric = e->source = relabel_set_get(e->labels, bytes_of("__name__"));
	e->end = bytes_of("");
	if (!o || !begins_with(e->line, (struct bytes){ o->name, o->size }))
		return;
	e->type = o->slot[staged_slot(t)].type;
	e->source = e->metric = (struct bytes){ o->name, o->size };
	e->end = own_end(t, o, role);
	if (e->end.size > 0)
		e->metric = joined(e->labels, e->source, e->end);
}

/* It was edited, or is too large to be. */
static void write_sample(struct series_target *t, struct stepping *s, const struct series_edit *e)
{
	struct exposition_sample *made = &t->series->edited->sample;

	if (e->renamed)
		relabel_set_put(e->labels, bytes_of("__name__"), e->line);
	if (!relabel_set_write(e->labels, made)) /* no step leaves a label without a name */
		made->excess = EXPOSITION_NAME_SIZE;
	s->sample = made;
	s->whole = true;
	s->merge = e->merge;
	if (e->renamed)
		s->source = e->source;
}

bool stepping_pass(struct series_target *t, struct stepping *s, const struct origin *o, enum role role)
{
	const struct series_steps *steps = &t->series->steps;
	struct relabel_label own[SERIES_TARGET_LABELS_MAX];
	struct series_edit e = { .labels = &t->series->edited->labels };
	int by = -1;

	label_target(t, own);
	relabel_set_take(e.labels, s->sample, own, t->label_count);
	begin_edit(t, &e, o, role);
	if (!e.labels->excess)
		by = steps->step(steps->context, &e);
	if (by >= 0) {
		OXP_ASSERT(by < SERIES_STEPS_MAX);
		t->stepped[by]++;
		t->counts.filtered++;
		return false;
	}
	if (e.changed || e.renamed || e.labels->excess)
		write_sample(t, s, &e);
	return true;
}

/* Samples that are equal in the end. */

static bool has_quantile(const struct head *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (bytes_are(h->labels[i].name, "quantile"))
			return true;
	return false;
}

/* How they are merged; SERIES_MERGE: not at all. */
static enum series_merge how(const struct head *h, const struct group *g, unsigned slot, enum series_merge asked)
{
	const struct origin *o = g->slot[slot].source;

	if (g->slot[slot].role == ROLE_CREATED)
		return SERIES_MERGE_MIN;
	switch (o->slot[slot].type) {
	case EXPOSITION_COUNTER:
	case EXPOSITION_HISTOGRAM:
	case EXPOSITION_GAUGEHISTOGRAM:
		return SERIES_MERGE_SUM;
	case EXPOSITION_SUMMARY:
		return has_quantile(h) ? SERIES_MERGE : SERIES_MERGE_SUM;
	case EXPOSITION_INFO:
	case EXPOSITION_STATESET:
		return SERIES_MERGE_MAX;
	case EXPOSITION_UNTYPED:
		return ends_with(h->name, bytes_of("_total")) ? SERIES_MERGE_SUM : asked;
	default:
		return asked;
	}
}

static double merged(enum series_merge how, double a, double b)
{
	if (how == SERIES_MERGE_SUM)
		return a + b;
	return (how == SERIES_MERGE_MIN) == (b < a) ? b : a;
}

bool stepping_merge(const struct series_target *t, const struct head *h, struct entry *e, const struct stepping *s)
{
	unsigned slot = staged_slot(t);
	struct value *v = &e->slot[slot].value;
	enum series_merge asked = s->merge > v->merge ? s->merge : v->merge, by;

	if (asked == SERIES_APART)
		return false;
	by = how(h, e->slot[slot].group, slot, asked);
	if (by == SERIES_MERGE)
		return false;
	v->value = merged(by, v->value, s->sample->value);
	v->text_size = 0;
	v->merge = asked;
	if (s->sample->has_timestamp && v->has_timestamp && s->sample->timestamp_ms > v->timestamp_ms)
		v->timestamp_ms = s->sample->timestamp_ms;
	return true;
}
