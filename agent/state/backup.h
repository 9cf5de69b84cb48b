/*
 * A backup of a state folder, made while an agent runs, or when none does.
 *
 * It is a folder: a copy of each file, and a manifest with their sizes and SHA-256, written last
 * (proto/backup_manifest.h). It is made as NAME.partial and renamed when all of it is on disk, so a folder that has the
 * name is whole.
 *
 *   1. state.db   its pages as of one moment: positions, spool, parked records, the ledger of files
 *   2. ledger     as of the same moment: no commit came between the two, so both are as a kill would leave them
 *   3. store.db   as of a later moment. So it has whatever a saved position says that it has; what is newer in it comes
 *                 again after a restore, under ids that it knows
 *   4. *.sums, *.pages   each value whole, and not older than the positions
 *
 * Left out are the flight recorder, which is about the last seconds of one run, and files that were set aside.
 *
 * The agent is not asked, and waits for nothing but the disk: its databases are read beside it (WAL). Meanwhile its WAL
 * is not cut, so it grows by what is committed.
 */
#ifndef OXP_STATE_BACKUP_H
#define OXP_STATE_BACKUP_H

#include "base/clock.h"
#include "proto/backup_manifest.h"
#include "state/backup_watch.h"

struct backup_order {
	const char *state; /* the state folder */
	const char *to; /* the backup, which does not exist yet; its parent does */
	const char *program; /* the version that makes it */
	struct wall_time now;
	const struct backup_watch *watch;
};
/* 0; or -errno with one sentence in `why`, and there is no backup: -EEXIST, -EBUSY, -EINTR, -ENOSPC. It may take as
 * long as the disk takes for all of it. */
int backup_make(const struct backup_order *, struct backup_manifest *ret, char why[BACKUP_WHY]) MUST_CHECK;

#endif
