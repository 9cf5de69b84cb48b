/*
 * Meters on their way to the disk and back: each that is to be saved has a record in the file of sums. The key says
 * what it is, the value what it has come to.
 */
#include <errno.h>
#include <math.h> /* isfinite() */
#include <stdlib.h>

#include "base/text.h"
#include "proto/exposition_parse.h"
#include "series/meters_table.h"

enum {
	BOUNDS_MAX = 512,
	HELP_MAX = 2048,
	IS_OVERFLOW = 1,
	IS_AS_OWNER = 2,
	VALUE_MAX = sizeof(struct meter_value) + (BOUNDS_MAX + 1) * sizeof(uint64_t) + sizeof(struct meter_native) +
		    2 * NATIVE_SUM_MAX * sizeof(struct meter_native_bucket),
};

/* The bounds stand behind it, then the texts, then the labels as the meter has them. */
struct key {
	uint8_t kind, flags;
	uint16_t labels;
	uint32_t name, help, owner, bounds; /* how many of them */
	uint64_t origin;
};

/* Those that are to be saved. */

void meter_unsaved(struct meter *meter)
{
	struct meters *m = meter->family->all;

	meter->unsaved = true;
	meter->unsaved_next = NULL;
	meter->unsaved_at = m->unsaved_last;
	*m->unsaved_last = meter;
	m->unsaved_last = &meter->unsaved_next;
	if (m->unsaved_count++ == 0)
		m->changed(m->changed_context);
}

void meter_take_unsaved(struct meters *m, struct meter *meter)
{
	if (!meter->unsaved)
		return;
	meter->unsaved = false;
	*meter->unsaved_at = meter->unsaved_next;
	if (meter->unsaved_next)
		meter->unsaved_next->unsaved_at = meter->unsaved_at;
	else
		m->unsaved_last = meter->unsaved_at;
	m->unsaved_count--;
}

void meter_set_behind(struct meters *m, struct meter *meter, bool behind)
{
	m->behind_count -= meter->behind;
	m->behind_count += behind;
	meter->behind = behind;
}

/* To the disk. */

static struct bytes put_part(struct buffer *to, struct bytes part)
{
	if (buffer_append(to, part.data, part.size) < 0)
		to->size = to->ceiling; /* it does not fit, and nothing else will */
	return part;
}

/* False: it is too large, or there is no memory. */
static bool put_key(const struct meter *meter, struct buffer *to)
{
	const struct meter_family *f = meter->family;
	struct bytes owner = meter->owner ? meter->owner->name : (struct bytes){ "", 0 };
	const struct key k = { .kind = (uint8_t)meter->kind,
		.flags = (uint8_t)((meter == f->overflow ? IS_OVERFLOW : 0) | (meter->as_owner ? IS_AS_OWNER : 0)),
		.labels = (uint16_t)meter->label_count,
		.name = (uint32_t)f->name.size,
		.help = (uint32_t)f->help.size,
		.owner = (uint32_t)owner.size,
		.bounds = (uint32_t)meter_bounds(meter),
		.origin = meter->origin };

	put_part(to, (struct bytes){ (const char *)&k, sizeof k });
	for (size_t i = 0; i < k.bounds; i++)
		put_part(to, (struct bytes){ (const char *)&meter->scale->bounds[i].value, sizeof(double) });
	put_part(to, f->name);
	put_part(to, f->help);
	put_part(to, owner);
	put_part(to, (struct bytes){ meter_labels(meter), meter->size });
	return to->size < to->ceiling;
}

static int add(struct meters *m, struct meter *meter, struct bytes value)
{
	struct buffer key;
	int failed;

	buffer_init(&key, SUMS_RECORD_MAX);
	failed = put_key(meter, &key) ? sums_file_add(m->sums, buffer_bytes(&key), value, &meter->place) : -E2BIG;
	buffer_done(&key);
	return failed;
}

/* Of a record that has another size now: the new one is there before the old one goes. */
static int replace(struct meters *m, struct meter *meter, struct bytes value)
{
	struct sums_place old = meter->place;
	int failed = add(m, meter, value);

	if (!failed)
		sums_file_remove(m->sums, &old, meter_value_size(meter, false));
	return failed;
}

static int put_value(struct meters *m, struct meter *meter, struct bytes value)
{
	int failed;

	if (meter->place.file != sums_file_number(m->sums))
		failed = add(m, meter, value);
	else if (value.size != meter_value_size(meter, false))
		failed = replace(m, meter, value);
	else
		failed = sums_file_change(m->sums, &meter->place, value);
	if (!failed && meter->native)
		meter->native->saved_room = meter->native->room;
	return failed;
}

void meter_save(struct meters *m, struct meter *meter)
{
	const struct meter_value v = { meter->whole, meter->part, meter->carry, meter->sent.start, meter->sent.time,
		meter->no_sum };
	char data[VALUE_MAX];
	struct bytes value = { data, meter_value_size(meter, true) };
	size_t counts = meter_counts_of(meter->kind, meter_bounds(meter)) * sizeof *meter->counts;
	int failed;

	meter_take_unsaved(m, meter);
	if (value.size <= sizeof data) {
		memcpy(data, &v, sizeof v);
		memcpy(data + sizeof v, meter->counts, counts);
		if (meter->native)
			memcpy(data + sizeof v + counts, meter->native, value.size - sizeof v - counts);
		failed = put_value(m, meter, value);
	} else {
		failed = -E2BIG;
	}
	meter_set_behind(m, meter, failed != 0);
	if (failed == -E2BIG)
		meter->saved = false;
	if (failed && !m->save_failed)
		m->save_failed = failed;
}

bool meters_save_some(struct meters *m, size_t count)
{
	size_t left = smaller(count, m->unsaved_count);

	if (!m->sums)
		return false;
	for (; left > 0; left--)
		meter_save(m, m->unsaved);
	return sums_file_sweep(m->sums, count) || m->unsaved_count > 0;
}

size_t meters_unsaved(const struct meters *m)
{
	return m->unsaved_count;
}

size_t meters_behind(const struct meters *m)
{
	return m->behind_count;
}

int meters_save_failure(struct meters *m)
{
	int failed = m->save_failed;

	m->save_failed = 0;
	return failed;
}

void meters_save_to(struct meters *m, struct sums_file *file, void (*changed)(void *context), void *context)
{
	m->sums = file;
	m->changed = changed;
	m->changed_context = context;
}

/* Back from it. */

struct restoring {
	struct meters *meters;
	const struct meters_restore *restore;
	struct mono_time now;
	struct meters_restored *ret;
	struct meter_wanted wanted;
	struct bytes owner;
	struct meter_owner nobody; /* of an overflow, which has bounds of its own as what has an owner */
	bool overflow;
	double bounds[BOUNDS_MAX];
	struct meter_label labels[METER_LABELS_MAX];
	char help[HELP_MAX + 1];
	char texts[SUMS_RECORD_MAX]; /* values of labels without their escapes */
};

static bool take_part(struct bytes *from, size_t size, struct bytes *ret)
{
	if (size > from->size)
		return false;
	*ret = (struct bytes){ from->data, size };
	*from = (struct bytes){ from->data + size, from->size - size };
	return true;
}

/* Returns the size without escapes. */
static size_t unescape(struct bytes text, char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		bool escaped = text.data[i] == '\\' && i + 1 < text.size;
		i += escaped;
		to[size++] = escaped && text.data[i] == 'n' ? '\n' : text.data[i];
	}
	return size;
}

static bool read_labels(struct restoring *r, struct bytes from, size_t count)
{
	char *to = r->texts;
	struct bytes part;
	struct meter_head head;

	if (count > METER_LABELS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct meter_label *l = &r->labels[i];
		if (!take_part(&from, sizeof head, &part))
			return false;
		memcpy(&head, part.data, sizeof head);
		if (!take_part(&from, head.name, &l->name) || !take_part(&from, head.value, &part))
			return false;
		l->value = (struct bytes){ to, unescape(part, to) };
		to += l->value.size;
		if (!exposition_name_valid(l->name, true) || l->value.size == 0 ||
			!utf8_valid(l->value.data, l->value.size))
			return false;
	}
	r->wanted.labels = r->labels;
	r->wanted.label_count = count;
	return from.size == 0;
}

static bool read_bounds(struct restoring *r, struct bytes part, size_t count)
{
	memcpy(r->bounds, part.data, part.size);
	for (size_t i = 0; i < count; i++)
		if (!isfinite(r->bounds[i]) || (i > 0 && r->bounds[i] <= r->bounds[i - 1]))
			return false;
	r->wanted.bounds = r->bounds;
	r->wanted.bound_count = count;
	return count == 0 || r->wanted.kind == METER_HISTOGRAM;
}

static bool read_help(struct restoring *r, struct bytes part)
{
	if (part.size > HELP_MAX || memchr(part.data, '\0', part.size) || !utf8_valid(part.data, part.size))
		return false;
	r->help[unescape(part, r->help)] = '\0';
	r->wanted.help = r->help;
	return true;
}

static bool read_key(struct restoring *r, struct bytes from)
{
	struct bytes part, bounds, help;
	struct key k;

	if (!take_part(&from, sizeof k, &part))
		return false;
	memcpy(&k, part.data, sizeof k);
	if ((k.kind != METER_COUNTER && k.kind != METER_GAUGE && k.kind != METER_HISTOGRAM && k.kind != METER_NATIVE) ||
		k.bounds > BOUNDS_MAX)
		return false;
	r->overflow = k.flags & IS_OVERFLOW;
	r->wanted = (struct meter_wanted){ .kind = (enum meter_kind)k.kind,
		.as_owner = k.flags & IS_AS_OWNER,
		.saved = true,
		.whole = !r->overflow,
		.origin = k.origin };
	return take_part(&from, k.bounds * sizeof(double), &bounds) && take_part(&from, k.name, &r->wanted.name) &&
	       take_part(&from, k.help, &help) && take_part(&from, k.owner, &r->owner) &&
	       exposition_name_valid(r->wanted.name, false) && read_bounds(r, bounds, k.bounds) && read_help(r, help) &&
	       read_labels(r, from, k.labels);
}

/* Whether a native one can; a histogram with bounds may be one, too. */
static bool is_possible_native(struct meter_wanted *w, const struct meter_value *v, struct bytes native)
{
	struct meter_native_saved saved;

	if (!meter_native_is_possible(native, &saved) || v->whole > NATIVE_COUNT_MAX)
		return false;
	if (w->kind == METER_NATIVE)
		return native.size > 0 ? saved.counted <= v->whole : v->whole == 0;
	w->native.most = saved.most;
	return w->kind == METER_HISTOGRAM && saved.most > 0 && saved.counted == v->whole;
}

/* Whether a meter of that kind can have come to that. */
static bool is_possible(struct meter_wanted *w, const struct meter_value *v, struct bytes counts, struct bytes native)
{
	uint64_t sum = 0, count;

	if ((w->kind == METER_NATIVE || native.size > 0) && !is_possible_native(w, v, native))
		return false;
	if (w->kind == METER_NATIVE)
		return v->carry >= -0.5 && v->carry <= 0.5;
	if (w->kind == METER_COUNTER)
		return isfinite(v->part) && v->part >= 0;
	if (w->kind == METER_GAUGE)
		return v->whole == 0;
	for (size_t i = 0; i < counts.size; i += sizeof count) {
		memcpy(&count, counts.data + i, sizeof count);
		if (__builtin_add_overflow(sum, count, &sum))
			return false;
	}
	return sum == v->whole && v->carry >= -0.5 && v->carry <= 0.5;
}

/* False: no memory. */
static bool set(struct meter *meter, const struct meter_value *v, struct bytes counts, struct bytes native)
{
	if (!meter_native_restore(meter, native))
		return false;
	meter->whole = v->whole;
	meter->part = v->part;
	meter->carry = v->carry;
	meter->sent = (struct meter_sent){ v->start, v->time };
	meter->no_sum = v->no_sum != 0;
	if (counts.size > 0)
		memcpy(meter->counts, counts.data, counts.size);
	return true;
}

static bool has_bounds(const struct meter *meter, const struct meter_wanted *w)
{
	size_t i = 0;

	if (meter->kind != w->kind || meter_bounds(meter) != w->bound_count ||
		(meter->kind == METER_HISTOGRAM && !meter->native != !w->native.most))
		return false;
	while (i < w->bound_count && meter->scale->bounds[i].value == w->bounds[i])
		i++;
	return i == w->bound_count;
}

/* NULL: it is not wanted, or there is no place for it. */
static struct meter *make(struct restoring *r)
{
	struct meters *m = r->meters;
	struct meter *meter;

	if (!r->restore->wanted(r->restore->context, r->owner, &r->wanted))
		return NULL;
	if (r->overflow)
		r->wanted.owner = &r->nobody;
	meter = meter_restore(m, &r->wanted, r->overflow, r->now);
	if (!meter || has_bounds(meter, &r->wanted))
		return meter;
	if (meter->place.file == 0)
		meters_end(m, meter);
	return NULL;
}

/* Of two records of one meter, the earlier was about to be removed when the process ended. */
static bool takes_place(struct restoring *r, struct meter *meter, const struct sums_record *record)
{
	struct meters *m = r->meters;

	if (meter->place.file != record->place.file)
		return true;
	if (meter->place.life > record->place.life)
		return false;
	sums_file_remove(m->sums, &meter->place, meter_value_size(meter, false));
	r->ret->restored--;
	r->ret->unwanted++;
	return true;
}

static bool on_record(void *context, const struct sums_record *record)
{
	struct restoring *r = context;
	struct meter_value v;
	struct bytes native = record->value, part, counts;
	struct meter *meter;

	if (!take_part(&native, sizeof v, &part) || !read_key(r, record->key) ||
		!take_part(
			&native, meter_counts_of(r->wanted.kind, r->wanted.bound_count) * sizeof(uint64_t), &counts)) {
		r->ret->damaged++;
		return false;
	}
	memcpy(&v, part.data, sizeof v);
	if (!is_possible(&r->wanted, &v, counts, native)) {
		r->ret->damaged++;
		return false;
	}
	meter = make(r);
	if (!meter || !takes_place(r, meter, record)) {
		r->ret->unwanted++;
		return false;
	}
	if (!set(meter, &v, counts, native)) {
		meters_end(r->meters, meter);
		r->ret->unwanted++;
		return false;
	}
	meter->place = record->place;
	r->ret->restored++;
	r->ret->older += record->older;
	return true;
}

int meters_restore(
	struct meters *m, const struct meters_restore *restore, struct mono_time now, struct meters_restored *ret)
{
	struct restoring *r = oxp_new(sizeof *r);
	size_t damaged;
	int failed;

	*ret = (struct meters_restored){ 0 };
	r->meters = m;
	r->restore = restore;
	r->now = now;
	r->ret = ret;
	failed = sums_file_load(m->sums, &(struct sums_visit){ on_record, r }, &damaged);
	ret->damaged += damaged;
	free(r);
	return failed;
}
