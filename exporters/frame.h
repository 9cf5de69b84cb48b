/*
 * Items as they stand in the body of a request: each with a prefix, a suffix, and what is spliced into it.
 *
 * An item that does not fit in one go is written in parts. What is put around it is asked for once, when its first
 * byte is written, since the exporter may have to read all of the item to tell.
 */
#ifndef OXP_EXPORTERS_FRAME_H
#define OXP_EXPORTERS_FRAME_H

#include "component.h"

enum { FRAME_PREFIX_MAX = 512, FRAME_SPLICE_MAX = 64 };

/* What goes into an item on its way out: `size` bytes of `text` in place of the `skip` bytes at `at`. */
struct frame_splice {
	size_t at, skip, size;
	char text[FRAME_SPLICE_MAX];
};

/* All pointers outlive the frames made with it. */
struct frame_form {
	size_t prefix_size; /* of every prefix; of the longest one with `varied`, and what it splices in */
	void (*prefix)(void *exporter, const struct batch_item *, char *to); /* NULL when prefix_size is 0 */
	/* In place of `prefix`, if its size differs between items. Returns the size. The splice says what goes into the
	 * item; all of it but its text is zeroed before. On the loop or in the CPU lane; the same result each time for
	 * the same item. */
	size_t (*varied)(void *exporter, void *reader, const struct batch_item *, char *to, struct frame_splice *);
	const char *suffix;
	bool lines; /* the peer reads lines: it is asserted that each item makes one */
	void *exporter;
};

/* The item that is being written. */
struct frame {
	const struct frame_form *form;
	void *reader; /* for `varied` */
	size_t at; /* bytes of the framed item that are out */
	size_t prefix_size; /* from here on only if a part of it is out */
	char prefix[FRAME_PREFIX_MAX];
	struct frame_splice splice;
};

/* Whether nothing is put around items or into them, so that they may be sent from where they stand. */
static inline bool frame_is_bare(const struct frame_form *form)
{
	return form->prefix_size == 0 && !form->varied && !form->suffix && !form->lines;
}

void frame_init(struct frame *, const struct frame_form *, void *reader);
/* The longest that the item can get, and how long it gets. */
size_t frame_room(const struct frame_form *, const struct batch_item *);
size_t frame_size(const struct frame *, const struct batch_item *);
/* Writes the next bytes of the item, at most `room`, and returns how many. *ret_ended: it is written; another may
 * follow. */
size_t frame_put(struct frame *, const struct batch_item *, char *to, size_t room, bool *ret_ended) MUST_CHECK;

#endif
