/*
 * The agent's own servers, which take no telemetry: `listen` serves /metrics and the probes to anyone who reaches its
 * addresses, `health.grpc` the probes over gRPC; `control` serves /status, parked records and dumps of the flight
 * recorder on a socket that only its owner may use.
 */
#ifndef OXP_SERVERS_H
#define OXP_SERVERS_H

#include "access/guard.h"
#include "admin/grpc_probes.h"
#include "http/server.h"
#include "parked/parked.h"
#include "recorder/recorder.h"

struct agent_config;
struct core;
struct destinations;
struct health;
struct metrics;
struct overview;

struct servers {
	struct http_server *listen, *control, *grpc;
	struct grpc_probes grpc_probes;
	struct guard guard; /* of `listen`, while that is there */
	struct unix_guard control_guard;
	int unguarded; /* -errno that this came to, and that was told */
	/* Each ends with a row without a path. */
	struct http_route listen_routes[9], control_routes[2 + PARKED_ROUTES + RECORDER_ROUTES + 1],
		grpc_routes[GRPC_PROBES_ROUTES + 1];
};

/* What they show. */
struct servers_options {
	struct core *core;
	const struct agent_config *config;
	struct metrics *metrics;
	struct health *health;
	struct destinations *destinations;
	struct overview *overview;
	struct parked *parked;
	struct recorder *recorder;
};
/* Answers probes from now on, if the addresses of `listen` can be had: alive, and not ready. All else is answered 503.
 * Of the options, `health` alone is used before servers_open(), which says what is wrong with an address. */
void servers_open_probes(struct servers *, const struct servers_options *);
/* 0, or -errno with the reason logged; either way servers_close() follows. */
int servers_open(struct servers *, const struct servers_options *) MUST_CHECK;
void servers_close(struct servers *); /* again is fine */
/* The value of `listen` on /status. */
void servers_report(void *servers, const char *name, struct json_writer *);

#endif
