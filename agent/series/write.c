#include "series/write.h"

#include <errno.h>
#include <stdio.h>
#include <xxhash.h>

#include "proto/exposition_write.h"
#include "series/escape.h"
#include "series/openmetrics.h"
#include "series/span_sets.h"
#include "series/table.h"

enum { LEFT_OUT_COST = 100, ESCAPE_COST = 100, HIDDEN_COST = 16 }; /* as bytes that are written */

void series_cursor_init(struct series_cursor *c, struct series *s, enum exposition_format format)
{
	*c = (struct series_cursor){ .series = s, .format = format, .version = s->version };
	seen_begin(&s->seen, s->quoted);
	span_cursor_init(&c->spans, s->spans, format);
}

/* Moves to the first entry at or behind `g`. */
static void enter_group(struct series_cursor *c, struct group *g)
{
	for (; g; g = g->sibling)
		if (group_visible(g) && g->slot[g->target->slot].count > 0)
			break;
	c->group = g;
	c->entry = g ? g->slot[g->target->slot].first : NULL;
}

/* Where the part under way ends: names from there on are not its. NULL: it has no end. */
static const char *end_of_part(const struct series_cursor *c)
{
	const struct series *s = c->series;

	switch (c->part) {
	case SERIES_PART_FIRST:
		return s->limits.reserved ? s->limits.reserved : "";
	case SERIES_PART_BETWEEN:
		return s->spans ? s->spans->words.prefix : "";
	default:
		return NULL;
	}
}

static bool is_wanted(const struct series_cursor *c, const struct family *f)
{
	return !c->only || series_only_has(c->only, family_name(f), group_type(c->group, c->group->target->slot));
}

static struct bytes done(const struct series_cursor *c)
{
	return (struct bytes){ c->done, c->done_size };
}

/* Of those that are asked for by name. */
static struct family *next_of_names(const struct series_cursor *c)
{
	struct bytes name = c->family ? family_name(c->family) : done(c);
	struct family *f = NULL;

	while (!f && (name = series_only_behind(c->only, name)).data)
		f = family_find(c->series, name);
	return f;
}

/* Behind the families that are written, or that have nothing to be written. */
static struct family *next_family(const struct series_cursor *c)
{
	const char *end = end_of_part(c);
	struct family *f;

	if (c->only)
		f = next_of_names(c);
	else
		f = c->family ? c->family->next : order_behind(&c->series->order, done(c));
	return f && end && bytes_compare(family_name(f), bytes_of(end)) >= 0 ? NULL : f;
}

/* Moves to the next family; false at the end of the part. Without a group it has no visible entry, or none that is
 * wanted: targets may have left many such behind, so each takes its part of the slice. */
static bool enter_family(struct series_cursor *c)
{
	c->group = NULL;
	c->family = next_family(c);
	if (!c->family)
		return false;
	enter_group(c, c->family->groups);
	if (c->group && !is_wanted(c, c->family))
		c->group = NULL;
	c->spent += c->group ? 0 : HIDDEN_COST;
	return true;
}

/* The help of the first target that gave one. */
static struct bytes help_of(const struct group *g)
{
	for (; g; g = g->sibling) {
		unsigned slot = g->target->slot;
		const struct origin *o = group_visible(g) ? g->slot[slot].source : NULL;
		if (o && o->slot[slot].helped)
			return (struct bytes){ o->slot[slot].help.data, o->slot[slot].help.size };
	}
	return (struct bytes){ NULL, 0 };
}

/* Whether names are escaped on this page, and there are any. */
static bool escapes(const struct series_cursor *c)
{
	return c->escaping != EXPOSITION_UTF8 && c->series->quoted > 0;
}

/* Whether no other family of the page is called so. */
static bool is_free(const struct series_cursor *c, struct bytes escaped)
{
	struct series *s = c->series;

	return !openmetrics_shown(s, escaped) &&
	       seen_add(&s->seen, XXH3_64bits_withSeed(escaped.data, escaped.size, ~s->seed));
}

/* Whether the family has a name of its own on this page. */
static bool admit(const struct series_cursor *c)
{
	struct bytes escaped;

	if (!escapes(c))
		return true;
	seen_begin_family(&c->series->seen);
	if (!c->family->quoted)
		return true;
	escaped = escape_family(c->series, c->family, c->escaping);
	return escaped.data && is_free(c, escaped);
}

static void leave_out(struct series_cursor *c, struct bytes name, uint64_t samples)
{
	if (c->left_out == 0)
		snprintf(c->first_left_out, sizeof c->first_left_out, "%.*s", (int)name.size, name.data);
	c->left_out += samples;
	c->spent += LEFT_OUT_COST + name.size;
}

static void leave_out_family(struct series_cursor *c)
{
	uint64_t samples = 0;

	for (; c->group; enter_group(c, c->group->sibling))
		samples += c->group->slot[c->group->target->slot].count;
	leave_out(c, family_name(c->family), samples);
}

/* What the family is in OpenMetrics. `shown` is its name on this page; *ret_unit its unit. */
static enum exposition_type name_openmetrics(const struct series_cursor *c, struct bytes *shown, struct bytes *ret_unit)
{
	size_t cut;
	enum exposition_type type = openmetrics_type(c->series, c->family, &cut);
	struct bytes stem = { shown->data, shown->size - cut };

	if (cut > 0 && escapes(c) && !is_free(c, stem))
		return type == EXPOSITION_COUNTER ? EXPOSITION_UNTYPED : EXPOSITION_GAUGE;
	*ret_unit = openmetrics_unit(c->group, (struct bytes){ c->family->name, c->family->size - cut });
	if (cut == 0)
		return type;
	*shown = stem;
	if (c->escaping == EXPOSITION_UTF8 && c->family->quoted)
		c->series->names.data[stem.size - 1] = '"'; /* closes it earlier */
	return type;
}

static bool has_exemplars(enum exposition_type type)
{
	return type == EXPOSITION_COUNTER || type == EXPOSITION_HISTOGRAM || type == EXPOSITION_GAUGEHISTOGRAM;
}

static int begin_family(struct series_cursor *c, struct buffer *to)
{
	struct bytes name = escape_family(c->series, c->family, c->escaping), help = help_of(c->group);
	enum exposition_type type = group_type(c->group, c->group->target->slot);
	struct bytes unit = { NULL, 0 };
	bool openmetrics = c->format == EXPOSITION_OPENMETRICS;
	int failed = name.data ? 0 : -ENOMEM;

	if (!failed && openmetrics)
		type = name_openmetrics(c, &name, &unit);
	c->created = openmetrics && !escapes(c) ? openmetrics_created(c->series, c->family) : NULL;
	c->exemplars = has_exemplars(type);
	c->start = to->size;
	c->left_out_before = c->left_out;
	if (!failed && help.data)
		failed = exposition_write_help(to, name, help, c->format);
	if (!failed)
		failed = exposition_write_type(to, name, type, c->format);
	if (!failed && unit.size > 0)
		failed = exposition_write_unit(to, name, unit);
	return failed;
}

static bool clashes(struct series *s, struct bytes text)
{
	const struct entry *classic = entry_find(s, text);

	return (classic && entry_visible(classic)) ||
	       !seen_add(&s->seen, XXH3_64bits_withSeed(text.data, text.size, s->seed));
}

/* A series whose name or labels are not classic. */
static int write_escaped(struct series_cursor *c, struct buffer *to, struct exposition_line *line)
{
	int failed = escape_series(c->series, c->family, c->entry, c->escaping, &line->head);

	if (failed == -EEXIST || (!failed && clashes(c->series, line->head))) {
		leave_out(c, (struct bytes){ c->entry->text, c->entry->size }, 1);
		return 0;
	}
	if (failed)
		return failed;
	c->spent += ESCAPE_COST + c->entry->size;
	return exposition_write_sample(to, line, c->format);
}

/* OpenMetrics has exemplars of counters and of buckets (1.0, "Exemplars"). */
static bool may_have_exemplar(const struct series_cursor *c)
{
	static const char bucket[] = "_bucket";
	size_t name = c->entry->text[0] == '{' ? 2 : 0, size = sizeof bucket - 1;
	const char *suffix = c->entry->text + name + c->family->size;

	return group_type(c->group, c->group->target->slot) == EXPOSITION_COUNTER ||
	       (name + c->family->size + size <= c->entry->size && memcmp(suffix, bucket, size) == 0);
}

/* A series as it is in its target's slot. */
static struct exposition_line line_of(const struct entry *e)
{
	const struct value *v = &e->slot[e->target->slot].value;

	return (struct exposition_line){
		.head = { e->text, e->size },
		.value = v->value,
		.value_text = { v->text, v->text_size },
		.has_timestamp = v->has_timestamp,
		.timestamp_ms = v->timestamp_ms,
	};
}

/* Behind the entry that was written. */
static int write_created(const struct series_cursor *c, struct buffer *to)
{
	const struct entry *e = openmetrics_created_behind(c->series, c->family, c->created, c->entry);
	struct exposition_line line;

	if (!e)
		return 0;
	line = line_of(e);
	return exposition_write_sample(to, &line, c->format);
}

static int write_entry(struct series_cursor *c, struct buffer *to)
{
	unsigned slot = c->group->target->slot;
	struct exposition_line line = line_of(c->entry);
	const struct exemplar *x = c->entry->slot[slot].exemplar;
	int failed;

	if (UNLIKELY(x) && c->exemplars && may_have_exemplar(c))
		line.exemplar = (struct bytes){ x->text, x->size };
	if (UNLIKELY(c->entry->quoted) && c->escaping != EXPOSITION_UTF8)
		failed = write_escaped(c, to, &line);
	else
		failed = exposition_write_sample(to, &line, c->format);
	if (UNLIKELY(c->created) && !failed)
		failed = write_created(c, to);
	c->entry = c->entry->slot[slot].next;
	if (!c->entry)
		enter_group(c, c->group->sibling);
	return failed;
}

/* Within the family under way, which has an entry to write, up to `end` bytes. */
static int write_entries(struct series_cursor *c, struct buffer *to, size_t end)
{
	int failed = 0;

	while (c->group && !failed && (to->size + c->spent < end || c->restarts >= SERIES_RESTARTS_MAX))
		failed = write_entry(c, to);
	return failed;
}

/* The table has changed since the last slice: no pointer of ours is good any more. */
static void start_again(struct series_cursor *c, struct buffer *to)
{
	if (c->group) {
		to->size = c->start;
		c->left_out = c->left_out_before;
		c->restarts++;
	}
	c->family = NULL;
	c->group = NULL;
	c->version = c->series->version;
}

static void end_family(struct series_cursor *c)
{
	OXP_ASSERT(c->family->size <= sizeof c->done);
	memcpy(c->done, c->family->name, c->family->size);
	c->done_size = c->family->size;
	c->restarts = 0;
	seen_end_family(&c->series->seen);
}

/* Whether what it tells stands in another family of the page. */
static bool is_told(const struct series_cursor *c)
{
	const struct family *other = NULL;
	const struct group *g;

	if (c->format == EXPOSITION_OPENMETRICS && !escapes(c))
		other = openmetrics_created_for(c->series, c->family);
	if (!other || !c->only)
		return other;
	for (g = other->groups; !group_visible(g);)
		g = g->sibling;
	return series_only_has(c->only, family_name(other), group_type(g, g->target->slot));
}

static int next_family_begins(struct series_cursor *c, struct buffer *to)
{
	if (!enter_family(c)) {
		c->part++;
		return 0;
	}
	if (!c->group)
		return 0;
	if (is_told(c)) {
		c->group = NULL;
		c->spent += LEFT_OUT_COST;
		return 0;
	}
	c->spent += c->family->quoted && escapes(c) ? ESCAPE_COST : 0;
	if (admit(c))
		return begin_family(c, to);
	leave_out_family(c);
	return 0;
}

static int write_families(struct series_cursor *c, struct buffer *to, size_t end)
{
	int failed = 0;

	if (!c->group)
		failed = next_family_begins(c, to);
	if (!failed)
		failed = write_entries(c, to, end);
	if (c->family && !c->group)
		end_family(c);
	return failed;
}

static int write_own(struct series_cursor *c, struct buffer *to)
{
	c->part++;
	return c->own ? c->own(c->own_context, to) : 0;
}

static int write_spans(struct series_cursor *c, struct buffer *to, size_t end)
{
	int more;

	c->spans.only = c->only;
	more = span_write_some(&c->spans, to, end);
	if (more > 0)
		return 0;
	c->part++;
	return more;
}

static int write_part(struct series_cursor *c, struct buffer *to, size_t end)
{
	if (c->part == SERIES_PART_OWN)
		return write_own(c, to);
	if (c->part == SERIES_PART_SPANS)
		return write_spans(c, to, end);
	return write_families(c, to, end);
}

int series_write_some(struct series_cursor *c, struct buffer *to, size_t budget)
{
	size_t end = to->size + budget;
	int failed = 0;

	c->spent = 0;
	if (c->version != c->series->version) {
		start_again(c, to);
		end = to->size + budget;
	}
	while (!failed && c->part != SERIES_PART_END && to->size + c->spent < end)
		failed = write_part(c, to, end);
	if (failed)
		return failed;
	if (c->part == SERIES_PART_END)
		seen_done(&c->series->seen);
	return c->part != SERIES_PART_END;
}
