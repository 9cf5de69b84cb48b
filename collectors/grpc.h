/*
 * A door's gRPC: unary calls over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md), one route for each method.
 *
 * A call is a POST whose body is one message behind a head of five bytes, perhaps packed (proto/packed.h). Its answer
 * is a message and trailers, or trailers alone with a status. The message goes the way of any other body of the door,
 * and the statuses of HTTP that the door gives become those of gRPC: 400 INVALID_ARGUMENT, 413 RESOURCE_EXHAUSTED, 415
 * UNIMPLEMENTED, 503 UNAVAILABLE with RetryInfo, 504 DEADLINE_EXCEEDED. A call whose deadline (grpc-timeout) passes
 * before it is taken, or that is cancelled, is given up, so that its sender may send again without sending twice.
 */
#ifndef OXP_COLLECTORS_GRPC_H
#define OXP_COLLECTORS_GRPC_H

#include "collectors/door.h"

/* The route of a method: "/package.Service/Method". The entry outlives it. */
struct http_route grpc_route(const struct door_entry *, const char *path);
/* The last route of a table: any other method is answered UNIMPLEMENTED, and counted. */
struct http_route grpc_route_others(struct door *);

#endif
