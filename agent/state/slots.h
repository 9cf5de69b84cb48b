/*
 * The ledger of sources that cannot be read again, in a file that outlives SIGKILL, not a power cut. For agent/state/
 * only.
 *
 * The terms are in memory of our own, and a slot that has changed is written over: to the page cache, which takes a
 * microsecond. The file is not mapped: others can write to its folder, and a file that is cut down kills whoever has
 * mapped it. It has its full size, with blocks, from the start, so a full disk cannot stop the counting. Its header
 * carries a checksum of the layout and each slot one of its key: a key that was half written does not count. Terms have
 * none: a kill may leave the older ones or the newer ones.
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
/* The terms of that key, zero when new; NULL when all slots are taken. They stay where they are. */
struct ledger_terms *slots_find(struct slots *, const char *key);
/* Writes what has changed since it was last written. What cannot be written is tried again by the next call. */
void slots_save(struct slots *);
int slots_failed(const struct slots *); /* the last write; 0 or -errno */
/* Writes all of it anew if somebody has cut the file down. 1 if so, 0, or -errno. */
int slots_mend(struct slots *) MUST_CHECK;
int slots_file(const struct slots *); /* its descriptor */

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
/* The same of a file that is not open as slots, or is a copy. 0; -EBADMSG: it is none, or torn; -errno. */
int slots_look(int fd, struct slots_known *ret) MUST_CHECK;

#endif
