/*
 * What the spool and parked records take of state.max, what is on its way to the disk included. For agent/state/ only;
 * on the loop.
 *
 * A change is admitted before it is written, which counts what it brings or refuses all of it; when it has been
 * written, or could not be, it is correct. Parked records have a quarter of state.max, positions and what SQLite adds a
 * sixteenth, the spool the rest.
 */
#ifndef OXP_STATE_USAGE_H
#define OXP_STATE_USAGE_H

#include "state/database.h"
#include "state/op.h"

/* Routes of all configurations since the spool was empty: a spool with more keys is not ours. */
enum { USAGE_KEYS_MAX = 1000 };

struct usage_key;

struct usage {
	uint64_t max; /* bytes */
	struct usage_key *keys;
	size_t key_count; /* at most USAGE_KEYS_MAX on disk */
	uint64_t spool_id; /* the last that was given */
	uint64_t spool_rows, spool_bytes, parked_count, parked_bytes;
};

/* What is on disk. 0 or -errno: -EBADMSG for more than USAGE_KEYS_MAX keys. */
int usage_read(struct usage *, struct database *) MUST_CHECK;
/* As it was before usage_read(). */
void usage_forget(struct usage *);
void usage_admit(struct usage *, struct state_change *); /* sets its `refused` */
void usage_correct(struct usage *, struct state_change *);
uint64_t usage_parked_max(const struct usage *);
void usage_spool_keys(const struct usage *, void (*visit)(void *, const char *key, uint64_t bytes), void *context);

#endif
