/*
 * The agent: everything that lives from start to exit, and the order in which it comes and goes.
 *
 *	configuration → loop, lanes, state → senders and exporters → sources and collectors → doors open
 *	SIGTERM: AGENT_DRAINING   files are read to their end, doors stay open while somebody sends, nothing waits
 *	         AGENT_KEEPING    the same after a second: what is not delivered goes to the spool, and doors answer
 *	                          when it is there, so that a SIGKILL from the next second on loses nothing
 *	         AGENT_ENDING     doors close, what is left goes to the spool, positions are committed
 */
#ifndef OXP_AGENT_H
#define OXP_AGENT_H

#include "agent_config.h"
#include "books.h"
#include "conflicts.h"
#include "destinations.h"
#include "health/health.h"
#include "host.h"
#include "metrics.h"
#include "parked.h"
#include "pipeline/parking.h"
#include "pipeline/pipeline.h"
#include "series/series.h"
#include "spool.h"
#include "status/report.h"
#include "store/store.h"

enum agent_phase { AGENT_STARTING, AGENT_RUNNING, AGENT_DRAINING, AGENT_KEEPING, AGENT_ENDING };
enum { AGENT_SIGNALS = 6 };

/* A collector with what it was lent. */
struct intake {
	struct intake *next;
	struct agent *agent;
	const struct collector_type *type;
	struct collector *collector;
	struct host *host;
	bool started;
};

/* An exporter likewise; the sender owns the exporter itself. */
struct outlet {
	struct outlet *next;
	const struct agent *agent;
	struct sender *sender;
	struct host *host;
	enum signal signal;
	const struct export_config *config;
};

struct agent {
	const struct agent_config *config;
	struct log *log;
	enum agent_phase phase;
	struct loop *loop;
	struct lane *cpu, *disk;
	struct random random;
	struct resolver *resolver;
	struct http_client *http;
	struct state *state;
	struct series *series;
	struct store *store; /* opened when first asked for */
	struct counters counters;
	struct ledger ledger;
	struct pipeline pipeline;
	struct parking parking;
	struct parked parked;
	struct conflicts conflicts;
	struct chain *log_steps; /* NULL: none */
	struct health health;
	struct report report;
	struct metrics metrics;
	struct intake *intakes;
	struct outlet *outlets;
	struct host *hosts; /* of all components */
	struct http_server *listen, *control;
	struct http_route routes[7], control_routes[7];
	struct loop_signal signals[AGENT_SIGNALS];
	struct loop_timer settled_in;	/* gives back what the start needed */
	struct loop_timer look, deadline, keep; /* while draining */
	struct loop_timer tell_held; /* what the log holds back */
	char until[WALL_TEXT_SIZE]; /* when the end is at the latest */
	size_t commits; /* under way at the end */
	size_t spooling; /* bytes of copies on their way to the spool then */
	uint64_t unkept; /* records that could not be spooled: lost */
	struct saving *saving; /* that spool_save() fills; NULL: none */
	bool unsaved; /* it could not: tried again at the end */
	struct keeping *keeping; /* that spool_keep() fills; NULL: none */
	struct leaving *leaving; /* rows that could not be deleted yet */
	struct loop_timer leave_again;
	struct refill *refills; /* of the spool, which had no room in memory yet */
};

/* Builds everything and opens the doors. 0, or -errno with the reason logged. */
int agent_start(struct agent *, const struct agent_config *, struct log *) MUST_CHECK;
struct store *agent_store(struct agent *); /* NULL: it cannot be opened, and that was logged */
/* Until a signal has ended it. */
void agent_run(struct agent *);
/* One commit of the end is done. */
void agent_committed(struct agent *);
/* Returns how many records were lost at the end. */
uint64_t agent_stop(struct agent *);

#endif
