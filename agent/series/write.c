#include "series/write.h"

#include "proto/exposition_write.h"
#include "series/table.h"

void series_cursor_init(struct series_cursor *c, struct series *s, enum exposition_format format)
{
	*c = (struct series_cursor){ .series = s, .format = format, .version = s->version };
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

/* Behind the families that are written; their numbers give the order. */
static struct family *next_family(const struct series_cursor *c)
{
	struct family *f = c->family ? c->family->next : c->series->first;

	while (f && f->number <= c->done)
		f = f->next;
	return f;
}

/* Moves to the next family that has a visible entry; false at the end. */
static bool enter_family(struct series_cursor *c)
{
	for (c->family = next_family(c); c->family; c->family = c->family->next) {
		enter_group(c, c->family->groups);
		if (c->group)
			return true;
	}
	return false;
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

static bool is_shown(const struct series *s, struct bytes name)
{
	const struct family *f = family_find((struct series *)s, name);
	const struct group *g = f ? f->groups : NULL;

	while (g && !group_visible(g))
		g = g->sibling;
	return g;
}

/* In OpenMetrics a counter `x` has samples `x_total`. One that cannot be called so is of unknown type there: its name
 * does not end like this, or something else is called `x`. */
static void name_counter(const struct series *s, struct bytes *name, enum exposition_type *type)
{
	static const char total[] = "_total";
	size_t end = sizeof total - 1;
	struct bytes stem = { name->data, name->size > end ? name->size - end : 0 };

	if (stem.size > 0 && memcmp(name->data + stem.size, total, end) == 0 && !is_shown(s, stem))
		*name = stem;
	else
		*type = EXPOSITION_UNTYPED;
}

static int begin_family(struct series_cursor *c, struct buffer *to)
{
	struct bytes name = family_name(c->family), help = help_of(c->group);
	enum exposition_type type = group_type(c->group, c->group->target->slot);
	int failed = 0;

	if (type == EXPOSITION_COUNTER && c->format == EXPOSITION_OPENMETRICS)
		name_counter(c->series, &name, &type);
	c->start = to->size;
	if (help.data)
		failed = exposition_write_help(to, name, help, c->format);
	if (!failed)
		failed = exposition_write_type(to, name, type, c->format);
	return failed;
}

static int write_entry(struct series_cursor *c, struct buffer *to)
{
	unsigned slot = c->group->target->slot;
	const struct value *v = &c->entry->slot[slot].value;
	struct exposition_line line = {
		.head = { c->entry->text, c->entry->size },
		.value = v->value,
		.value_text = { v->text, v->text_size },
		.has_timestamp = v->has_timestamp,
		.timestamp_ms = v->timestamp_ms,
	};
	int failed = exposition_write_sample(to, &line, c->format);

	c->entry = c->entry->slot[slot].next;
	if (!c->entry)
		enter_group(c, c->group->sibling);
	return failed;
}

/* Within the family under way, which has an entry to write, up to `end` bytes. */
static int write_entries(struct series_cursor *c, struct buffer *to, size_t end)
{
	int failed = 0;

	while (c->group && !failed && (to->size < end || c->restarts >= SERIES_RESTARTS_MAX))
		failed = write_entry(c, to);
	return failed;
}

/* The table has changed since the last slice: no pointer of ours is good any more. */
static void start_again(struct series_cursor *c, struct buffer *to)
{
	if (c->group) {
		to->size = c->start;
		c->restarts++;
	}
	c->family = NULL;
	c->group = NULL;
	c->version = c->series->version;
}

static void end_family(struct series_cursor *c)
{
	c->done = c->family->number;
	c->restarts = 0;
}

int series_write_some(struct series_cursor *c, struct buffer *to, size_t budget)
{
	size_t end = to->size + budget;
	int failed = 0;

	if (!c->finished && c->version != c->series->version) {
		start_again(c, to);
		end = to->size + budget;
	}
	while (!failed && !c->finished && to->size < end) {
		if (!c->group) {
			c->finished = !enter_family(c);
			failed = c->finished ? 0 : begin_family(c, to);
		}
		if (!failed && c->group)
			failed = write_entries(c, to, end);
		if (c->family && !c->group)
			end_family(c);
	}
	if (failed)
		return failed;
	return c->finished ? span_write_some(&c->spans, to, end) : 1;
}
