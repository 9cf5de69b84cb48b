#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/client.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "loop/resolve.h"
#include "series/series.h"
#include "state/state.h"
#include "state_tell.h"

enum {
	LANE_DEPTH = 256,
	CONNECTIONS_MAX = 32,
	UNFINISHED_MAX = 2 << 20, /* bytes of lines without an end, beside STREAM_FREE_ALL */
	LOOK_S = 1,
};

/* If a start fails, the agent ends at once. The same holds if the loop fails. */
static const bool phase_moves[AGENT_PHASES][AGENT_PHASES] = {
	[AGENT_STARTING] = { [AGENT_RUNNING] = true, [AGENT_ENDING] = true },
	[AGENT_RUNNING] = { [AGENT_DRAINING] = true, [AGENT_ENDING] = true },
	[AGENT_DRAINING] = { [AGENT_LEAVING] = true, [AGENT_ENDING] = true },
	[AGENT_LEAVING] = { [AGENT_ENDING] = true },
};

void core_move(struct core *c, enum agent_phase to)
{
	OXP_ASSERT(phase_moves[c->phase][to]);
	c->phase = to;
}

const char *core_not_running(const struct core *c)
{
	if (c->phase == AGENT_RUNNING)
		return NULL;
	return c->phase == AGENT_STARTING ? "the agent is starting: try again" : "the agent is ending";
}

/* What state reports. */

static void on_trouble(void *context, const struct state *state)
{
	const struct core *c = context;

	state_tell_trouble(c->log, c->state_path, state);
}

static void on_disturbed(void *context, const struct state *state, enum state_disturbance what)
{
	const struct core *c = context;

	state_tell_disturbance(c->log, c->state_path, state, what);
}

static double read_missing(void *context)
{
	const struct core *c = context;

	return state_missing(c->state)[0] != '\0';
}

static void look(void *context)
{
	struct core *c = context;

	state_look(c->state);
	loop_timer_set(&c->look, DURATION_S(LOOK_S));
}

static void begin_looking(struct core *c)
{
	struct counter *missing = counter_row(&c->counters, COUNTER_GAUGE, "state_missing", "",
		"Whether a file of `state` was removed, renamed or replaced while it was open.");

	missing->read = read_missing;
	missing->context = c;
	loop_timer_init(&c->look, c->loop, look, c);
	look(c);
}

static void on_damaged(void *context, const char *key, uint64_t id, const struct ledger_amount *amount)
{
	const struct core *c = context;

	if (c->damaged)
		c->damaged(c->damaged_context, key, id, amount);
}

/* Opening. */

static int open_services(struct core *c)
{
	int failed = loop_new(&clock_system, &c->loop);

	if (!failed)
		failed = random_seed_kernel(&c->random);
	if (!failed)
		failed = lane_new(c->loop, "oxp-cpu", LANE_DEPTH, &c->cpu);
	if (!failed)
		failed = lane_new(c->loop, "oxp-disk", LANE_DEPTH, &c->disk);
	if (!failed)
		failed = resolver_new(c->loop, &c->resolver);
	if (!failed)
		failed = http_client_new(c->loop,
			&(struct http_client_options){ .connections_max = CONNECTIONS_MAX, .resolver = c->resolver },
			&c->http);
	if (failed)
		log_error(c->log, "agent", "cannot start: %s", strerror(-failed));
	return failed;
}

int core_open(struct core *c, const struct core_options *o)
{
	*c = (struct core){ .log = o->log,
		.state_path = o->state_path,
		.store_limits = o->store,
		.beside = o->beside,
		.damaged = o->damaged,
		.damaged_context = o->context };
	quota_init(&c->unfinished, UNFINISHED_MAX);
	return open_services(c);
}

/* A job of the disk lane. */
struct opening {
	struct job job;
	struct loop *loop;
	struct state_options options;
	struct state *state;
	int failed;
	char why[256];
};

static void open_state(struct job *job)
{
	struct opening *o = CONTAINER_OF(job, struct opening, job);

	o->failed = state_open(&o->options, &o->state, o->why, sizeof o->why);
}

static void state_opened(struct job *job)
{
	loop_stop(CONTAINER_OF(job, struct opening, job)->loop);
}

/* The same for the store. */
struct core_store_opening {
	struct job job;
	struct core *core;
	struct store *store;
	int failed;
	bool at_start; /* the loop is turned for it */
	char why[256];
};

static void open_store(struct job *job)
{
	struct core_store_opening *o = CONTAINER_OF(job, struct core_store_opening, job);
	const struct core *c = o->core;

	o->failed = store_open(c->state_path, &c->store_limits, &o->store, o->why, sizeof o->why);
}

static void store_opened(struct job *job)
{
	struct core_store_opening *o = CONTAINER_OF(job, struct core_store_opening, job);
	struct core *c = o->core;

	c->opening = NULL;
	if (o->failed) {
		log_error(c->log, "store", "%s", o->why);
	} else {
		c->store = o->store;
		state_tell_store(c->log, &c->counters, c->state_path, state_store_known(c->state), store_id(c->store));
		state_store_know(c->state, store_id(c->store));
	}
	if (o->at_start)
		loop_stop(c->loop);
	free(o);
}

/* False: the lane is full, or ends. */
static bool begin_store(struct core *c, bool at_start)
{
	struct core_store_opening *o = oxp_new(sizeof *o);

	*o = (struct core_store_opening){
		.job = { .work = open_store, .done = store_opened }, .core = c, .at_start = at_start
	};
	c->opening = o;
	if (lane_run(c->disk, &o->job) == 0)
		return true;
	c->opening = NULL;
	free(o);
	return false;
}

int core_open_disk(struct core *c, const struct core_options *o, bool with_store)
{
	struct opening opening = { .job = { .work = open_state, .done = state_opened },
		.loop = c->loop,
		.options = { .path = o->state_path,
			.max = o->state_max,
			.disk = c->disk,
			.trouble = on_trouble,
			.disturbed = on_disturbed,
			.damaged = on_damaged,
			.fits = o->fits,
			.context = c } };
	int failed = lane_run(c->disk, &opening.job);

	OXP_ASSERT(!failed); /* it is the first one */
	loop_run(c->loop);
	c->state = opening.state;
	if (opening.failed) {
		state_tell_unusable(c->log, opening.why, opening.failed);
		return opening.failed;
	}
	state_tell_found(c->log, &c->counters, c->state, &(struct state_folder){ o->state_path, o->state_temporary });
	begin_looking(c);
	if (with_store && begin_store(c, true))
		loop_run(c->loop);
	return 0;
}

int core_open_series(struct core *c, const struct series_limits *limits)
{
	c->series = series_new(limits, random_next(&c->random));
	sampler_init(&c->sampler, random_next(&c->random));
	return c->series ? 0 : -ENOMEM;
}

struct store *core_store(struct core *c)
{
	if (!c->store && !c->opening)
		(void)!begin_store(c, false);
	return c->store;
}

/* Ending. */

void core_end_cpu(struct core *c)
{
	lane_free(c->cpu);
	c->cpu = NULL;
}

void core_hurry_disk(struct core *c)
{
	state_hurry(c->state);
	store_hurry(c->store);
}

void core_end_disk(struct core *c)
{
	loop_timer_done(&c->look);
	lane_free(c->disk);
	c->disk = NULL;
}

void core_close(struct core *c)
{
	core_end_cpu(c);
	core_end_disk(c);
	http_client_free(c->http);
	resolver_free(c->resolver);
	state_close(c->state);
	store_close(c->store);
	series_free(c->series);
	counters_done(&c->counters);
	ledger_done(&c->ledger);
	loop_free(c->loop);
}
