/* What the machine gives to `tail` and what it does not: inotify, descriptors, memory for files. Each limit is told
 * once when it is reached. */
#ifndef OXP_TAIL_MACHINE_H
#define OXP_TAIL_MACHINE_H

#include <sys/resource.h>

#include "collectors/tail/scan.h"

struct tail_machine {
	struct host *host;
	rlim_t descriptors; /* files get those below */
	bool watch_missing; /* there is no inotify: all files are asked whether they changed */
	/* As of the last scan. */
	bool watch_failed; /* some folder cannot be watched */
	bool too_many; /* files or folders: the rest is left out */
	bool linked; /* some file is found through a link */
	bool silent; /* inotify may not tell what is written to some file */
};

void tail_machine_init(struct tail_machine *, struct host *);
/* The process's limit, less what is left to everybody else. */
void tail_machine_spare_descriptors(struct tail_machine *);
/* inotify is there (0), or is not (-errno). */
void tail_machine_inotify(struct tail_machine *, int failed);
void tail_machine_scanned(struct tail_machine *, const struct tail_scan *answer);
/* What it may take to know files: bytes beside those of telemetry. */
size_t tail_machine_files_max(const struct tail_machine *);
/* Whether files without a name, which take `gone_cost`, take more of that than they may. */
bool tail_machine_is_crowded(const struct tail_machine *, size_t gone_cost);
/* What a scan may find while the files that are known take `cost`, and those without a name `gone_cost` of it. */
struct tail_budget tail_machine_budget(const struct tail_machine *, size_t cost, size_t gone_cost);

#endif
