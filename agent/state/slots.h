/*
 * The ledger of sources that cannot be read again, as a file in memory: it outlives SIGKILL, not a power cut. For
 * agent/state/ only.
 *
 * The file has its full size, with blocks, from the start: a full disk cannot stop the counting. Its header carries a
 * checksum of the layout and each slot one of its key, written last: a key that was half written does not count. Terms
 * have none, since they change all the time.
 */
#ifndef OXP_STATE_SLOTS_H
#define OXP_STATE_SLOTS_H

#include "base/path.h"
#include "status/ledger.h"

struct slots;

enum slots_found { SLOTS_THERE, SLOTS_NEW /* empty, or not there */, SLOTS_SET_ASIDE };
/* 0 or -errno. A file that is torn or of another layout is renamed to NAME.corrupt-N. */
int slots_open(
	const struct path_folder *, const char *name, struct slots **ret, enum slots_found *ret_found) MUST_CHECK;
void slots_close(struct slots *); /* NULL is fine */
/* The terms of that key, zero when new; NULL when all slots are taken. */
struct ledger_terms *slots_find(struct slots *, const char *key);

/*
 * What is known of the database beside it, as of the last commit: a database that was cut down, or is older or somebody
 * else's, cannot tell so itself. Never ahead of what is on disk. All zeros: nothing is known.
 */
struct slots_known {
	uint64_t id, commits, generation;
	uint64_t store; /* id of the embedded store */
};
struct slots_known slots_known(const struct slots *);
void slots_know(struct slots *, const struct slots_known *);

#endif
