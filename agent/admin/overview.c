#include "admin/overview.h"

#include <string.h>

#include "core.h"
#include "http/server.h"
#include "loop/loop.h"
#include "pipeline/pipeline.h"
#include "series/series.h"
#include "state/state.h"
#include "state_tell.h"

static double read_memory(void *context)
{
	return (double)budget_used(((struct overview *)context)->budget);
}

static double read_shelf(void *context)
{
	return (double)((const struct shelf *)context)->bytes;
}

static double read_damaged(void *context)
{
	return (double)state_spool_damaged(((struct overview *)context)->core->state);
}

void overview_init(struct overview *o, struct core *core, struct pipeline *pipeline, uint64_t state_max)
{
	struct counter *damaged = counter_row(&core->counters, COUNTER_GROWS, "spool_damaged_rows_total", "",
		"Spool rows found damaged when they were read, which were set aside instead of sent.");
	struct counter *memory = counter_row(
		&core->counters, COUNTER_GAUGE, "memory_used_bytes", "", "Bytes of memory that telemetry takes now.");
	struct counter *shelf = counter_row(&core->counters, COUNTER_GAUGE, "memory_on_disk_bytes", "",
		"Bytes of these that stand in files on disk, because they have waited for half a second.");
	const struct budget *budget = &pipeline->budget;

	*o = (struct overview){ .core = core, .budget = budget, .state_max = state_max };
	o->report = (struct report){ .ledger = &core->ledger,
		.counters = &core->counters,
		.version = OXP_VERSION,
		.started = loop_wall(core->loop) };
	process_rows_init(&o->process, &core->counters, core->loop, OXP_VERSION);
	damaged->read = read_damaged;
	damaged->context = o;
	memory->read = read_memory;
	memory->context = o;
	shelf->read = read_shelf;
	shelf->context = &pipeline->shelf;
	counter_row(&core->counters, COUNTER_GAUGE, "memory_limit_bytes", "",
		"Most bytes of memory that telemetry may take.")
		->value = budget->limit;
}

void overview_state(void *context, const char *name, struct json_writer *w)
{
	const struct overview *o = context;
	const struct state *state = o->core->state;
	const char *holder = state_trouble_holder(state);
	int trouble = state_trouble(state);

	json_put_object(w, name);
	json_put_string(w, "path", o->core->state_path);
	json_put_string(w, "lost", state_loss_name(state_loss(state)));
	json_put_string(w, "missing", state_missing(state));
	json_put_u64(w, "max_bytes", o->state_max);
	json_put_u64(w, "spool_bytes", state_spool_bytes_all(state));
	json_put_u64(w, "failed_commits", state_failures(state));
	json_put_string(w, "error", *holder ? holder : trouble ? strerror(-trouble) : "");
	json_put_end(w);
}

void overview_families(void *context, const char *name, struct json_writer *w)
{
	const struct overview *o = context;
	struct series_worst rows[SERIES_WORST_MAX];
	size_t count = o->core->series ? series_worst(o->core->series, rows) : 0;

	json_put_array(w, name);
	for (size_t i = 0; i < count; i++) {
		json_put_object(w, NULL);
		json_put_string(w, "family", rows[i].name);
		json_put_u64(w, "series", rows[i].series);
		json_put_u64(w, "dropped", rows[i].dropped);
		json_put_string(w, "reason", rows[i].why);
		json_put_end(w);
	}
	json_put_end(w);
}

void overview_answer(void *context, struct http_request *request)
{
	const struct overview *o = context;
	struct buffer out;

	buffer_init(&out, REPORT_MAX);
	if (report_write(&o->report, loop_wall(o->core->loop), &out))
		http_respond_text(request, 500, "text/plain", "the report is too large\n");
	else
		http_respond(request,
			&(struct http_answer){ .status = 200, .content_type = "application/json", .body = &out });
	buffer_done(&out);
}
