/*
 * The agent: everything that lives from start to exit, and the order in which it comes and goes (agent.c). assemble.c
 * makes the components out of the configuration.
 *
 *	configuration → loop, lanes, state → senders and exporters → sources and collectors → doors open
 *	SIGTERM: AGENT_DRAINING → AGENT_LEAVING → AGENT_ENDING (core.h)
 *
 * Only main.c, agent.c and assemble.c include this file; spool.c does, too, until it has an owner of its own.
 */
#ifndef OXP_AGENT_H
#define OXP_AGENT_H

#include "admin/conflicts.h"
#include "admin/destinations.h"
#include "admin/metrics.h"
#include "admin/overview.h"
#include "admin/servers.h"
#include "agent_config.h"
#include "core.h"
#include "health/health.h"
#include "host.h"
#include "intake.h"
#include "outlet.h"
#include "parked.h"
#include "pipeline/parking.h"
#include "pipeline/pipeline.h"
#include "spool.h"

enum { AGENT_SIGNALS = 6 };

struct agent {
	struct core core;
	const struct agent_config *config;
	struct pipeline pipeline;
	struct parking parking;
	struct parked parked;
	struct chain *log_steps; /* NULL: none */
	struct health health;
	struct hosts hosts;
	struct intakes intakes;
	struct outlets outlets;
	struct conflicts conflicts;
	struct destinations destinations;
	struct overview overview;
	struct metrics metrics;
	struct servers servers;
	struct loop_signal signals[AGENT_SIGNALS];
	struct loop_timer settled_in; /* gives back what the start needed */
	struct loop_timer look, deadline, leave; /* while draining */
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

/* Builds everything and opens the doors. `agent` is zeroed memory. 0, or -errno with the reason logged; either way
 * agent_stop() follows. */
int agent_start(struct agent *, const struct agent_config *, struct log *) MUST_CHECK;
/* Until a signal has ended it. */
void agent_run(struct agent *);
/* One commit of the end is done. */
void agent_committed(struct agent *);
/* Returns how many records were lost at the end. */
uint64_t agent_stop(struct agent *);

/* assemble.c: the components of the configuration, exporters first, with their senders, sources and routes. 0, or
 * -errno with the reason logged. */
int assemble(struct agent *) MUST_CHECK;

#endif
