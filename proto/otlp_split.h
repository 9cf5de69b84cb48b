/*
 * A large OTLP trace request, cut into several that each stay below a size, for receivers that take no larger message.
 * Spans keep their order, and each its resource and its scope.
 *
 *	resource spans that fit                 go as they are, byte by byte
 *	resource spans that are too large       are written again in each part, with their resource, and with the scope
 *	                                        of the spans that go into it
 *	a span that is too large by itself      is a part of its own, which exceeds the size
 *	resource spans whose resource, or the   stay whole, and so may exceed the size, since repeating these would
 *	scope of whose spans, is large          cost more than all else
 *	a scope without spans                   is left out if its resource spans are cut; so is a part without any
 *
 * There are two calls, since the memory is the caller's: otlp_split_plan() counts, otlp_split_write() writes. Each
 * reads the tags of the request down to its spans, and no span. No allocation, no recursion.
 */
#ifndef OXP_OTLP_SPLIT_H
#define OXP_OTLP_SPLIT_H

#include "base/bytes.h"

enum { OTLP_SPLIT_REPEATED = 16 }; /* a resource or a scope of more than this part of `max` is not repeated */

struct otlp_split_part {
	uint32_t size, spans;
};

struct otlp_split {
	size_t max; /* bytes of a part */
	size_t size; /* of all parts, which stand one behind the other */
	size_t parts;
};

/* `body` has passed otlp_traces_check(). */
void otlp_split_plan(struct bytes body, size_t max, struct otlp_split *ret);
/* Writes the parts, `size` bytes at `to`, and what they are into `parts`. `body` and the plan are as they were. */
void otlp_split_write(struct bytes body, const struct otlp_split *, char *to, struct otlp_split_part *parts);

#endif
