#include "collectors/push_show.h"

#include "base/json_writer.h"
#include "component.h"
#include "proto/native_histogram.h"

enum { PIECE = 8 << 10 /* of a page, in a callback */, AT_ONCE = 300 /* series */, NATIVES_AT_ONCE = 10 };

static void stop(struct push_show *s)
{
	if (s->walking)
		push_walk_done(&s->walk);
	s->walking = false;
	if (s->stage == SHOW_STAGES)
		series_abandon(s->target);
	push_sum_done(&s->sum);
	s->stage = SHOW_RESTS;
}

static enum push_progress give_up(struct push_show *s)
{
	stop(s);
	return PUSH_STUCK;
}

void push_show_begin(struct push_show *s)
{
	push_sum_init(&s->sum, s->host, s->seed);
	s->counts = (struct push_show_counts){ 0 };
	s->at = NULL;
	s->native = NULL;
	s->stage = SHOW_DEAD;
}

static bool add_point(struct push_show *s, const struct push_point *p)
{
	enum push_added added = p->native ? push_sum_add_native(&s->sum, p) : push_sum_add(&s->sum, p);

	s->counts.clashes += added == PUSH_CLASH || added == PUSH_ADDED_BEFORE;
	s->counts.over_ceiling += added == PUSH_CEILING;
	return added != PUSH_NO_MEMORY;
}

static bool add_dead(struct push_show *s, const struct push_total *t)
{
	struct push_point p = push_total_point(t, 0);

	if (t->family->format)
		push_sum_help(&s->sum, t->family->name, t->family->help, t->family->format);
	return add_point(s, &p);
}

static enum push_progress sum_dead_some(struct push_show *s)
{
	for (int i = 0; i < AT_ONCE; i++) {
		s->at = push_sum_next(s->options.dead, s->at);
		if (!s->at) {
			s->stage = SHOW_DEAD_NATIVES;
			return PUSH_MORE;
		}
		if (!add_dead(s, s->at))
			return give_up(s);
	}
	return PUSH_MORE;
}

static enum push_progress sum_dead_natives(struct push_show *s)
{
	for (int i = 0; i < NATIVES_AT_ONCE; i++) {
		struct push_point p;
		s->native = s->native ? s->native->next : s->options.dead->native;
		if (!s->native) {
			s->stage = SHOW_PAGES;
			return PUSH_MORE;
		}
		p = push_native_point(s->native, 0);
		if (!s->native->broken && !add_point(s, &p))
			return give_up(s);
	}
	return PUSH_MORE;
}

static void on_point(void *context, const struct push_point *p)
{
	struct push_show *s = context;

	if ((p->lasting || s->page.lives) && !add_point(s, p))
		s->walk.failed = true;
}

static void on_help(void *context, struct bytes family, const struct exposition_meta *m)
{
	struct push_show *s = context;

	push_sum_help(&s->sum, family, m->text, m->format);
}

static void begin_page(struct push_show *s)
{
	s->walking = true;
	s->walk = (struct push_walk){ .modes = s->options.modes,
		.worker = s->page.worker,
		.page = s->page.number,
		.point = on_point,
		.help = on_help,
		.context = s };
	push_walk_begin(&s->walk, s->page.text.text, s->page.text.format, s->seed);
}

static void page_is_done(struct push_show *s)
{
	for (int i = 0; i < PUSH_LEFT_KINDS; i++)
		s->counts.left_out[i] += s->walk.left_out[i];
	s->counts.bytes += s->page.text.text.size;
	push_walk_done(&s->walk);
	s->walking = false;
}

static enum push_progress begin_staging(struct push_show *s)
{
	if (!s->target && series_target_new(host_series(s->host), NULL, 0, &s->target) < 0)
		return give_up(s);
	relabelling_begin(&s->relabel, s->target, NULL, 0);
	series_begin(s->target);
	s->at = NULL;
	s->stage = SHOW_STAGES;
	return PUSH_MORE;
}

static enum push_progress sum_some(struct push_show *s)
{
	if (!s->walking && !s->options.next(s->options.context, &s->page))
		return begin_staging(s);
	if (!s->walking)
		begin_page(s);
	if (push_walk_some(&s->walk, PIECE))
		return PUSH_MORE;
	if (s->walk.failed)
		return give_up(s);
	page_is_done(s);
	return PUSH_MORE;
}

static void stage_family(struct push_show *s, const struct push_family_total *f)
{
	struct exposition_meta meta = { .format = EXPOSITION_TEXT,
		.what = EXPOSITION_TYPE,
		.name = f->name,
		.quoted = f->first->quoted,
		.type = f->type };

	series_events.meta(s->target, &meta);
	if (!f->format)
		return;
	meta.format = f->format;
	meta.what = EXPOSITION_HELP;
	meta.text = f->help;
	series_events.meta(s->target, &meta);
}

static void stage_sample(struct push_show *s, const struct exposition_sample *sample)
{
	if (s->relabel.rules)
		relabelling_events.sample(&s->relabel, sample);
	else
		series_events.sample(s->target, sample);
}

/* The native form of what a total is of, before the first of its classic series. Returns what it costs, in series. */
static int stage_native(struct push_show *s, const struct push_total *t)
{
	bool may = t->lasting && t->family->type == EXPOSITION_HISTOGRAM;
	struct push_native *n = may ? push_sum_native(&s->sum, t->group) : NULL;
	struct exposition_label labels[EXPOSITION_LABELS_MAX + 1];
	char made[NATIVE_WRITTEN_MAX];
	struct otlp_build b = { made, sizeof made, 0 };
	struct exposition_sample sample;

	if (!n || n->broken || n->shown)
		return 0;
	n->shown = true;
	native_histogram_write(&n->all, &b);
	OXP_ASSERT(b.size <= sizeof made);
	push_key_sample(n->key, labels, &sample);
	sample.native = (struct bytes){ made, b.size };
	stage_sample(s, &sample);
	return AT_ONCE / NATIVES_AT_ONCE / 4;
}

/* Returns what it costs, in series. */
static int stage(struct push_show *s, const struct push_total *t)
{
	struct exposition_label labels[EXPOSITION_LABELS_MAX + 1];
	struct exposition_sample sample;
	int cost;

	if (t->family->first == t)
		stage_family(s, t->family);
	cost = stage_native(s, t);
	push_key_sample(t->item.key, labels, &sample);
	sample.value = push_total_value(t);
	stage_sample(s, &sample);
	return cost + 1;
}

static enum push_progress commit(struct push_show *s)
{
	struct series_counts counts;

	series_commit(s->target, &counts);
	relabelling_end(&s->relabel, &counts);
	host_samples(s->host, &counts, s->counts.bytes);
	refusals_tell(&s->refusals, s->host, "workers", &counts);
	s->counts.series = s->sum.series;
	s->last = s->counts;
	s->stage = SHOW_RESTS;
	stop(s);
	loop_soon_run(&s->tidy);
	return PUSH_DONE;
}

static enum push_progress stage_some(struct push_show *s)
{
	for (int done = 0; done < AT_ONCE;) {
		s->at = push_sum_next(&s->sum, s->at);
		if (!s->at)
			return commit(s);
		done += stage(s, s->at);
	}
	return PUSH_MORE;
}

enum push_progress push_show_some(struct push_show *s)
{
	switch (s->stage) {
	case SHOW_RESTS:
		return PUSH_DONE;
	case SHOW_DEAD:
		return sum_dead_some(s);
	case SHOW_DEAD_NATIVES:
		return sum_dead_natives(s);
	case SHOW_PAGES:
		return sum_some(s);
	default:
		return stage_some(s);
	}
}

static void on_tidy(void *context)
{
	struct push_show *s = context;

	if (s->target && series_tidy(s->target, AT_ONCE))
		loop_soon_run(&s->tidy);
}

void push_show_init(struct push_show *s, struct host *host, uint64_t seed, const struct push_show_options *options)
{
	*s = (struct push_show){ .host = host, .seed = seed, .options = *options };
	loop_soon_init(&s->tidy, host_loop(host), on_tidy, s);
}

int push_show_relabel(struct push_show *s, const struct option_items *items)
{
	return relabelling_init(&s->relabel, s->host, items);
}

void push_show_report(const struct push_show *s, struct json_writer *w)
{
	const struct push_show_counts *c = &s->last;

	json_put_object(w, "left_out");
	json_put_u64(w, "quantiles", c->left_out[PUSH_LEFT_QUANTILES]);
	json_put_u64(w, "created", c->left_out[PUSH_LEFT_CREATED]);
	json_put_u64(w, "too_large", c->left_out[PUSH_LEFT_EXCESS]);
	json_put_u64(w, "native_histograms", c->left_out[PUSH_LEFT_NATIVE]);
	json_put_u64(w, "clashes", c->clashes);
	json_put_u64(w, "over_ceiling", c->over_ceiling);
	json_put_end(w);
	relabelling_report(&s->relabel, w);
	refusals_report(&s->refusals, w);
}

void push_show_done(struct push_show *s)
{
	if (!s->host)
		return;
	stop(s);
	series_target_free(s->target);
	relabelling_done(&s->relabel);
	loop_soon_done(&s->tidy);
}
