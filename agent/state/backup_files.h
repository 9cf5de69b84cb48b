/*
 * What backup, restore and verify do with files and folders. For agent/state/ only. All of it may block for long, and
 * asks the watch again and again whether to go on.
 */
#ifndef OXP_STATE_BACKUP_FILES_H
#define OXP_STATE_BACKUP_FILES_H

#include "base/path.h"
#include "proto/backup_manifest.h"
#include "state/backup_watch.h"

#define BACKUP_MANIFEST_NAME "manifest"
enum { BACKUP_SIDES = 3, BACKUP_SIDE_MAX = BACKUP_NAME_MAX + 16 };
/* What SQLite puts beside a database: "-wal" and its kin. */
extern const char *const backup_sides[BACKUP_SIDES];

/* Says in `why` what could not be done; nothing if `failed` is 0. Returns `failed`, 0 or -errno. */
int backup_explain(char why[BACKUP_WHY], const char *what, int failed);

/* Opens a regular file of that folder to read it, never through a link. The descriptor or -errno; -EBADF: it is
 * something else. */
int backup_open(int folder, const char *name, uint64_t *ret_size) MUST_CHECK;
/* The checksum of a file's first bytes. 0; -ENODATA: it is shorter; -EINTR; -errno. */
int backup_sum(int fd, uint64_t size, const struct backup_watch *, unsigned char ret[SHA256_SIZE]) MUST_CHECK;
struct backup_copy {
	int from, folder; /* the file, and where it goes */
	const char *name;
	uint64_t size;
	bool moves; /* somebody is writing to it, so each piece is read until it is the same twice */
	const struct backup_watch *watch;
};
/* Copies the first bytes of a file into a new one of that name. 0; -ENODATA: it is shorter; -EINTR; -errno. */
int backup_copy(const struct backup_copy *) MUST_CHECK;

/* Makes a folder that nothing is in, which this process alone works in until it is closed: what an earlier run left in
 * it goes. 0 or -errno: -EBUSY if somebody works in it, -ENOTEMPTY if something else is in it. */
int backup_folder_new(int parent, const char *name, struct path_folder *ret) MUST_CHECK;
/* Removes a folder of ours with what is in it, as far as that is ours. */
void backup_folder_remove(int parent, const char *name, struct path_folder *);
/* Visits the names of a folder that belong into a backup; with `sides` also those that SQLite puts beside them. Stops
 * when visit() answers other than 0, and returns that; or -errno. */
int backup_each(int folder, bool sides, int (*visit)(void *, const char *name), void *context) MUST_CHECK;
/* Reads the manifest of a folder. 0; -ENOENT; -EBADMSG, -EPROTO as backup_manifest_read(); -errno. */
int backup_manifest_load(int folder, struct backup_manifest *ret) MUST_CHECK;
/* Writes it, and syncs it and the folder. 0 or -errno. */
int backup_manifest_save(int folder, const struct backup_manifest *) MUST_CHECK;

#endif
