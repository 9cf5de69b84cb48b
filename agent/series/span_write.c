#include "series/span_write.h"

#include "base/text.h"
#include "proto/exposition_write.h"
#include "series/span_sets.h"

enum { FAMILY_NAME_MAX = 64 };

void span_cursor_init(struct span_cursor *c, const struct span_table *t, enum exposition_format format)
{
	*c = (struct span_cursor){ .table = t, .format = format };
}

static const struct span_set *shown(const struct span_set *set)
{
	while (set && set->count == 0)
		set = set->next;
	return set;
}

/* The first set behind the one that was written last. */
static const struct span_set *next_set(const struct span_cursor *c)
{
	const struct span_set *set = c->table->first;

	if (c->set && c->version == c->table->version)
		set = c->set;
	while (set && set->number <= c->written)
		set = set->next;
	return shown(set);
}

/* Lines, in room that is there. */

static char *put(char *to, const char *data, size_t size)
{
	memcpy(to, data, size);
	return to + size;
}

static char *put_text(char *to, const char *text)
{
	return put(to, text, strlen(text));
}

static char *put_head(char *to, const char *family, const char *suffix, const struct span_set *set)
{
	to = put_text(put_text(to, family), suffix);
	*to++ = '{';
	return put(to, set->labels, set->label_size);
}

/* OpenMetrics 1.0, "Exemplars": its labels, its value, when it was seen in seconds. */
static char *put_exemplar(char *to, const struct span_table *t, const struct span_exemplar *x)
{
	to = put_text(to, " # {trace_id=\"");
	hex_format(x->ids, 16, to);
	to = put_text(to + 32, "\",span_id=\"");
	hex_format(x->ids + 16, SPAN_IDS - 16, to);
	to = put_text(to + 16, "\"} ");
	to += exposition_number_format((double)x->duration_ns / t->words.unit_ns, to);
	*to++ = ' ';
	return to + exposition_seconds_format(x->at_ms, to);
}

static char *put_bucket(char *to, const struct span_cursor *c, const struct span_set *set, size_t i, uint64_t sum)
{
	const struct span_table *t = c->table;

	to = put_head(to, t->words.durations, "_bucket", set);
	to = put_text(to, ",le=\"");
	to = put_text(to, t->bounds[i]);
	to = put_text(to, "\"} ");
	to += u64_format(sum, to);
	if (set->exemplars && set->exemplars[i].at_ms && c->format != EXPOSITION_TEXT)
		to = put_exemplar(to, t, &set->exemplars[i]);
	*to++ = '\n';
	return to;
}

static char *put_durations(char *to, const struct span_cursor *c, const struct span_set *set)
{
	const struct span_table *t = c->table;
	uint64_t sum = 0;

	for (size_t i = 0; i <= t->bound_count; i++) {
		sum += set->buckets[i];
		to = put_bucket(to, c, set, i, sum);
	}
	to = put_text(put_head(to, t->words.durations, "_sum", set), "} ");
	to += exposition_number_format(set->sum_ns / t->words.unit_ns, to);
	to = put_text(put_head(put_text(to, "\n"), t->words.durations, "_count", set), "} ");
	to += u64_format(sum, to);
	return put_text(to, "\n");
}

static char *put_calls(char *to, const struct span_cursor *c, const struct span_set *set)
{
	to = put_text(put_head(to, c->table->words.calls, "_total", set), "} ");
	to += u64_format(set->count, to);
	return put_text(to, "\n");
}

static int write_set(struct span_cursor *c, const struct span_set *set, struct buffer *to)
{
	bool calls = c->family == SPAN_CALLS;
	size_t most =
		calls ? span_calls_line(c->table, set->label_size) : span_durations_line(c->table, set->label_size);
	char *from, *end;
	int failed = exposition_line_room(to, most, &from);

	if (failed)
		return failed;
	end = calls ? put_calls(from, c, set) : put_durations(from, c, set);
	OXP_ASSERT((size_t)(end - from) <= most);
	to->size += (size_t)(end - from);
	c->written = set->number;
	c->set = set;
	c->version = c->table->version;
	return 0;
}

/* The family's name as text has it; in OpenMetrics a counter is named without _total. */
static struct bytes family_name_of(const struct span_cursor *c, char to[FAMILY_NAME_MAX])
{
	const struct span_words *words = &c->table->words;
	bool calls = c->family == SPAN_CALLS;
	int size =
		snprintf(to, FAMILY_NAME_MAX, "%s%s", calls ? words->calls : words->durations, calls ? "_total" : "");

	OXP_ASSERT(size > 0 && size < FAMILY_NAME_MAX);
	return (struct bytes){ to, (size_t)size };
}

static enum exposition_type type_of(const struct span_cursor *c)
{
	return c->family == SPAN_CALLS ? EXPOSITION_COUNTER : EXPOSITION_HISTOGRAM;
}

static bool is_wanted(const struct span_cursor *c)
{
	char name[FAMILY_NAME_MAX];

	return !c->only || series_only_has(c->only, family_name_of(c, name), type_of(c));
}

static int write_head(struct span_cursor *c, struct buffer *to)
{
	static const struct bytes help[] = {
		[SPAN_CALLS] = { "Spans, by what they are about.", sizeof "Spans, by what they are about." - 1 },
		[SPAN_DURATIONS] = { "How long spans took.", sizeof "How long spans took." - 1 },
	};
	char text[FAMILY_NAME_MAX];
	struct bytes name = family_name_of(c, text);
	int failed;

	if (c->family == SPAN_CALLS && c->format == EXPOSITION_OPENMETRICS)
		name.size -= sizeof "_total" - 1;
	failed = exposition_write_help(to, name, help[c->family], c->format);
	if (failed)
		return failed;
	return exposition_write_type(to, name, type_of(c), c->format);
}

static void next_family(struct span_cursor *c)
{
	c->family++;
	c->begun = false;
	c->written = 0;
	c->set = NULL;
}

int span_write_some(struct span_cursor *c, struct buffer *to, size_t end)
{
	int failed = 0;

	while (c->table && c->family < SPAN_FAMILIES && !failed && to->size < end) {
		const struct span_set *set = is_wanted(c) ? next_set(c) : NULL;
		if (set && !c->begun)
			failed = write_head(c, to);
		c->begun = set;
		if (set && !failed)
			failed = write_set(c, set, to);
		else if (!set)
			next_family(c);
	}
	if (failed)
		return failed;
	return c->table && c->family < SPAN_FAMILIES;
}
