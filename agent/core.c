#include "core.h"

#include <errno.h>
#include <string.h>

#include "http/client.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "loop/resolve.h"
#include "series/series.h"
#include "state/state.h"
#include "state_tell.h"

enum { LANE_DEPTH = 256, CONNECTIONS_MAX = 32 };

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

/* What state reports. */

static void on_trouble(void *context, const struct state *state)
{
	const struct core *c = context;

	state_tell_trouble(c->log, c->state_path, state_trouble(state));
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
	char why[256] = "";
	int failed;

	*c = (struct core){ .log = o->log,
		.state_path = o->state_path,
		.store_limits = o->store,
		.damaged = o->damaged,
		.damaged_context = o->context };
	failed = open_services(c);
	if (failed)
		return failed;
	failed = state_open(&(struct state_options){ .path = o->state_path,
				    .max = o->state_max,
				    .disk = c->disk,
				    .trouble = on_trouble,
				    .damaged = on_damaged,
				    .fits = o->fits,
				    .context = c },
		&c->state, why, sizeof why);
	if (failed)
		state_tell_unusable(c->log, why, failed);
	else
		state_tell_found(
			c->log, &c->counters, c->state, &(struct state_folder){ o->state_path, o->state_temporary });
	return failed;
}

int core_open_series(struct core *c, const struct series_limits *limits)
{
	c->series = series_new(limits, random_next(&c->random));
	return c->series ? 0 : -ENOMEM;
}

struct store *core_store(struct core *c)
{
	char why[256];

	if (c->store)
		return c->store;
	if (store_open(c->state_path, &c->store_limits, &c->store, why, sizeof why) < 0) {
		log_error(c->log, "store", "%s", why);
		return NULL;
	}
	state_tell_store(c->log, &c->counters, c->state_path, state_store_known(c->state), store_id(c->store));
	state_store_know(c->state, store_id(c->store));
	return c->store;
}

/* Ending. */

void core_end_cpu(struct core *c)
{
	lane_free(c->cpu);
	c->cpu = NULL;
}

void core_end_disk(struct core *c)
{
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
