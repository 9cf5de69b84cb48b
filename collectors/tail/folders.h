/* The folders that a scan has begun to watch and has read. watch.h goes on watching them. */
#ifndef OXP_TAIL_FOLDERS_H
#define OXP_TAIL_FOLDERS_H

#include <sys/stat.h>

#include "base/base.h"

struct tail_folder {
	char *path;
	int watch; /* inotify's number for it; -1: not watched */
	bool silent; /* inotify may not tell what happens in it */
	int64_t changed_ns; /* its time of change before it was read */
};

struct tail_folder_list {
	struct tail_folder *items;
	size_t count, room;
};

static inline int64_t tail_changed_ns(const struct stat *info)
{
	return info->st_mtim.tv_sec * 1000000000LL + info->st_mtim.tv_nsec;
}

/* Adds it as it is, with a copy of the path. */
void tail_folders_add(struct tail_folder_list *, const struct tail_folder *);
/* Sorts them in the order of their watches, each once. */
void tail_folders_sort(struct tail_folder_list *);
/* Moves all of one list to another, which is empty. */
void tail_folders_move(struct tail_folder_list *from, struct tail_folder_list *to);
void tail_folders_clear(struct tail_folder_list *);

#endif
