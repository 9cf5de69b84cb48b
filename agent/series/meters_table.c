#include "series/meters_table.h"

#include <errno.h>
#include <math.h> /* INFINITY */
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "proto/exposition_number.h"
#include "series/table.h"

enum {
	LABELS_ROOM = 1 << 20, /* of one meter, with escapes */
	HELP_MAX = 1024,
	ENDED_AT_ONCE = 200, /* meters */
};

const char *meter_refusal_name(enum meter_refusal why)
{
	static const char *const names[METER_REFUSALS] = {
		[METER_FITS] = "none",
		[METER_SERIES_CEILING] = "series_ceiling",
		[METER_FAMILY_CEILING] = "family_ceiling",
		[METER_LABEL_SIZE] = "label_size",
		[METER_BYTES] = "bytes_ceiling",
		[METER_TYPE_CLASH] = "type_clash",
		[METER_MEMBERS] = "members_ceiling",
		[METER_LABEL_NAME] = "label_name",
	};

	return names[why];
}

/* Families. */

static struct meter_family *family_of(const struct meters *m, struct bytes name)
{
	struct map_node *n = map_first(&m->families, meters_hash(m, name, 0));

	while (n && !bytes_equal(CONTAINER_OF(n, struct meter_family, node)->name, name))
		n = map_next(n);
	return n ? CONTAINER_OF(n, struct meter_family, node) : NULL;
}

static struct bytes put_name(char **to, struct bytes name, const char *suffix)
{
	struct bytes made = { *to, name.size + strlen(suffix) };

	*to = meter_put(meter_put(*to, name), bytes_of(suffix));
	return made;
}

static void name_family(struct meter_family *f, const struct meter_wanted *w, struct bytes help)
{
	char *to = f->text;

	f->name = put_name(&to, w->name, "");
	f->lines[0] = f->name;
	if (f->kind == METER_HISTOGRAM)
		f->lines[METER_BUCKET] = put_name(&to, w->name, "_bucket");
	if (meter_has_scale(f->kind)) {
		f->lines[METER_SUM] = put_name(&to, w->name, "_sum");
		f->lines[METER_COUNT] = put_name(&to, w->name, "_count");
	}
	f->help = (struct bytes){ to, meter_escape(help, false, to) };
}

static struct meter_family *family_make(struct meters *m, const struct meter_wanted *w)
{
	struct bytes help = { w->help, smaller(strlen(w->help), HELP_MAX) };
	size_t names = meter_has_scale(meter_family_kind(w->kind)) ? METER_LINES + 1 : 1;
	size_t size = sizeof(struct meter_family) + names * (w->name.size + 8) + 2 * help.size;
	struct meter_family *f = series_alloc(m->series, size, 0);

	if (!f)
		return NULL;
	f->kind = meter_family_kind(w->kind);
	f->all = m;
	f->size = size;
	name_family(f, w, help);
	f->prev = m->last;
	*(m->last ? &m->last->next : &m->first) = f;
	m->last = f;
	f->node.hash = meters_hash(m, f->name, 0);
	map_put(&m->families, &f->node);
	return f;
}

static void family_end(struct meters *m, struct meter_family *f)
{
	if (f->first || f->overflow)
		return;
	OXP_ASSERT(f->weight == 0 && !f->scales);
	if (m->age_family == f)
		m->age_family = f->next;
	if (m->show_family == f) {
		m->show_family = f->next;
		m->show_begun = false;
	}
	*(f->prev ? &f->prev->next : &m->first) = f->next;
	*(f->next ? &f->next->prev : &m->last) = f->prev;
	map_remove(&m->families, &f->node);
	series_release(m->series, f, f->size, 0);
}

/* Scales. */

static size_t scale_size(size_t bounds)
{
	return sizeof(struct meter_scale) + (bounds + 1) * sizeof(struct meter_bound);
}

static bool scale_is(const struct meter_scale *scale, const struct meter_wanted *w)
{
	size_t i = 0;

	if (!scale)
		return !meter_has_scale(w->kind);
	while (i < scale->count && i < w->bound_count && scale->bounds[i].value == w->bounds[i])
		i++;
	return i == scale->count && i == w->bound_count;
}

static bool is_like(const struct meter *meter, const struct meter_wanted *w)
{
	return meter->kind == w->kind && scale_is(meter->scale, w);
}

/* For one more meter. NULL: no memory. */
static struct meter_scale *scale_take(struct meters *m, struct meter_family *f, const struct meter_wanted *w)
{
	struct meter_scale *s = f->scales;

	while (s && w->owner && !scale_is(s, w))
		s = s->next;
	if (!s) {
		s = series_alloc(m->series, scale_size(w->bound_count), 0);
		if (!s)
			return NULL;
		s->count = w->bound_count;
		for (size_t i = 0; i <= s->count; i++) {
			struct meter_bound *b = &s->bounds[i];
			b->value = i < s->count ? w->bounds[i] : (double)INFINITY;
			b->size = (unsigned char)exposition_number_format(b->value, b->text);
		}
		s->next = f->scales;
		f->scales = s;
	}
	s->users++;
	return s;
}

static void scale_give(struct meters *m, struct meter_family *f, struct meter_scale *s)
{
	struct meter_scale **at = &f->scales;

	if (!s || --s->users > 0)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	series_release(m->series, s, scale_size(s->count), 0);
}

/* Meters. */

static uint64_t meter_hash(const struct meters *m, const struct meter_family *f, struct bytes labels)
{
	return meters_hash(m, labels, f->node.hash);
}

static struct meter *meter_of(const struct meters *m, const struct meter_family *f, struct bytes labels)
{
	struct map_node *n = map_first(&m->meters, meter_hash(m, f, labels));

	for (; n; n = map_next(n)) {
		struct meter *meter = CONTAINER_OF(n, struct meter, node);
		if (meter->family == f && bytes_equal((struct bytes){ meter_labels(meter), meter->size }, labels))
			return meter;
	}
	return NULL;
}

static size_t meter_size(enum meter_kind kind, size_t bounds, size_t labels)
{
	return sizeof(struct meter) + meter_counts_of(kind, bounds) * sizeof(uint64_t) + labels;
}

/* Its memory. */
static void meter_release(struct meters *m, struct meter *meter)
{
	struct meter_family *f = meter->family;
	struct meter_scale *scale = meter->scale;

	meter_native_free(m, meter);
	series_release(m->series, meter, meter_size(meter->kind, meter_bounds(meter), meter->size), 0);
	scale_give(m, f, scale);
}

/* With the labels that are in m->labels. */
static struct meter *meter_make(
	struct meters *m, struct meter_family *f, const struct meter_wanted *w, unsigned label_count)
{
	struct meter_scale *scale = meter_has_scale(w->kind) ? scale_take(m, f, w) : NULL;
	struct meter *meter = NULL;

	if (scale || !meter_has_scale(w->kind))
		meter = series_alloc(m->series, meter_size(w->kind, scale ? scale->count : 0, m->labels.size), 0);
	if (!meter) {
		scale_give(m, f, scale);
		return NULL;
	}
	meter->family = f;
	meter->kind = w->kind;
	meter->scale = scale;
	meter->size = m->labels.size;
	meter->label_count = label_count;
	if (w->native.most > 0 && !meter_native_begin(meter, &w->native)) {
		meter_release(m, meter);
		return NULL;
	}
	meter->saved = w->saved && m->sums;
	meter->origin = w->origin;
	f->live++;
	(void)meter_put(meter_labels(meter), buffer_bytes(&m->labels));
	return meter;
}

static void hang(struct meters *m, struct meter *meter)
{
	struct meter_family *f = meter->family;

	meter->prev = f->last;
	*(f->last ? &f->last->next : &f->first) = meter;
	f->last = meter;
	f->weight += meter_series(meter);
	m->weight += meter_series(meter);
	meter->node.hash = meter_hash(m, f, buffer_bytes(&m->labels));
	map_put(&m->meters, &meter->node);
}

static void disown(struct meter *meter)
{
	struct meter_owner *owner = meter->owner;

	if (!owner)
		return;
	owner->meters--;
	if (owner->main == meter)
		owner->main = NULL;
}

/* The latest that was heard of with these labels. */
static void own(struct meter *meter, const struct meter_wanted *w)
{
	meter->as_owner = w->as_owner;
	if (!w->owner || meter->owner == w->owner)
		return;
	disown(meter);
	meter->owner = w->owner;
	w->owner->meters++;
}

/* From now on it is saved no more. */
static void unsave(struct meters *m, struct meter *meter)
{
	meter_take_unsaved(m, meter);
	meter_set_behind(m, meter, false);
	if (m->sums)
		sums_file_remove(m->sums, &meter->place, meter_value_size(meter, false));
	meter->saved = false;
}

static void meter_end(struct meters *m, struct meter *meter)
{
	struct meter_family *f = meter->family;

	meter_forget_raws(m, meter);
	disown(meter);
	meter_members_free(m, meter);
	unsave(m, meter);
	f->live -= !meter->restored;
	meter_exemplars_free(m, meter);
	if (meter == f->overflow) {
		f->overflow = NULL;
	} else {
		if (m->age_meter == meter)
			m->age_meter = meter->next;
		if (m->show_meter == meter)
			m->show_meter = meter->next;
		*(meter->prev ? &meter->prev->next : &f->first) = meter->next;
		*(meter->next ? &meter->next->prev : &f->last) = meter->prev;
		f->weight -= meter_series(meter);
		m->weight -= meter_series(meter);
		map_remove(&m->meters, &meter->node);
	}
	meter_release(m, meter);
}

void meters_end(struct meters *m, struct meter *meter)
{
	struct meter_family *f = meter->family;

	meter_end(m, meter);
	family_end(m, f);
}

struct meter *meters_refused(struct meters *m, enum meter_refusal why, struct bytes name, struct meter *ret)
{
	m->counts.by[why]++;
	snprintf(m->counts.latest[why], SERIES_NAME_SHOWN, "%.*s", (int)smaller(name.size, SERIES_NAME_SHOWN),
		name.data);
	worst_drop(&m->series->worst, name, meter_refusal_name(why), 1);
	return ret;
}

/* NULL: there is none, or none with such bounds. */
static struct meter *overflow(struct meters *m, struct meter_family *f, const struct meter_wanted *w)
{
	static const struct meter_label label = { { "overflow", 8 }, { "true", 4 } };

	if (w->whole || !f)
		return NULL;
	if (!f->overflow) {
		buffer_clear(&m->labels);
		if (meter_put_label(&m->labels, &label) == 0)
			f->overflow = meter_make(m, f, w, 1);
		if (f->overflow)
			f->overflow->ttl = w->ttl;
	}
	return f->overflow && (!w->owner || is_like(f->overflow, w)) ? f->overflow : NULL;
}

static enum meter_refusal has_room(const struct meters *m, const struct meter_family *f, const struct meter_wanted *w)
{
	size_t bounds = f && f->scales && !w->owner ? f->scales->count : w->bound_count;
	size_t series = meter_series_of(w->kind, bounds) + (w->native.most > 0), weight = f ? f->weight : 0;

	if (m->weight + series > m->limits.series)
		return METER_SERIES_CEILING;
	return weight + series > m->limits.family_series ? METER_FAMILY_CEILING : METER_FITS;
}

/* Makes a meter of the labels in m->labels, and its family if there is none; or says why not. */
static struct meter *make(struct meters *m, struct meter_family *f, const struct meter_wanted *w, unsigned label_count)
{
	struct meter *meter;

	if (!f)
		f = family_make(m, w);
	if (!f)
		return NULL;
	meter = meter_make(m, f, w, label_count);
	if (meter)
		hang(m, meter);
	else
		family_end(m, f);
	return meter;
}

/* It has other bounds now. Its labels stay in m->labels; the family may go with it. */
static void end_other(struct meters *m, struct meter_family **f, struct meter **meter, struct bytes name)
{
	meters_end(m, *meter);
	*meter = NULL;
	*f = family_of(m, name);
}

/* A family of another kind whose meters were all restored gives way to what comes now, some at a time. */
static struct meter_family *give_way(struct meters *m, struct meter_family *f, struct bytes name)
{
	for (size_t i = 0; f && f->live == 0 && i < ENDED_AT_ONCE; i++) {
		meters_end(m, f->first ? f->first : f->overflow);
		f = family_of(m, name);
	}
	return f;
}

static bool begins_anew(const struct meter *meter, const struct meter_wanted *w)
{
	return (w->owner && !is_like(meter, w)) || (meter->restored && meter->origin != w->origin);
}

static enum meter_refusal get(struct meters *m, const struct meter_wanted *w, struct meter **ret)
{
	struct meter_family *f = family_of(m, w->name);
	struct meter *meter = NULL;
	enum meter_refusal why;
	unsigned labels;

	if (f && f->kind != meter_family_kind(w->kind))
		f = give_way(m, f, w->name);
	if (f && f->kind != meter_family_kind(w->kind))
		return METER_TYPE_CLASH;
	why = meter_sort_labels(m, w, &labels);
	if (why == METER_FITS && f)
		meter = meter_of(m, f, buffer_bytes(&m->labels));
	if (meter && begins_anew(meter, w))
		end_other(m, &f, &meter, w->name);
	if (why == METER_FITS && !meter)
		why = has_room(m, f, w);
	if (why == METER_FITS && !meter) {
		meter = make(m, f, w, labels);
		why = meter ? METER_FITS : METER_BYTES;
	}
	*ret = meter;
	return why;
}

/* It was asked for. */
static void be_live(struct meter *meter)
{
	if (meter->restored)
		meter->family->live++;
	meter->restored = false;
}

static void be_saved(struct meters *m, struct meter *meter, const struct meter_wanted *w)
{
	be_live(meter);
	meter->origin = w->origin;
	if (!w->saved)
		unsave(m, meter);
	meter->saved = w->saved && m->sums;
}

struct meter *meters_get(
	struct meters *m, const struct meter_wanted *w, struct mono_time now, enum meter_refusal *ret_why)
{
	struct meter *meter = NULL;
	enum meter_refusal why = get(m, w, &meter);

	if (ret_why)
		*ret_why = why;
	if (why == METER_TYPE_CLASH || why == METER_LABEL_NAME)
		return meters_refused(m, why, w->name, NULL);
	if (why != METER_FITS) {
		meter = overflow(m, family_of(m, w->name), w);
		if (meter)
			be_live(meter);
		return meters_refused(m, why, w->name, meter);
	}
	meter->touched = now;
	meter->ttl = w->ttl;
	own(meter, w);
	be_saved(m, meter, w);
	if (w->raw)
		meter_remember(m, meter, w->raw, w->factor);
	return meter;
}

static struct meter *restore_overflow(struct meters *m, const struct meter_wanted *w)
{
	struct meter_family *f = family_of(m, w->name);
	struct meter *meter;

	if (!f)
		f = family_make(m, w);
	meter = f && f->kind == meter_family_kind(w->kind) ? overflow(m, f, w) : NULL;
	if (f)
		family_end(m, f);
	return meter;
}

struct meter *meter_restore(struct meters *m, const struct meter_wanted *w, bool is_overflow, struct mono_time now)
{
	struct meter *meter = is_overflow ? restore_overflow(m, w) : meters_get(m, w, now, NULL);

	if (!meter)
		return NULL;
	meter->touched = now;
	if (!meter->restored)
		meter->family->live--;
	meter->restored = true;
	return meter;
}

struct meter *meters_find(struct meters *m, const struct meter_wanted *w)
{
	struct meter_family *f = family_of(m, w->name);
	unsigned labels;

	if (!f || f->kind != meter_family_kind(w->kind) || meter_sort_labels(m, w, &labels) != METER_FITS)
		return NULL;
	return meter_of(m, f, buffer_bytes(&m->labels));
}

/* Time. */

static bool is_over(const struct meter *meter, struct mono_time now)
{
	if (!meter || meter->ttl.ns == 0 || mono_since(now, meter->touched).ns <= meter->ttl.ns)
		return false;
	return !meter->as_owner || !meter->owner || mono_since(now, meter->owner->alive).ns > meter->ttl.ns;
}

/* It could not be saved, or is in a file that is gone. */
static void try_again(const struct meters *m, struct meter *meter)
{
	if (meter->saved && (meter->behind || meter->place.file != sums_file_number(m->sums)))
		meter_changed(meter);
}

/* The one behind those that were looked at; NULL at the end of the family. */
static void age_one(struct meters *m, struct mono_time now)
{
	struct meter *meter = m->age_meter;

	m->age_meter = meter->next;
	if (is_over(meter, now))
		meter_end(m, meter);
	else
		try_again(m, meter);
}

static void age_next_family(struct meters *m, struct mono_time now)
{
	struct meter_family *f = m->age_family;

	if (f) {
		m->age_family = f->next;
		if (is_over(f->overflow, now))
			meter_end(m, f->overflow);
		else if (f->overflow)
			try_again(m, f->overflow);
		family_end(m, f);
	}
	if (!m->age_family)
		m->age_family = m->first;
	m->age_meter = m->age_family ? m->age_family->first : NULL;
}

void meters_age(struct meters *m, struct mono_time now, size_t count)
{
	for (; count > 0 && !m->showing; count--)
		if (m->age_meter)
			age_one(m, now);
		else
			age_next_family(m, now);
}

/* Life. */

int meters_new(struct series *s, const struct series_label *labels, size_t count, const struct meters_limits *limits,
	struct meters **ret)
{
	struct meters *m = calloc(1, sizeof *m);
	int failed = m ? 0 : -ENOMEM;

	OXP_ASSERT(limits->window.ns > 0);
	if (!failed)
		failed = series_target_new(s, labels, count, &m->target);
	if (!failed && (map_init(&m->families) || map_init(&m->meters) || map_init(&m->raws)))
		failed = -ENOMEM;
	if (failed) {
		meters_free(m);
		return failed;
	}
	m->series = s;
	m->unsaved_last = &m->unsaved;
	m->limits = *limits;
	meters_through(m, &series_events, m->target);
	buffer_init(&m->labels, LABELS_ROOM);
	*ret = m;
	return 0;
}

void meters_free(struct meters *m)
{
	struct meter_family *f;

	if (!m)
		return;
	m->sums = NULL; /* which keeps what it has */
	while ((f = m->first)) {
		while (f->first)
			meter_end(m, f->first);
		if (f->overflow)
			meter_end(m, f->overflow);
		family_end(m, f);
	}
	series_target_free(m->target);
	map_done(&m->families);
	map_done(&m->meters);
	map_done(&m->raws);
	buffer_done(&m->labels);
	free(m);
}

void meters_through(struct meters *m, const struct exposition_events *events, void *context)
{
	m->events = events;
	m->context = context;
}

struct series_target *meters_target(struct meters *m)
{
	return m->target;
}

const struct meters_counts *meters_counts(const struct meters *m)
{
	return &m->counts;
}

size_t meters_series(const struct meters *m)
{
	return m->weight;
}

size_t meters_families(const struct meters *m)
{
	return m->families.count;
}
