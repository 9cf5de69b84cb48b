/*
 * The spool as rows of state.db. For agent/state/ only; in the disk lane, or at start.
 *
 * A payload is kept in pieces of at most a MiB, each with a checksum, under ids that follow one another: the first row
 * carries what is known of the whole.
 */
#ifndef OXP_STATE_SPOOLED_H
#define OXP_STATE_SPOOLED_H

#include "state/database.h"
#include "state/op.h"

int spooled_put(struct database *, struct op *) MUST_CHECK;
int spooled_drop(struct database *, struct op *) MUST_CHECK;
int spooled_set_aside(struct database *, struct op *) MUST_CHECK;
int spooled_take(struct database *, struct op *) MUST_CHECK;
/* The first payload of the key behind `after`; !found when there is none. 0 or -errno. */
int spooled_read(struct database *, const char *key, uint64_t after, struct spool_row *ret) MUST_CHECK;

/* What there is of one key. */
struct spooled_sum {
	const char *key; /* valid within the callback */
	uint64_t bytes, last, payloads; /* of all payloads; the highest id of a row; how many payloads */
};
int spooled_sums(struct database *, void (*visit)(void *, const struct spooled_sum *), void *context) MUST_CHECK;

#endif
