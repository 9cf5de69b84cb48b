/*
 * A message on its way into another, field by field, with the messages in it walked to any depth that OTLP may have.
 * Whoever rewrites it says what becomes of each field: it is copied, replaced, left out or entered.
 *
 * `kind` is the rewriter's own number for what it looks at.
 */
#ifndef OXP_OTLP_COPY_H
#define OXP_OTLP_COPY_H

#include "proto/otlp_build.h"
#include "proto/otlp_fault.h"

/* Invariant: the message being walked is in frames[depth - 1]. */
struct otlp_copy {
	struct otlp_build to;
	bool failed; /* it is no message, or nested too deep; rewriters set it, too */
	unsigned depth; /* 0: all of it is written */
	struct {
		struct wire at;
		size_t begun;
		unsigned kind;
	} frames[OTLP_DEPTH_MAX];
};

/* What follows is read from the message, and written as a field of that number, until it is at its end. 0: it is no
 * field but the whole. */
static inline void otlp_copy_enter(struct otlp_copy *c, unsigned field, unsigned kind, struct bytes message)
{
	if (c->depth == OTLP_DEPTH_MAX) {
		c->failed = true;
		return;
	}
	c->frames[c->depth].begun = field ? otlp_build_begin(&c->to, field) : 0;
	c->frames[c->depth].at = wire_of(message);
	c->frames[c->depth].kind = kind;
	c->depth++;
}

/* `to`: with the room there is. */
static inline void otlp_copy_begin(struct otlp_copy *c, struct otlp_build to, unsigned kind, struct bytes message)
{
	c->to = to;
	c->failed = false;
	c->depth = 0;
	otlp_copy_enter(c, 0, kind, message);
}

/* The next field, and all of its bytes; *ret_kind is what it stands in. Messages that are at their end are left. False:
 * all of it is written, or it has failed. */
static inline bool otlp_copy_next(
	struct otlp_copy *c, struct wire_field *ret, struct bytes *ret_raw, unsigned *ret_kind)
{
	while (c->depth > 0 && !c->failed) {
		struct wire *at = &c->frames[c->depth - 1].at;
		const char *from = (const char *)at->at;
		int more = wire_next(at, ret);
		if (more > 0) {
			*ret_raw = (struct bytes){ from, (size_t)((const char *)at->at - from) };
			*ret_kind = c->frames[c->depth - 1].kind;
			return true;
		}
		if (more < 0)
			c->failed = true;
		else if (c->frames[--c->depth].begun)
			otlp_build_end(&c->to, c->frames[c->depth].begun);
	}
	return false;
}

#endif
