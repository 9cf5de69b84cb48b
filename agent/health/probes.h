/*
 * What probes answer, made of the checks (health.h).
 *
 *   /health/liveness, /health   200 while the loop turns; nothing else can make it fail. "starting" in it: the state is
 *                               still being opened, and no door is open
 *   /health/startup             200 from when the agent's own start is over: doors are open, log files have been looked
 *                               for, and each check has looked once, whatever it saw
 *   /health/readiness, /ready   200 if the agent follows the files that it has to follow, and every check of
 *                               "readiness" is fine; otherwise 503
 *   /health/app                 200 if every check of "app" is fine; otherwise 503. For the app container's liveness
 *   /health/delivery            503 while a destination of the agent does not take what it is given
 *                               (admin/destinations.h)
 *
 * Each body is {"status": …, "checks": {NAME: true|false}}, of startup: whether it has looked. With ?verbose, `details`
 * has for each of these checks its kind, the reason of its last failure, how long the last look took, and when one last
 * succeeded.
 */
#ifndef OXP_PROBES_H
#define OXP_PROBES_H

#include "health/health.h"
#include "http/server.h"

struct counters;
struct json_writer;

/* Handlers for the routes; the context is the struct health. */
void probes_liveness(void *context, struct http_request *);
void probes_startup(void *context, struct http_request *);
void probes_readiness(void *context, struct http_request *);
void probes_app(void *context, struct http_request *);
/* A section of the report (status/report.h): the checks, each with how it fared last. Likewise. */
void probes_report(void *context, const char *name, struct json_writer *);
/* Adds what /metrics says of the check, which lives as long as the table is shown. */
void probes_count(struct counters *, struct health_check *);

#endif
