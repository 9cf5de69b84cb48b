/*
 * Compressed files of `tail`: looked into one at a time (gzip.h), once nobody writes to them any more. One whose text
 * is followed under another name is not read; one of which an earlier run has read a part is read on from there,
 * under the same generation; any other is a new file, to which nobody will write.
 */
#ifndef OXP_TAIL_PACKED_H
#define OXP_TAIL_PACKED_H

#include "collectors/tail/core.h"
#include "collectors/tail/doubts.h"
#include "collectors/tail/gzip.h"
#include "collectors/tail/look.h"
#include "collectors/tail/saver.h"
#include "collectors/tail/table.h"
#include "collectors/tail/trouble.h"

struct tail_packed_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	struct tail_table *table;
	struct tail_ready *ready;
	struct tail_saver *saver;
	struct tail_troubles *troubles;
	struct tail_doubts *doubts;
	/* A file that waits, or was closed, is to be looked at again: a scan is wanted. */
	void (*scan)(void *context);
	void *context;
};

/* Whether the file that is unpacked is to be read. */
enum tail_choice {
	TAIL_CHOICE_OPEN,
	TAIL_CHOICE_WAITS, /* until the scan that is under way is over */
	TAIL_CHOICE_AT_END, /* when all of it is unpacked: it may have been read as a file that is away */
	TAIL_CHOICE_MADE,
};

struct tail_packed {
	struct tail_packed_parts with;
	struct tail_unpack *unpack; /* the one file that is unpacked at a time, or NULL */
	struct tail_saved *resumed; /* the position that it goes on from, or NULL */
	/* In one round each compressed file is tried once, so that one without room for its text does not keep out
	 * others. */
	uint32_t round;
	bool skipped; /* one that was already tried in this round was met by the scan under way */
	enum tail_choice choice;
	uint64_t *looked_into, *unpacked, *damaged;
};

void tail_packed_init(struct tail_packed *, const struct tail_packed_parts *);
/* Takes the descriptor of a closed file. If it cannot begin now, the next scan tries again. */
void tail_packed_begin(struct tail_packed *, struct tail_file *, int fd, enum tail_packing);
/* A scan has found a compressed file again: it may be readable by now. */
void tail_packed_tend(struct tail_packed *, struct tail_file *);
/* A scan is over. */
void tail_packed_scanned(struct tail_packed *);
/* The agent stops. A slice in the lane ends with its job; what waits for a scan ends here, since none ends any more. */
void tail_packed_stop(struct tail_packed *);
/* Whether this file is being unpacked. */
bool tail_packed_is_at(const struct tail_packed *, const struct tail_identity *);
bool tail_packed_is_quiet(const struct tail_packed *);

#endif
