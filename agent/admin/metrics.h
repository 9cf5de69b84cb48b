/*
 * GET /metrics: bring the series up to date, then show them with the agent's own numbers.
 *
 *   METRICS_IDLE → METRICS_COLLECTING (the collectors scrape) → METRICS_WAITING (for room) → METRICS_WRITING (a
 *   page is made in slices) → WAITING …, once for each page that is wanted → IDLE
 *
 * A pull that comes while a round is under way gets the page of that round: one scrape serves all concurrent pulls. A
 * round ends within the time that Prometheus allows (X-Prometheus-Scrape-Timeout-Seconds); a target that has not
 * answered by then is down. The embedded store, and exporters of metrics, take pages from rounds, too.
 *
 * Each pull gets the format that its Accept asks for (page_format.h). A round makes a page for each format that is
 * wanted when it has collected, one after the other. Who comes later gets one of these, if it is not made yet, or waits
 * for the next round: so no round lasts for ever.
 *
 * All readers of a page share one piece of memory. Room for the page in the making was taken with the series
 * (series.h). A page that is still being read when the next is made is paid for out of `memory`. Such pages are an
 * eighth of it at most: beyond that the oldest readers are cut off, each after it has had its page for a second. So
 * readers that take nothing hold up the others for a second at most.
 */
#ifndef OXP_METRICS_H
#define OXP_METRICS_H

#include "admin/pulls.h"
#include "http/server.h"
#include "loop/lane.h"
#include "series/series.h"
#include "series/write.h"

struct budget;
struct core;
struct intake;
struct intakes;
struct shown;

enum metrics_state { METRICS_IDLE, METRICS_COLLECTING, METRICS_WAITING, METRICS_WRITING };

/* Who takes pages without asking over HTTP. Fields behind `take` are for metrics.c. */
struct page_taker {
	struct page_wish wish;
	/* The page of the round that metrics_want() asked for, collected at that time; NULL: it could not be made, or
	 * the taker still keeps the one before. True: it keeps the page, which nobody takes away, until metrics_left().
	 * Once for each metrics_want(). */
	bool (*take)(struct page_taker *, struct http_page *, struct wall_time at);
	struct page_taker *next;
	bool due, now; /* it wants one; in the round under way */
	struct shown *kept;
};

struct metrics_options {
	struct core *core;
	struct budget *budget;
	const struct intakes *intakes;
	struct duration snapshot; /* between two for the embedded store; 0: none */
};

struct metrics {
	struct metrics_options in;
	struct http_server *listen; /* whose readers are cut off; NULL: there are none */
	enum metrics_state state;
	struct pulls pulls; /* that wait */
	size_t collecting; /* collectors that have not answered */
	struct loop_timer late; /* the round's deadline */
	struct loop_timer room; /* when it is looked for again */
	struct loop_soon slice;
	struct series_cursor cursor;
	struct buffer page, packed;
	size_t packed_charge; /* taken for the latter */
	struct shown *shown; /* pages that are being read, the newest first */
	struct page_wish wish; /* the page that is made; its `only` is held */
	uint64_t *clashes; /* a row of the counters: the most of the pages of one round, */
	uint64_t most_clashes; /* of this one so far */
	/* In each way to escape names: a bit for each format whose latest page had clashes, and the log says so; and
	 * when a page last had some. */
	unsigned clashed[EXPOSITION_ESCAPINGS];
	struct mono_time clashed_at[EXPOSITION_ESCAPINGS];
	bool packing;
	struct job job;
	int failed;
	struct gzip *gzip;
	struct loop_timer snapshot;
	struct page_taker store, *takers;
	struct wall_time collected; /* the round under way, */
	bool stopped; /* and none begins any more */
};

void metrics_init(struct metrics *, const struct metrics_options *);
void metrics_done(struct metrics *);
void metrics_add(struct metrics *, struct intake *); /* a collector of metrics, before it is created */
/* Everything is there: `listen` serves the pages. */
void metrics_start(struct metrics *, struct http_server *listen);
/* That server goes, and its readers with it. No round begins any more. */
void metrics_stop(struct metrics *);

/* A taker, which lives as long, or until metrics_done(). */
void metrics_add_taker(struct metrics *, struct page_taker *);
/* It gets a page, collected from now on; collectors have that long. */
void metrics_want(struct metrics *, struct page_taker *, struct duration within);
/* It keeps its page no more. */
void metrics_left(struct page_taker *);

/* Handlers of the route. */
void metrics_pull(void *context, struct http_request *);
void metrics_gone(void *context, struct http_request *);

#endif
