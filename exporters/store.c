/*
 * The `store` exporter: log lines and spans into the embedded store, where `oxpecker show` and sqlite3 read them.
 *
 * A send is one transaction in the disk lane: all of it is stored, or nothing and it is tried again. A store that
 * cannot be opened, because the disk is full for example, is tried again, too: other signals and the probes do not
 * depend on it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "component.h"
#include "config/option.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "proto/otlp_text.h"
#include "store/store.h"

enum { ID_SIZE = 40 };

struct exporter {
	struct host *host;
	struct store *store; /* NULL: not open yet */
};

static const struct option store_options[] = { { .name = NULL } };

/* One send in the disk lane. `send` is NULL once cancelled. */
struct store_job {
	struct job job;
	struct exporter *exporter;
	const struct batch *batch;
	struct send *send;
	bool *wanted;
	struct wall_time now;
	int failed;
};

static void put_span(void *context, const struct otlp_row *row)
{
	struct store_job *k = context;

	if (!k->failed)
		k->failed = store_span(k->exporter->store, k->now,
			&(struct store_span){ .trace_id = row->trace_id,
				.span_id = row->span_id,
				.parent_id = row->parent_id,
				.service = row->service,
				.name = row->name,
				.details = row->json,
				.kind = row->kind,
				.status = row->status,
				.start_ns = row->start_ns,
				.end_ns = row->end_ns });
}

static void put_item(struct store_job *k, const struct batch_item *item)
{
	char id[ID_SIZE];
	int failed;

	if (batch_signal(k->batch) == SIGNAL_TRACES) {
		failed = otlp_traces_rows(item->data, item->size, put_span, k);
		k->failed = k->failed ? k->failed : failed;
		return;
	}
	snprintf(id, sizeof id, "%llx-%llx", (unsigned long long)item->generation, (unsigned long long)item->offset);
	k->failed = store_log(k->exporter->store, k->now, id, (struct bytes){ item->data, item->size });
}

/* In the disk lane. */
static void put_items(struct job *job)
{
	struct store_job *k = CONTAINER_OF(job, struct store_job, job);
	int failed;

	k->failed = store_begin(k->exporter->store);
	if (k->failed)
		return;
	for (size_t i = 0; i < batch_items(k->batch) && !k->failed; i++)
		if (k->wanted[i])
			put_item(k, batch_item(k->batch, i));
	failed = store_end(k->exporter->store, k->now, !k->failed);
	k->failed = k->failed ? k->failed : failed;
}

static void job_free(struct store_job *k)
{
	batch_unkeep(k->batch);
	free(k->wanted);
	free(k);
}

static const char *why(int failed)
{
	if (failed == -ESTALE)
		return "store.db was removed, renamed or replaced while it was open; put it back, or restart the agent";
	return failed ? strerror(-failed) : NULL;
}

/* Back on the loop. */
static void items_stored(struct job *job)
{
	struct store_job *k = CONTAINER_OF(job, struct store_job, job);
	struct send *send = k->send;
	int failed = k->failed;

	job_free(k);
	if (send)
		send_done(send, failed ? RETRY : DELIVERED, why(failed));
}

static void store_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	struct store_job *k;

	e->store = e->store ? e->store : host_store(e->host);
	if (!e->store) {
		send_done(send, RETRY, "the embedded store is not open");
		return;
	}
	k = oxp_new(sizeof *k);
	*k = (struct store_job){ .job = { .work = put_items, .done = items_stored },
		.exporter = e,
		.batch = batch_keep(batch),
		.send = send,
		.wanted = oxp_new(batch_items(batch) + 1),
		.now = loop_wall(host_loop(e->host)) };
	for (size_t i = 0; i < batch_items(batch); i++)
		k->wanted[i] = send_wants(send, i);
	send_context_set(send, k);
	if (lane_run(host_disk_lane(e->host), &k->job) == 0)
		return;
	job_free(k);
	send_done(send, RETRY, "the disk lane is full");
}

static void store_cancel(struct exporter *e, struct send *send)
{
	struct store_job *k = send_context(send);

	(void)e;
	k->send = NULL;
	send_done(send, RETRY, "writing takes too long");
}

static void store_destroy(struct exporter *e)
{
	free(e);
}

static int store_create(const void *config, struct host *host, struct exporter **ret)
{
	struct exporter *e = oxp_new(sizeof *e);

	(void)config;
	e->host = host;
	e->store = host_store(host);
	*ret = e;
	return 0;
}

const struct exporter_type exporter_store = {
	.name = "store",
	.summary = "Keeps log lines and spans in the embedded store.",
	.signals = SIGNAL_LOGS | SIGNAL_TRACES,
	.options = store_options,
	.config_size = 0,
	.stores = true,
	.create = store_create,
	.send = store_send,
	.cancel = store_cancel,
	.destroy = store_destroy,
};
