/*
 * Several OTLP trace requests as one, in which a resource stands once, and in it each scope. An app sends every request
 * with the same resource, so with ten spans a request that is a fifteenth of what goes out.
 *
 *	resource spans whose resource and        become one, where the first of them stood; what was in them keeps its
 *	schema_url are the same bytes            order
 *	scope spans in these whose scope and     become one, in the same way
 *	schema_url are the same bytes
 *	scope spans of which the scope is less   go as they are: it takes longer to find their end than is saved
 *	than a sixteenth
 *	a message that is alone, or has other    goes as it is, byte by byte
 *	fields, or has them in another order
 *
 * So no span changes, none is decoded, and the result is never longer than the requests one behind the other. What is
 * looked at is bounded: eight resources, 64 scopes, 2,048 parts, and about half a millisecond. The rest goes as it is.
 */
#ifndef OXP_OTLP_GROUP_H
#define OXP_OTLP_GROUP_H

#include "base/pieces.h"

struct otlp_group;

/* For exactly that many requests. NULL: no memory. */
struct otlp_group *otlp_group_new(size_t requests) MUST_CHECK;
/* One more. It has passed otlp_traces_check(), and stays where it is for as long as the pieces are used. */
void otlp_group_add(struct otlp_group *, struct bytes request);
/* Frees it. True, and the one request; false if there is nothing that stands in two of them, or no memory. */
bool otlp_group_end(struct otlp_group *, struct pieces *ret) MUST_CHECK;

#endif
