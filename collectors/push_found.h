/*
 * What an earlier run has left in the file of pages (push_file.h): it is read at the start, before anything comes.
 *
 * Others may have written to the file. A page is one that a client could have pushed (push_page_check()), and whatever
 * belongs to nothing goes.
 */
#ifndef OXP_PUSH_FOUND_H
#define OXP_PUSH_FOUND_H

#include "collectors/push_file.h"

struct push_found {
	struct push_saved *saved; /* for the callee to take: then this is NULL. Else it goes */
	struct batch *batch; /* that `text` stands in; the same */
	struct bytes text;
	enum exposition_format format;
	bool replaces, marked;
};

struct push_visit {
	/* Before all else, part by part, each a page of text; then its record. Of workers; may be NULL. */
	void (*sum)(void *context, struct bytes text);
	void (*sum_ended)(void *context, struct push_saved *saved); /* NULL: it is there no more */
	/* Owners come in the order of their ids, each with its pages in the order of their numbers. False: nobody wants
	 * it, and it goes with its pages. Otherwise the callee adopts it. */
	bool (*owner)(void *context, const struct push_owner *);
	void (*page)(void *context, struct push_found *);
	void (*ended)(void *context); /* that owner has no more pages */
	void *context;
};

void push_file_restore(struct push_file *, const struct push_visit *groups, const struct push_visit *workers);

#endif
