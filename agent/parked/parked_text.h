/*
 * A parked record as JSON: on the control socket, and for `oxpecker parked` when no agent runs.
 *
 * Its payload is text for a log line and OTLP/JSON for spans, since both are for people; what goes to the destination
 * again is always the bytes that came.
 */
#ifndef OXP_PARKED_TEXT_H
#define OXP_PARKED_TEXT_H

#include "base/json_writer.h"
#include "state/state.h"

enum { PARKED_TEXT_MAX = 16 << 20 };

/* One object, an element of an array; with the payload if that was read and is asked for. */
void parked_text_put(const struct state_parked *, bool payload, struct json_writer *);
/* Appends the object. 0, -ENOSPC or -ENOMEM. */
int parked_write(const struct state_parked *, bool payload, struct buffer *) MUST_CHECK;

#endif
