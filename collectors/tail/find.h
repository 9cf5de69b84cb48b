/*
 * Finding of `tail`: what a scan of the folders (scan.h) says of one file, held against the files that are known. Names
 * change hands, files lose theirs, and those that came and went while nobody looked are searched for; so no file is
 * begun before it is known who had its name before.
 */
#ifndef OXP_TAIL_FIND_H
#define OXP_TAIL_FIND_H

#include "collectors/tail/copies.h"
#include "collectors/tail/core.h"
#include "collectors/tail/doubts.h"
#include "collectors/tail/gone.h"
#include "collectors/tail/look.h"
#include "collectors/tail/machine.h"
#include "collectors/tail/packed.h"
#include "collectors/tail/saver.h"
#include "collectors/tail/table.h"
#include "collectors/tail/trouble.h"
#include "collectors/tail/turns.h"
#include "collectors/tail/wanted.h"

struct tail_finder_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	const struct tail_machine *machine;
	struct tail_table *table;
	struct tail_ready *ready;
	struct tail_saver *saver;
	struct tail_turns *turns;
	struct tail_packed *packed;
	struct tail_copies *copies;
	struct tail_gone *gone;
	struct tail_troubles *troubles;
	struct tail_doubts *doubts;
	struct tail_wanted *wanted;
};

struct tail_finder {
	struct tail_finder_parts with;
	struct wall_time known_before; /* tail_saver.known of an earlier run; 0: there is none */
	uint64_t *vanished;
};

void tail_finder_init(struct tail_finder *, const struct tail_finder_parts *);
/* A saved position of an earlier run. */
void tail_finder_remember(struct tail_finder *, const struct position *);

/* A file was found under a name that we follow. */
void tail_finder_found(struct tail_finder *, const struct tail_found *);
/* A file had the name of one that was asked for as lost, or is that one. */
void tail_finder_found_rotated(struct tail_finder *, const struct tail_found *);
/* A copy of a file that was cut down. */
void tail_finder_found_copy(struct tail_finder *, const struct tail_found *);
/* The file has lost its name, to another file or to none (gone.h). */
void tail_finder_lose(struct tail_finder *, struct tail_file *);
/* A file without a name, once a scan. */
void tail_finder_tend_gone(struct tail_finder *, struct tail_file *);
/* Whether a position is kept (a visitor for tail_table_sift). It is as long as its file may come back: its folder
 * cannot be read, it cannot be opened, or it may be one that was found under another name and put off. It is of no
 * use if the file is no more, or another one has its inode; one that was born when it was has been cut down since. */
bool tail_finder_may_come_back(void *finder, const struct tail_saved *);
/* Forgets one of the files that are away if there are too many. False: there are not. */
bool tail_finder_thin_out(struct tail_finder *);

/* The file has other bytes than those that were read: it begins anew. */
void tail_finder_cut_down(struct tail_finder *, struct tail_file *);
/* The file was empty when it was opened, and is compressed. False: batches of what it was before are under way, and the
 * next event or sweep comes here again; else it is closed, and to be scanned for. */
bool tail_finder_close_packed(struct tail_finder *, struct tail_file *);

#endif
