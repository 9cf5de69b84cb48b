/*
 * What state saves, as its callers see it: a payload of the spool and a parked record, with their ceilings.
 */
#ifndef OXP_STATE_RECORD_H
#define OXP_STATE_RECORD_H

#include <sys/uio.h>

#include "component.h"
#include "status/ledger.h"

/* What no run reaches: a row beyond is somebody else's. Generations end at half of PLACE_NAMED. */
#define STATE_SPOOL_ID_MAX (UINT64_C(1) << 62)
#define STATE_GENERATION_MAX (UINT64_C(1) << 34)

enum {
	STATE_KEY_MAX = 200,
	STATE_SLOTS = 512,
	STATE_PAYLOAD_MAX = 1 << 20, /* bytes of a row */
	STATE_SPOOL_PAYLOAD_MAX = 64 << 20, /* of one payload, which may be many rows */
	STATE_PARKED_ROW = 1 << 10, /* what a parked record counts beyond its payload */
	STATE_SPOOL_ROW = 1 << 10, /* the same for a row of the spool: of a small row, SQLite's part is larger */
};

/* What goes to the spool. */
struct state_payload {
	struct ledger_amount amount;
	struct iovec *pieces; /* borrowed until done() */
	size_t count;
	uint64_t *ret_id; /* gets the id before done(), unless a ceiling refused it; NULL: nobody asks */
};

/* What was read back from it. */
struct state_spooled {
	int failed; /* 0, -ENOENT: nothing behind `after`, -errno */
	uint64_t id;
	struct ledger_amount amount;
	struct bytes payload; /* valid within the callback */
};

/*
 * What a destination refused.
 *
 * A record of a file is `placed`: source, destination, generation and offset name it, and it is stored once, however
 * often it is parked. It is on disk before the saved position passes it; `ready` says that the position has, and with
 * it the ledger. If a kill comes in between, the record is read and sent again; if it is taken then, it is no longer
 * shown.
 *
 * A record of a door, which has no saved position, is named by the same four and by its bytes, and is stored once, too.
 */
struct state_parked {
	uint64_t id; /* when read */
	struct wall_time at;
	const char *source, *destination, *reason;
	const char *signal; /* "logs", "traces" */
	uint32_t tries, records;
	uint64_t generation, offset; /* of the record, if its source has them */
	bool placed;
	bool *known; /* when parked: the lane writes whether it was there already. May be NULL */
	struct bytes payload;
	size_t size; /* when read: of the payload, which may not have been asked for */
	bool damaged; /* when read with its payload: the checksum is wrong */
	bool ready; /* when read */
};

/* What to read of parked records, oldest first. */
struct state_parked_query {
	uint64_t after, until; /* ids above `after`, up to `until`; until 0: all */
	const char *destination; /* NULL: any */
	size_t rows; /* at most */
	bool payloads; /* with them; the page ends before they exceed a MiB, but not before the first */
	bool alike; /* only those that are ready; the page ends before another signal, source or destination */
};
struct state_parked_page {
	int failed;
	const struct state_parked *records; /* valid within the callback */
	size_t count;
	uint64_t last; /* the newest id of all */
};

#endif
