/*
 * The files that `tail` knows: those it follows, by name and by identity, and those of earlier runs whose saved
 * position has not been claimed yet.
 *
 * Invariant: every file but one that was cut down is found by its identity; by its path as the one that has it, or as
 * one that had it; it stands in `named` or in `gone`, as its state says; it is open exactly if its state says so.
 */
#ifndef OXP_TAIL_TABLE_H
#define OXP_TAIL_TABLE_H

#include "collectors/tail/budget.h"
#include "collectors/tail/closer.h"
#include "collectors/tail/file.h"
#include "collectors/tail/found.h"
#include "collectors/tail/marks.h"

enum { TAIL_CHAINS = 2048, TAIL_SIFTED_AT_ONCE = 128 /* chains */, TAIL_MARKED_AT_ONCE = 1024 };

struct tail_saved {
	struct tail_saved *next;
	struct position at;
	char path[];
};

struct tail_table {
	struct tail_closer *closer;
	struct tail_file_list named, gone;
	struct tail_file *by_path[TAIL_CHAINS], *by_inode[TAIL_CHAINS];
	struct tail_saved *saved[TAIL_CHAINS];
	size_t count, gone_count, saved_count;
	size_t cost, gone_cost, saved_cost; /* bytes: tail_cost() of each */
};

/* Marks files as known, some at a time: `at` is 0 at first. Returns false when all are marked. */
bool tail_table_mark(const struct tail_table *, size_t *at, struct tail_marks *);

void tail_table_init(struct tail_table *, struct tail_closer *);
void tail_table_done(struct tail_table *);
void tail_table_check(const struct tail_table *);

/* A file that is new to us: TAIL_CLOSED or TAIL_GONE_CLOSED. The table owns it. */
struct tail_file *tail_table_add(struct tail_table *, const struct tail_found *, bool gone);
/* Takes the file out and frees it; it must be in no other list. */
void tail_table_drop(struct tail_table *, struct tail_file *);
/* Closes its descriptor, if there is one. */
void tail_table_close(const struct tail_table *, struct tail_file *);
struct tail_file *tail_table_named(const struct tail_table *, const char *path);
struct tail_file *tail_table_find(const struct tail_table *, const struct tail_identity *);
/* The only way from state to state; a move that state.c does not allow aborts. */
void tail_table_move(struct tail_table *, struct tail_file *, enum tail_state to);
/* It was found under that path, which may be new to it. */
void tail_table_rename(struct tail_table *, struct tail_file *, const char *path);
/* Its bytes are in that file now: it was copied. */
void tail_table_become(struct tail_table *, struct tail_file *, const struct tail_identity *);
/* It was cut down: its identity, name and descriptor go to a new file, which is returned. Its generation stays with the
 * bytes that it had, of which there may be a copy. */
struct tail_file *tail_table_cut(struct tail_table *, struct tail_file *);
/* The file of that generation that was cut down, or NULL. */
struct tail_file *tail_table_find_cut(const struct tail_table *, uint64_t generation);
/* Visits the files that have that path, or had it, until `visit` returns false. */
void tail_table_visit(
	const struct tail_table *, const char *path, bool (*visit)(void *context, struct tail_file *), void *context);
/* To the end of its list. */
void tail_table_pass(struct tail_table *, struct tail_file *);
/* The file that had this name last, if it is still known; or NULL. */
struct tail_file *tail_table_last_owner(const struct tail_table *, const char *path);

void tail_table_remember(struct tail_table *, const struct position *);
/* Whether there is a saved position of a file of that identity, whatever it holds now. */
bool tail_table_knows(const struct tail_table *, const struct tail_identity *);
/* The same, of one that was opened in an earlier run. */
bool tail_table_has_begun(const struct tail_table *, const struct tail_identity *);
/* Takes the saved position of the open file, or NULL if there is none or the file is another one by now. 0, or -errno
 * if the file cannot be read. */
int tail_table_claim(struct tail_table *, const struct tail_identity *, int fd, struct tail_saved **ret) MUST_CHECK;
/* Takes a saved position of what was certainly the same file, whatever its bytes are now; NULL: there is none. */
struct tail_saved *tail_table_take(struct tail_table *, const struct tail_identity *) MUST_CHECK;
/* Visits each saved position of what may have been that file. */
void tail_table_visit_saved(const struct tail_table *, const struct tail_identity *,
	void (*visit)(void *context, const struct tail_saved *), void *context);
/* Gives back a position that was claimed and is not used. */
void tail_table_give_back(struct tail_table *, struct tail_saved *);
/* Asks wanted() about each saved position that is left, and forgets those that are not wanted. Some at a time: *at is 0
 * at first. Returns false when all have been asked about. */
bool tail_table_sift(
	struct tail_table *, size_t *at, bool (*wanted)(void *context, const struct tail_saved *), void *context);

#endif
