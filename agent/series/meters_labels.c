/*
 * The labels of a meter, in the order of their names, as meter_labels() has them.
 */
#include <errno.h>

#include "series/meters_table.h"

static int compare(struct bytes a, struct bytes b)
{
	size_t n = smaller(a.size, b.size);
	int order = n > 0 ? memcmp(a.data, b.data, n) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

size_t meter_escape(struct bytes text, bool quotes, char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '\\' || c == '\n' || (quotes && c == '"'))
			to[size++] = '\\';
		to[size++] = c == '\n' ? 'n' : c;
	}
	return size;
}

/* Returns how many there are in `to` then. */
static size_t insert(const struct meter_label **to, size_t count, const struct meter_label *label)
{
	size_t i = count;
	int order = 1;

	while (i > 0 && (order = compare(label->name, to[i - 1]->name)) < 0)
		i--;
	if (order == 0) {
		to[i - 1] = label;
		return count;
	}
	memmove(to + i + 1, to + i, (count - i) * sizeof *to);
	to[i] = label;
	return count + 1;
}

int meter_put_label(struct buffer *to, const struct meter_label *label)
{
	struct meter_head head = { .name = (uint32_t)label->name.size };
	char *at = buffer_reserve(to, sizeof head + label->name.size + 2 * label->value.size);

	if (!at)
		return -ENOSPC;
	head.value = (uint32_t)meter_escape(label->value, true, at + sizeof head + label->name.size) & INT32_MAX;
	head.escaped = head.value != label->value.size;
	memcpy(at, &head, sizeof head);
	(void)meter_put(at + sizeof head, label->name);
	to->size += sizeof head + head.name + head.value;
	return 0;
}

static bool is_refused(const struct meter_wanted *w, const struct meter_label *label)
{
	return (label->name.size >= 2 && memcmp(label->name.data, "__", 2) == 0) ||
	       (meter_family_kind(w->kind) == METER_HISTOGRAM && bytes_are(label->name, "le")) ||
	       (w->kind == METER_SUMMARY && bytes_are(label->name, "quantile"));
}

/* Writes the labels to m->labels. */
enum meter_refusal meter_sort_labels(struct meters *m, const struct meter_wanted *w, unsigned *ret_count)
{
	const struct meter_label *sorted[METER_LABELS_MAX];
	size_t count = 0, at = 0;

	buffer_clear(&m->labels);
	*ret_count = 0;
	if (w->label_count > METER_LABELS_MAX)
		return METER_LABEL_SIZE;
	for (size_t i = 0; i < w->label_count; i++)
		if (is_refused(w, &w->labels[i]))
			return METER_LABEL_NAME;
	for (size_t i = 0; i < w->label_count; i++) {
		const struct meter_label *label = &w->labels[i];
		if (label->name.size > m->limits.label || label->value.size > m->limits.label)
			return METER_LABEL_SIZE;
		count = insert(sorted, count, label);
	}
	for (size_t i = 0; i < count; i++) {
		if (sorted[i]->value.size == 0)
			continue; /* as Prometheus reads it, no label */
		if (meter_put_label(&m->labels, sorted[i]))
			return METER_LABEL_SIZE;
		at++;
	}
	*ret_count = (unsigned)at;
	return METER_FITS;
}
