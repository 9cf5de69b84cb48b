#include "admin/sampling.h"

#include <stdlib.h>

#include "core.h"
#include "series/only.h"

enum {
	WITHIN_MS = 1500, /* collectors have that long: a check has 2 s, unless configured */
	SLICE_BYTES = 16 << 10, /* read before the loop looks at other events, with one selector; with more, less */
	SLICE_LEAST = 256,
};

static void ask(void *context)
{
	struct sampling *s = context;

	metrics_want(s->metrics, &s->taker, DURATION_MS(WITHIN_MS));
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context, (void)meta;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	sampler_take(context, sample);
	return 0;
}

static void leave_page(struct sampling *s)
{
	if (!s->page)
		return;
	exposition_done(&s->parser);
	metrics_left(&s->taker);
	http_page_release(s->page);
	s->page = NULL;
}

/* One expression a callback. */
static void end_slice(struct sampling *s)
{
	if (sampler_end(&s->core->sampler, s->failed))
		loop_soon_run(&s->slice);
}

static void read_slice(struct sampling *s)
{
	struct bytes page = http_page_bytes(s->page);
	size_t size = smaller(s->slice_bytes, page.size - s->read);
	bool fine = exposition_feed(&s->parser, page.data + s->read, size) == EXPOSITION_FINE;

	s->read += size;
	if (!fine || s->read == page.size) {
		fine = exposition_end(&s->parser) == EXPOSITION_FINE;
		s->failed = fine ? NULL : "the page of metrics is too large to be read, or there is no memory for it";
		leave_page(s);
	}
	loop_soon_run(&s->slice);
}

static void on_slice(void *context)
{
	struct sampling *s = context;

	if (s->page)
		read_slice(s);
	else
		end_slice(s);
}

static bool take_page(struct page_taker *t, struct http_page *page, struct wall_time at)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct sampling *s = CONTAINER_OF(t, struct sampling, taker);

	(void)at;
	if (!page) {
		s->failed = "memory has no room for a page of metrics";
		loop_soon_run(&s->slice);
		return false;
	}
	s->page = http_page_hold(page);
	s->read = 0;
	exposition_init(&s->parser, EXPOSITION_TEXT, &exposition_limits_default, &events, &s->core->sampler);
	sampler_begin(&s->core->sampler, loop_now(s->core->loop).ns / 1000000);
	loop_soon_run(&s->slice);
	return true;
}

void sampling_init(struct sampling *s, struct core *core, struct metrics *metrics)
{
	*s = (struct sampling){ .core = core, .metrics = metrics };
	loop_soon_init(&s->slice, core->loop, on_slice, s);
}

void sampling_start(struct sampling *s)
{
	size_t count = sampler_names(&s->core->sampler, NULL, 0);
	struct bytes *names = oxp_new((count + 1) * sizeof *names);

	if (count > 0) {
		sampler_names(&s->core->sampler, names, count);
		s->slice_bytes = SLICE_BYTES / count > SLICE_LEAST ? SLICE_BYTES / count : SLICE_LEAST;
		s->taker = (struct page_taker){ .wish = { .format = EXPOSITION_TEXT,
							.escaping = EXPOSITION_UTF8,
							.only = series_only_new(names, count) },
			.take = take_page };
		metrics_add_taker(s->metrics, &s->taker);
		sampler_serve(&s->core->sampler, ask, s);
	}
	free(names);
}

void sampling_stop(struct sampling *s)
{
	loop_soon_done(&s->slice);
	leave_page(s);
	series_only_release(s->taker.wish.only);
	s->taker.wish.only = NULL;
}
