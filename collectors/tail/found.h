/* What a scan has found: files. */
#ifndef OXP_TAIL_FOUND_H
#define OXP_TAIL_FOUND_H

#include "collectors/tail/identity.h"

struct tail_found {
	char *path; /* where it stands now */
	char *name; /* of a rotated file, and of a copy: the path it was written under; else NULL */
	uint64_t generation; /* of a copy: that of the file which was cut down */
	struct tail_identity identity;
	uint64_t size;
	uint16_t length; /* of the path; of a file */
	bool linked; /* the name is a symbolic link: what is told of the file is told of other names */
	bool silent; /* inotify may not tell what is written to it */
};

struct tail_found_list {
	struct tail_found *items;
	size_t count, room;
};

/* Adds it as it is, with copies of path and name. */
void tail_found_add(struct tail_found_list *, const struct tail_found *);
void tail_found_sort(struct tail_found_list *, int (*order)(const void *, const void *));
/* It is worked through: its path is not needed any more. */
void tail_found_spend(struct tail_found_list *, size_t at);
void tail_found_clear(struct tail_found_list *);

#endif
