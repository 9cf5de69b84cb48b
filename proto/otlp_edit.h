/*
 * Editing an OTLP trace request without decoding it: the caller is shown its resources, scopes and spans one by one,
 * each as a view (otlp_view.h), and edits the view. The edited request is written along the way, span by span, so that
 * neither the memory nor the time between two pauses grows with the request.
 *
 *	otlp_edit_begin()  at a request
 *	otlp_edit_go_on()  shows what comes next, and writes what became of it; can stop behind any message
 *
 * Nothing is written before the first edit. Spans that go are left out when something behind them is written. A message
 * around an edit is written with the length it had, which is corrected at its end; that moves the content only if the
 * length then takes more bytes or fewer.
 *
 * A resource is shown before its spans, wherever it stands in the bytes, and so is a scope. If it stands twice, the
 * last one is the one that spans are shown with (as in otlp_traces_each()); the others are shown, too. A resource that
 * is missing is shown as an empty one.
 *
 * The body is one that passed otlp_traces_check(), with DETECT_PADDING readable bytes behind it. There is no recursion.
 * What is lent for the edits of a view is at most the ceiling given at birth, and ends with the view.
 */
#ifndef OXP_OTLP_EDIT_H
#define OXP_OTLP_EDIT_H

#include "proto/otlp_raw.h"
#include "proto/otlp_view.h"

enum { OTLP_EDIT_PADDING = 16 /* readable bytes behind those of otlp_edit_room() */ };

struct otlp_edit;

/* Whose request it is. */
struct otlp_editor {
	/* Edits the view and answers whether a span stays; scopes and resources go when all of their spans have gone.
	 * False for one of these means that it cannot be edited. */
	bool (*visit)(void *context, struct otlp_edit *, struct otlp_view *);
	/* Memory for at least `size` bytes of the edited request, with what has been written at its beginning; it may
	 * be other memory than before. NULL: no room. */
	char *(*room)(void *context, size_t size, size_t *ret_room);
	void *context;
	size_t long_work; /* what shows or copies more bytes at once is announced (OTLP_EDIT_LONG); 0: nothing is */
};

/*
 * A message around spans, or a view.
 *
 * Invariant: if something in it was written, something was in each message around it. What goes of it, from `gap` to
 * `gap_end`, is behind everything that was written.
 */
struct otlp_frame {
	struct wire at; /* what is left of its content */
	const char *field, *length, *content, *end; /* where it stands in the request: its tag, length, content */
	const char *gap, *gap_end;
	bool open; /* it was written up to its content: */
	size_t start, begun, width; /* where it and its content begin there; bytes of its length */
	bool finding; /* its resource or scope, of which `head` is the last so far; without data there is none */
	struct wire to_find;
	struct bytes head;
	bool kept, dropped; /* some of its spans */
	struct lent_mark lent;
};

enum otlp_frame_of { OTLP_FRAME_REQUEST, OTLP_FRAME_RESOURCE, OTLP_FRAME_SCOPE, OTLP_FRAME_SPAN, OTLP_FRAMES };

/* What takes long, and is announced. */
enum otlp_work {
	OTLP_WORK_NONE,
	OTLP_WORK_SEE, /* a message is shown */
	OTLP_WORK_PUT, /* what became of it is written, with what stands before it */
	OTLP_WORK_CATCH_UP, /* what did not change since the last edit is written */
};

/* Only otlp_edit.c writes it. */
struct otlp_edit {
	struct lent lent; /* for edits, until their view was written */
	struct otlp_editor editor;
	struct bytes body;
	int frame; /* the innermost that the walk is in; -1: it is at its end */
	struct otlp_frame frames[OTLP_FRAMES];
	struct otlp_build out; /* the edited request; without memory nothing has been written */
	const char *copied; /* up to where `out` has the request */
	bool changed;
	size_t size; /* of the edited request, once it is whole */
	struct otlp_view views[OTLP_LEVELS]; /* those that spans are shown with, and the span at hand */
	struct otlp_view other; /* a resource or scope that stands twice */
	enum otlp_work work; /* that was announced */
	bool worked; /* it was done, and failed so: */
	int work_failed;
	/* The message at hand: where it stands, or nowhere for a resource or scope that is missing; in which message
	 * around it; the view that shows it; what was lent before it. */
	struct otlp_raw raw;
	unsigned around;
	struct otlp_view *view;
	struct lent_mark raw_lent;
	int failed; /* reading it */
	bool stays; /* the visitor's answer to it */
	uint64_t kept, dropped, dropped_bytes; /* spans */
};

struct otlp_edit *otlp_edit_new(size_t ceiling) __attribute__((returns_nonnull));
void otlp_edit_free(struct otlp_edit *); /* NULL is fine */
/* Gives back memory that a large request took. */
void otlp_edit_forget(struct otlp_edit *);

void otlp_edit_begin(struct otlp_edit *, struct bytes body, const struct otlp_editor *);
enum { OTLP_EDIT_LONG = 2 };

/*
 * About *bytes bytes of it, which are taken off *bytes, but at least one span, resource or scope. 1: there is more; 0:
 * that was all; OTLP_EDIT_LONG: what comes next takes long, and otlp_edit_work() does it; -EBADMSG: the body is not
 * such a request after all; -ENOSPC: a resource or scope cannot be edited; -ENOMEM: there was no room for the edited
 * request. After an error it cannot go on.
 *
 * If none of its spans stays, what was written is of no use. If nothing was changed, nothing was written.
 */
int otlp_edit_go_on(struct otlp_edit *, size_t *bytes) MUST_CHECK;
/* Does what was announced; then it can go on. No room is asked for. */
void otlp_edit_work(struct otlp_edit *);
/* Behind OTLP_EDIT_LONG: whether otlp_edit_work() will show a message, of that many bytes. */
static inline bool otlp_edit_will_show(const struct otlp_edit *e, enum otlp_level *ret_level, size_t *ret_size)
{
	*ret_level = e->view->level;
	*ret_size = e->raw.bytes.size;
	return e->work == OTLP_WORK_SEE;
}
static inline bool otlp_edit_changed(const struct otlp_edit *e)
{
	return e->changed;
}
/* How much of the request is still to come. */
static inline size_t otlp_edit_left(const struct otlp_edit *e)
{
	return (size_t)(e->body.data + e->body.size - e->copied);
}

/* For a visitor: bytes until the view was written; of a resource or scope, until its spans were. NULL beyond the
 * ceiling. */
static inline MUST_CHECK char *otlp_edit_room(struct otlp_edit *e, size_t size)
{
	_Static_assert((int)LENT_PADDING >= (int)OTLP_EDIT_PADDING, "scanners read on behind a text");
	return lent_room(&e->lent, size);
}

#endif
