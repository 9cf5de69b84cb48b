/*
 * Meters on their way to the page: staged in the series table as if they had been scraped, a slice at a time.
 */
#include <math.h> /* NAN */

#include "series/meters_table.h"

enum {
	SAVE_COST = 4, /* saving a meter takes as long as showing so many series */
	BUCKETS_OF_SERIES = 16, /* of a native histogram, to be shown in the same time */
};

static const enum exposition_type types[] = {
	[METER_COUNTER] = EXPOSITION_COUNTER,
	[METER_GAUGE] = EXPOSITION_GAUGE,
	[METER_HISTOGRAM] = EXPOSITION_HISTOGRAM,
	[METER_SUMMARY] = EXPOSITION_SUMMARY,
	[METER_SET] = EXPOSITION_GAUGE,
};

static void tell(struct meters *m, const struct meter_family *f, enum exposition_what what)
{
	const struct exposition_meta meta = {
		.format = EXPOSITION_TEXT,
		.what = what,
		.name = f->name,
		.type = types[f->kind],
		.text = f->help,
	};

	(void)m->events->meta(m->context, &meta);
}

/* The labels of a meter; of a histogram with room for le, of a summary for quantile, at their place in the order of
 * names. */
struct labels {
	size_t count, le;
	struct bytes exemplar; /* of the sample at hand */
	struct exposition_label all[METER_LABELS_MAX], buckets[METER_LABELS_MAX + 1];
};

static bool is_before(struct bytes name, struct bytes other)
{
	int order = memcmp(name.data, other.data, smaller(name.size, other.size));

	return order < 0 || (order == 0 && name.size < other.size);
}

static void list_labels(const struct meter *meter, struct labels *l)
{
	struct bytes le = bytes_of(meter->kind == METER_SUMMARY ? "quantile" : "le");
	const char *at = meter_labels(meter);
	struct meter_head head;

	l->count = meter->label_count;
	l->le = 0;
	l->exemplar = (struct bytes){ NULL, 0 };
	for (size_t i = 0; i < l->count; i++) {
		memcpy(&head, at, sizeof head);
		at += sizeof head;
		l->all[i] = (struct exposition_label){
			.name = { at, head.name }, .value = { at + head.name, head.value }, .escaped = head.escaped
		};
		l->le += is_before(l->all[i].name, le);
		at += head.name + head.value;
	}
	if (!meter->scale && meter->kind != METER_NATIVE)
		return;
	memcpy(l->buckets, l->all, l->le * sizeof *l->all);
	memcpy(l->buckets + l->le + 1, l->all + l->le, (l->count - l->le) * sizeof *l->all);
	l->buckets[l->le] = (struct exposition_label){ .name = le };
}

static void stage(struct meters *m, struct bytes name, const struct labels *l, bool bucket, double value)
{
	const struct exposition_sample sample = {
		.name = name,
		.labels = bucket ? l->buckets : l->all,
		.label_count = l->count + bucket,
		.value = value,
		.value_text = { "", 0 },
		.exemplar = l->exemplar,
	};

	(void)m->events->sample(m->context, &sample);
}

/* For readers of protobuf. What it is as a classic one follows. */
static void stage_native(struct meters *m, const struct meter *meter, const struct labels *l)
{
	const struct meter_family *f = meter->family;
	char made[METER_NATIVE_WRITTEN_MAX];
	struct otlp_build b = { made, sizeof made, 0 };
	struct exposition_sample sample = {
		.name = f->name, .labels = l->all, .label_count = l->count, .value_text = { "", 0 }
	};

	meter_native_write(meter, &b);
	OXP_ASSERT(b.size <= sizeof made);
	sample.native = (struct bytes){ made, b.size };
	(void)m->events->sample(m->context, &sample);
}

/* As a classic one for others, as it is for those that are scraped. A sum that is not known is NaN: if it were missing,
 * readers of protobuf would take it for 0. */
static void stage_alone(struct meters *m, const struct meter *meter, struct labels *l)
{
	const struct meter_family *f = meter->family;

	l->buckets[l->le].value = bytes_of("+Inf");
	stage(m, f->lines[METER_BUCKET], l, true, (double)meter->whole);
	stage(m, f->lines[METER_SUM], l, false, meter->no_sum ? (double)NAN : meter->part);
	stage(m, f->lines[METER_COUNT], l, false, (double)meter->whole);
}

static void stage_bound(struct meters *m, const struct meter *meter, struct labels *l, size_t i, double value)
{
	const struct meter_bound *bound = &meter->scale->bounds[i];

	l->buckets[l->le].value = (struct bytes){ bound->text, bound->size };
	stage(m, meter->family->lines[METER_BUCKET], l, true, value);
}

static void stage_scale(struct meters *m, const struct meter *meter, struct labels *l)
{
	const struct meter_family *f = meter->family;
	uint64_t sum = 0;
	double value;

	for (size_t i = 0; i <= meter->scale->count && f->kind == METER_HISTOGRAM; i++) {
		sum += meter->counts[i];
		l->exemplar = meter_exemplar_at(meter, i);
		stage_bound(m, meter, l, i, (double)sum);
	}
	l->exemplar = (struct bytes){ NULL, 0 };
	for (size_t i = 0; i < meter->scale->count && f->kind == METER_SUMMARY; i++) {
		memcpy(&value, &meter->counts[i], sizeof value);
		stage_bound(m, meter, l, i, value);
	}
	if (!meter->no_sum)
		stage(m, f->lines[METER_SUM], l, false, meter->part);
	stage(m, f->lines[METER_COUNT], l, false, (double)meter->whole);
}

static void stage_meter(struct meters *m, const struct meter *meter)
{
	struct labels l;

	list_labels(meter, &l);
	if (meter->kind == METER_COUNTER)
		l.exemplar = meter_exemplar_at(meter, 0);
	if (meter->kind == METER_NATIVE || meter->native)
		stage_native(m, meter, &l);
	if (meter->kind == METER_NATIVE)
		stage_alone(m, meter, &l);
	else if (meter->scale)
		stage_scale(m, meter, &l);
	else if (meter->kind == METER_SET)
		stage(m, meter->family->name, &l, false, (double)meter_members(m, meter, m->shown_at));
	else
		stage(m, meter->family->name, &l, false, (double)meter->whole + meter->part);
}

void meters_show(struct meters *m, struct mono_time now)
{
	series_begin(m->target);
	m->shown_at = now;
	m->showing = true;
	m->show_begun = false;
	m->show_family = m->first;
	m->show_meter = NULL;
}

/* What is on a page never falls, whatever happens to the process: so it is saved before. Returns what it costs, in
 * series. */
static size_t save_and_stage(struct meters *m, struct meter *meter)
{
	size_t cost = meter_series(meter) + (meter->native ? meter->native->room / BUCKETS_OF_SERIES : 0);

	if (meter->unsaved) {
		meter_save(m, meter);
		cost += SAVE_COST;
	}
	stage_meter(m, meter);
	return cost;
}

/* Returns how many series it was. */
static size_t show_next(struct meters *m)
{
	const struct meter_family *f = m->show_family;
	struct meter *meter = m->show_meter;

	if (!m->show_begun) {
		tell(m, f, EXPOSITION_TYPE);
		tell(m, f, EXPOSITION_HELP);
		m->show_begun = true;
		m->show_meter = f->first;
		return 1;
	}
	m->show_meter = meter ? meter->next : NULL;
	if (!meter) {
		meter = f->overflow;
		m->show_family = f->next;
		m->show_begun = false;
	}
	return meter ? save_and_stage(m, meter) : 1;
}

bool meters_show_some(struct meters *m, size_t series)
{
	OXP_ASSERT(m->showing);
	for (size_t done = 0; m->show_family && done < series;)
		done += show_next(m);
	return m->show_family;
}

void meters_shown(struct meters *m, struct series_counts *ret)
{
	OXP_ASSERT(m->showing && !m->show_family);
	series_commit(m->target, ret);
	m->showing = false;
}
