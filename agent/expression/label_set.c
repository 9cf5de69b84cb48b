#include "expression/label_set.h"

#include "proto/exposition_write.h"

bool label_set_next(struct bytes *set, struct label *ret)
{
	uint32_t sizes[2];

	if (set->size == 0)
		return false;
	memcpy(sizes, set->data, sizeof sizes);
	ret->name = (struct bytes){ set->data + sizeof sizes, sizes[0] };
	ret->value = (struct bytes){ ret->name.data + sizes[0], sizes[1] };
	set->data += sizeof sizes + sizes[0] + sizes[1];
	set->size -= sizeof sizes + sizes[0] + sizes[1];
	return true;
}

struct bytes label_set_value(struct bytes set, struct bytes name)
{
	struct label label;

	while (label_set_next(&set, &label))
		if (bytes_equal(label.name, name))
			return label.value;
	return (struct bytes){ NULL, 0 };
}

size_t label_set_room(const struct exposition_sample *s)
{
	size_t size = 0;

	for (size_t i = 0; i < s->label_count; i++)
		size += LABEL_OVERHEAD + s->labels[i].name.size + s->labels[i].value.size;
	return size;
}

static void put_sizes(char *to, size_t name, size_t value)
{
	uint32_t sizes[] = { (uint32_t)name, (uint32_t)value };

	memcpy(to, sizes, sizeof sizes);
}

size_t label_set_put(char *to, struct bytes name, struct bytes value)
{
	put_sizes(to, name.size, value.size);
	memcpy(to + LABEL_OVERHEAD, name.data, name.size);
	memcpy(to + LABEL_OVERHEAD + name.size, value.data, value.size);
	return LABEL_OVERHEAD + name.size + value.size;
}

size_t label_set_pack(const struct exposition_sample *s, char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		char *name = to + size + LABEL_OVERHEAD;
		size_t name_size, value_size;
		if (l->value.size == 0)
			continue;
		name_size = exposition_unescape(l->name, EXPOSITION_OPENMETRICS, name);
		value_size = exposition_unescape(l->value, EXPOSITION_OPENMETRICS, name + name_size);
		put_sizes(to + size, name_size, value_size);
		size += LABEL_OVERHEAD + name_size + value_size;
	}
	return size;
}

static bool has(const struct label_list *list, struct bytes name)
{
	for (size_t i = 0; i < list->count; i++)
		if (bytes_equal(list->names[i], name))
			return true;
	return false;
}

size_t label_set_filter(struct bytes set, const struct label_list *list, char *to)
{
	struct label label;
	size_t size = 0;

	while (label_set_next(&set, &label))
		if (has(list, label.name) != list->others)
			size += label_set_put(to + size, label.name, label.value);
	return size;
}
