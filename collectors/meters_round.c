#include "collectors/meters_round.h"

#include "component.h"

enum {
	SHOWN_AT_ONCE = 500, /* series that are shown in a callback */
	TIDIED_AT_ONCE = 300, /* of what the page had before */
};

static void on_tidy(void *context)
{
	struct meters_round *r = context;

	if (series_tidy(meters_target(r->meters), TIDIED_AT_ONCE))
		loop_soon_run(&r->tidy);
}

static void end_show(struct meters_round *r)
{
	struct series_counts counts;

	meters_shown(r->meters, &counts);
	if (r->relabel)
		relabelling_end(r->relabel, &counts);
	if (r->end)
		r->end(r->context);
	r->showing = false;
	host_samples(r->host, &counts, 0);
	refusals_tell(&r->refusals, r->host, host_name(r->host), &counts);
	loop_soon_run(&r->tidy);
	if (r->wanted) {
		r->wanted = false;
		host_collected(r->host);
	}
}

static void begin_show(struct meters_round *r)
{
	if (r->relabel)
		relabelling_begin(r->relabel, meters_target(r->meters), r->labels, r->label_count);
	meters_show(r->meters, loop_now(host_loop(r->host)));
	loop_soon_run(&r->show);
}

/* What was staged goes bit by bit before it is staged anew. True: it is being done. */
static bool clears(struct meters_round *r)
{
	if (!r->clearing)
		return false;
	r->clearing = series_tidy(meters_target(r->meters), TIDIED_AT_ONCE);
	if (r->clearing)
		loop_soon_run(&r->show);
	else
		begin_show(r);
	return true;
}

static void on_show(void *context)
{
	struct meters_round *r = context;

	if (clears(r))
		return;
	if (meters_show_some(r->meters, SHOWN_AT_ONCE)) {
		loop_soon_run(&r->show);
	} else if (r->changed && !r->again) {
		r->again = r->clearing = true;
		series_abandon(meters_target(r->meters));
		loop_soon_run(&r->show);
	} else {
		end_show(r);
	}
}

void meters_round_init(struct meters_round *r, struct host *host, struct meters *meters)
{
	*r = (struct meters_round){ .host = host, .meters = meters };
	loop_soon_init(&r->show, host_loop(host), on_show, r);
	loop_soon_init(&r->tidy, host_loop(host), on_tidy, r);
}

void meters_round_relabel(
	struct meters_round *r, struct relabelling *relabel, const struct series_label *labels, size_t count)
{
	if (!relabel->rules)
		return;
	r->relabel = relabel;
	r->labels = labels;
	r->label_count = count;
	meters_through(r->meters, &relabelling_events, relabel);
}

void meters_round_collect(struct meters_round *r)
{
	r->wanted = true;
	if (r->showing)
		return;
	r->showing = true;
	r->changed = r->again = false;
	begin_show(r);
}

void meters_round_changed(struct meters_round *r)
{
	r->changed = true;
}

void meters_round_done(struct meters_round *r)
{
	loop_soon_done(&r->show);
	loop_soon_done(&r->tidy);
}
