/*
 * The core: what every part of the agent may use, and the phase of its life that the process is in.
 *
 * A part is given a pointer to it, and whatever else it needs in its own options. Nobody but main.c, agent.c and
 * assemble.c knows `struct agent`.
 *
 * core_open() sets the fields, core_close() ends them; in between only core.c writes them, in the functions below. The
 * tables `counters` and `ledger` and the generator `random` are used through their own functions.
 */
#ifndef OXP_CORE_H
#define OXP_CORE_H

#include "base/log.h"
#include "base/quota.h"
#include "base/random.h"
#include "expression/sampler.h"
#include "loop/loop.h"
#include "status/counters.h"
#include "status/ledger.h"
#include "store/store.h"

struct http_client;
struct lane;
struct resolver;
struct series;
struct series_limits;
struct state;

enum agent_phase {
	AGENT_STARTING,
	AGENT_RUNNING,
	/* A signal asked us to end: files are read to their end, doors stay open while peers send, no send waits. */
	AGENT_DRAINING,
	/* A second later: whatever is not delivered goes to the spool, and doors answer when it is there. So a SIGKILL
	 * from the next second on loses nothing. */
	AGENT_LEAVING,
	AGENT_ENDING, /* doors close, what is left goes to the spool, positions are committed */
	AGENT_PHASES
};

struct core {
	enum agent_phase phase;
	struct log *log;
	struct loop *loop;
	struct lane *cpu, *disk;
	struct random random;
	uint64_t beside; /* memory_beside() */
	struct quota unfinished; /* lines that collectors wait for the end of */
	struct resolver *resolver;
	struct http_client *http;
	struct state *state;
	struct loop_timer look; /* at the names of its files */
	const char *state_path;
	struct series *series;
	struct sampler sampler;
	struct store *store; /* NULL: it is not open */
	struct core_store_opening *opening; /* NULL: none is under way */
	struct store_limits store_limits;
	struct counters counters;
	struct ledger ledger;
	void (*damaged)(void *context, const char *key, uint64_t id, const struct ledger_amount *);
	void *damaged_context;
};

struct core_options {
	struct log *log;
	const char *state_path; /* outlives the core */
	bool state_temporary; /* the path is a default that may vanish with the container */
	uint64_t state_max;
	uint64_t beside; /* memory_beside() */
	struct store_limits store;
	/* As state_options.damaged. */
	void (*damaged)(void *context, const char *key, uint64_t id, const struct ledger_amount *);
	bool (*fits)(struct bytes payload, const struct ledger_amount *); /* as state_options.fits */
	void *context;
};
/* Opens what needs no disk. `core` is zeroed memory. 0, or -errno with the reason logged; either way core_close()
 * follows. */
int core_open(struct core *, const struct core_options *) MUST_CHECK;
/* Opens the state, and the embedded store if it is wanted, in the disk lane: a slow disk takes seconds. The loop turns
 * meanwhile. 0, or -errno with the reason logged. */
int core_open_disk(struct core *, const struct core_options *, bool with_store) MUST_CHECK;
/* 0 or -ENOMEM. The limits borrow from a budget, which is there later than the core. */
int core_open_series(struct core *, const struct series_limits *) MUST_CHECK;
/* Everything, the loop last. A core that was never opened, or only half, is fine. */
void core_close(struct core *);

/* NULL: the embedded store is not open. It is opened in the disk lane then, and may be there when asked for again;
 * if it cannot be opened, that is logged. */
struct store *core_store(struct core *);

/* Goes to the next phase. A move that is not in the table phase_moves of core.c aborts. */
void core_move(struct core *, enum agent_phase to);

/* Why what somebody asks for cannot be done in this phase, for them to read; NULL: it can. */
const char *core_not_running(const struct core *);

/* Ends a lane ahead of core_close(): waits for its jobs and calls their done(). */
void core_end_cpu(struct core *);
/* Nothing on disk waits any more for locks that other processes hold. */
void core_hurry_disk(struct core *);
void core_end_disk(struct core *);

#endif
