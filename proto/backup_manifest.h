/*
 * The manifest of a backup: which files it has, how long they are, and their checksums.
 *
 *	# oxpecker backup 1
 *	# program 0.9.0
 *	# made 2026-11-30T21:00:00Z
 *	# state 0123456789abcdef
 *	# bytes 81920
 *	1f2e…  state.db
 *	# bytes 534040
 *	a0b1…  ledger
 *	# end 77c8…
 *
 * `sha256sum -c manifest` reads it, too: to that program a line with # is a comment. The last line is the SHA-256 of
 * all that stands before it, so a manifest that was cut is not one. A manifest is read as hostile: its names lead
 * nowhere but into the folder that it is in, and are those of files that a state has. Only what backup_manifest_write()
 * would write is taken.
 */
#ifndef OXP_BACKUP_MANIFEST_H
#define OXP_BACKUP_MANIFEST_H

#include "proto/sha256.h"

enum {
	BACKUP_FILES_MAX = 128,
	BACKUP_NAME_MAX = 200, /* bytes with the zero at the end */
	BACKUP_WORD_MAX = 40,
	BACKUP_MANIFEST_MAX = 64 << 10, /* bytes */
};
#define BACKUP_SIZE_MAX (UINT64_C(1) << 50) /* bytes of a file */

struct backup_file {
	char name[BACKUP_NAME_MAX];
	uint64_t size;
	unsigned char sum[SHA256_SIZE];
};

struct backup_manifest {
	char program[BACKUP_WORD_MAX]; /* the version that made it */
	char made[BACKUP_WORD_MAX]; /* the moment, RFC 3339 */
	uint64_t state; /* the state's id */
	size_t count;
	struct backup_file files[BACKUP_FILES_MAX]; /* the first is state.db */
};

/* Whether a state has a file of that name that belongs into a backup. */
bool backup_name_fits(struct bytes name);
/* The file of that name, or NULL. */
const struct backup_file *backup_manifest_find(const struct backup_manifest *, const char *name);
/* 0 or -ENOSPC: beyond the buffer's ceiling. */
int backup_manifest_write(const struct backup_manifest *, struct buffer *) MUST_CHECK;
/* 0; -EBADMSG: it is none, or not whole; -EPROTO: it is of a newer version. */
int backup_manifest_read(struct bytes, struct backup_manifest *ret) MUST_CHECK;

#endif
