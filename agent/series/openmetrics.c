#include "series/openmetrics.h"

#define TOTAL "_total"
#define INFO "_info"
#define CREATED "_created"
#define COUNT "_count"

bool openmetrics_shown(const struct series *s, struct bytes name)
{
	const struct family *f = family_find((struct series *)s, name);
	const struct group *g = f ? f->groups : NULL;

	while (g && !group_visible(g))
		g = g->sibling;
	return g;
}

/* The first of its groups that is; NULL if none is. */
static const struct group *visible(const struct family *f)
{
	const struct group *g = f->groups;

	while (g && !group_visible(g))
		g = g->sibling;
	return g;
}

static bool all_are(const struct family *f, enum role role)
{
	for (const struct group *g = f->groups; g; g = g->sibling)
		if (group_visible(g) && g->slot[g->target->slot].role != role)
			return false;
	return true;
}

/* The size without the end, or 0. */
static size_t stem_size(struct bytes name, const char *end)
{
	size_t size = strlen(end);
	bool ends = name.size > size && memcmp(name.data + name.size - size, end, size) == 0;

	return ends ? name.size - size : 0;
}

static size_t cut_of(const struct series *s, const struct family *f, const char *end)
{
	struct bytes stem = { f->name, stem_size(family_name(f), end) };

	return stem.size > 0 && !openmetrics_shown(s, stem) ? f->size - stem.size : 0;
}

enum exposition_type openmetrics_type(const struct series *s, const struct family *f, size_t *ret_cut)
{
	const struct group *g = visible(f);
	enum exposition_type type = group_type(g, g->target->slot);

	*ret_cut = 0;
	if (type == EXPOSITION_COUNTER) {
		*ret_cut = cut_of(s, f, TOTAL);
		return *ret_cut ? type : EXPOSITION_UNTYPED;
	}
	if (type != EXPOSITION_GAUGE || !all_are(f, ROLE_INFO))
		return type;
	*ret_cut = cut_of(s, f, INFO);
	return *ret_cut ? EXPOSITION_INFO : type;
}

struct bytes openmetrics_unit(const struct group *g, struct bytes name)
{
	static const struct bytes none = { NULL, 0 };
	unsigned slot = g->target->slot;
	const struct origin *o = g->slot[slot].source;
	struct bytes unit = { o->slot[slot].unit.data, o->slot[slot].unit.size };
	bool fits = o->slot[slot].united && g->slot[slot].role <= ROLE_TOTAL && unit.size > 0 && name.size > unit.size;
	const char *end = name.data + name.size - (fits ? unit.size : 0);

	return fits && end[-1] == '_' && memcmp(end, unit.data, unit.size) == 0 ? unit : none;
}

/* What its label sets are created for: the name without the suffix of its samples. */
static size_t created_stem(struct series *s, const struct family *f)
{
	size_t cut;
	enum exposition_type type = openmetrics_type(s, f, &cut);

	if (type == EXPOSITION_COUNTER)
		return f->size - cut;
	return type == EXPOSITION_HISTOGRAM || type == EXPOSITION_SUMMARY ? f->size : 0;
}

/* In series.scratch. */
static struct bytes with(struct series *s, struct bytes stem, const char *end)
{
	buffer_clear(&s->scratch);
	if (buffer_append(&s->scratch, stem.data, stem.size) || buffer_text(&s->scratch, end))
		return (struct bytes){ NULL, 0 };
	return buffer_bytes(&s->scratch);
}

static bool is_created(const struct family *f)
{
	return f && visible(f) && all_are(f, ROLE_CREATED);
}

const struct family *openmetrics_created(struct series *s, const struct family *f)
{
	struct bytes stem = { f->name, created_stem(s, f) };
	struct bytes name = stem.size ? with(s, stem, CREATED) : stem;
	const struct family *created = name.size ? family_find(s, name) : NULL;

	return is_created(created) ? created : NULL;
}

const struct family *openmetrics_created_for(struct series *s, const struct family *f)
{
	struct bytes stem = { f->name, stem_size(family_name(f), CREATED) };
	const struct family *found = NULL;

	if (stem.size == 0 || !is_created(f))
		return NULL;
	for (int i = 0; i < 2; i++) {
		struct bytes name = with(s, stem, i ? "" : TOTAL);
		found = name.data ? family_find(s, name) : NULL;
		if (found && visible(found) && created_stem(s, found) == stem.size)
			return found;
	}
	return NULL;
}

/* Behind the family's name in the text of a series. */
static const char *behind_name(const struct family *f, const struct entry *e)
{
	return e->text + (e->text[0] == '{' ? 2 : 0) + f->size;
}

const struct entry *openmetrics_created_behind(
	struct series *s, const struct family *f, const struct family *created, const struct entry *e)
{
	const char *rest = behind_name(f, e), *end = e->text + e->size;
	const struct entry *found;
	size_t count = sizeof COUNT - 1, stem = (size_t)(rest - e->text);
	struct bytes text;

	if (stem_size(family_name(created), CREATED) < f->size)
		stem -= f->size - stem_size(family_name(created), CREATED); /* a counter's _total */
	else if ((size_t)(end - rest) < count || memcmp(rest, COUNT, count) != 0)
		return NULL;
	else
		rest += count;
	text = with(s, (struct bytes){ e->text, stem }, CREATED);
	if (!text.data || buffer_append(&s->scratch, rest, (size_t)(end - rest)))
		return NULL;
	found = entry_find(s, buffer_bytes(&s->scratch));
	return found && entry_visible(found) ? found : NULL;
}
