/*
 * Files that are copied and then cut down (logrotate's copytruncate). The open file is the same one before and after,
 * but what was not read when it was cut is only in the copy. So the copy becomes the file that was read so far, under
 * its generation and from its offset on, and what was cut down becomes a new file: as if it had been renamed.
 *
 * A copy is recognized by its bytes (head.h), among the files beside it whose names may be those of copies
 * (copyname.h). As long as the file is not cut, a copy that `paths` match has nothing of its own, and is not begun.
 */
#ifndef OXP_TAIL_COPIES_H
#define OXP_TAIL_COPIES_H

#include "collectors/tail/core.h"
#include "collectors/tail/doubts.h"
#include "collectors/tail/look.h"
#include "collectors/tail/saver.h"
#include "collectors/tail/table.h"
#include "collectors/tail/turns.h"
#include "collectors/tail/wanted.h"

struct tail_copies_parts {
	const struct tail_core *core;
	const struct tail_look *look;
	const struct tail_doubts *doubts;
	struct tail_table *table;
	struct tail_ready *ready;
	struct tail_saver *saver;
	struct tail_turns *turns;
	struct tail_wanted *wanted;
};

struct tail_copies {
	struct tail_copies_parts with;
	uint64_t *truncations, *copies;
};

enum tail_copy {
	TAIL_NO_COPY,
	TAIL_COPY_SO_FAR, /* another file has the same bytes, or had them until it was cut down */
	TAIL_COPY_READ, /* its bytes were read before the other file was cut down */
};

void tail_copies_init(struct tail_copies *, const struct tail_copies_parts *);
/* The file has other bytes than those that were read: it begins anew, as the file that is returned. */
struct tail_file *tail_copies_cut(struct tail_copies *, struct tail_file *);
/* The same of a file that was cut down while nobody followed it. */
void tail_copies_cut_before(struct tail_copies *, const struct position *, const char *path);
/* Whether the open file, which nobody knows, is a copy. 0, or -errno: it, or what it may be a copy of, cannot be
 * read. */
int tail_copies_ask(struct tail_copies *, const struct tail_found *, int fd, enum tail_copy *ret) MUST_CHECK;
/* What the copy had so far is read as another file: what was saved while it could not be read does not count. */
void tail_copies_forget_rows(struct tail_copies *, const struct tail_identity *);
/* Takes the descriptor of a copy of a file that was cut down, and goes on reading that file in it. False: the
 * descriptor cannot be read, or is not of its copy. */
bool tail_copies_read_on(struct tail_copies *, struct tail_file *, const struct tail_found *, int fd);
/* Its copy is known as a file of its own. */
void tail_copies_let_be(struct tail_copies *, struct tail_file *);
/* For a file that was cut down, once a scan has answered. True: nothing more of it will be found. */
bool tail_copies_are_gone(struct tail_copies *, struct tail_file *);

#endif
