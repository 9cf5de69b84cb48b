/* What a scan knows of files and folders, by their inodes: a hash table, so that each is reported once. */
#ifndef OXP_TAIL_MARKS_H
#define OXP_TAIL_MARKS_H

#include "collectors/tail/identity.h"

/* Of a file: whether it was known before the scan, and whether the scan has found it, with its name or without. Of a
 * folder: whether it has. */
struct tail_mark {
	uint64_t dev, inode; /* of a folder: 0, and a hash of its path */
	bool used, known, found, rotated;
};

/* At most half full; its room is a power of two. */
struct tail_marks {
	struct tail_mark *items;
	size_t count, room;
};

/* So that as many more can be put in without moving those that are there. */
void tail_marks_reserve(struct tail_marks *, size_t count);
/* That file is known. */
void tail_marks_know(struct tail_marks *, const struct tail_identity *);
/* It was found under a name, or as one that lost its name. */
void tail_marks_found(struct tail_marks *, const struct tail_identity *);
void tail_marks_rotated(struct tail_marks *, const struct tail_identity *);
/* Its marks; none if it was never put in. */
struct tail_mark tail_marks_of(const struct tail_marks *, const struct tail_identity *);
/* Whether the folder is met for the first time. */
bool tail_marks_meet_folder(struct tail_marks *, const char *path);
void tail_marks_clear(struct tail_marks *);

#endif
