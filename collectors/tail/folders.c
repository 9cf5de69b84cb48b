#include "collectors/tail/folders.h"

#include <stdlib.h>
#include <string.h>

void tail_folders_add(struct tail_folder_list *list, const struct tail_folder *folder)
{
	list->items = oxp_grow(list->items, &list->room, list->count + 1, sizeof *list->items);
	OXP_ASSERT(list->items && "out of memory");
	list->items[list->count] = *folder;
	list->items[list->count++].path = oxp_strdup(folder->path);
}

static int by_watch(const void *a, const void *b)
{
	const struct tail_folder *x = a, *y = b;

	return x->watch != y->watch ? (x->watch > y->watch) - (x->watch < y->watch) : strcmp(x->path, y->path);
}

/* Several globs may lead to the same folder. */
void tail_folders_sort(struct tail_folder_list *list)
{
	size_t count = 0;

	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, by_watch);
	for (size_t i = 0; i < list->count; i++) {
		if (count && by_watch(&list->items[count - 1], &list->items[i]) == 0)
			free(list->items[i].path);
		else
			list->items[count++] = list->items[i];
	}
	list->count = count;
}

void tail_folders_move(struct tail_folder_list *from, struct tail_folder_list *to)
{
	OXP_ASSERT(to->count == 0);
	free(to->items);
	*to = *from;
	*from = (struct tail_folder_list){ .items = NULL };
}

void tail_folders_clear(struct tail_folder_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].path);
	free(list->items);
	*list = (struct tail_folder_list){ .items = NULL };
}
