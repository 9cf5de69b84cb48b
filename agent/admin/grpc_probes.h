/*
 * The probes over gRPC (grpc/doc/health-checking.md; grpc.health.v1): Check and List. Each answer of the probes is a
 * service: liveness, startup, readiness, app, delivery; the server as a whole, "", is liveness, as /health is. Another
 * name is answered NOT_FOUND. Watch, like any other method, is answered UNIMPLEMENTED, which clients of it take for
 * SERVING.
 */
#ifndef OXP_GRPC_PROBES_H
#define OXP_GRPC_PROBES_H

#include "http/server.h"

struct destinations;
struct health;

/* What they show. */
struct grpc_probes {
	struct health *health;
	const struct destinations *destinations;
};

enum { GRPC_PROBES_ROUTES = 3 };
void grpc_probes_routes(struct grpc_probes *, struct http_route *ret);

#endif
