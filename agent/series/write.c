#include "series/write.h"

#include <errno.h>
#include <math.h> /* NAN */
#include <stdio.h>
#include <xxhash.h>

#include "proto/exposition_write.h"
#include "series/escape.h"
#include "series/openmetrics.h"
#include "series/span_sets.h"
#include "series/table.h"

enum {
	LEFT_OUT_COST = 100, /* as bytes that are written */
	ESCAPE_COST = 100,
	HIDDEN_COST = 16,
	SPANS_AT_ONCE = 8 << 10, /* bytes of text that become protobuf */
};

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

/* Whether times of creation are told with what was created. */
static bool has_created(const struct series_cursor *c)
{
	return c->format != EXPOSITION_TEXT && !escapes(c);
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

/* Families that one is written as if its metrics are not whole. */
static const char *const suffixes[] = { "", "_bucket", "_count", "_sum" };

/* Whether each of its label sets has a count and a sum, and stands in one piece. */
static bool is_whole(const struct group *g, enum exposition_type type)
{
	bool whole = type != EXPOSITION_GAUGEHISTOGRAM;

	if (type != EXPOSITION_HISTOGRAM && type != EXPOSITION_SUMMARY)
		return whole;
	for (; g && whole; g = g->sibling) {
		unsigned slot = g->target->slot;
		if (group_visible(g))
			whole = g->slot[slot].ends == 2 * g->slot[slot].runs;
	}
	return whole;
}

/* The unit is looked for at the end of the name that OpenMetrics has. */
static struct bytes unit_of(const struct series_cursor *c, enum exposition_type type)
{
	static const char total[] = "_total";
	struct bytes name = family_name(c->family);
	size_t size = sizeof total - 1;

	if (type == EXPOSITION_COUNTER && name.size > size && memcmp(bytes_end(name) - size, total, size) == 0)
		name.size -= size;
	return openmetrics_unit(c->group, name);
}

static int begin_message(struct series_cursor *c, struct buffer *to)
{
	enum exposition_type type = group_type(c->group, c->group->target->slot);
	struct family_head head = { .name = escape_family(c->series, c->family, c->escaping) };

	if (!head.name.data)
		return -ENOMEM;
	head.type = c->apart ? EXPOSITION_UNTYPED : type;
	head.suffix = c->apart ? suffixes[c->suffix] : "";
	if (to->size == c->start)
		head.help = help_of(c->family->groups);
	if (!c->apart)
		head.unit = unit_of(c, type);
	return family_writer_begin(&c->writer, to, &head);
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
	c->created = has_created(c) ? openmetrics_created(c->series, c->family) : NULL;
	c->exemplars = has_exemplars(type);
	c->start = to->size;
	c->hides = false;
	c->left_out_before = c->left_out;
	c->apart = c->format == EXPOSITION_PROTOBUF && !is_whole(c->group, type);
	c->suffix = 0;
	if (c->apart)
		c->created = NULL;
	if (c->format == EXPOSITION_PROTOBUF)
		return failed;
	if (!failed && help.data)
		failed = exposition_write_help(to, name, help, c->format);
	if (!failed)
		failed = exposition_write_type(to, name, type, c->format);
	if (!failed && unit.size > 0)
		failed = exposition_write_unit(to, name, unit);
	return failed;
}

/* A line, or what it is in protobuf. */
static int write_line(struct series_cursor *c, struct buffer *to, const struct exposition_line *line)
{
	int failed = 0;

	if (line->native.size > 0 && c->format != EXPOSITION_PROTOBUF)
		return exposition_write_native(to, line);
	if (c->format != EXPOSITION_PROTOBUF)
		return exposition_write_sample(to, line, c->format);
	if (!c->writer.family)
		failed = begin_message(c, to);
	if (!failed)
		failed = family_writer_line(&c->writer, to, line);
	if (failed != -EINVAL)
		return failed;
	leave_out(c, (struct bytes){ c->entry->text, c->entry->size }, 1);
	return 0;
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
	return write_line(c, to, line);
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
		.value_text = { v->text, v->text_size <= VALUE_TEXT_MAX ? v->text_size : 0 },
		.has_timestamp = v->has_timestamp,
		.timestamp_ms = v->timestamp_ms,
	};
}

/* Behind the entry that was written. */
static int write_created(struct series_cursor *c, struct buffer *to)
{
	const struct entry *e = openmetrics_created_behind(c->series, c->family, c->created, c->entry);
	struct exposition_line line;

	if (!e)
		return 0;
	line = line_of(e);
	if (c->format == EXPOSITION_PROTOBUF)
		return c->writer.kind ? family_writer_created(&c->writer, to, line.value) : 0;
	return exposition_write_sample(to, &line, c->format);
}

/* What follows the name of the family. */
static struct bytes behind_family(const struct series_cursor *c, const struct entry *e)
{
	size_t name = c->family->size + (e->text[0] == '{' ? 2 : 0);

	return (struct bytes){ e->text + name, e->size > name ? e->size - name : 0 };
}

static bool begins_with(struct bytes text, const char *with)
{
	return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* The rest of the label set of a native histogram, which is there for readers of text: its sum; and whether it has
 * classic buckets beside the one up to +Inf. */
static double look_ahead(const struct series_cursor *c, bool *ret_classic)
{
	unsigned slot = c->group->target->slot, buckets = 0;
	double sum = NAN;

	for (const struct entry *e = c->entry->slot[slot].next; e && e->set == c->entry->set; e = e->slot[slot].next)
		if (begins_with(behind_family(c, e), "_bucket"))
			buckets++;
		else if (begins_with(behind_family(c, e), "_sum"))
			sum = e->slot[slot].value.value;
	*ret_classic = buckets > 1;
	return sum;
}

static int write_native(struct series_cursor *c, struct buffer *to, struct exposition_line *line)
{
	bool classic;

	line->value = look_ahead(c, &classic);
	c->hides = !classic;
	c->hidden = c->entry->set;
	if (c->entry->quoted && c->escaping != EXPOSITION_UTF8)
		return write_escaped(c, to, line);
	return write_line(c, to, line);
}

/* Behind a native histogram that stands for all of its label set. */
static bool is_hidden(const struct series_cursor *c)
{
	return c->hides && c->entry->set == c->hidden;
}

static int write_one(struct series_cursor *c, struct buffer *to)
{
	unsigned slot = c->group->target->slot;
	struct exposition_line line = line_of(c->entry);
	const struct exemplar *x = c->entry->slot[slot].exemplar;
	int failed;

	if (UNLIKELY(c->entry->slot[slot].value.text_size == VALUE_NATIVE)) {
		if ((c->format != EXPOSITION_PROTOBUF && !c->natives) || c->apart || !x)
			return 0; /* there it is a classic one */
		line.native = (struct bytes){ x->text, x->size };
		if (c->natives)
			return write_native(c, to, &line);
	} else if (UNLIKELY(is_hidden(c))) {
		c->spent++;
		return c->created ? write_created(c, to) : 0;
	} else if (UNLIKELY(x) && c->exemplars && may_have_exemplar(c))
		line.exemplar = (struct bytes){ x->text, x->size };
	if (UNLIKELY(c->entry->quoted) && c->escaping != EXPOSITION_UTF8)
		failed = write_escaped(c, to, &line);
	else
		failed = write_line(c, to, &line);
	if (UNLIKELY(c->created) && !failed)
		failed = write_created(c, to);
	return failed;
}

/* Whether the entry belongs to the family that is written now. */
static bool is_of_suffix(const struct series_cursor *c)
{
	struct bytes text = { c->entry->text, c->entry->size }, suffix = bytes_of(suffixes[c->suffix]);
	size_t name = (text.data[0] == '{' ? 2 : 0) + c->family->size + suffix.size;

	return text.size >= name && memcmp(text.data + name - suffix.size, suffix.data, suffix.size) == 0 &&
	       (text.size == name || text.data[name] == '{' || text.data[name] == '"');
}

/* Behind the last entry: from the first again, for the next suffix. */
static int next_suffix(struct series_cursor *c, struct buffer *to)
{
	int failed = family_writer_end(&c->writer, to);

	if (++c->suffix < COUNT_OF(suffixes))
		enter_group(c, c->family->groups);
	return failed;
}

static int write_entry(struct series_cursor *c, struct buffer *to)
{
	unsigned slot = c->group->target->slot;
	int failed = 0;

	if (LIKELY(!c->apart) || is_of_suffix(c))
		failed = write_one(c, to);
	else
		c->spent++;
	c->entry = c->entry->slot[slot].next;
	if (!c->entry)
		enter_group(c, c->group->sibling);
	if (!c->group && c->apart && !failed)
		failed = next_suffix(c, to);
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
		c->writer.family = c->writer.metric = 0;
		c->restarts++;
	}
	c->family = NULL;
	c->group = NULL;
	c->version = c->series->version;
}

static int end_family(struct series_cursor *c, struct buffer *to)
{
	OXP_ASSERT(c->family->size <= sizeof c->done);
	memcpy(c->done, c->family->name, c->family->size);
	c->done_size = c->family->size;
	c->restarts = 0;
	seen_end_family(&c->series->seen);
	return family_writer_end(&c->writer, to);
}

/* Whether what it tells stands in another family of the page. */
static bool is_told(const struct series_cursor *c)
{
	const struct family *other = NULL;
	const struct group *g;

	if (has_created(c))
		other = openmetrics_created_for(c->series, c->family);
	if (!other)
		return false;
	for (g = other->groups; !group_visible(g);)
		g = g->sibling;
	if (c->format == EXPOSITION_PROTOBUF && !is_whole(g, group_type(g, g->target->slot)))
		return false;
	return !c->only || series_only_has(c->only, family_name(other), group_type(g, g->target->slot));
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
	if (!failed && c->family && !c->group)
		failed = end_family(c, to);
	return failed;
}

static int write_own(struct series_cursor *c, struct buffer *to)
{
	struct buffer text;
	int failed;

	c->part++;
	if (!c->own || c->format != EXPOSITION_PROTOBUF)
		return c->own ? c->own(c->own_context, to) : 0;
	buffer_init(&text, to->ceiling);
	failed = c->own(c->own_context, &text);
	if (!failed)
		failed = family_writer_text(&c->writer, buffer_bytes(&text), EXPOSITION_TEXT, to);
	if (!failed)
		failed = family_writer_end(&c->writer, to);
	buffer_done(&text);
	return failed;
}

/* Text with exemplars becomes families. The answer of span_write_some(). */
static int write_span_messages(struct series_cursor *c, struct buffer *to)
{
	struct buffer *text = &c->series->scratch;
	int more, failed;

	buffer_clear(text);
	more = span_write_some(&c->spans, text, SPANS_AT_ONCE);
	if (more < 0)
		return more;
	failed = family_writer_text(&c->writer, buffer_bytes(text), EXPOSITION_OPENMETRICS, to);
	if (!failed && more == 0)
		failed = family_writer_end(&c->writer, to);
	c->spent += text->size;
	if (failed)
		return failed;
	return more;
}

static int write_spans(struct series_cursor *c, struct buffer *to, size_t end)
{
	int more;

	c->spans.only = c->only;
	more = c->format == EXPOSITION_PROTOBUF ? write_span_messages(c, to) : span_write_some(&c->spans, to, end);
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
	if (!c->group)
		c->family = NULL; /* one that nothing is shown of may go before the next slice; its name is known */
	if (c->part == SERIES_PART_END)
		seen_done(&c->series->seen);
	return c->part != SERIES_PART_END;
}
