/*
 * The agent: everything that lives from start to exit, and the order in which it comes and goes (agent.c). assemble.c
 * makes the components out of the configuration.
 *
 *	configuration → loop, lanes → probes → state → senders and exporters → sources and collectors → doors open
 *	SIGTERM: AGENT_DRAINING → AGENT_LEAVING → AGENT_ENDING (core.h)
 *
 * Only main.c, agent.c and assemble.c include this file.
 */
#ifndef OXP_AGENT_H
#define OXP_AGENT_H

#include "admin/conflicts.h"
#include "admin/destinations.h"
#include "admin/metrics.h"
#include "admin/outgoing.h"
#include "admin/overview.h"
#include "admin/sampling.h"
#include "admin/servers.h"
#include "admin/systemd.h"
#include "agent_config.h"
#include "base/trim.h"
#include "core.h"
#include "health/probes.h"
#include "host.h"
#include "intake.h"
#include "outlet.h"
#include "parked/parked.h"
#include "parked/parking.h"
#include "pipeline/pipeline.h"
#include "recorder/recorder.h"
#include "spool/spool.h"

enum { AGENT_SIGNALS = 15 };

struct agent {
	struct core core;
	const struct agent_config *config;
	struct pipeline pipeline;
	struct spool spool;
	struct parking parking;
	struct parked parked;
	struct recorder recorder;
	struct chain *metric_steps, *log_steps, *trace_steps; /* NULL: none */
	struct health health;
	struct hosts hosts;
	struct intakes intakes;
	struct outlets outlets;
	struct conflicts conflicts;
	struct destinations destinations;
	struct overview overview;
	struct metrics metrics;
	struct outgoing outgoing;
	struct sampling sampling;
	struct servers servers;
	struct systemd systemd;
	struct loop_signal signals[AGENT_SIGNALS];
	struct loop_timer settled_in; /* gives back what the start needed */
	struct loop_timer look, deadline, leave; /* while draining */
	struct loop_timer hurry; /* when `over` is reached: locks of others are waited for no more */
	struct loop_timer tell_held; /* what the log holds back */
	struct loop_timer trim_turn;
	struct trim trim;
	char until[WALL_TEXT_SIZE]; /* when the end is at the latest */
	struct mono_time over; /* when that and the reserve are over */
	size_t commits; /* of the end, under way; the spool has its own */
	uint64_t saved_lost; /* what was lost when the last ledger was given to state */
	bool saved; /* state was given the last positions */
	bool written; /* the last of them is done, or was given up */
};

/* Builds everything and opens the doors. `agent` is zeroed memory. 0, or -errno with the reason logged; either way
 * agent_stop() follows. */
int agent_start(struct agent *, const struct agent_config *, struct log *) MUST_CHECK;
/* Until a signal has ended it. */
void agent_run(struct agent *);
/* Returns how many records were lost at the end. */
uint64_t agent_stop(struct agent *);

/* assemble.c: the components of the configuration, exporters first, with their senders, sources and routes. 0, or
 * -errno with the reason logged. */
int assemble(struct agent *) MUST_CHECK;
/* Whether some of them use the embedded store. */
bool assemble_wants_store(const struct agent_config *);

#endif
