/*
 * What a collector's meters have come to, in a file that the next run goes on with: series/sums_file.h. The file is
 * NAME.sums in the state folder, by the name of the component.
 *
 * It is read at the start, before anything comes. Then meters are written as they change: before they are shown, a
 * tenth of a second after they have changed, before the collector answers if it wants that (saving_now()), and at the
 * end. If they cannot be written, that is logged, counted and shown on /status; nothing else is held up, and it is
 * tried again.
 */
#ifndef OXP_COLLECTORS_SAVING_H
#define OXP_COLLECTORS_SAVING_H

#include "loop/loop.h"
#include "series/meters.h"

struct host;
struct json_writer;

/* Only saving.c writes it. */
struct saving {
	struct host *host;
	struct meters *meters;
	struct sums_file *file; /* NULL: nothing is saved */
	char name[SUMS_NAME_MAX];
	struct loop_timer due;
	struct loop_soon more;
	size_t left; /* that had changed when this began */
	int failed; /* why not all could be saved; 0 */
	bool failed_since; /* the last look */
	struct meters_restored restored;
	bool set_aside;
	uint64_t *sums, *bytes, *failures, *lost;
};

/* Restores what the last run has left. The meters outlive it. */
void saving_init(struct saving *, struct host *, struct meters *, const struct meters_restore *);
/* Saves what has changed, that many at most: before an answer. */
void saving_now(struct saving *, size_t count);
/* Every few seconds, behind meters_age(): whether the file is still there, and what has ended leaves it. */
void saving_look(struct saving *);
/* All that has changed: nothing comes any more. */
void saving_end(struct saving *);
/* When the meters are gone. Fine on zeroed memory. */
void saving_done(struct saving *);
void saving_report(const struct saving *, struct json_writer *);

#endif
