/*
 * Finding of `tail`: what a scan of the folders (scan.h) says about one file is compared with the files that are known.
 * Names pass from file to file, files lose theirs, and files that came and went while nobody looked are searched for.
 * So no file begins before it is known which file had its name before.
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
/* A file that had the name of a lost one after it, or the lost file itself. */
void tail_finder_found_rotated(struct tail_finder *, const struct tail_found *);
/* A copy of a file that was cut down. */
void tail_finder_found_copy(struct tail_finder *, const struct tail_found *);
/* The file has lost its name, to another file or to none (gone.h). */
void tail_finder_lose(struct tail_finder *, struct tail_file *);
/* Called for each file without a name, once a scan. */
void tail_finder_tend_gone(struct tail_finder *, struct tail_file *);
/* Whether a saved position is still wanted (for tail_table_sift). It is, as long as its file may come back: its folder
 * cannot be read, it cannot be opened, or it may be one that was found under another name and put off. It is not, if
 * the file no longer exists or another one has its inode; a file with the same birth was cut down since. */
bool tail_finder_may_come_back(void *finder, const struct tail_saved *);

/* The file has other bytes than those that were read: it begins anew, as the one that is returned. */
struct tail_file *tail_finder_cut_down(struct tail_finder *, struct tail_file *);
/* The file was empty when it was opened, and is compressed. False: batches of what it was before are under way, and the
 * next event or sweep comes here again; else it is closed, and to be scanned for. */
bool tail_finder_close_packed(struct tail_finder *, struct tail_file *);

#endif
