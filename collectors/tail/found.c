#include "collectors/tail/found.h"

#include <stdlib.h>

void tail_found_add(struct tail_found_list *list, const struct tail_found *found)
{
	struct tail_found *added;

	list->items = oxp_grow(list->items, &list->room, list->count + 1, sizeof *list->items);
	OXP_ASSERT(list->items && "out of memory");
	added = &list->items[list->count++];
	*added = *found;
	added->path = oxp_strdup(found->path);
	added->name = found->name ? oxp_strdup(found->name) : NULL;
}

void tail_found_sort(struct tail_found_list *list, int (*order)(const void *, const void *))
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, order);
}

void tail_found_spend(struct tail_found_list *list, size_t at)
{
	free(list->items[at].path);
	list->items[at].path = NULL;
}

void tail_found_clear(struct tail_found_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].path), free(list->items[i].name);
	free(list->items);
	*list = (struct tail_found_list){ .items = NULL };
}
