/*
 * Which files the globs match now, and which folders to watch for more. A folder is watched before it is read, so a
 * file is either found or told of.
 */
#ifndef OXP_TAIL_WALK_H
#define OXP_TAIL_WALK_H

#include "collectors/tail/births.h"
#include "collectors/tail/budget.h"
#include "collectors/tail/folders.h"
#include "collectors/tail/found.h"
#include "collectors/tail/globs.h"
#include "collectors/tail/marks.h"
#include "collectors/tail/silent.h"

struct tail_walk {
	const struct tail_globs *globs;
	const struct tail_births *births;
	struct mono_time now;
	int inotify; /* where folders are watched; -1: nowhere */
	struct tail_marks *marks; /* of files, those that are known among them */
	struct tail_budget *budget;
	struct tail_silence silence;
	struct tail_marks met; /* folders */
	/* The answer. */
	struct tail_found_list files; /* short paths first: a file before its copies */
	struct tail_folder_list folders;
	int watch_failed; /* errno of the last folder that could not be watched */
	bool linked, silent; /* some file or folder is */
};

void tail_walk(struct tail_walk *);
void tail_walk_clear(struct tail_walk *);

#endif
