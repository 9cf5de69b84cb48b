/*
 * Whether a backup, or a state folder in use or not, is whole, and what is in it. Nothing is written, and a running
 * agent is not asked.
 */
#ifndef OXP_STATE_VERIFY_H
#define OXP_STATE_VERIFY_H

#include "proto/backup_manifest.h"
#include "state/backup_watch.h"

enum { VERIFY_FILES_MAX = BACKUP_FILES_MAX, VERIFY_WHAT = 200 };

struct verify_file {
	char name[BACKUP_NAME_MAX];
	uint64_t size;
	char wrong[VERIFY_WHAT]; /* what is wrong with it; "": nothing */
};

/* What can be counted; as far as a database is sound. */
struct verify_contents {
	uint64_t state, positions, spooled, spool_bytes, parked, parked_bytes;
	uint64_t logs, spans, samples; /* in the embedded store */
};

struct verify_report {
	bool backup; /* it has a manifest; else it is a state folder */
	bool whole; /* nothing is wrong */
	bool restoring; /* a restore into it was decided and has not ended: the next start ends it */
	struct backup_manifest manifest; /* of a backup */
	size_t count;
	struct verify_file files[VERIFY_FILES_MAX];
	struct verify_contents has;
};

/* 0, and the report says what was found; or -errno with one sentence in `why`: there is neither, or it was stopped. */
int verify_run(
	const char *path, const struct backup_watch *, struct verify_report *ret, char why[BACKUP_WHY]) MUST_CHECK;

#endif
