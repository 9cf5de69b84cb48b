/*
 * Parked records on the control socket: listed, shown, sent again, dropped.
 *
 *   GET  /parked?after=ID&destination=NAME          a page, oldest first
 *   GET  /parked/show?id=ID                         one, with its payload
 *   POST /parked/replay?id=ID | after=ID&until=ID   a slice, sent again to where it was refused
 *   POST /parked/drop?id=ID | after=ID&until=ID     a slice, given up
 *
 * A request that changes something works on one slice and answers how far it got. So its memory does not depend on how
 * much is parked, and a peer can go away at any time. A slice is of one source and one destination.
 */
#ifndef OXP_PARKED_H
#define OXP_PARKED_H

#include "parked/replay.h"

enum { PARKED_ROUTES = 4, PARKED_PAGE = 256 };

struct core;
struct http_request;
struct http_route;
struct pipeline;

struct parked {
	struct core *core;
	struct replay replay;
	struct http_request *replaying; /* what the replay was asked with; NULL: nobody waits */
	bool dropping;
};

void parked_init(struct parked *, struct core *, struct pipeline *);
void parked_done(struct parked *);
/* Fills PARKED_ROUTES rows. */
void parked_routes(struct parked *, struct http_route *routes);
/* A section of the report. */
void parked_report(void *parked, const char *name, struct json_writer *);

#endif
