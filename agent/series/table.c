/*
 * The table itself, and what is in it.
 */
#include "series/series.h"

#include <errno.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <xxhash.h>

#include "proto/exposition_write.h"
#include "series/table.h"

enum {
	OVERHEAD = 32, /* of an allocation: the allocator's head and a bucket */
	SCRATCH_MAX = 1 << 20,
	VALUE_LINE = 64, /* of a sample's line: two spaces, a value, a timestamp, the line's end; or of a metric in
			  * protobuf, which takes two bytes more than text for each of its labels: 19 of these */
	LABELS_ROOM = 38, /* of VALUE_LINE: what labels take in protobuf beyond their text */
	EXEMPLAR_LINE = 32, /* that much longer is an exemplar in protobuf, or a native histogram in base64, at most */
	FAMILY_LINES = 64, /* of # HELP, # TYPE and # UNIT, but for names and texts */
	HELPS = 3, /* families of one source at most: a counter's, its _total, its _created */
};

const struct series_limits series_limits_default = {
	.series = 40000,
	.family_series = 20000,
	.bytes = 16 << 20,
	.reserved = "oxpecker_",
};

const char *series_drop_name(enum series_drop drop)
{
	static const char *const names[SERIES_DROPS] = {
		[SERIES_DROP_TYPE_CLASH] = "type_clash",
		[SERIES_DROP_SERIES_CEILING] = "series_ceiling",
		[SERIES_DROP_FAMILY_CEILING] = "family_ceiling",
		[SERIES_DROP_BYTES] = "bytes_ceiling",
		[SERIES_DROP_DUPLICATE] = "duplicate",
		[SERIES_DROP_LABELS] = "labels",
		[SERIES_DROP_RESERVED] = "reserved",
		[SERIES_DROP_TIMESTAMP] = "timestamp",
		[SERIES_DROP_NATIVE] = "native_histogram",
		[SERIES_DROP_SAMPLE_SIZE] = "sample_size",
	};

	return names[drop];
}

bool series_drop_is_ceiling(enum series_drop drop)
{
	return drop == SERIES_DROP_SERIES_CEILING || drop == SERIES_DROP_FAMILY_CEILING || drop == SERIES_DROP_BYTES ||
	       drop == SERIES_DROP_SAMPLE_SIZE;
}

/* How much of the table something takes: memory, and bytes of a page at most. */
struct share {
	size_t size, line;
};

static void give(struct series *s, struct share share)
{
	if (s->limits.give)
		s->limits.give(s->limits.context, share.size + OVERHEAD + share.line);
}

/* Memory that counts; NULL beyond the ceiling. */
static void *alloc(struct series *s, struct share share)
{
	size_t cost = share.size + OVERHEAD;
	void *made;

	if (cost > s->limits.bytes - s->bytes)
		return NULL;
	if (s->limits.take && !s->limits.take(s->limits.context, cost + share.line))
		return NULL;
	made = calloc(1, share.size);
	if (!made) {
		give(s, share);
		return NULL;
	}
	s->bytes += cost;
	s->lines += share.line;
	return made;
}

/* The same; what is left makes room. Whoever calls it holds nothing but what is visible or staged. */
static void *alloc_tidied(struct series *s, struct share share)
{
	void *made;

	while (!(made = alloc(s, share)) && tidy_some(s))
		;
	return made;
}

static void release(struct series *s, void *memory, struct share share)
{
	if (!memory)
		return;
	s->bytes -= share.size + OVERHEAD;
	s->lines -= share.line;
	free(memory);
	give(s, share);
}

void *series_alloc(struct series *s, size_t size, size_t line)
{
	return alloc_tidied(s, (struct share){ size, line });
}

void series_release(struct series *s, void *memory, size_t size, size_t line)
{
	release(s, memory, (struct share){ size, line });
}

/* Help is written with the escapes of OpenMetrics, which has one more than text, for each of the families that samples
 * of one source make. */
static struct share text_share(struct bytes text)
{
	size_t escapes = 0;

	for (size_t i = 0; i < text.size; i++)
		escapes += text.data[i] == '\\' || text.data[i] == '\n' || text.data[i] == '"';
	return (struct share){ text.size, HELPS * (text.size + escapes) };
}

static void text_free(struct series *s, struct text *text)
{
	release(s, text->data, text_share((struct bytes){ text->data, text->size }));
}

static struct share family_share(size_t name, bool quoted)
{
	size_t line = quoted ? EXPOSITION_ESCAPED_MAX * (name + 1) : name;

	return (struct share){ sizeof(struct family) + name, 3 * line + FAMILY_LINES + (quoted ? SEEN_SHARE : 0) };
}

/* In protobuf a label, which has two quotes, is two bytes longer than its text, and lengths beyond 127 take more. */
static size_t beyond_text(struct bytes text)
{
	size_t more = text.size / 32;

	for (size_t i = 0; i < text.size; i++)
		more += text.data[i] == '"';
	return more > LABELS_ROOM ? more - LABELS_ROOM : 0;
}

/* Names that are escaped may become longer, each by a factor and three bytes. */
static struct share entry_share(struct bytes text, bool quoted)
{
	size_t line = quoted ? (EXPOSITION_ESCAPED_MAX + 1) * text.size + SEEN_SHARE : text.size;

	return (struct share){ offsetof(struct entry, text) + text.size, line + beyond_text(text) + VALUE_LINE };
}

static struct share exemplar_share(size_t text)
{
	return (struct share){ sizeof(struct exemplar) + text, text + text / 3 + EXEMPLAR_LINE };
}

static struct share group_share(void)
{
	return (struct share){ sizeof(struct group), 0 };
}

static struct share origin_share(size_t name)
{
	return (struct share){ sizeof(struct origin) + name, 0 };
}

static uint64_t hash(const struct series *s, struct bytes b)
{
	return XXH3_64bits_withSeed(b.data, b.size, s->seed);
}

void text_set(struct series *s, struct text *text, struct bytes b)
{
	char *made;

	if (bytes_equal((struct bytes){ text->data, text->size }, b))
		return;
	made = alloc_tidied(s, text_share(b));
	if (!made)
		return;
	memcpy(made, b.data, b.size);
	text_free(s, text);
	*text = (struct text){ made, b.size };
}

struct family *family_find(struct series *s, struct bytes name)
{
	struct map_node *n = map_first(&s->families, hash(s, name));

	while (n && !bytes_equal(family_name(CONTAINER_OF(n, struct family, node)), name))
		n = map_next(n);
	return n ? CONTAINER_OF(n, struct family, node) : NULL;
}

struct family *family_new(struct series *s, struct bytes name)
{
	bool quoted = !exposition_name_valid(name, false);
	struct family *f = alloc_tidied(s, family_share(name.size, quoted));

	if (!f)
		return NULL;
	memcpy(f->name, name.data, name.size);
	f->size = (uint32_t)name.size;
	f->quoted = quoted;
	f->node.hash = hash(s, name);
	map_put(&s->families, &f->node);
	order_insert(&s->order, f);
	s->quoted += quoted;
	return f;
}

void family_drop_empty(struct series *s, struct family *f)
{
	if (f->groups)
		return;
	OXP_ASSERT(f->weight == 0);
	worst_forget(&s->worst, f);
	order_remove(&s->order, f);
	map_remove(&s->families, &f->node);
	s->quoted -= f->quoted;
	release(s, f, family_share(f->size, f->quoted));
}

/* At the end: the page shows targets in the order in which they came to the family. */
struct group *group_new(struct series_target *t, struct family *f)
{
	struct group *g = alloc(t->series, group_share()), **at = &f->groups;

	if (!g)
		return NULL;
	t->series->shared += *at != NULL;
	while (*at)
		at = &(*at)->sibling;
	*at = g;
	g->family = f;
	g->target = t;
	return g;
}

void group_free(struct group *g)
{
	struct series *s = g->target->series;
	struct group **at = &g->family->groups;

	while (*at != g)
		at = &(*at)->sibling;
	*at = g->sibling;
	s->shared -= g->family->groups != NULL;
	g->family->weight -= g->weight;
	family_drop_empty(s, g->family);
	release(s, g, group_share());
}

/* What a family is on the page, by how its samples hang on their source. */
static enum exposition_type role_type(enum role role, enum exposition_type of_source)
{
	return role == ROLE_PLAIN ? of_source : role == ROLE_TOTAL ? EXPOSITION_COUNTER : EXPOSITION_GAUGE;
}

enum exposition_type group_type(const struct group *g, unsigned slot)
{
	return role_type(g->slot[slot].role, g->slot[slot].source->slot[slot].type);
}

struct entry *entry_find(struct series *s, struct bytes text)
{
	struct map_node *n = map_first(&s->entries, hash(s, text));

	for (; n; n = map_next(n)) {
		struct entry *e = CONTAINER_OF(n, struct entry, node);
		if (bytes_equal((struct bytes){ e->text, e->size }, text))
			return e;
	}
	return NULL;
}

/* Where the name of name{labels} or {"name",labels} ends. */
static const char *name_end(struct bytes text)
{
	const char *p = text.data, *end = bytes_end(text);

	if (*p == '{') {
		for (p += 2; *p != '"'; p++)
			p += *p == '\\';
	} else {
		p = memchr(p, '{', text.size);
		p = p ? p : end;
	}
	return p;
}

static bool ends_in(struct bytes name, const char *suffix)
{
	size_t size = strlen(suffix);

	return name.size > size && memcmp(bytes_end(name) - size, suffix, size) == 0;
}

struct entry *entry_new(struct series_target *t, struct bytes text, uint64_t set, bool quoted)
{
	struct entry *e = alloc_tidied(t->series, entry_share(text, quoted));
	struct bytes name = { text.data, (size_t)(name_end(text) - text.data) };

	if (!e)
		return NULL;
	memcpy(e->text, text.data, text.size);
	e->size = (uint32_t)text.size;
	e->quoted = quoted;
	t->series->quoted += quoted;
	e->target = t;
	e->set = set;
	e->ends = ends_in(name, "_count") || ends_in(name, "_sum");
	e->node.hash = hash(t->series, text);
	map_put(&t->series->entries, &e->node);
	return e;
}

void entry_unname(struct series *s, struct entry *e)
{
	OXP_ASSERT(!entry_live(e));
	map_remove(&s->entries, &e->node);
	e->unnamed = true;
}

static void exemplar_free(struct series *s, struct exemplar **at)
{
	if (*at)
		release(s, *at, exemplar_share((*at)->size));
	*at = NULL;
}

void entry_exemplar(struct series_target *t, struct entry *e, struct bytes text)
{
	struct exemplar **at = &e->slot[staged_slot(t)].exemplar;

	if (*at && (*at)->size != text.size)
		exemplar_free(t->series, at);
	if (text.size == 0)
		return;
	if (!*at)
		*at = alloc_tidied(t->series, exemplar_share(text.size));
	if (!*at)
		return;
	(*at)->size = text.size;
	memcpy((*at)->text, text.data, text.size);
}

void entry_free(struct series *s, struct entry *e)
{
	for (unsigned i = 0; i < SLOTS; i++)
		exemplar_free(s, &e->slot[i].exemplar);
	if (!e->unnamed)
		map_remove(&s->entries, &e->node);
	s->quoted -= e->quoted;
	release(s, e, entry_share((struct bytes){ e->text, e->size }, e->quoted));
}

void entry_unstage(struct series_target *t, struct entry *e)
{
	e->slot[staged_slot(t)].scrape = 0;
	if (!entry_live(e))
		entry_free(t->series, e);
}

struct origin *origin_find(struct series_target *t, struct bytes name)
{
	struct map_node *n = map_first(&t->sources, hash(t->series, name));

	for (; n; n = map_next(n)) {
		struct origin *o = CONTAINER_OF(n, struct origin, node);
		if (bytes_equal((struct bytes){ o->name, o->size }, name))
			return o;
	}
	return NULL;
}

struct origin *origin_new(struct series_target *t, struct bytes name)
{
	struct origin *o = alloc_tidied(t->series, origin_share(name.size));

	if (!o)
		return NULL;
	memcpy(o->name, name.data, name.size);
	o->size = name.size;
	o->node.hash = hash(t->series, name);
	map_put(&t->sources, &o->node);
	return o;
}

void origin_free(struct series_target *t, struct origin *o)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		text_free(t->series, &o->slot[i].help);
		text_free(t->series, &o->slot[i].unit);
	}
	map_remove(&t->sources, &o->node);
	release(t->series, o, origin_share(o->size));
}

void weigh_group(struct group *g)
{
	size_t weight = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (is_live(g->target, i, g->slot[i].scrape) && g->slot[i].count > weight)
			weight = g->slot[i].count;
	g->family->weight -= g->weight - weight;
	g->weight = weight;
}

void weigh_family(struct family *f)
{
	for (struct group *g = f->groups; g; g = g->sibling)
		weigh_group(g);
}

void weigh_target(struct series_target *t)
{
	size_t weight = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (is_live(t, i, t->groups[i].scrape) && t->groups[i].count > weight)
			weight = t->groups[i].count;
	t->series->weight -= t->weight - weight;
	t->weight = weight;
}

void count_dropped(struct series_target *t, enum series_drop why, struct bytes name, uint64_t samples)
{
	if (t->counts.dropped[why] == 0)
		snprintf(t->counts.first[why], SERIES_NAME_SHOWN, "%.*s", (int)name.size, name.data ? name.data : "");
	t->counts.dropped[why] += samples;
	worst_drop(&t->series->worst, name, series_drop_name(why), samples);
}

struct series *series_new(const struct series_limits *limits, uint64_t seed)
{
	struct series *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->limits = *limits;
	s->seed = seed;
	buffer_init(&s->scratch, SCRATCH_MAX);
	buffer_init(&s->names, SCRATCH_MAX);
	if (map_init(&s->entries) || map_init(&s->families)) {
		series_free(s);
		return NULL;
	}
	return s;
}

void series_free(struct series *s)
{
	if (!s)
		return;
	while (s->targets)
		series_target_free(s->targets);
	map_done(&s->entries);
	map_done(&s->families);
	buffer_done(&s->scratch);
	buffer_done(&s->names);
	seen_done(&s->seen);
	series_steps(s, NULL);
	free(s);
}

size_t series_worst(const struct series *s, struct series_worst ret[SERIES_WORST_MAX])
{
	return worst_list(&s->worst, ret);
}

size_t series_page_max(const struct series *s)
{
	return s->lines;
}

int series_target_new(struct series *s, const struct series_label *labels, size_t count, struct series_target **ret)
{
	struct series_target *t = calloc(1, sizeof *t), **at = &s->targets;
	int failed = t ? map_init(&t->sources) : -ENOMEM;

	if (!failed)
		failed = target_labels_set(t, labels, count);
	if (failed) {
		if (t)
			map_done(&t->sources);
		free(t);
		return failed;
	}
	while (*at)
		at = &(*at)->next;
	*at = t;
	t->series = s;
	*ret = t;
	return 0;
}

void series_target_free(struct series_target *t)
{
	struct series_target **at;

	if (!t)
		return;
	series_abandon(t);
	series_target_down(t);
	(void)tidy_all(t);
	for (at = &t->series->targets; *at != t;)
		at = &(*at)->next;
	*at = t->next;
	map_done(&t->sources);
	target_labels_done(t);
	free(t);
}

void series_target_honor_timestamps(struct series_target *t, bool honor)
{
	t->timeless = !honor;
}

size_t series_target_count(const struct series_target *t)
{
	return t->visible ? t->groups[t->slot].count : 0;
}

/* The groups of one slot of a target: their counts are what hangs in them. */
static void check_slot(const struct series_target *t, unsigned slot)
{
	bool counts = is_live(t, slot, t->groups[slot].scrape);
	size_t total = 0;

	for (const struct group *g = t->groups[slot].first; g; g = g->slot[slot].next) {
		size_t count = 0, runs = 0;
		const struct entry *last = NULL;
		for (const struct entry *e = g->slot[slot].first; e; e = e->slot[slot].next) {
			OXP_ASSERT(e->target == t && e->slot[slot].scrape == g->slot[slot].scrape);
			runs += !last || last->set != e->set;
			last = e;
			count++;
		}
		OXP_ASSERT(g->target == t && hangs(t, slot, g->slot[slot].scrape) && count == g->slot[slot].count);
		OXP_ASSERT(!counts || (count <= g->weight && runs == g->slot[slot].runs));
		total += count;
	}
	OXP_ASSERT(total == t->groups[slot].count && (!counts || total <= t->weight));
	OXP_ASSERT(!slot_left(t, slot) || slot_left(t, t->left));
}

static size_t check_family(const struct series *s, const struct family *f)
{
	const struct group *seen = NULL;
	size_t weight = 0, groups = 0;

	for (const struct group *g = f->groups; g; g = g->sibling) {
		weight += g->weight;
		groups++;
		if (!group_visible(g))
			continue;
		OXP_ASSERT(!seen || group_type(seen, seen->target->slot) == group_type(g, g->target->slot));
		seen = g;
	}
	OXP_ASSERT(groups > 0 && weight == f->weight && weight <= s->limits.family_series);
	return groups - 1;
}

void series_check(const struct series *s)
{
	size_t weight = 0, families = 0, most = 0, shared = 0;

	for (const struct series_target *t = s->targets; t; t = t->next) {
		check_slot(t, 0);
		check_slot(t, 1);
		weight += t->weight;
		most += t->groups[0].count + t->groups[1].count;
	}
	OXP_ASSERT(weight == s->weight && weight + s->counted <= s->limits.series && s->bytes <= s->limits.bytes);
	for (const struct family *f = s->order.first; f; f = f->next) {
		shared += check_family(s, f);
		families++;
	}
	order_check(&s->order);
	OXP_ASSERT(families == s->families.count && s->entries.count <= most && shared == s->shared);
}
