/*
 * What a door's large request of spans is cut into, so that each item fits into one message of any receiver: most gRPC
 * servers take no more than 4 MiB. It is done here and not by the exporter, because an item is what a destination takes
 * or refuses as one: after a failure only the part that failed is sent again, and what is refused is parked alone.
 *
 * The parts take a copy of the body (proto/otlp_split.h), behind a table of them in the same block. If there is no room
 * for that, the request goes on as one item.
 */
#ifndef OXP_SPANS_PARTS_H
#define OXP_SPANS_PARTS_H

#include "collectors/door.h"
#include "proto/otlp_split.h"

/* What the exporter sends over gRPC at a time. Steps may still add a seventh of that before a server refuses it. */
enum { SPANS_PART_MAX = 7 << 19 };

struct spans_parts {
	struct otlp_split plan; /* without parts: the request is one item */
	bool written;
};

/* In look(), of a body that is a request of OTLP and fine: asks for mend() if it is to be cut. */
void spans_parts_plan(struct spans_parts *, struct door_request *);
static inline bool spans_parts_are_due(const struct spans_parts *p)
{
	return p->plan.parts > 0;
}
/* In mend(), if they are due. Returns the size of the body. */
size_t spans_parts_write(struct spans_parts *, struct door_request *);
/* In fill(), of a body with that many spans. False: no room. */
bool spans_parts_fill(const struct spans_parts *, struct door_request *, uint64_t spans);

#endif
