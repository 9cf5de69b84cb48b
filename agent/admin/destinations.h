/*
 * What is shown of the destinations: whether each takes what it is given, since when, and what waits.
 *
 *   /health/delivery   200 while all do, 503 when one does not: the third answer beside liveness and readiness, which
 *                      never depend on destinations. Anyone who reaches `listen` may read it, so an error that could
 *                      quote a record (a refusal) is left out
 *   /status            the same with all there is to say of each
 *   /metrics           oxpecker_destination_…, by destination
 *
 * What "does not" means is sender_verdict(), over `health.delivery`.
 */
#ifndef OXP_DESTINATIONS_H
#define OXP_DESTINATIONS_H

#include "base/json_writer.h"

struct counters;
struct http_request;
struct loop;
struct outlet;
struct outlets;

struct destinations {
	const struct outlets *outlets;
	const struct loop *loop;
};

/* Adds the gauges of one, which outlives the counters' last reader. */
void destinations_count(struct counters *, struct outlet *);
/* A section of the report; the context is the struct destinations. */
void destinations_report(void *context, const char *name, struct json_writer *);
bool destinations_are_fine(const struct destinations *); /* each takes what it is given */
/* The handler of the route; its context is the same. */
void destinations_health(void *context, struct http_request *);

#endif
