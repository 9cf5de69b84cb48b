/*
 * Bytes that it may take to know what a scan finds; beside telemetry, so making files and folders without end does not
 * fill the memory. A file that is known has room in any case.
 */
#ifndef OXP_TAIL_BUDGET_H
#define OXP_TAIL_BUDGET_H

#include <string.h>

#include "base/base.h"

/* What it takes to know a file, at the end of a scan (measured); its path stands in the answer, in the table and in
 * what is saved. */
enum { TAIL_FILE_COST = 512, TAIL_PATH_COPIES = 3 };
static inline size_t tail_cost(const char *path)
{
	return TAIL_FILE_COST + TAIL_PATH_COPIES * strlen(path);
}

/* What is left for the glob, and for the folder, that a walk has come to (names.h). So nobody can crowd out those who
 * write elsewhere. */
struct tail_share {
	size_t left;
};

/* Whatever comes next gets half of it. Returns the other half, which is given back afterwards. */
size_t tail_share_halve(struct tail_share *);
void tail_share_give_back(struct tail_share *, size_t half);

/* `free` is what is left beside the files that are known, which count in the share of files, too; `rotated` is what is
 * left for files that lost their names, and for copies. */
struct tail_budget {
	size_t free;
	struct tail_share files, folders;
	size_t rotated;
	bool too_many; /* something was left out */
};

/* Each takes the cost and returns true, or returns false if there is no room for it. */
bool tail_budget_take_file(struct tail_budget *, size_t cost, bool known);
bool tail_budget_take_folder(struct tail_budget *, size_t cost);
bool tail_budget_take_rotated(struct tail_budget *, size_t cost);
/* Notes that there are more than fit. Returns false. */
bool tail_budget_refuse(struct tail_budget *);

#endif
