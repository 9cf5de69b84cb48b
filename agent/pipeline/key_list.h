/*
 * A list of member names in a step's options, as the set that lines are held against.
 */
#ifndef OXP_KEY_LIST_H
#define OXP_KEY_LIST_H

#include "config/option.h"
#include "proto/key_set.h"

static const char key_list_limits[] = "keys: at most 128 names of 1 to 256 bytes";

static inline bool key_list_fits(const struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!*list->items[i] || strlen(list->items[i]) > KEY_SIZE_MAX)
			return false;
	return list->count <= KEYS_MAX;
}

/* A list that fits. */
static inline void key_list_add(const struct option_list *list, struct key_set *set)
{
	for (size_t i = 0; i < list->count; i++) {
		int failed = key_set_add(set, list->items[i]);
		OXP_ASSERT(!failed);
	}
}

#endif
