/*
 * From a backup back to a state folder.
 *
 *   restore.partial/   files are copied there, and compared with their checksums; the copy of state.db is checked. If
 *                      it ends here, for whatever reason, the state is as it was, and the next restore removes it
 *   restore.ready/     the same folder under this name: it is decided. Its files go to their places, those of the state
 *                      that have no counterpart go, and then the folder goes
 *
 * Both are in the state folder, which may be a volume. A kill in the middle of the second part leaves the rest to the
 * next start of an agent, or the next restore: state_open() calls restore_finish() before it looks at anything.
 *
 * It is the same state again, with the same id, so what is sent again has the same ids. Numbers of generations that
 * were given out after the backup are not known. New ones begin RESTORE_LEAP above, so none is used twice.
 *
 * A backup is read as hostile: its files are regular and never reached through links, are as long as the manifest says,
 * have its checksums, and fit on the disk; nothing of the state changes before all of that is known.
 */
#ifndef OXP_STATE_RESTORE_H
#define OXP_STATE_RESTORE_H

#include "base/path.h"
#include "proto/backup_manifest.h"
#include "state/backup_watch.h"

/* More generations than a run gives out between two backups: one for each file that is new or was cut down. */
#define RESTORE_LEAP (UINT64_C(1) << 24)

struct restore_order {
	const char *from; /* the backup */
	const char *state; /* made if it is missing */
	bool replace; /* what is there already */
	const struct backup_watch *watch;
};
/* 0; or -errno with one sentence in `why`, and the state is as it was, or it says that it is not: -EBUSY if an agent
 * has it, -EEXIST if it is not empty. */
int restore_run(const struct restore_order *, struct backup_manifest *ret, char why[BACKUP_WHY]) MUST_CHECK;
/* Ends what was decided; of a locked folder, which people know as `path`. 0, also if there is nothing; -errno with one
 * sentence in `why`. */
int restore_finish(const struct path_folder *, const char *path, char *why, size_t room) MUST_CHECK;

#endif
