/*
 * The spool as rows of state.db. For agent/state/ only; in the disk lane, or at start. All return 0 or -errno, unless
 * they say otherwise.
 *
 * A payload is stored in pieces of at most a MiB, each with a checksum, under consecutive ids. The first row carries
 * what is known of the whole.
 */
#ifndef OXP_STATE_SPOOLED_H
#define OXP_STATE_SPOOLED_H

#include "state/database.h"
#include "state/op.h"

int spooled_put(struct database *, struct op *) MUST_CHECK;
int spooled_drop(struct database *, struct op *) MUST_CHECK;
int spooled_set_aside(struct database *, struct op *) MUST_CHECK;
int spooled_take(struct database *, struct op *) MUST_CHECK;
/* The first payload of the key behind `after`; `found` is false if there is none. */
int spooled_read(struct database *, const char *key, uint64_t after, struct spool_row *ret) MUST_CHECK;

/* Sets aside what has an id that no run gives, and answers how many. A full disk leaves them. 0 or -errno. */
int spooled_recover(struct database *, uint64_t *ret_count) MUST_CHECK;

/* A row of the spool, without its payload. */
struct spooled_size {
	const char *key; /* valid within the callback */
	uint64_t id, bytes; /* of this piece */
	bool first; /* of its payload */
};
/* Every row, until visit() returns anything but 0, which is then returned. */
int spooled_sizes(struct database *, int (*visit)(void *, const struct spooled_size *), void *context) MUST_CHECK;

#endif
