#include "admin/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "base/writer.h"
#include "core.h"
#include "http/server.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "proto/exposition_parse.h"
#include "store/store.h"

enum { SERIES_MAX = 8192 };

struct snapshot {
	struct job job;
	struct core *core;
	struct store *store;
	struct wall_time at;
	struct http_page *page;
	struct buffer series;
	snapshot_done *done;
	void *context;
	int failed;
};

static void snapshot_free(struct snapshot *s)
{
	http_page_release(s->page);
	buffer_done(&s->series);
	free(s);
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context, (void)meta;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct snapshot *s = context;
	bool labels = sample->raw_labels.size > 0;
	struct writer w;

	if (sample->excess)
		return 0; /* too long to be useful, too */
	buffer_clear(&s->series);
	writer_init(&w, &s->series);
	writer_bytes(&w, sample->name);
	writer_text(&w, labels ? "{" : "");
	writer_bytes(&w, sample->raw_labels);
	writer_text(&w, labels ? "}" : "");
	if (writer_done(&w))
		return 0; /* the name is too long to be useful */
	s->failed = store_sample(s->store, s->at, buffer_bytes(&s->series), sample->value);
	return s->failed;
}

/* Runs in the disk lane. */
static void store_page(struct job *job)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct snapshot *s = CONTAINER_OF(job, struct snapshot, job);
	struct bytes page = http_page_bytes(s->page);
	struct exposition_parser parser;
	int failed;

	s->failed = store_begin(s->store);
	if (s->failed)
		return;
	exposition_init(&parser, EXPOSITION_TEXT, &exposition_limits_default, &events, s);
	exposition_feed(&parser, page.data, page.size);
	if (exposition_end(&parser) != EXPOSITION_FINE && !s->failed)
		s->failed = -EBADMSG;
	exposition_done(&parser);
	failed = store_end(s->store, s->at, !s->failed);
	if (!s->failed)
		s->failed = failed;
}

static void page_stored(struct job *job)
{
	struct snapshot *s = CONTAINER_OF(job, struct snapshot, job);

	if (s->failed)
		log_warn(s->core->log, "store", "cannot save a snapshot of the metrics: %s", strerror(-s->failed));
	s->done(s->context);
	snapshot_free(s);
}

bool snapshot_take(struct core *c, struct http_page *page, snapshot_done *done, void *context)
{
	struct store *store = core_store(c);
	struct snapshot *s;

	if (!store)
		return false;
	s = oxp_new(sizeof *s);
	*s = (struct snapshot){ .job = { .work = store_page, .done = page_stored },
		.core = c,
		.store = store,
		.at = loop_wall(c->loop),
		.done = done,
		.context = context };
	s->page = http_page_hold(page);
	buffer_init(&s->series, SERIES_MAX);
	if (lane_run(c->disk, &s->job) == 0)
		return true;
	snapshot_free(s);
	return false;
}
