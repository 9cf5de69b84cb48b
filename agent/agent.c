/*
 * The agent's life: how it starts, what signals do, and how it ends. assemble.c builds its parts.
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
#include "series/steps.h"
#include "state/state.h"

enum {
	LOOK_MS = 20, /* how often a draining agent checks whether it is done */
	LEAVE_MS = 1000, /* time to drain before undelivered records go to the spool, and until that is done again */
	RESERVE_MS = 1000, /* part of exit.within that is kept for closing: the spool and the last commit */
	PATIENCE_AFTER_INTERRUPT_MS = 2000,
	TRIM_AFTER_MS = 2000,
	TELL_HELD_S = 10,
	WAITING_MAX = 600, /* bytes of a log line */
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

	if (intakes_are_quiet(&a->intakes) && outgoing_has_ended(&a->outgoing) && pipeline_idle(&a->pipeline))
		end_now(a);
	else
		loop_timer_set(&a->look, DURATION_MS(LOOK_MS));
}

static void on_deadline(void *context)
{
	struct agent *a = context;

	log_warn(a->core.log, who,
		"exit.within is nearly over: what is left goes to the spool, and the next start sends it");
	end_now(a);
}

/* Logs what the end waits for. */
static void tell_waiting(const struct agent *a)
{
	struct buffer text;

	buffer_init(&text, WAITING_MAX);
	intakes_tell_busy(&a->intakes, &text);
	outlets_tell_waiting(&a->outlets, &text);
	if (text.size == 0)
		(void)!buffer_text(&text, "the last batches and for the disk");
	log_info(a->core.log, who, "waiting for %.*s, until %s at most", (int)text.size, text.size ? text.data : "",
		a->until);
	log_info(a->core.log, who,
		"what has not been delivered is saved to disk now; from now on doors answer once a record is on disk");
	buffer_done(&text);
}

static void on_leave(void *context)
{
	struct agent *a = context;

	if (a->core.phase == AGENT_DRAINING) {
		core_move(&a->core, AGENT_LEAVING);
		tell_waiting(a);
		pipeline_drain(&a->pipeline); /* an open batch, if any */
	}
	intakes_leave(&a->intakes);
	if (mono_since(a->over, loop_now(a->core.loop)).ns < DURATION_MS(RESERVE_MS + 2 * LEAVE_MS).ns)
		outgoing_drain(&a->outgoing); /* for what was pushed behind the last round */
	spool_save(&a->spool);
	loop_timer_set(&a->leave, DURATION_MS(LEAVE_MS));
}

static void on_hurry(void *context)
{
	core_hurry_disk(&((struct agent *)context)->core);
}

static void drain(struct agent *a, struct duration patience)
{
	struct wall_time until = loop_wall(a->core.loop);

	patience.ns = patience.ns > 0 ? patience.ns : 0;
	until.ns += patience.ns;
	wall_format(until, a->until);
	a->over = mono_after(loop_now(a->core.loop), (struct duration){ patience.ns + DURATION_MS(RESERVE_MS).ns });
	systemd_ending(&a->systemd, mono_since(a->over, loop_now(a->core.loop)));
	log_info(a->core.log, who, "ending: reads and sends what is left, until %s at most", a->until);
	core_move(&a->core, AGENT_DRAINING);
	intakes_drain(&a->intakes);
	pipeline_drain(&a->pipeline);
	outgoing_drain(&a->outgoing);
	loop_timer_set(&a->look, DURATION_MS(LOOK_MS));
	loop_timer_set(&a->leave, DURATION_MS(LEAVE_MS));
	loop_timer_set(&a->hurry, mono_since(a->over, loop_now(a->core.loop)));
	loop_timer_set(&a->deadline, patience);
}

/* An orchestrator sends SIGTERM: the app may still be running. A person who wants to be done sends SIGINT. Treated as
 * SIGTERM: SIGHUP of a terminal that closes, SIGQUIT, SIGPWR of LXC, SIGXCPU of a limit of CPU time, and the two by
 * which systemd asks what runs in a container to halt and to power off. */
static void on_terminate(void *context, int number)
{
	struct agent *a = context;

	if (a->core.phase == AGENT_ENDING)
		return; /* it is ending already, and waits for the disk */
	if (a->core.phase >= AGENT_DRAINING) {
		log_warn(a->core.log, who, "ending at once, because of a second signal");
		end_now(a);
		return;
	}
	if (number != SIGINT) {
		drain(a, (struct duration){ a->config->exit.within.ns - DURATION_MS(RESERVE_MS).ns });
		return;
	}
	drain(a, DURATION_MS(PATIENCE_AFTER_INTERRUPT_MS));
	pipeline_end_waiting(&a->pipeline);
	intakes_stop_doors(&a->intakes);
}

/* Signals that would end the process at once by default, and that people or timers send. */
static void on_other_signal(void *context, int number)
{
	const struct agent *a = context;

	log_warn(a->core.log, who, "signal %d (%s) is ignored; SIGTERM ends the agent", number, strsignal(number));
}

enum { HALT = 3, POWER_OFF = 4 };

static const struct {
	int number; /* if `realtime`, counted from SIGRTMIN, which is not a constant */
	void (*arrived)(void *, int);
	bool realtime;
} signal_rows[AGENT_SIGNALS] = { { SIGTERM, on_terminate, false }, { SIGINT, on_terminate, false },
	{ SIGHUP, on_terminate, false }, { SIGQUIT, on_terminate, false }, { SIGPWR, on_terminate, false },
	{ SIGXCPU, on_terminate, false }, { HALT, on_terminate, true }, { POWER_OFF, on_terminate, true },
	{ SIGUSR1, on_other_signal, false }, { SIGUSR2, on_other_signal, false }, { SIGALRM, on_other_signal, false },
	{ SIGVTALRM, on_other_signal, false }, { SIGPROF, on_other_signal, false }, { SIGIO, on_other_signal, false },
	{ SIGSTKFLT, on_other_signal, false } };

static int signal_number(size_t i)
{
	return signal_rows[i].number + (signal_rows[i].realtime ? SIGRTMIN : 0);
}

static void mask_signals(int how)
{
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < AGENT_SIGNALS; i++)
		sigaddset(&ours, signal_number(i));
	sigprocmask(how, &ours, NULL);
}

static int take_signals(struct agent *a)
{
	struct sigaction before;
	int failed = 0;

	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			signal(number, SIG_IGN);
	for (size_t i = 0; i < AGENT_SIGNALS && !failed; i++) {
		int number = signal_number(i);
		if (number == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue; /* set by nohup */
		failed = loop_signal_init(&a->signals[i], a->core.loop, number, signal_rows[i].arrived, a);
	}
	mask_signals(SIG_UNBLOCK);
	return failed;
}

/* Starting. */

static void on_committed(void *context, int failed);
static void on_spool_left(void *context);
static void on_spool_committed(void *context);

/* Records from sockets are identified by the number of this run, so it must be on disk before the sockets open. */
static void save_numbers(struct agent *a)
{
	int failed = state_generation_save(a->core.state);

	if (failed)
		log_warn(a->core.log, who,
			"the number of this run could not be saved: %s; the next run may give the same ids to other "
			"records",
			strerror(-failed));
}

static void on_tell_held(void *context)
{
	struct agent *a = context;

	log_tell_held(a->core.log, false);
	loop_timer_set(&a->tell_held, DURATION_S(TELL_HELD_S));
}

static void on_trim_turn(void *context)
{
	struct agent *a = context;

	trim_turn(&a->trim, a->pipeline.budget.taken);
	loop_timer_set(&a->trim_turn, DURATION_MS(TRIM_TURN_MS));
}

/* Gives back the pages of code that only the start needed. */
static void on_settled_in(void *context)
{
	struct agent *a = context;

	log_debug(a->core.log, who, "gave %zu bytes of code pages back to the kernel", trim_text());
}

static bool take_for_series(void *context, size_t bytes)
{
	return budget_take(context, SIGNAL_METRICS, bytes);
}

static void give_by_series(void *context, size_t bytes)
{
	budget_give(context, SIGNAL_METRICS, bytes);
}

/* Logs the addresses we listen on, which of them other machines can reach, and what is wrong but no reason to stop. */
static void tell_start(const struct agent *a)
{
	const struct own_address *own = addresses_of(a->config);
	char all[LOG_LINE_MAX / 2], exposed[LOG_LINE_MAX / 4];

	addresses_tell(own, ADDRESSES_ALL, all, sizeof all);
	addresses_tell(own, ADDRESSES_OPEN, exposed, sizeof exposed);
	log_info(a->core.log, who,
		"oxpecker " OXP_VERSION
		" is running, pid %d, configured by %s, state in %s; listens on %s; exposed beyond this %s: %s",
		getpid(), a->config->name, a->config->state.path, all,
		a->config->in_container ? "container" : "machine", exposed);
	addresses_tell(own, ADDRESSES_UNGUARDED, exposed, sizeof exposed);
	if (strcmp(exposed, "nothing") != 0)
		log_warn(a->core.log, who,
			"whoever reaches this %s can send here, in the clear and without credentials: %s; `cert` and "
			"`auth` guard an address",
			a->config->in_container ? "container" : "machine", exposed);
	if (a->config->resource_wrong)
		log_warn(a->core.log, who, "OTEL_RESOURCE_ATTRIBUTES %s", a->config->resource_wrong);
}

static int open_series(struct agent *a)
{
	struct series_limits limits = series_limits_default;

	limits.series = a->config->series.series;
	limits.family_series = a->config->series.family;
	limits.bytes = a->config->series.bytes ? a->config->series.bytes : a->config->memory / 2;
	limits.take = take_for_series;
	limits.give = give_by_series;
	limits.context = &a->pipeline.budget;
	return core_open_series(&a->core, &limits);
}

static bool have_begun(void *context)
{
	const struct agent *a = context;

	return a->core.phase != AGENT_STARTING && intakes_have_begun(&a->intakes);
}

static void on_conflict(void *context, const char *destination, const struct mapping_conflict *conflict)
{
	conflicts_add(context, destination, conflict);
}

/* Returns `memory`, or less if the cgroup allows less. */
static size_t allowed_memory(const struct agent *a)
{
	uint64_t wanted = a->config->memory, limit = cgroup_memory_limit(CGROUP_OF_SELF, CGROUP_MOUNT);
	uint64_t most = memory_within(wanted, limit);

	if (most < wanted)
		log_info(a->core.log, who,
			"memory is %llu KiB instead of %llu KiB, because this container's limit (cgroup) is %llu KiB",
			(unsigned long long)most >> 10, (unsigned long long)wanted >> 10,
			(unsigned long long)limit >> 10);
	return most;
}

static uint64_t left_beside(const struct agent *a)
{
	uint64_t limit = cgroup_memory_limit(CGROUP_OF_SELF, CGROUP_MOUNT);

	return memory_beside(memory_within(a->config->memory, limit), limit);
}

static struct servers_options servers_options(struct agent *a)
{
	return (struct servers_options){ .core = &a->core,
		.config = a->config,
		.metrics = &a->metrics,
		.health = &a->health,
		.destinations = &a->destinations,
		.overview = &a->overview,
		.parked = &a->parked,
		.recorder = &a->recorder };
}

/* Probes are answered before the disk is asked for anything: on a slow one the state takes seconds to open. */
static int open_core(struct agent *a, struct log *log)
{
	const struct agent_config *config = a->config;
	const struct servers_options servers = servers_options(a);
	const struct core_options options = { .log = log,
		.state_path = config->state.path,
		.state_temporary = config->state.temporary,
		.state_max = config->state.max,
		.beside = left_beside(a),
		.store = { config->store.max, config->store.age },
		.damaged = spool_damaged,
		.fits = spool_fits,
		.context = &a->spool };
	int failed = core_open(&a->core, &options);

	if (failed)
		return failed;
	health_init(&a->health, a->core.loop, log);
	health_wait_for(&a->health, have_begun, a);
	servers_open_probes(&a->servers, &servers);
	return core_open_disk(&a->core, &options, assemble_wants_store(config));
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
		{ offsetof(struct agent, hurry), on_hurry },
		{ offsetof(struct agent, tell_held), on_tell_held },
		{ offsetof(struct agent, settled_in), on_settled_in },
		{ offsetof(struct agent, trim_turn), on_trim_turn },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		loop_timer_init((struct loop_timer *)((char *)a + rows[i].at), a->core.loop, rows[i].run, a);
}

static void init_recorder(struct agent *a)
{
	const struct recorder_config *c = &a->config->recorder;

	recorder_init(&a->recorder, &(struct recorder_options){ .core = &a->core,
					    .budget = &a->pipeline.budget,
					    .on = c->on,
					    .when = { [DUMP_ERRORS] = recorder_config_has(c, "errors"),
						    [DUMP_CRASH] = recorder_config_has(c, "crash"),
						    [DUMP_RESTART] = recorder_config_has(c, "restart") },
					    .size = c->size,
					    .last = c->last,
					    .errors = c->errors,
					    .within = c->within,
					    .rest = c->rest,
					    .process = c->process });
}

/* The parts that components use, and those that show how components are doing. */
static void init_parts(struct agent *a)
{
	struct core *core = &a->core;

	pipeline_init(&a->pipeline, &(struct pipeline_options){ .loop = core->loop,
					    .random = &core->random,
					    .log = core->log,
					    .ledger = &core->ledger,
					    .memory = allowed_memory(a),
					    .cpu = core->cpu,
					    .disk = core->disk,
					    .folder = core->state_path });
	spool_init(&a->spool, &(struct spool_options){ .loop = core->loop,
				      .state = core->state,
				      .log = core->log,
				      .ledger = &core->ledger,
				      .pipeline = &a->pipeline,
				      .memory = a->pipeline.budget.limit,
				      .left = on_spool_left,
				      .committed = on_spool_committed,
				      .context = a });
	parking_init(&a->parking, core->loop, core->state, core->log);
	parked_init(&a->parked, core, &a->pipeline);
	init_recorder(a);
	a->intakes = (struct intakes){ .parking = &a->parking, .spool = &a->spool, .recorder = &a->recorder };
	a->hosts = (struct hosts){ .core = core,
		.config = a->config,
		.budget = &a->pipeline.budget,
		.spool = &a->spool,
		.recorder = &a->recorder,
		.conflict = on_conflict,
		.conflict_context = &a->conflicts };
	own_files_init(&a->hosts.written, a->config->state.path);
	metrics_init(&a->metrics,
		&(struct metrics_options){ core, &a->pipeline.budget, &a->intakes,
			assemble_wants_store(a->config) ? a->config->store.snapshot : (struct duration){ 0 } });
	outgoing_init(&a->outgoing, &(struct outgoing_options){ core, &a->pipeline.budget, &a->metrics, &a->spool });
	sampling_init(&a->sampling, core, &a->metrics);
	a->destinations = (struct destinations){ &a->outlets, core->loop };
	overview_init(&a->overview, core, &a->pipeline, a->config->state.max);
	report_add(&a->overview.report, "sources", intakes_report, &a->intakes);
	report_add(&a->overview.report, "destinations", destinations_report, &a->destinations);
	report_add(&a->overview.report, "families", overview_families, &a->overview);
	report_add(&a->overview.report, "checks", probes_report, &a->health);
	report_add(&a->overview.report, "listen", servers_report, &a->servers);
	report_add(&a->overview.report, "state", overview_state, &a->overview);
	report_add(&a->overview.report, "parked", parked_report, &a->parked);
	report_add(&a->overview.report, "recorder", recorder_report, &a->recorder);
	report_add(&a->overview.report, "mapping_conflicts", conflicts_report, &a->conflicts);
}

static int open_servers(struct agent *a)
{
	const struct servers_options options = servers_options(a);

	return servers_open(&a->servers, &options);
}

/* Opens everything to the outside, in the order that it is needed. */
static int open_doors(struct agent *a)
{
	int failed = take_signals(a);

	if (!failed) {
		save_numbers(a);
		failed = intakes_start(&a->intakes, a->core.log);
		intakes_save_books(&a->intakes);
	}
	if (failed)
		return failed;
	return open_servers(a);
}

/* Signals that come before their handlers wait for them: the first process of a container would never hear of them. */
int agent_start(struct agent *a, const struct agent_config *config, struct log *log)
{
	int failed;

	mask_signals(SIG_BLOCK);
	a->config = config;
	failed = open_core(a, log);
	if (failed)
		return failed;
	init_timers(a);
	systemd_init(&a->systemd, a->core.loop, log);
	init_parts(a);
	failed = open_series(a);
	if (!failed)
		failed = assemble(a);
	if (!failed)
		spool_tell_left(&a->spool);
	if (!failed)
		failed = open_doors(a);
	if (failed)
		return failed;
	recorder_start(&a->recorder);
	metrics_start(&a->metrics, a->servers.listen);
	outgoing_start(&a->outgoing);
	sampling_start(&a->sampling);
	health_start(&a->health);
	loop_timer_set(&a->tell_held, DURATION_S(TELL_HELD_S));
	loop_timer_set(&a->settled_in, DURATION_MS(TRIM_AFTER_MS));
	trim_init(&a->trim, memory_kept(a->pipeline.budget.limit, a->core.beside));
	loop_timer_set(&a->trim_turn, DURATION_MS(TRIM_TURN_MS));
	core_move(&a->core, AGENT_RUNNING);
	tell_start(a);
	systemd_ready(&a->systemd);
	return 0;
}

void agent_run(struct agent *a)
{
	loop_run(a->core.loop);
}

/* Ending. */

/* What is closed from now on does not wait for locks that others hold, either. */
static void stop_writing(struct agent *a)
{
	core_hurry_disk(&a->core);
	a->written = true;
	loop_timer_clear(&a->deadline);
	loop_stop(a->core.loop);
}

static void look_whether_written(struct agent *a)
{
	if (a->commits == 0 && spool_is_idle(&a->spool))
		stop_writing(a);
}

static void on_committed(void *context, int failed)
{
	struct agent *a = context;

	if (failed)
		log_error(a->core.log, who, "the last positions could not be saved: %s", strerror(-failed));
	a->commits--;
	look_whether_written(a);
}

static uint64_t records_lost(const struct agent *a)
{
	return spool_lost(&a->spool) + pipeline_lost(&a->pipeline) + a->hosts.lost;
}

static void commit_positions(struct agent *a)
{
	a->saved_lost = records_lost(a);
	for (struct intake *i = a->intakes.first; i; i = i->next)
		if (intake_has_positions(i)) {
			a->commits++;
			host_positions_commit(i->host, on_committed, a);
		}
}

/* If rows could not be written, the ledger that state was given does not say so yet. */
static void on_spool_committed(void *context)
{
	struct agent *a = context;

	if (a->saved && a->saved_lost < records_lost(a))
		commit_positions(a);
	look_whether_written(a);
}

static void give_up_commits(void *context)
{
	struct agent *a = context;

	log_error(a->core.log, who, "the last positions could not be saved in time");
	stop_writing(a);
}

/* The disk is slow: copies everything that is left now, so that it goes with the last commit. */
static void copy_the_rest(void *context)
{
	spool_hurry(&((struct agent *)context)->spool);
}

/* Limits how long the disk has from now on: for the last commits all that is left of exit.within, if that is more. */
static void limit_commits(struct agent *a, loop_callback *over)
{
	struct duration limit = DURATION_MS(2 * RESERVE_MS), left = mono_since(a->over, loop_now(a->core.loop));

	if (over == give_up_commits && left.ns > limit.ns)
		limit = left;
	loop_timer_done(&a->deadline);
	loop_timer_init(&a->deadline, a->core.loop, over, a);
	loop_timer_set(&a->deadline, limit);
}

/* State has everything that was left. Refused records and the last positions follow it. */
static void on_intakes_left(void *context)
{
	struct agent *a = context;
	struct state_change *last = state_change_new();

	parking_flush(&a->parking);
	limit_commits(a, give_up_commits);
	commit_positions(a);
	a->saved = true;
	/* Commits end in order. Once this one ends, none is under way, not even those of doors and of rows. */
	state_commit(a->core.state, &last, on_committed, a);
}

/* The disk is slow, or there is much that nobody can read again. */
static void give_up_reading(void *context)
{
	struct agent *a = context;

	limit_commits(a, give_up_commits);
	intakes_abandon(&a->intakes);
}

/* Nothing is left in the pipeline, so there is room to read what the next run cannot. */
static void on_spool_left(void *context)
{
	struct agent *a = context;

	limit_commits(a, give_up_reading);
	intakes_leave_rest(&a->intakes, on_intakes_left, a);
}

static void destroy_components(struct agent *a)
{
	intakes_done(&a->intakes);
	health_done(&a->health);
	pipeline_done(&a->pipeline);
	if (a->metric_steps)
		series_steps(a->core.series, NULL);
	chain_free(a->metric_steps);
	chain_free(a->log_steps);
	chain_free(a->trace_steps);
	a->metric_steps = a->log_steps = a->trace_steps = NULL;
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

/* Blocks our signals. They no longer have handlers, and by default would end the process with another exit status. */
static void drop_signals(struct agent *a)
{
	mask_signals(SIG_BLOCK);
	for (size_t i = 0; i < AGENT_SIGNALS; i++)
		loop_signal_done(&a->signals[i]);
}

static void stop_collectors(struct agent *a)
{
	servers_close(&a->servers);
	metrics_stop(&a->metrics);
	outgoing_stop(&a->outgoing);
	sampling_stop(&a->sampling);
	pipeline_end_waiting(&a->pipeline);
	intakes_stop(&a->intakes);
}

/* Writes what is left of the pipeline to disk, as far as the disk allows. Returns how many records are lost. */
static uint64_t leave_the_rest(struct agent *a)
{
	parking_flush(&a->parking); /* before the spool rows of these records go */
	limit_commits(a, copy_the_rest);
	a->commits = 1; /* the last commit */
	pipeline_halt(&a->pipeline);
	spool_end(&a->spool);
	if (!a->written)
		loop_run(a->core.loop);
	recorder_end(&a->recorder);
	core_end_disk(&a->core);
	return records_lost(a);
}

static uint64_t stop_parts(struct agent *a)
{
	bool was_running = a->core.phase != AGENT_STARTING;
	uint64_t lost;

	if (a->core.phase != AGENT_ENDING)
		core_move(&a->core, AGENT_ENDING);
	stop_collectors(a);
	core_end_cpu(&a->core); /* the jobs it still holds come back: bodies are offered, posts go out */
	lost = leave_the_rest(a);
	parking_done(&a->parking);
	parked_done(&a->parked);
	spool_done(&a->spool);
	recorder_done(&a->recorder);
	destroy_components(a);
	outgoing_done(&a->outgoing);
	metrics_done(&a->metrics);
	if (was_running)
		say_goodbye(a, lost);
	return lost;
}

uint64_t agent_stop(struct agent *a)
{
	struct loop_timer *timers[] = { &a->look, &a->deadline, &a->leave, &a->hurry, &a->tell_held, &a->settled_in,
		&a->trim_turn };
	uint64_t lost = a->pipeline.sender_world.loop ? stop_parts(a) : 0;

	for (size_t i = 0; i < COUNT_OF(timers); i++)
		loop_timer_done(timers[i]);
	systemd_done(&a->systemd);
	drop_signals(a);
	servers_close(&a->servers);
	core_close(&a->core);
	conflicts_done(&a->conflicts);
	return lost;
}
