/*
 * The ledger of sources that cannot be read again, as a file in memory: it outlives SIGKILL, not a power cut. For
 * agent/state/ only.
 *
 * The file has its full size, with blocks, from the start: a full disk cannot stop the counting. Its header carries a
 * checksum of the layout and each slot one of its key, written last: a key that was being written is no key. Terms
 * have none, since they change all the time.
 */
#ifndef OXP_STATE_SLOTS_H
#define OXP_STATE_SLOTS_H

#include "base/path.h"
#include "status/ledger.h"

struct slots;

/* 0 or -errno. A file that is torn or of another layout is renamed to NAME.corrupt-N and counted. */
int slots_open(const struct path_folder *, const char *name, struct slots **ret, uint64_t *set_aside) MUST_CHECK;
void slots_close(struct slots *); /* NULL is fine */
/* The terms of that key, zero when new; NULL when all slots are taken. */
struct ledger_terms *slots_find(struct slots *, const char *key);

#endif
