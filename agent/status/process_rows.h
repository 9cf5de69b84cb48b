/*
 * What the process itself is and takes, among the agent's own numbers: oxpecker_build_info, and what client libraries
 * show of theirs as process_…, here as oxpecker_process_…, since an app that is scraped has those names already.
 *
 * What the kernel has to be asked for is asked once a second at most, whoever reads it.
 */
#ifndef OXP_PROCESS_ROWS_H
#define OXP_PROCESS_ROWS_H

#include "base/clock.h"
#include "status/counters.h"

struct loop;

/* Written by process_rows.c alone. */
struct process_rows {
	const struct loop *loop;
	struct mono_time looked;
	uint64_t resident; /* bytes */
	uint64_t descriptors; /* that are open */
	struct wall_time started;
};

/* Adds the rows, which read from it: it lives as long as the table. Where /proc is not there, memory and descriptors
 * are left out. */
void process_rows_init(struct process_rows *, struct counters *, const struct loop *, const char *version);

#endif
