#include "proto/relabel_set.h"

#include <stdlib.h>

static const struct bytes name_label = { "__name__", 8 };

void relabel_set_init(struct relabel_set *s)
{
	*s = (struct relabel_set){ .text = oxp_new(RELABEL_TEXT_MAX) };
}

void relabel_set_done(struct relabel_set *s)
{
	free(s->text);
	s->text = NULL;
}

char *relabel_set_room(struct relabel_set *s, size_t more)
{
	if (more <= RELABEL_TEXT_MAX - s->used)
		return s->text + s->used;
	s->excess = EXPOSITION_LINE_SIZE;
	return NULL;
}

struct bytes relabel_set_keep(struct relabel_set *s, char *from, size_t size)
{
	s->used += size;
	return (struct bytes){ from, size };
}

/* \\, \" and \n; any other backslash stands for itself. */
static struct bytes unescape(struct relabel_set *s, struct bytes text)
{
	char *to = relabel_set_room(s, text.size);
	size_t size = 0;

	for (size_t i = 0; to && i < text.size; i++) {
		char c = text.data[i], next = i + 1 < text.size ? text.data[i + 1] : 0;
		bool escape = c == '\\' && (next == '\\' || next == '"' || next == 'n');
		to[size++] = !escape ? c : next == 'n' ? '\n' : next;
		i += escape;
	}
	return relabel_set_keep(s, to, size);
}

/* How many bytes the text takes with its escapes. */
static size_t escaped_size(struct bytes text)
{
	size_t size = text.size;

	for (size_t i = 0; i < text.size; i++)
		size += text.data[i] == '\\' || text.data[i] == '"' || text.data[i] == '\n';
	return size;
}

static struct bytes escape(struct relabel_set *s, struct bytes text, bool *ret)
{
	size_t size = escaped_size(text);
	char *to, *p;

	*ret = size > text.size;
	if (!*ret)
		return text;
	to = p = relabel_set_room(s, size);
	for (size_t i = 0; to && i < text.size; i++) {
		char c = text.data[i];
		if (c == '\\' || c == '"' || c == '\n')
			*p++ = '\\';
		*p++ = c == '\n' ? 'n' : c;
	}
	return relabel_set_keep(s, to, to ? size : 0);
}

static bool has_room(struct relabel_set *s)
{
	if (s->count == COUNT_OF(s->items))
		s->excess = EXPOSITION_LABELS;
	return !s->excess;
}

/* One more of the base, at its place; they come in order but for the metric's name. */
static void insert(struct relabel_set *s, const struct relabel_item *item)
{
	size_t i = s->count;

	if (item->value.size == 0 || !has_room(s))
		return;
	while (i > 0 && bytes_compare(item->name, s->items[i - 1].name) < 0)
		i--;
	memmove(s->items + i + 1, s->items + i, (s->count - i) * sizeof *item);
	s->items[i] = *item;
	s->base = ++s->count;
}

static size_t find(const struct relabel_set *s, struct bytes name)
{
	size_t i = 0;

	while (i < s->count && !bytes_equal(s->items[i].name, name))
		i++;
	return i;
}

static void insert_label(struct relabel_set *s, const struct exposition_label *label)
{
	const struct relabel_item item = {
		.name = label->quoted ? unescape(s, label->name) : label->name,
		.value = label->escaped ? unescape(s, label->value) : label->value,
		.written = label,
	};

	insert(s, &item);
}

/* As many times exported_ as it takes for a name that is free. */
static void step_aside(struct relabel_set *s, const struct relabel_item *own)
{
	static const char prefix[] = "exported_";
	const size_t more = sizeof prefix - 1;
	struct bytes name = own->name;

	do {
		char *to = relabel_set_room(s, more + name.size);
		if (!to)
			return;
		memcpy(to, prefix, more);
		memcpy(to + more, name.data, name.size);
		name = relabel_set_keep(s, to, more + name.size);
	} while (find(s, name) < s->count);
	insert(s, &(struct relabel_item){ .name = name, .value = own->value });
}

/* The shortest name steps aside first. */
static void step_all_aside(struct relabel_set *s, struct relabel_item *asides, size_t count)
{
	for (size_t done = 0; done < count; done++) {
		size_t next = done;
		for (size_t i = done + 1; i < count; i++)
			if (asides[i].name.size < asides[next].name.size)
				next = i;
		const struct relabel_item item = asides[next];
		memmove(asides + done + 1, asides + done, (next - done) * sizeof *asides);
		step_aside(s, &item);
	}
}

static void insert_target(struct relabel_set *s, const struct relabel_label *target, size_t count)
{
	struct relabel_item asides[RELABEL_TARGET_LABELS_MAX];
	size_t aside = 0;

	OXP_ASSERT(count <= RELABEL_TARGET_LABELS_MAX);
	for (size_t i = 0; i < count && !s->excess; i++) {
		size_t at = find(s, target[i].name);
		if (at < s->count) {
			asides[aside++] = s->items[at];
			relabel_set_remove(s, at);
		}
		insert(s, &(struct relabel_item){ .name = target[i].name, .value = target[i].value });
	}
	step_all_aside(s, asides, aside);
}

void relabel_set_take(
	struct relabel_set *s, const struct exposition_sample *sample, const struct relabel_label *target, size_t count)
{
	s->sample = sample;
	s->count = s->base = s->used = 0;
	s->excess = sample->excess;
	insert(s, &(struct relabel_item){
			  .name = name_label, .value = sample->quoted ? unescape(s, sample->name) : sample->name });
	for (size_t i = 0; i < sample->label_count; i++)
		insert_label(s, &sample->labels[i]);
	if (count > 0)
		insert_target(s, target, count);
}

struct bytes relabel_set_get(const struct relabel_set *s, struct bytes name)
{
	size_t i = find(s, name);

	return i < s->count ? s->items[i].value : (struct bytes){ "", 0 };
}

void relabel_set_remove(struct relabel_set *s, size_t i)
{
	s->base -= i < s->base;
	s->count--;
	memmove(s->items + i, s->items + i + 1, (s->count - i) * sizeof *s->items);
}

void relabel_set_put(struct relabel_set *s, struct bytes name, struct bytes value)
{
	size_t i = find(s, name);

	if (i < s->count && (i < s->base || value.size == 0)) {
		relabel_set_remove(s, i);
		i = s->count;
	}
	if (value.size == 0)
		return;
	if (i == s->count && !has_room(s))
		return;
	s->count += i == s->count;
	s->items[i] = (struct relabel_item){ .name = name, .value = value };
}

/* The result. */

static bool write_name(struct relabel_set *s, struct bytes name, struct exposition_sample *to)
{
	bool escaped;

	if (s->sample->quoted || !bytes_equal(name, s->sample->name)) {
		to->quoted = !exposition_name_valid(name, false);
		to->name = to->quoted ? escape(s, name, &escaped) : name;
	}
	if (name.size > EXPOSITION_NAME_MAX)
		s->excess = EXPOSITION_NAME_SIZE;
	return name.size > 0 && !exposition_has_zero(name);
}

static bool write_label(struct relabel_set *s, const struct relabel_item *item, struct exposition_label *to)
{
	bool escaped;

	if (item->written) {
		*to = *item->written;
		return true;
	}
	to->quoted = !exposition_name_valid(item->name, true);
	to->name = to->quoted ? escape(s, item->name, &escaped) : item->name;
	to->value = escape(s, item->value, &to->escaped);
	if (item->name.size > EXPOSITION_NAME_MAX)
		s->excess = EXPOSITION_NAME_SIZE;
	return item->name.size > 0 && !exposition_has_zero(item->name);
}

/* Those that were set stand among the others by name. */
static void sort(struct relabel_set *s)
{
	for (size_t i = s->base; i < s->count; i++) {
		const struct relabel_item item = s->items[i];
		size_t at = i;
		while (at > 0 && bytes_compare(item.name, s->items[at - 1].name) < 0)
			at--;
		memmove(s->items + at + 1, s->items + at, (i - at) * sizeof item);
		s->items[at] = item;
	}
	s->base = s->count;
}

static bool write_all(struct relabel_set *s, struct exposition_sample *to)
{
	bool fine = true, named = false;

	sort(s);
	for (size_t i = 0; i < s->count && fine && !s->excess; i++) {
		bool is_name = bytes_equal(s->items[i].name, name_label);
		named = named || is_name;
		fine = is_name ? write_name(s, s->items[i].value, to)
			       : write_label(s, &s->items[i], &s->labels[to->label_count]);
		to->label_count += !is_name;
		to->quoted_label = to->quoted_label || (!is_name && s->labels[to->label_count - 1].quoted);
	}
	return fine && (named || s->excess);
}

bool relabel_set_write(struct relabel_set *s, struct exposition_sample *ret)
{
	*ret = *s->sample;
	ret->raw_labels = (struct bytes){ NULL, 0 };
	ret->labels = s->labels;
	ret->label_count = 0;
	ret->quoted_label = false;
	if (!s->excess && !write_all(s, ret))
		return false;
	if (s->excess) {
		*ret = (struct exposition_sample){ .name = s->sample->name, .excess = s->excess };
		ret->quoted = s->sample->quoted;
	}
	return true;
}
