/*
 * The agent's life: how it starts, what signals do, how it ends. What it is made of is assembled in assemble.c.
 */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addresses.h"
#include "base/cgroup.h"
#include "base/trim.h"
#include "memory_limit.h"
#include "pipeline/sender.h"
#include "series/series.h"
#include "state/state.h"

enum {
	LOOK_MS = 20, /* how often a draining agent looks whether it is done */
	LEAVE_MS = 1000, /* after this much of the end what is not delivered goes to the spool */
	RESERVE_MS = 1000, /* of exit.within, for closing: the spool and the last commit */
	PATIENCE_AFTER_INTERRUPT_MS = 2000,
	TRIM_AFTER_MS = 2000,
	TELL_HELD_S = 10,
	WAITING_MAX = 600, /* of a log line */
};

static const char who[] = "agent";

/* Signals of the operating system. */

static void end_now(struct agent *a)
{
	core_move(&a->core, AGENT_ENDING);
	loop_timer_clear(&a->look);
	loop_timer_clear(&a->leave);
	loop_timer_clear(&a->deadline);
	loop_stop(a->core.loop);
}

static void on_look(void *context)
{
	struct agent *a = context;

	if (intakes_are_quiet(&a->intakes) && pipeline_idle(&a->pipeline))
		end_now(a);
	else
		loop_timer_set(&a->look, DURATION_MS(LOOK_MS));
}

static void on_deadline(void *context)
{
	struct agent *a = context;

	log_warn(a->core.log, who, "exit.within is nearly over: keeping what is left for the next start");
	end_now(a);
}

/* What the end waits for, as people read it. */
static void tell_waiting(const struct agent *a)
{
	struct buffer text;

	buffer_init(&text, WAITING_MAX);
	intakes_tell_busy(&a->intakes, &text);
	outlets_tell_waiting(&a->outlets, &text);
	if (text.size == 0)
		(void)!buffer_text(&text, "the last batches and what is on its way to disk");
	log_info(a->core.log, who, "waiting for %.*s, until %s at most", (int)text.size, text.size ? text.data : "",
		a->until);
	log_info(a->core.log, who, "what is not delivered goes to disk now, and doors answer when it is there");
	buffer_done(&text);
}

static void on_leave(void *context)
{
	struct agent *a = context;

	core_move(&a->core, AGENT_LEAVING);
	tell_waiting(a);
	pipeline_drain(&a->pipeline); /* an open batch, if any */
	spool_save(a);
}

static void drain(struct agent *a, struct duration patience)
{
	struct wall_time until = loop_wall(a->core.loop);

	patience.ns = patience.ns > 0 ? patience.ns : 0;
	until.ns += patience.ns;
	wall_format(until, a->until);
	log_info(a->core.log, who, "ending: reading and sending what is there, until %s at most", a->until);
	core_move(&a->core, AGENT_DRAINING);
	intakes_drain(&a->intakes);
	pipeline_drain(&a->pipeline);
	loop_timer_set(&a->look, DURATION_MS(LOOK_MS));
	loop_timer_set(&a->leave, DURATION_MS(LEAVE_MS));
	loop_timer_set(&a->deadline, patience);
}

/* SIGTERM is what an orchestrator says: the app may still be running. SIGINT comes from a person who wants to be
 * done. A terminal that is closed says SIGHUP, and some say SIGQUIT: as SIGTERM. */
static void on_terminate(void *context, int number)
{
	struct agent *a = context;

	if (a->core.phase == AGENT_ENDING)
		return; /* it is: what is on its way to the disk is waited for */
	if (a->core.phase >= AGENT_DRAINING) {
		log_warn(a->core.log, who, "asked again: ending now");
		end_now(a);
		return;
	}
	if (number != SIGINT) {
		drain(a, (struct duration){ a->config->exit.within.ns - DURATION_MS(RESERVE_MS).ns });
		return;
	}
	drain(a, DURATION_MS(PATIENCE_AFTER_INTERRUPT_MS));
	intakes_stop_doors(&a->intakes);
}

/* Their default is to end the process at once. */
static void on_other_signal(void *context, int number)
{
	const struct agent *a = context;

	log_warn(a->core.log, who, "signal %d (%s) means nothing here; SIGTERM ends the agent", number,
		strsignal(number));
}

static const struct {
	int number;
	void (*arrived)(void *, int);
} signal_rows[AGENT_SIGNALS] = { { SIGTERM, on_terminate }, { SIGINT, on_terminate }, { SIGHUP, on_terminate },
	{ SIGQUIT, on_terminate }, { SIGUSR1, on_other_signal }, { SIGUSR2, on_other_signal } };

static int take_signals(struct agent *a)
{
	struct sigaction before;
	int failed = 0;

	for (size_t i = 0; i < AGENT_SIGNALS && !failed; i++) {
		int number = signal_rows[i].number;
		if (number == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue; /* nohup */
		failed = loop_signal_init(&a->signals[i], a->core.loop, number, signal_rows[i].arrived, a);
	}
	return failed;
}

/* Starting. */

/* What sockets bring is known by the number of this run: it is on disk before they open. */
static void save_numbers(struct agent *a)
{
	int failed = state_generation_save(a->core.state);

	if (failed)
		log_warn(a->core.log, who,
			"the numbers of this run could not be saved: %s; the next may use them again",
			strerror(-failed));
}

static void on_tell_held(void *context)
{
	struct agent *a = context;

	log_tell_held(a->core.log, false);
	loop_timer_set(&a->tell_held, DURATION_S(TELL_HELD_S));
}

/* The start has touched code that is not needed again. */
static void on_settled_in(void *context)
{
	struct agent *a = context;

	log_debug(a->core.log, who, "gave back the pages of %zu bytes of code", trim_text());
}

static bool take_for_series(void *context, size_t bytes)
{
	return budget_take(context, SIGNAL_METRICS, bytes);
}

static void give_by_series(void *context, size_t bytes)
{
	budget_give(context, SIGNAL_METRICS, bytes);
}

/* Where we can be reached, and from how far. */
static void tell_start(const struct agent *a)
{
	const struct own_address *own = addresses_of(a->config);
	char all[LOG_LINE_MAX / 2], exposed[LOG_LINE_MAX / 4];

	addresses_tell(own, ADDRESSES_ALL, all, sizeof all);
	addresses_tell(own, ADDRESSES_OPEN, exposed, sizeof exposed);
	log_info(a->core.log, who,
		"oxpecker " OXP_VERSION " is running, pid %d, state in %s; listens on %s; exposed beyond this %s: %s",
		getpid(), a->config->state.path, all, a->config->in_container ? "container" : "machine", exposed);
}

static int open_series(struct agent *a)
{
	struct series_limits limits = series_limits_default;

	limits.take = take_for_series;
	limits.give = give_by_series;
	limits.context = &a->pipeline.budget;
	return core_open_series(&a->core, &limits);
}

static bool have_begun(void *context)
{
	return intakes_have_begun(&((const struct agent *)context)->intakes);
}

static void on_conflict(void *context, const char *destination, const struct mapping_conflict *conflict)
{
	conflicts_add(context, destination, conflict);
}

/* `memory`, or what of it the cgroup leaves. */
static size_t allowed_memory(const struct agent *a)
{
	uint64_t wanted = a->config->memory, limit = cgroup_memory_limit(CGROUP_OF_SELF, CGROUP_MOUNT);
	uint64_t most = memory_within(wanted, limit);

	if (most < wanted)
		log_info(a->core.log, who,
			"memory: %llu KiB in place of %llu KiB, as this process may have %llu KiB in all (its cgroup's "
			"limit)",
			(unsigned long long)most >> 10, (unsigned long long)wanted >> 10,
			(unsigned long long)limit >> 10);
	return most;
}

static int open_core(struct agent *a, struct log *log)
{
	const struct agent_config *config = a->config;

	return core_open(&a->core, &(struct core_options){ .log = log,
					   .state_path = config->state.path,
					   .state_temporary = config->state.temporary,
					   .state_max = config->state.max,
					   .store = { config->store.max, config->store.age },
					   .damaged = spool_damaged,
					   .context = a });
}

static void init_timers(struct agent *a)
{
	static const struct {
		size_t at;
		loop_callback *run;
	} rows[] = {
		{ offsetof(struct agent, look), on_look },
		{ offsetof(struct agent, deadline), on_deadline },
		{ offsetof(struct agent, leave), on_leave },
		{ offsetof(struct agent, leave_again), spool_leave },
		{ offsetof(struct agent, tell_held), on_tell_held },
		{ offsetof(struct agent, settled_in), on_settled_in },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		loop_timer_init((struct loop_timer *)((char *)a + rows[i].at), a->core.loop, rows[i].run, a);
}

/* What components are lent from, and what shows how they fare. */
static void init_parts(struct agent *a)
{
	struct core *core = &a->core;

	pipeline_init(&a->pipeline, &(struct pipeline_options){ .loop = core->loop,
					    .random = &core->random,
					    .log = core->log,
					    .ledger = &core->ledger,
					    .memory = allowed_memory(a) });
	parking_init(&a->parking, core->loop, core->state, core->log);
	parked_init(&a->parked, core, &a->pipeline);
	a->hosts = (struct hosts){ .core = core,
		.config = a->config,
		.budget = &a->pipeline.budget,
		.agent = a,
		.conflict = on_conflict,
		.conflict_context = &a->conflicts };
	health_init(&a->health, core->loop, core->log);
	a->health.began = have_begun;
	a->health.context = a;
	metrics_init(&a->metrics,
		&(struct metrics_options){ core, &a->pipeline.budget, &a->intakes, a->config->store.snapshot });
	a->destinations = (struct destinations){ &a->outlets, core->loop };
	overview_init(&a->overview, core, &a->pipeline.budget, a->config->state.max);
	report_add(&a->overview.report, "sources", intakes_report, &a->intakes);
	report_add(&a->overview.report, "destinations", destinations_report, &a->destinations);
	report_add(&a->overview.report, "checks", health_report, &a->health);
	report_add(&a->overview.report, "state", overview_state, &a->overview);
	report_add(&a->overview.report, "parked", parked_report, &a->parked);
	report_add(&a->overview.report, "mapping_conflicts", conflicts_report, &a->conflicts);
}

static int open_servers(struct agent *a)
{
	return servers_open(&a->servers, &(struct servers_options){ .core = &a->core,
						 .config = a->config,
						 .metrics = &a->metrics,
						 .health = &a->health,
						 .destinations = &a->destinations,
						 .overview = &a->overview,
						 .parked = &a->parked });
}

/* Opens everything to the outside, in the order in which it is needed. */
static int open_doors(struct agent *a)
{
	int failed = take_signals(a);

	if (!failed) {
		save_numbers(a);
		failed = intakes_start(&a->intakes, a->core.log);
	}
	return failed ? failed : open_servers(a);
}

int agent_start(struct agent *a, const struct agent_config *config, struct log *log)
{
	int failed;

	a->config = config;
	failed = open_core(a, log);
	if (failed)
		return failed;
	init_timers(a);
	init_parts(a);
	failed = open_series(a);
	if (!failed)
		failed = assemble(a);
	if (!failed)
		spool_tell_left(a);
	if (!failed)
		failed = open_doors(a);
	if (failed)
		return failed;
	metrics_start(&a->metrics, a->servers.listen);
	health_start(&a->health);
	loop_timer_set(&a->tell_held, DURATION_S(TELL_HELD_S));
	loop_timer_set(&a->settled_in, DURATION_MS(TRIM_AFTER_MS));
	core_move(&a->core, AGENT_RUNNING);
	tell_start(a);
	return 0;
}

void agent_run(struct agent *a)
{
	loop_run(a->core.loop);
}

/* Ending. */

void agent_committed(struct agent *a)
{
	if (--a->commits == 0)
		loop_stop(a->core.loop);
}

static void on_committed(void *context, int failed)
{
	struct agent *a = context;

	if (failed)
		log_error(a->core.log, who, "the last positions could not be saved: %s", strerror(-failed));
	agent_committed(a);
}

static void give_up_commits(void *context)
{
	struct agent *a = context;

	log_error(a->core.log, who, "the last positions could not be saved in time");
	loop_stop(a->core.loop);
}

/* A slow disk: what is left is copied at once, and goes with the last commit. */
static void copy_the_rest(void *context)
{
	loop_stop(((struct agent *)context)->core.loop);
}

/* The disk has so long from now on. */
static void limit_commits(struct agent *a, loop_callback *over)
{
	loop_timer_done(&a->deadline);
	loop_timer_init(&a->deadline, a->core.loop, over, a);
	loop_timer_set(&a->deadline, DURATION_MS(2 * RESERVE_MS));
}

/* The loop turns until the spool and the last positions are on disk. */
static void commit_all(struct agent *a)
{
	struct state_change *last = state_change_new();

	limit_commits(a, give_up_commits);
	a->commits++;
	for (struct intake *i = a->intakes.first; i; i = i->next)
		if (intake_has_positions(i)) {
			a->commits++;
			host_positions_commit(i->host, on_committed, a);
		}
	/* Commits end in their order: behind this one none is under way, those of doors and of rows included. */
	state_commit(a->core.state, &last, on_committed, a);
	if (a->commits > 0)
		loop_run(a->core.loop);
	loop_timer_clear(&a->deadline);
}

static void destroy_components(struct agent *a)
{
	intakes_done(&a->intakes);
	health_done(&a->health);
	pipeline_done(&a->pipeline);
	chain_free(a->log_steps);
	a->log_steps = NULL;
	outlets_done(&a->outlets);
	hosts_done(&a->hosts);
}

static void say_goodbye(const struct agent *a, uint64_t lost)
{
	log_tell_held(a->core.log, true);
	if (lost)
		log_error(a->core.log, who, "ended: %llu records lost", (unsigned long long)lost);
	else
		log_info(a->core.log, who, "ended: nothing was lost");
}

/* What comes now finds nobody, and must not end the process by its default with another status. */
static void drop_signals(struct agent *a)
{
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < AGENT_SIGNALS; i++)
		sigaddset(&ours, signal_rows[i].number);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	for (size_t i = 0; i < AGENT_SIGNALS; i++)
		loop_signal_done(&a->signals[i]);
}

static void stop_collectors(struct agent *a)
{
	servers_close(&a->servers);
	metrics_stop(&a->metrics);
	intakes_stop(&a->intakes);
}

/* Whatever is left of the pipeline goes to disk, as far as it may. Returns how many records it could not. */
static uint64_t leave_the_rest(struct agent *a)
{
	uint64_t lost;

	parking_flush(&a->parking); /* before the rows go that it stands in */
	limit_commits(a, copy_the_rest);
	lost = pipeline_abandon(&a->pipeline, spool_keep, a);
	lost -= a->pipeline.lost; /* there may be more by the last commit */
	spool_keep_end(a);
	parking_flush(&a->parking);
	if (a->leaving)
		spool_leave(a);
	commit_all(a);
	core_end_disk(&a->core);
	return lost + a->unkept + a->pipeline.lost;
}

static uint64_t stop_parts(struct agent *a)
{
	bool was_running = a->core.phase != AGENT_STARTING;
	uint64_t lost;

	if (a->core.phase != AGENT_ENDING)
		core_move(&a->core, AGENT_ENDING);
	stop_collectors(a);
	core_end_cpu(&a->core); /* what it still holds comes back: bodies are offered, posts go out */
	lost = leave_the_rest(a);
	parking_done(&a->parking);
	parked_done(&a->parked);
	spool_done(a);
	destroy_components(a);
	metrics_done(&a->metrics);
	if (was_running)
		say_goodbye(a, lost);
	return lost;
}

uint64_t agent_stop(struct agent *a)
{
	struct loop_timer *timers[] = { &a->look, &a->deadline, &a->leave, &a->leave_again, &a->tell_held,
		&a->settled_in };
	uint64_t lost = a->pipeline.loop ? stop_parts(a) : 0;

	for (size_t i = 0; i < COUNT_OF(timers); i++)
		loop_timer_done(timers[i]);
	drop_signals(a);
	core_close(&a->core);
	conflicts_done(&a->conflicts);
	return lost;
}
