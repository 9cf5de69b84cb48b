/*
 * Files of `tail` that have lost their names, because they were rotated or deleted: how long they are followed, and
 * when they are closed. A file is closed when all of it has been read and has settled, and it has not grown for some
 * sweeps. Then nobody writes to it any more, and what it ends with is its last line.
 */
#ifndef OXP_TAIL_GONE_H
#define OXP_TAIL_GONE_H

#include "collectors/tail/copies.h"
#include "collectors/tail/core.h"
#include "collectors/tail/doubts.h"
#include "collectors/tail/look.h"
#include "collectors/tail/machine.h"
#include "collectors/tail/packed.h"
#include "collectors/tail/saver.h"
#include "collectors/tail/table.h"
#include "collectors/tail/trouble.h"
#include "collectors/tail/turns.h"
#include "collectors/tail/wanted.h"

struct tail_gone_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	const struct tail_machine *machine;
	const struct tail_doubts *doubts;
	struct tail_table *table;
	struct tail_ready *ready;
	struct tail_saver *saver;
	struct tail_turns *turns;
	struct tail_packed *packed;
	struct tail_copies *copies;
	struct tail_troubles *troubles;
	struct tail_wanted *wanted;
};

struct tail_gone {
	struct tail_gone_parts with;
	uint64_t *rotations;
};

void tail_gone_init(struct tail_gone *, const struct tail_gone_parts *);
/* The file's name is another file's now, or no file's. If it is open, it is read to its end. False: it was never open,
 * so it is looked for, and no longer known. */
bool tail_gone_lose(struct tail_gone *, struct tail_file *);
/* It has grown, or goes on in a copy: its idle sweeps are counted from now on. */
void tail_gone_grew(struct tail_file *);
/* A scan that is over has not found it under a name. It may be closed now, and is then no longer known. */
void tail_gone_tend(struct tail_gone *, struct tail_file *);
/* Closes the file, even if something of it is not read, and forgets it. */
void tail_gone_drop(struct tail_gone *, struct tail_file *);

#endif
