/* What the machine gives to `tail` and what it does not: inotify, descriptors, memory for files. Each limit is logged
 * once when it is reached. */
#ifndef OXP_TAIL_MACHINE_H
#define OXP_TAIL_MACHINE_H

#include <sys/resource.h>

#include "collectors/tail/scan.h"

struct tail_machine {
	struct host *host;
	rlim_t descriptors; /* files get those below */
	/* there is no inotify: all files are asked whether they changed */
	bool watch_missing;
	/* As of the last scan. */
	bool watch_failed; /* some folder cannot be watched */
	bool too_many; /* files or folders: the rest is left out */
	bool linked; /* some file is found through a link */
	bool silent; /* inotify may not tell what is written to some file */
};

void tail_machine_init(struct tail_machine *, struct host *);
/* The process's limit, less what is left to everybody else. */
void tail_machine_spare_descriptors(struct tail_machine *);
/* Whether inotify can be used: 0 or -errno. */
void tail_machine_inotify(struct tail_machine *, int failed);
void tail_machine_scanned(struct tail_machine *, const struct tail_scan *answer);
/* How many bytes the knowledge of files may take, beside those of telemetry. */
size_t tail_machine_files_max(const struct tail_machine *);
/* Whether files without a name, which take `gone_cost`, take more than their share of that. */
bool tail_machine_is_crowded(const struct tail_machine *, size_t gone_cost);
/* How much a scan may find if the known files take `cost`, of which those without a name take `gone_cost`. */
struct tail_budget tail_machine_budget(const struct tail_machine *, size_t cost, size_t gone_cost);

#endif
