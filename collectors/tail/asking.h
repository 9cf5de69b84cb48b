/*
 * Files whose growth nobody reports are asked: those behind links are written to under names that are not followed,
 * those without a name under none, and some file systems report nothing. Some at a time; the others have their turn
 * next time.
 */
#ifndef OXP_TAIL_ASKING_H
#define OXP_TAIL_ASKING_H

#include "collectors/tail/core.h"
#include "collectors/tail/look.h"
#include "collectors/tail/machine.h"
#include "collectors/tail/ready.h"
#include "collectors/tail/table.h"

struct tail_asking_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	const struct tail_machine *machine;
	struct tail_table *table;
	struct tail_ready *ready;
};

struct tail_asking {
	struct tail_asking_parts with;
	size_t named, gone; /* files that are still to be asked whether they grew */
	bool last_round; /* all of them are asked once more before `tail` is quiet */
};

void tail_asking_init(struct tail_asking *, const struct tail_asking_parts *);
/* Goes on asking. `stranger`: something has changed that may be one of those files. */
void tail_asking_go_on(struct tail_asking *, bool stranger);
/* Asks some of the files that have names, whatever inotify said. */
void tail_asking_named(struct tail_asking *);
/* Whether go_on() has more to ask. */
bool tail_asking_has_more(const struct tail_asking *);
/* Asks some files with each call. True: all of them were asked since it last returned true, and none has grown. */
bool tail_asking_none_grew(struct tail_asking *);

#endif
