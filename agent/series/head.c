/*
 * The heads of samples: name and labels as they stand on the page, which are a series' key as well.
 *
 * Nearly every sample is rendered straight from the parser's spans. Only when a name is in quotes or the target has
 * labels of its own is the list of labels built anew first. A name that is not classic stays in quotes, with no escapes
 * but those it needs.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/exposition_write.h"
#include "series/table.h"

int head_insert(struct head *h, const struct exposition_label *label)
{
	size_t i = h->count;
	int order = 1;

	while (i > 0 && (order = bytes_compare(label->name, h->own[i - 1].name)) < 0)
		i--;
	if (order == 0)
		return -EEXIST;
	memmove(h->own + i + 1, h->own + i, (h->count - i) * sizeof *label);
	h->own[i] = *label;
	h->count++;
	return 0;
}

/* `names` has the room: names_room() saw to it. */
static struct bytes copy_quoted(struct series *s, struct bytes name)
{
	char *to = s->names.data + s->names.size;
	size_t size = exposition_value_copy(name, to);

	s->names.size += size;
	return (struct bytes){ to, size };
}

/* Room for every quoted name of the sample at once, so that none moves. */
static bool names_room(struct series *s, const struct exposition_sample *sample)
{
	size_t size = sample->name.size;

	for (size_t i = 0; i < sample->label_count; i++)
		size += sample->labels[i].name.size;
	buffer_clear(&s->names);
	return buffer_reserve(&s->names, 2 * size);
}

/* The target's own label wins; the scraped one steps aside. */
static struct bytes step_aside(const struct series_target *t, struct bytes name)
{
	for (size_t i = 0; i < t->label_count; i++)
		if (bytes_equal(name, (struct bytes){ t->labels[i].name.data, t->labels[i].name.size }))
			return (struct bytes){ t->labels[i].exported.data, t->labels[i].exported.size };
	return name;
}

static int insert_scraped(struct series_target *t, struct head *h, const struct exposition_label *scraped, bool aside)
{
	struct exposition_label label = *scraped;

	if (label.quoted)
		label.name = copy_quoted(t->series, label.name);
	label.quoted = label.quoted && !exposition_name_valid(label.name, true);
	if (aside)
		label.name = step_aside(t, label.name);
	return head_insert(h, &label);
}

static int insert_target(struct head *h, const struct target_label *own)
{
	struct exposition_label label = {
		.name = { own->name.data, own->name.size },
		.value = { own->value.data, own->value.size },
	};

	return head_insert(h, &label);
}

/* A label without a value is none, as Prometheus reads it. */
static bool has_empty(const struct exposition_sample *sample)
{
	for (size_t i = 0; i < sample->label_count; i++)
		if (sample->labels[i].value.size == 0)
			return true;
	return false;
}

int head_prepare(struct series_target *t, const struct exposition_sample *sample, bool whole, struct head *h)
{
	size_t own = whole ? 0 : t->label_count;
	int failed = 0;

	h->name = sample->name;
	h->quoted = false;
	h->labels = sample->labels;
	h->count = sample->label_count;
	if (own == 0 && !sample->quoted && !sample->quoted_label && !has_empty(sample))
		return 0;
	if (!names_room(t->series, sample))
		return -ENOMEM;
	h->labels = h->own;
	h->count = 0;
	if (sample->quoted)
		h->name = copy_quoted(t->series, sample->name);
	h->quoted = sample->quoted && !exposition_name_valid(h->name, false);
	for (size_t i = 0; i < sample->label_count && !failed; i++)
		if (sample->labels[i].value.size > 0)
			failed = insert_scraped(t, h, &sample->labels[i], !whole);
	for (size_t i = 0; i < own && !failed; i++)
		if (t->labels[i].value.size > 0)
			failed = insert_target(h, &t->labels[i]);
	return failed;
}

static char *put(char *to, struct bytes b)
{
	memcpy(to, b.data, b.size);
	return to + b.size;
}

static char *put_name(char *to, struct bytes name, bool quoted)
{
	if (LIKELY(!quoted))
		return put(to, name);
	*to++ = '"';
	to = put(to, name);
	*to++ = '"';
	return to;
}

static char *put_label(char *to, const struct exposition_label *label)
{
	to = put_name(to, label->name, label->quoted);
	*to++ = '=';
	*to++ = '"';
	if (UNLIKELY(label->escaped))
		to += exposition_value_copy(label->value, to);
	else
		to = put(to, label->value);
	*to++ = '"';
	*to++ = ',';
	return to;
}

struct bytes head_render(struct series *s, const struct head *h)
{
	size_t most = h->name.size + 5;
	char *to;

	for (size_t i = 0; i < h->count; i++)
		most += h->labels[i].name.size + 2 * h->labels[i].value.size + 6;
	buffer_clear(&s->scratch);
	to = buffer_reserve(&s->scratch, most);
	if (!to)
		return (struct bytes){ NULL, 0 };
	if (UNLIKELY(h->quoted)) {
		*to++ = '{';
		to = put_name(to, h->name, true);
		*to++ = ',';
	} else {
		to = put(to, h->name);
	}
	if (h->count > 0 && !h->quoted)
		*to++ = '{';
	for (size_t i = 0; i < h->count; i++)
		to = put_label(to, &h->labels[i]);
	if (h->count > 0 || h->quoted)
		to[-1] = '}'; /* in place of the last comma */
	s->scratch.size = (size_t)(to - s->scratch.data);
	return buffer_bytes(&s->scratch);
}

bool head_is_quoted(const struct head *h)
{
	bool quoted = h->quoted;

	for (size_t i = 0; i < h->count && h->labels == h->own && !quoted; i++)
		quoted = h->labels[i].quoted;
	return quoted;
}

struct bytes name_kept(struct series *s, struct bytes name, bool quoted)
{
	char *to;

	if (!quoted)
		return name;
	buffer_clear(&s->scratch);
	to = buffer_reserve(&s->scratch, 2 * name.size);
	if (!to)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ to, exposition_value_copy(name, to) };
}

/* Plain text as a label value is written. */
static void escape_value(struct text *to, const char *value)
{
	to->data = oxp_new(2 * strlen(value) + 1);
	for (; *value; value++) {
		if (strchr("\\\"\n", *value))
			to->data[to->size++] = '\\';
		to->data[to->size++] = *value == '\n' ? 'n' : *value;
	}
}

static void copy(struct text *to, const char *prefix, const char *name)
{
	size_t size = strlen(prefix);

	to->size = size + strlen(name);
	to->data = oxp_new(to->size + 1);
	memcpy(to->data, prefix, size);
	memcpy(to->data + size, name, to->size - size);
}

static bool stands_twice(const struct series_label *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(all[k].name, all[i].name) == 0)
			return true;
	return false;
}

int target_labels_set(struct series_target *t, const struct series_label *all, size_t count)
{
	if (count > SERIES_TARGET_LABELS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!exposition_name_valid(bytes_of(all[i].name), true) || stands_twice(all, i))
			return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		struct target_label *label = &t->labels[t->label_count++];
		copy(&label->name, "", all[i].name);
		copy(&label->exported, "exported_", all[i].name);
		copy(&label->plain, "", all[i].value);
		escape_value(&label->value, all[i].value);
	}
	return 0;
}

void target_labels_done(struct series_target *t)
{
	for (size_t i = 0; i < t->label_count; i++) {
		free(t->labels[i].name.data);
		free(t->labels[i].exported.data);
		free(t->labels[i].value.data);
		free(t->labels[i].plain.data);
	}
}
