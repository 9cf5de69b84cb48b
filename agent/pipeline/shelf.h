/*
 * The shelf: what waits for its destination stands on disk, not in memory.
 *
 * A sealed batch that has waited for half a second is written by the disk lane to a file without a name in the state
 * folder, and the file is mapped in place of the batch's memory. So while a destination is away, what is held costs
 * pages of files, which the kernel writes out and drops when it wants to, and hardly any memory that it cannot take
 * back. Nothing else changes: the batch counts towards `memory` as before, whoever reads an item reads it where
 * batch_item() says, and the file is gone with the batch. It is no spool: a kill loses it as it loses memory.
 *
 *   shelf_add() → waits → is written, slice by slice → its items have moved
 *                   ↑________↓  somebody reads it, no room, an error: it stays in memory, and is tried again
 *
 * Pages that cannot be read back from a broken disk are 0xff (base/cut_maps.h): the destination refuses what was in
 * them.
 */
#ifndef OXP_SHELF_H
#define OXP_SHELF_H

#include "loop/lane.h"
#include "pipeline/batch.h"

enum {
	SHELF_AFTER_MS = 500,
	SHELF_LEAST = 16 << 10, /* bytes of a batch that is moved; a file costs a page or two */
	SHELF_MAPS_MAX = 16384, /* files at a time: a process may map 65,530, by default, and needs some for memory */
};

struct shelving;

/* Only shelf.c writes it. */
struct shelf {
	struct loop *loop;
	struct lane *disk; /* NULL: nothing is moved, or not any more */
	const char *folder; /* outlives the shelf */
	struct batch_list waiting;
	struct loop_timer due;
	struct shelving *shelving; /* one at a time; NULL: none */
	uint64_t bytes; /* that stand on disk */
	size_t maps, maps_max; /* files that are mapped, until they are unmapped; and how many there may be */
};

/* Without a lane or a folder, nothing is moved. */
void shelf_init(struct shelf *, struct loop *, struct lane *disk, const char *folder);
/* A sealed batch, which from now on waits. */
void shelf_add(struct shelf *, struct batch *);
/* Nothing moves any more, and the lane is not asked. What has moved stays where it is. */
void shelf_halt(struct shelf *);
void shelf_done(struct shelf *); /* halted, no batch is left, and none is being written; fine on zeroed memory */

#endif
