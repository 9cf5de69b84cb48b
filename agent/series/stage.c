/*
 * Staging: the events of a parser become entries of the scrape under way.
 *
 * A scrape mostly repeats the one before: the next sample's entry is guessed to be the one that came next last time.
 * If the line begins with the head that made it then, the parser does not read that again (on_known()). Only when the
 * text differs is an entry looked up.
 */
#include <errno.h>
#include <xxhash.h>

#include "proto/exposition_family.h"
#include "proto/exposition_write.h"
#include "series/cut.h"
#include "series/span_sets.h"
#include "series/stepping.h"
#include "series/table.h"

#define TIMESTAMP_MAX (INT64_C(1) << 53)

enum { RESERVED_MAX = 128 }; /* no prefix that is reserved is longer */

/* What family of the page samples with that suffix make. */
static const enum role roles[EXPOSITION_SUFFIXES + 1] = {
	[EXPOSITION_TOTAL] = ROLE_TOTAL,
	[EXPOSITION_CREATED] = ROLE_CREATED,
	[EXPOSITION_INFO_SUFFIX] = ROLE_INFO,
	[EXPOSITION_GSUM] = ROLE_GSUM,
	[EXPOSITION_GCOUNT] = ROLE_GCOUNT,
};

static bool origin_staged(const struct series_target *t, const struct origin *o)
{
	return o->slot[staged_slot(t)].scrape == t->staged;
}

/* The first mention in this scrape: what an earlier one said is forgotten. */
static void origin_reset(struct series_target *t, struct origin *o)
{
	unsigned slot = staged_slot(t);

	o->slot[slot].scrape = t->staged;
	o->slot[slot].type = EXPOSITION_UNTYPED;
	o->slot[slot].typed = o->slot[slot].helped = o->slot[slot].united = o->clashed = false;
	o->cut = o->cut_whole = false;
	memset(o->group, 0, sizeof o->group);
	o->refused = 0;
}

/* The source of that name in this scrape; NULL: no memory. */
static struct origin *origin_touch(struct series_target *t, struct bytes name)
{
	struct origin *o = origin_find(t, name);

	if (!o)
		o = origin_new(t, name);
	if (o && !origin_staged(t, o))
		origin_reset(t, o);
	return o;
}

static bool has_group(const struct origin *o)
{
	for (int i = 0; i < ROLES; i++)
		if (o->group[i])
			return true;
	return false;
}

static void take_type(struct series_target *t, struct origin *o, enum exposition_type type)
{
	unsigned slot = staged_slot(t);

	t->doubts += has_group(o) && o->slot[slot].type != type;
	if (o->slot[slot].typed && o->slot[slot].type != type)
		o->clashed = true;
	else
		o->slot[slot].type = type;
	o->slot[slot].typed = true;
}

static void take_help(struct series_target *t, struct origin *o, const struct exposition_meta *m)
{
	struct series *s = t->series;
	unsigned slot = staged_slot(t);
	char *to;

	buffer_clear(&s->scratch);
	to = buffer_reserve(&s->scratch, m->text.size + 1);
	if (!to)
		return;
	text_set(s, &o->slot[slot].help, (struct bytes){ to, exposition_unescape(m->text, m->format, to) });
	o->slot[slot].helped = true;
}

static void take_unit(struct series_target *t, struct origin *o, struct bytes unit)
{
	text_set(t->series, &o->slot[staged_slot(t)].unit, unit);
	o->slot[staged_slot(t)].united = true;
}

/* Metadata is left out if there is no memory; the samples after it are counted if there is none for them either. */
static int on_meta(void *context, const struct exposition_meta *m)
{
	struct series_target *t = context;
	struct bytes name = name_kept(t->series, m->name, m->quoted);
	struct origin *o = name.data ? origin_touch(t, name) : NULL;

	if (!o)
		return 0;
	t->known_group = NULL;
	t->source = o; /* its samples usually follow */
	if (m->what == EXPOSITION_TYPE)
		take_type(t, o, m->type);
	else if (m->what == EXPOSITION_HELP)
		take_help(t, o, m);
	else
		take_unit(t, o, m->text);
	return 0;
}

/* Whether a sample of that name belongs to the source, and in which role. */
static bool owns(const struct series_target *t, const struct origin *o, struct bytes name, enum role *ret)
{
	enum exposition_suffix suffix;

	if (name.size < o->size || memcmp(name.data, o->name, o->size) != 0 ||
		!exposition_suffix_find(o->slot[staged_slot(t)].type,
			(struct bytes){ name.data + o->size, name.size - o->size }, &suffix))
		return false;
	*ret = roles[suffix];
	return true;
}

/* A source declared in this scrape whose name is the sample's without a suffix. */
static struct origin *origin_behind(struct series_target *t, struct bytes name, enum role *ret)
{
	for (int i = 0; i < EXPOSITION_SUFFIXES; i++) {
		size_t size = exposition_suffixes[i].size;
		struct origin *o;
		if (name.size <= size || memcmp(name.data + name.size - size, exposition_suffixes[i].data, size) != 0)
			continue;
		o = origin_find(t, (struct bytes){ name.data, name.size - size });
		if (o && origin_staged(t, o) && owns(t, o, name, ret))
			return o;
	}
	return NULL;
}

/* In protobuf a counter is called as its samples, x_total, and was created at x_created. */
static bool owns_created(const struct series_target *t, const struct origin *o, struct bytes name)
{
	struct bytes total = exposition_suffixes[EXPOSITION_TOTAL], created = exposition_suffixes[EXPOSITION_CREATED];
	size_t stem = o->size > total.size ? o->size - total.size : 0;

	return stem > 0 && o->slot[staged_slot(t)].type == EXPOSITION_COUNTER && name.size == stem + created.size &&
	       memcmp(o->name + stem, total.data, total.size) == 0 && memcmp(name.data, o->name, stem) == 0 &&
	       memcmp(name.data + stem, created.data, created.size) == 0;
}

/* The source that the sample belongs to, if it was mentioned in this scrape. */
static struct origin *source_known(struct series_target *t, struct bytes name, bool created, enum role *ret)
{
	struct origin *o = t->source;

	if (o && owns(t, o, name, ret))
		return o;
	if (o && created && owns_created(t, o, name)) {
		*ret = ROLE_CREATED;
		return o;
	}
	*ret = ROLE_PLAIN;
	o = origin_find(t, name);
	return o && origin_staged(t, o) ? o : origin_behind(t, name, ret);
}

/* The source that the sample belongs to: the declared one, or else its own name. NULL if out of memory. */
static struct origin *source_of(struct series_target *t, struct bytes name, bool created, enum role *ret)
{
	struct origin *o = source_known(t, name, created, ret);

	if (!o)
		o = origin_touch(t, name);
	t->source = o;
	return o;
}

/* The family of a sample of that name. */
static struct bytes page_name(const struct origin *o, enum role role, struct bytes name)
{
	return role == ROLE_PLAIN ? (struct bytes){ o->name, o->size } : name;
}

/* Where most readers see it: no other way to escape a name makes it begin with more of what is reserved. */
static bool begins_with(struct bytes name, const char *prefix)
{
	size_t size = strlen(prefix);
	char classic[RESERVED_MAX];

	if (size == 0 || name.size == 0 || *name.data != *prefix)
		return false;
	name.size = name.size < sizeof classic ? name.size : sizeof classic;
	if (!exposition_name_valid(name, false))
		name = (struct bytes){ classic, exposition_name_escape(name, false, EXPOSITION_UNDERSCORES, classic) };
	return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

static bool is_reserved(const struct series *s, struct bytes name)
{
	return (s->limits.reserved && begins_with(name, s->limits.reserved)) ||
	       (s->spans && begins_with(name, s->spans->words.prefix));
}

/* The target's group of the page's family; both are made if missing. NULL if out of memory. */
static struct group *group_find(struct series_target *t, struct bytes name)
{
	struct family *f = family_find(t->series, name);
	struct group *g;

	if (!f)
		f = family_new(t->series, name);
	if (!f)
		return NULL;
	for (g = f->groups; g && g->target != t;)
		g = g->sibling;
	if (!g)
		g = group_new(t, f);
	if (!g)
		family_drop_empty(t->series, f);
	return g;
}

static void group_stage(struct series_target *t, struct group *g, struct origin *o, enum role role)
{
	unsigned slot = staged_slot(t);

	g->slot[slot].scrape = t->staged;
	g->slot[slot].source = o;
	g->slot[slot].role = role;
	g->slot[slot].next = NULL;
	g->slot[slot].first = g->slot[slot].last = NULL;
	g->slot[slot].count = g->slot[slot].shown = 0;
	g->slot[slot].runs = g->slot[slot].ends = 0;
	*(t->groups[slot].last ? &t->groups[slot].last->slot[slot].next : &t->groups[slot].first) = g;
	t->groups[slot].last = g;
	t->doubts += !group_visible(g) || group_type(g, t->slot) != group_type(g, slot);
	worst_look(&t->series->worst, g->family);
}

/* Finds the group of a source in that role for the first time. 0, or -1 with the reason. */
static int group_open(
	struct series_target *t, struct origin *o, enum role role, struct bytes name, enum series_drop *why)
{
	struct group *g, claim = { .slot = { [0 ... SLOTS - 1] = { .source = o, .role = role } } };
	unsigned slot = staged_slot(t);

	*why = SERIES_DROP_SAMPLE_SIZE;
	if (name.size > SERIES_NAME_MAX)
		return -1;
	*why = SERIES_DROP_RESERVED;
	if (is_reserved(t->series, name))
		return -1;
	*why = SERIES_DROP_BYTES;
	g = group_find(t, name);
	while (!g && tidy_some(t->series))
		g = group_find(t, name);
	if (!g)
		return -1;
	*why = SERIES_DROP_TYPE_CLASH;
	if (g->slot[slot].scrape != t->staged)
		group_stage(t, g, o, role);
	else if (group_type(g, slot) != group_type(&claim, slot))
		return -1;
	o->group[role] = g;
	return 0;
}

/* The group a sample goes into, or NULL with the reason. */
static struct group *group_of(struct series_target *t, struct bytes name, bool created, enum series_drop *why)
{
	enum role role;
	struct origin *o = source_of(t, name, created, &role);

	*why = o ? SERIES_DROP_TYPE_CLASH : SERIES_DROP_BYTES;
	if (!o || o->clashed)
		return NULL;
	if (o->group[role])
		return o->group[role];
	if (!(o->refused & 1u << role)) {
		if (group_open(t, o, role, page_name(o, role, name), &o->why) == 0)
			return o->group[role];
		o->refused |= 1u << role;
	}
	*why = o->why;
	return NULL;
}

/* The entry that came next in the last scrape, if it has that text; otherwise found by its hash. */
static struct entry *find(struct series_target *t, const struct group *g, struct bytes text)
{
	const struct entry *last = g->slot[staged_slot(t)].last;
	struct entry *guess = NULL;

	if (last ? entry_visible(last) : group_visible(g))
		guess = last ? last->slot[t->slot].next : g->slot[t->slot].first;
	if (guess && bytes_equal((struct bytes){ guess->text, guess->size }, text))
		return guess;
	return entry_find(t->series, text);
}

static void value_set(const struct series_target *t, struct value *v, const struct stepping *s)
{
	const struct exposition_sample *sample = s->sample;
	bool fits = sample->value_text.size <= VALUE_TEXT_MAX && sample->value - sample->value == 0;

	v->value = sample->value;
	v->merge = s->merge;
	v->has_timestamp = sample->has_timestamp && !t->timeless;
	v->timestamp_ms = sample->timestamp_ms;
	if (sample->native.size > 0) {
		v->text_size = VALUE_NATIVE;
		return;
	}
	v->text_size = fits ? (unsigned char)sample->value_text.size : 0; /* NaN and Inf are spelt one way */
	memcpy(v->text, sample->value_text.data, v->text_size);
}

static void entry_stage(struct series_target *t, struct group *g, struct entry *e)
{
	unsigned slot = staged_slot(t);

	g->slot[slot].shown += entry_visible(e) && e->slot[t->slot].group == g;
	e->slot[slot].scrape = t->staged;
	e->slot[slot].group = g;
	e->slot[slot].next = NULL;
	*(g->slot[slot].last ? &g->slot[slot].last->slot[slot].next : &g->slot[slot].first) = e;
	note_run(g, slot, e, g->slot[slot].last);
	g->slot[slot].last = t->latest = e;
	if (++g->slot[slot].count > g->weight) {
		g->weight++;
		g->family->weight++;
		worst_look(&t->series->worst, g->family);
	}
	if (++t->groups[slot].count > t->weight) {
		t->weight++;
		t->series->weight++;
	}
}

static bool has_room(const struct series_target *t, const struct group *g, enum series_drop *why)
{
	unsigned slot = staged_slot(t);
	const struct series_limits *limits = &t->series->limits;

	*why = SERIES_DROP_SERIES_CEILING;
	if (t->groups[slot].count == t->weight && t->series->weight + t->series->counted >= limits->series)
		return false;
	*why = SERIES_DROP_FAMILY_CEILING;
	if (g->slot[slot].count >= g->weight && g->family->weight >= limits->family_series)
		weigh_family(g->family); /* what is left may still weigh something */
	return g->slot[slot].count < g->weight || g->family->weight < limits->family_series;
}

/* What the entry has that is on the page already, if the sample belongs to that. */
static bool merge(struct series_target *t, const struct head *h, struct entry *e, const struct stepping *s)
{
	if (!e || e->target != t || e->slot[staged_slot(t)].scrape != t->staged || !stepping_merge(t, h, e, s))
		return false;
	if (s->sample->exemplar.size > 0)
		entry_exemplar(t, e, s->sample->exemplar);
	t->merged++;
	return true;
}

/* Whoever has that text; what is left does not. */
static struct entry *known(struct series_target *t, const struct group *g, struct bytes text)
{
	struct entry *e = text.data ? find(t, g, text) : NULL;

	if (!e || e->target == t || entry_live(e))
		return e;
	entry_unname(t->series, e);
	return NULL;
}

/* The entry for a sample of the group, or NULL with the reason. `e` has its text, or is NULL. */
static struct entry *claim(
	struct series_target *t, struct group *g, struct entry *e, const struct head *h, enum series_drop *why)
{
	struct bytes text = buffer_bytes(&t->series->scratch);

	*why = SERIES_DROP_DUPLICATE;
	if (e && (e->target != t || e->slot[staged_slot(t)].scrape == t->staged))
		return NULL;
	if (!has_room(t, g, why))
		return NULL;
	*why = SERIES_DROP_BYTES;
	return e ? e : entry_new(t, text, cut_set_of(t->series, text), head_is_quoted(h));
}

/* Prometheus refuses a whole page of text for a time before 1970, such as Go's zero time. In OpenMetrics times are
 * doubles. */
static bool has_bad_time(const struct series_target *t, const struct exposition_sample *sample)
{
	return sample->has_timestamp && !t->timeless &&
	       (sample->timestamp_ms < 0 || sample->timestamp_ms > TIMESTAMP_MAX);
}

/* Without memory for it, its label set goes. */
static void stage_native(struct series_target *t, struct entry *e, struct bytes native)
{
	entry_exemplar(t, e, native);
	if (!e->slot[staged_slot(t)].exemplar)
		cut_note(t, t->source, (struct bytes){ e->text, e->size }, SERIES_DROP_BYTES);
}

/* The entry gets what the sample has. */
static void put(struct series_target *t, struct group *g, struct entry *e, const struct stepping *s)
{
	value_set(t, &e->slot[staged_slot(t)].value, s);
	entry_stage(t, g, e);
	if (UNLIKELY(s->sample->native.size > 0))
		stage_native(t, e, s->sample->native);
	else if (UNLIKELY(s->sample->exemplar.size > 0 || e->slot[staged_slot(t)].exemplar))
		entry_exemplar(t, e, s->sample->exemplar);
}

static uint64_t hash_written(const struct series_target *t, struct bytes head)
{
	return XXH3_64bits_withSeed(head.data, head.size, t->series->seed);
}

/* Which entry a head is depends on nothing else, unless there are steps. */
static bool remembers(const struct series_target *t)
{
	return !t->series->steps.step;
}

/* Puts the sample at its place, or merges it with what is there. False: there is none for it, for that reason. */
static bool place(
	struct series_target *t, struct group *g, const struct head *h, const struct stepping *s, enum series_drop *why)
{
	struct bytes text = head_render(t->series, h);
	struct entry *e = known(t, g, text);

	*why = SERIES_DROP_BYTES;
	if (!text.data)
		return false;
	if (UNLIKELY(merge(t, h, e, s)))
		return true;
	e = claim(t, g, e, h, why);
	if (!e)
		return false;
	put(t, g, e, s);
	e->written = s->sample->head.size > 0 && remembers(t) ? hash_written(t, s->sample->head) : 0;
	return true;
}

static struct entry *first_of(const struct series_target *t, const struct group *g)
{
	return g ? g->slot[t->slot].first : NULL;
}

/* What came behind the latest one in the last scrape; NULL: nothing, or it is not known. */
static struct entry *expected(const struct series_target *t)
{
	const struct entry *last = t->latest;
	unsigned slot = t->slot;

	if (!t->visible || !remembers(t))
		return NULL;
	if (!last)
		return first_of(t, t->groups[slot].first);
	if (!entry_visible(last))
		return NULL;
	return last->slot[slot].next ? last->slot[slot].next : first_of(t, last->slot[slot].group->slot[slot].next);
}

static struct bytes name_of(const struct series_target *t, const struct entry *e)
{
	size_t size = e->slot[t->slot].group->family->size; /* which it begins with */

	while (size < e->size && e->text[size] != '{')
		size++;
	return (struct bytes){ e->text, size };
}

/* Up to the last brace, or to the first blank if there is none. What is behind an exemplar's is in no head. */
static struct bytes head_of(struct bytes line)
{
	const char *end = memrchr(line.data, '}', line.size);

	if (!end)
		end = memchr(line.data, ' ', line.size);
	else
		end++;
	return (struct bytes){ line.data, end ? (size_t)(end - line.data) : 0 };
}

/* Whether the latest sample was known, and has the name of this one, with no metadata between them. */
static bool is_same_name(const struct series_target *t, const struct entry *e)
{
	size_t size = t->known_name;

	return t->known_group && t->known == t->latest && e->size >= size &&
	       memcmp(e->text, t->known->text, size) == 0 && (e->size == size || e->text[size] == '{');
}

/* Where its sample goes. False: nowhere. */
static bool find_known_group(struct series_target *t, const struct entry *e)
{
	struct bytes name;
	enum series_drop why;

	if (is_same_name(t, e))
		return true;
	name = name_of(t, e);
	t->known_name = name.size;
	t->known_group = group_of(t, name, false, &why);
	return t->known_group;
}

static size_t on_known(void *context, struct bytes line)
{
	struct series_target *t = context;
	struct bytes head = head_of(line);
	struct entry *e = expected(t);

	if (!e || !e->written || e->quoted || e->slot[staged_slot(t)].scrape == t->staged ||
		e->written != hash_written(t, head))
		return 0;
	if (!find_known_group(t, e))
		return 0;
	t->known = e;
	return head.size;
}

/* The sample is of the entry that on_known() has found. */
static bool stage_known(struct series_target *t, const struct stepping *s, enum series_drop *why)
{
	struct group *g = t->known_group;

	if (has_room(t, g, why)) {
		put(t, g, t->known, s);
		return true;
	}
	cut_note(t, t->source, (struct bytes){ t->known->text, t->known->size }, *why);
	return false;
}

/* True, or false with the reason. */
static bool stage(struct series_target *t, const struct stepping *s, enum series_drop *why)
{
	const struct exposition_sample *sample = s->sample;
	struct head head;
	struct group *g;
	int failed;

	*why = SERIES_DROP_NATIVE;
	if (sample->bad_native || (sample->native.size > 0 && s->merge))
		return false;
	*why = sample->excess ? SERIES_DROP_SAMPLE_SIZE : SERIES_DROP_TIMESTAMP;
	if (sample->excess || has_bad_time(t, sample))
		return false;
	if (LIKELY(sample->known))
		return stage_known(t, s, why);
	failed = head_prepare(t, sample, s->whole, &head);
	*why = failed == -EEXIST ? SERIES_DROP_LABELS : SERIES_DROP_BYTES;
	if (failed)
		return false;
	g = group_of(t, head.name, sample->created, why);
	if (g && place(t, g, &head, s, why))
		return true;
	if (t->source && series_drop_is_ceiling(*why))
		cut_note(t, t->source, g ? head_render(t->series, &head) : (struct bytes){ NULL, 0 }, *why);
	return false;
}

/* A family is told by the name of its source; what was not looked up is told by its own. */
static void refuse(struct series_target *t, const struct exposition_sample *sample, enum series_drop why)
{
	const struct origin *o = t->source;
	enum role role;
	bool known = sample->known || (o && owns(t, o, sample->name, &role));

	count_dropped(t, why, known ? (struct bytes){ o->name, o->size } : sample->name, 1);
}

/* A metric that has a new name has what is known of it under the old one, unless the page says that itself. */
static void rename_source(struct series_target *t, const struct origin *from, struct bytes name)
{
	struct origin *to = origin_touch(t, name);
	unsigned slot = staged_slot(t);

	if (!to || !from)
		return;
	if (from->slot[slot].typed && !to->slot[slot].typed)
		take_type(t, to, from->slot[slot].type);
	if (from->slot[slot].helped && !to->slot[slot].helped) {
		text_set(t->series, &to->slot[slot].help,
			(struct bytes){ from->slot[slot].help.data, from->slot[slot].help.size });
		to->slot[slot].helped = true;
	}
	if (from->slot[slot].united && !to->slot[slot].united)
		take_unit(t, to, (struct bytes){ from->slot[slot].unit.data, from->slot[slot].unit.size });
	t->source = to;
}

/* False: a step drops it. */
static bool pass_steps(struct series_target *t, struct stepping *s)
{
	struct bytes name = name_kept(t->series, s->sample->name, s->sample->quoted);
	enum role role = ROLE_PLAIN;
	const struct origin *o = name.data ? source_known(t, name, s->sample->created, &role) : NULL;

	if (!stepping_pass(t, s, o, role))
		return false;
	if (s->source.data)
		rename_source(t, o, s->source);
	return true;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct series_target *t = context;
	struct stepping s = { .sample = sample };
	enum series_drop why;

	OXP_ASSERT(t->staged);
	if (!sample->known)
		t->known_group = NULL;
	t->counts.received++;
	if (UNLIKELY(t->series->steps.step && !sample->excess && !sample->bad_native && !pass_steps(t, &s)))
		return 0;
	if (!stage(t, &s, &why))
		refuse(t, s.sample, why);
	return 0;
}

const struct exposition_events series_events = { .meta = on_meta, .sample = on_sample, .known = on_known };
