/*
 * GET /metrics: bring the series up to date, then show them with the agent's own numbers.
 *
 *   METRICS_IDLE → METRICS_COLLECTING (the collectors scrape) → METRICS_WRITING (the page is made in slices) → IDLE
 *
 * Whoever asks while one round is under way gets the page of that round: one scrape serves all concurrent pulls. A
 * round ends within the time that Prometheus says it leaves (X-Prometheus-Scrape-Timeout-Seconds); who has not
 * answered by then is down. A round is also what the embedded store takes its snapshots from.
 */
#ifndef OXP_METRICS_H
#define OXP_METRICS_H

#include "http/server.h"
#include "loop/lane.h"
#include "series/series.h"
#include "series/write.h"

struct agent;
struct intake;
struct pull;

enum metrics_state { METRICS_IDLE, METRICS_COLLECTING, METRICS_WRITING };

struct metrics {
	struct agent *agent;
	enum metrics_state state;
	struct pull *pulls; /* who waits for this round */
	size_t collecting; /* collectors that have not answered */
	struct loop_timer late; /* the round's deadline */
	struct loop_soon slice;
	struct series_cursor cursor;
	struct buffer page, packed;
	bool want_gzip, packing;
	bool storing; /* a snapshot is on its way to the store */
	struct job job;
	int failed;
	struct gzip *gzip;
	struct loop_timer snapshot;
	bool snapshot_due;
};

void metrics_init(struct metrics *, struct agent *);
void metrics_done(struct metrics *);
void metrics_add(struct metrics *, struct intake *); /* a collector of metrics, before it is created */
void metrics_start(struct metrics *);

/* Handlers of the route. */
void metrics_pull(void *context, struct http_request *);
void metrics_gone(void *context, struct http_request *);

#endif
