#include "collectors/push_groups.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"

enum {
	PIECE = 8 << 10, /* of pages, in a callback */
	PAGE_COST = 64, /* beginning one costs as much as so many bytes of it, */
	GROUP_COST = 256, /* and making a group visible as so many */
	TIDIED_AT_ONCE = 300, /* as in scrape.c */
	GROUP_TIDY_COST = 50, /* ending that for a group costs as much as so much of it */
	SHOWN_MAX = 20, /* groups on /status */
};

struct push_group {
	struct push_group *next;
	struct push_key key;
	struct push_owner owner;
	char *identity; /* of it */
	struct series_target *target;
	struct push_page *newest; /* that was applied */
	size_t pages; /* of it, and waiting */
	struct mono_time last; /* pushed to */
};

static const char pushed_name[] = "push_time_seconds", failed_name[] = "push_failure_time_seconds";

static void page_free(struct push_groups *all, struct push_page *p)
{
	push_file_remove(all->file, p->saved);
	batch_free(p->batch);
	free(p);
}

/* Saves so many bytes of a page, whose end the file may have written meanwhile. Behind each its group is written. */
static void save_some(struct push_groups *all, struct push_page *p, size_t bytes)
{
	if (!p->saved || push_file_some(all->file, p->saved, bytes) || p->named)
		return;
	push_file_own(all->file, &p->group->owner);
	p->named = true;
}

/* What is staged. */

static int put_sample(struct push_groups *all, const struct push_group *g, const struct exposition_sample *sample)
{
	return all->relabel.rules ? relabelling_events.sample(&all->relabel, sample)
				  : series_events.sample(g->target, sample);
}

static void put_time(
	struct push_groups *all, const struct push_group *g, const char *name, const char *help, struct wall_time at)
{
	char text[DOUBLE_TEXT_SIZE];
	struct exposition_meta meta = { .format = EXPOSITION_TEXT,
		.what = EXPOSITION_TYPE,
		.name = bytes_of(name),
		.type = EXPOSITION_GAUGE,
		.text = bytes_of(help) };
	struct exposition_sample sample = { .name = bytes_of(name), .value = (double)at.ns / 1e9 };

	double_format(sample.value, text);
	sample.value_text = bytes_of(text);
	series_events.meta(g->target, &meta);
	meta.what = EXPOSITION_HELP;
	series_events.meta(g->target, &meta);
	(void)put_sample(all, g, &sample);
}

static void put_times(struct push_groups *all, const struct push_group *g)
{
	put_time(all, g, pushed_name, "Last Unix time when changing this group succeeded.", g->owner.pushed);
	put_time(all, g, failed_name, "Last Unix time when changing this group failed.", g->owner.failed);
}

static bool is_in_key(const struct push_key *k, struct bytes name)
{
	for (size_t i = 0; i < k->count; i++)
		if (bytes_are(name, k->labels[i].name))
			return true;
	return false;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	struct push_groups *all = context;

	push_family_meta(&all->family, m);
	if (!push_families_show(&all->families, &all->family, all->number))
		return 0;
	all->page->shown++;
	return series_events.meta(all->applied->group->target, m);
}

/* Labels of the grouping key replace those of a sample. */
static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct push_groups *all = context;
	struct push_group *g = all->applied->group;
	struct exposition_label labels[EXPOSITION_LABELS_MAX];
	struct exposition_sample own = *sample;

	push_family_sample(&all->family, sample);
	if (!push_families_show(&all->families, &all->family, all->number))
		return 0;
	all->page->shown++;
	own.labels = labels;
	own.label_count = 0;
	for (size_t i = 0; i < sample->label_count; i++)
		if (!is_in_key(&g->key, sample->labels[i].name))
			labels[own.label_count++] = sample->labels[i];
	return put_sample(all, g, &own);
}

static const struct exposition_events events = { .meta = on_meta, .sample = on_sample };

static void begin_page(struct push_groups *all, struct push_page *p)
{
	all->page = p;
	all->number++;
	all->at = 0;
	p->shown = 0;
	all->family = (struct push_family){ .seed = all->seed };
	exposition_read_begin(&all->reader, p->format, &events, all);
	exposition_read_in_slices(&all->reader);
}

static void free_pages(struct push_groups *all, struct push_group *g)
{
	for (struct push_page *p = g->newest, *older; p; p = older) {
		older = p->older;
		page_free(all, p);
		g->pages--;
	}
	g->newest = NULL;
}

static size_t labels_of(const struct push_group *g, struct series_label labels[PUSH_LABELS_MAX])
{
	for (size_t i = 0; i < g->key.count; i++)
		labels[i] = (struct series_label){ g->key.labels[i].name, g->key.labels[i].value };
	return g->key.count;
}

static void begin_relabelling(struct push_groups *all, const struct push_group *g)
{
	struct series_label labels[PUSH_LABELS_MAX];

	relabelling_begin(&all->relabel, g->target, labels, labels_of(g, labels));
}

/* The place of the next page of that group in the line; its end if there is none. */
static struct push_page **next_of(const struct push_group *g, struct push_page **at)
{
	while (*at && (*at)->group != g)
		at = &(*at)->next;
	return at;
}

/* The first in the line becomes one of its group's older pages, of which nothing is shown yet; a newer page of that
 * group takes its place. */
static void replace_first(struct push_groups *all, struct push_page **newer_at)
{
	struct push_page *p = all->waiting, *newer = *newer_at;

	*newer_at = newer->next;
	newer->next = p->next;
	newer->count = p->count;
	all->waiting = newer;
	all->in_line--;
	p->next = NULL;
	p->shown = 0;
	p->older = p->group->newest;
	p->group->newest = p;
}

/* All pages of the first one's group that wait are applied as one. */
static void gather(struct push_groups *all)
{
	const struct push_group *g = all->waiting->group;
	struct push_page **at;

	all->bytes = all->waiting->text.size;
	while (*(at = next_of(g, &all->waiting->next))) {
		all->bytes += (*at)->text.size;
		replace_first(all, at);
	}
	all->waiting_last = next_of(NULL, &all->waiting);
}

static void begin(struct push_groups *all)
{
	struct push_group *g = all->waiting->group;
	struct push_page *p;

	if (all->waiting->replaces)
		free_pages(all, g);
	gather(all);
	p = all->waiting;
	p->older = g->newest;
	all->applied = p;
	all->number = 0;
	series_begin(g->target);
	begin_relabelling(all, g);
	put_times(all, g);
	if (!push_families_hide(&all->families, pushed_name, all->seed) ||
		!push_families_hide(&all->families, failed_name, all->seed))
		host_log(all->host, LOG_LEVEL_WARN, "no memory for the families of what was pushed");
	begin_page(all, p);
}

/* Pages of which nothing is shown any more go. */
static void drop_replaced(struct push_groups *all, struct push_group *g)
{
	for (struct push_page **at = &g->newest; *at;) {
		struct push_page *p = *at;
		if (p->shown > 0) {
			at = &p->older;
			continue;
		}
		*at = p->older;
		page_free(all, p);
		g->pages--;
	}
}

static const char *job_of(const struct push_group *g)
{
	for (size_t i = 0; i < g->key.count; i++)
		if (strcmp(g->key.labels[i].name, "job") == 0)
			return g->key.labels[i].value;
	return "";
}

static void stop_staging(struct push_groups *all)
{
	exposition_read_done(&all->reader);
	push_families_done(&all->families);
	all->waiting = all->applied->next;
	if (!all->waiting)
		all->waiting_last = &all->waiting;
	all->in_line--;
	all->applied->next = NULL;
	all->applied = all->page = NULL;
}

static void commit(struct push_groups *all)
{
	struct push_page *p = all->applied;
	struct push_group *g = p->group;
	struct series_counts counts;

	series_commit(g->target, &counts);
	relabelling_end(&all->relabel, &counts);
	host_samples(all->host, &counts, all->bytes);
	refusals_tell(&all->refusals, all->host, job_of(g), &counts);
	g->newest = p;
	stop_staging(all);
	drop_replaced(all, g);
	loop_soon_run(&all->tidy);
}

/* The page was found fine before, so it is read to its end. Returns what that cost. */
static size_t read_some(struct push_groups *all)
{
	struct push_page *p = all->page;
	size_t size = smaller(PIECE, p->text.size - all->at);

	if (exposition_read_go_on(&all->reader))
		return PIECE;
	(void)exposition_read_feed(&all->reader, p->text.data + all->at, size);
	all->at += size;
	if (all->at < p->text.size || exposition_read_is_behind(&all->reader))
		return size;
	if (exposition_read_end(&all->reader) != EXPOSITION_FINE)
		host_log(all->host, LOG_LEVEL_ERROR, "a page of job \"%s\": %s", job_of(p->group),
			exposition_read_what(&all->reader));
	exposition_read_done(&all->reader);
	if (p->older) {
		begin_page(all, p->older);
		return size + PAGE_COST;
	}
	commit(all);
	return size + GROUP_COST + all->count; /* each group is in the families of its times, which are gone through */
}

/* Of the pages that are to be applied, the first that is not saved with its group; NULL: all are, or cannot be. */
static struct push_page *unsaved(const struct push_groups *all)
{
	const struct push_group *g = all->waiting->group;
	struct push_page *p = all->waiting;

	while (p && (p->group != g || !p->saved || (p->named && p->saved->state != PUSH_UNSAVED)))
		p = p->next;
	return p;
}

/* What the group's last page left is freed before the next one is staged, since that would free all of it at once.
 * Returns what that cost. */
static size_t make_ready(struct push_groups *all)
{
	struct series_target *target = all->waiting->group->target;
	struct push_page *p = unsaved(all);

	if (p) {
		save_some(all, p, PUSH_PART_MAX);
		return PIECE;
	}
	if (series_is_tidy(target))
		begin(all);
	else if (series_tidy(target, TIDIED_AT_ONCE))
		return PIECE;
	else
		return PIECE / 4;
	return 0;
}

/* Small pages are many in a callback: a pull waits for all that came before it. */
static void on_work(void *context)
{
	struct push_groups *all = context;

	for (size_t spent = 0; all->waiting && spent < PIECE;)
		spent += all->applied ? read_some(all) : make_ready(all);
	if (all->waiting)
		loop_soon_run(&all->work);
	if (all->ready && push_groups_ready(all))
		all->ready(all->context);
}

/* Groups come and go. */

static struct push_group **place_of(struct push_groups *all, const struct push_key *key)
{
	struct push_group **at = &all->first;

	while (*at && !push_key_equal(&(*at)->key, key))
		at = &(*at)->next;
	return at;
}

static struct push_group *find(const struct push_groups *all, const struct push_key *key)
{
	for (struct push_group *g = all->first; g; g = g->next)
		if (push_key_equal(&g->key, key))
			return g;
	return NULL;
}

/* The strings of the copy stand in the copy. */
static void copy_key(struct push_key *to, const struct push_key *from)
{
	*to = *from;
	for (size_t i = 0; i < to->count; i++) {
		to->labels[i].name = to->text + (from->labels[i].name - from->text);
		to->labels[i].value = to->text + (from->labels[i].value - from->text);
	}
}

static struct push_group *new_group(struct push_groups *all, const struct push_key *key)
{
	struct push_group *g = calloc(1, sizeof *g);
	struct series_label labels[PUSH_LABELS_MAX];
	char identity[PUSH_KEY_MAX];
	size_t size;

	if (!g)
		return NULL;
	copy_key(&g->key, key);
	size = push_key_write(key, identity);
	g->identity = malloc(size);
	if (!g->identity || relabelling_target(&all->relabel, host_series(all->host), labels, labels_of(g, labels),
				    &g->target) < 0) {
		free(g->identity);
		free(g);
		return NULL;
	}
	memcpy(g->identity, identity, size);
	g->owner.kind = PUSH_GROUP;
	g->owner.id = push_file_number(all->file);
	g->owner.identity = (struct bytes){ g->identity, size };
	*place_of(all, key) = g;
	all->count++;
	++*all->groups;
	return g;
}

static void drop_waiting(struct push_groups *all, struct push_group *g)
{
	struct push_page **at = &all->waiting;

	while (*at) {
		struct push_page *p = *at;
		if (p->group != g || p == all->applied) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		page_free(all, p);
		g->pages--;
		all->in_line--;
	}
	all->waiting_last = at;
}

/* It shows nothing from now on; what it has is freed bit by bit. */
static void remove_group(struct push_groups *all, struct push_group **at)
{
	struct push_group *g = *at;

	push_file_disown(all->file, &g->owner);
	if (all->applied && all->applied->group == g) {
		struct push_page *p = all->applied;
		series_abandon(g->target);
		stop_staging(all);
		page_free(all, p);
	}
	drop_waiting(all, g);
	free_pages(all, g);
	series_target_down(g->target);
	*at = g->next;
	g->next = all->leaving;
	all->leaving = g;
	all->leaving_count++;
	all->count--;
	--*all->groups;
	loop_soon_run(&all->tidy);
	loop_soon_run(&all->work);
}

static void free_leaving(struct push_groups *all)
{
	struct push_group *g = all->leaving;

	all->leaving = g->next;
	all->leaving_count--;
	series_target_free(g->target);
	free(g->identity);
	free(g);
}

static struct push_group *untidy(const struct push_groups *all)
{
	struct push_group *g = all->leaving ? all->leaving : all->first;

	while (g && g != all->leaving && series_is_tidy(g->target))
		g = g->next;
	return g;
}

static void on_tidy(void *context)
{
	struct push_groups *all = context;
	struct push_group *g = untidy(all);

	for (size_t spent = 0; g && spent < TIDIED_AT_ONCE; g = untidy(all)) {
		bool more = series_tidy(g->target, TIDIED_AT_ONCE);
		if (!more && g == all->leaving)
			free_leaving(all);
		spent += more ? TIDIED_AT_ONCE : GROUP_TIDY_COST;
	}
	if (g)
		loop_soon_run(&all->tidy);
}

static void on_expiry(void *context)
{
	struct push_groups *all = context;
	struct mono_time now = loop_now(host_loop(all->host));
	struct duration left = all->ttl;

	for (struct push_group **at = &all->first; *at;) {
		struct duration age = mono_since(now, (*at)->last);
		if (age.ns >= all->ttl.ns) {
			++*all->expired;
			remove_group(all, at);
			continue;
		}
		left.ns = (int64_t)smaller((uint64_t)left.ns, (uint64_t)(all->ttl.ns - age.ns));
		at = &(*at)->next;
	}
	if (all->first)
		loop_timer_set(&all->expiry, left);
}

int push_groups_init(struct push_groups *all, struct host *host, const struct push_options *options)
{
	*all = (struct push_groups){
		.host = host, .ttl = options->ttl, .groups_max = options->groups, .file = options->file
	};
	all->waiting_last = &all->waiting;
	all->seed = random_next(host_random(host));
	loop_soon_init(&all->work, host_loop(host), on_work, all);
	loop_soon_init(&all->tidy, host_loop(host), on_tidy, all);
	loop_timer_init(&all->expiry, host_loop(host), on_expiry, all);
	all->groups = host_gauge(host, "push_groups", "Groups that metrics were pushed to.");
	all->expired = host_counter(host, "push_groups_expired_total", "Groups that went by `ttl`.");
	return relabelling_init(&all->relabel, host, options->relabel);
}

const char *push_groups_full(const struct push_groups *all, const struct push_key *key, bool replaces)
{
	const struct push_group *g = find(all, key);

	if (!g && all->count >= all->groups_max)
		return "there are as many groups as `groups` allows: delete some, or set `ttl`";
	if (!g && all->leaving_count >= PUSH_LEAVING_MAX)
		return "groups that were deleted are still being freed; try again";
	if (all->in_line >= PUSH_WAITING_MAX)
		return "what was pushed before is still being read; try again";
	if (g && !replaces && g->pages >= PUSH_PAGES_MAX)
		return "what was posted to this group has other families each time: PUT replaces all of them";
	return NULL;
}

static void wait_in_line(struct push_groups *all, struct push_group *g, struct push_page *p)
{
	if (p->replaces)
		drop_waiting(all, g); /* nobody would see them */
	p->group = g;
	p->next = p->older = NULL;
	p->count = ++all->pages;
	g->pages++;
	all->in_line++;
	*all->waiting_last = p;
	all->waiting_last = &p->next;
	loop_soon_run(&all->work);
}

bool push_groups_take(struct push_groups *all, const struct push_key *key, const struct push_page *page)
{
	struct push_page *p = malloc(sizeof *p);
	struct push_group *g = p ? find(all, key) : NULL;

	if (p && !g)
		g = new_group(all, key);
	if (!g) {
		free(p);
		return false;
	}
	*p = *page;
	g->owner.pushed = loop_wall(host_loop(all->host));
	g->last = loop_now(host_loop(all->host));
	wait_in_line(all, g, p);
	p->saved = push_file_page(all->file, g->owner.id, p->text, p->format, p->replaces);
	save_some(all, p, PUSH_SAVED_AT_ONCE);
	if (all->ttl.ns && !loop_timer_pending(&all->expiry))
		loop_timer_set(&all->expiry, all->ttl);
	return true;
}

static bool is_waiting(const struct push_groups *all, const struct push_group *g)
{
	for (const struct push_page *p = all->waiting; p; p = p->next)
		if (p->group == g && p != all->applied)
			return true;
	return false;
}

/* By a page of nothing. */
static void stage_again(struct push_groups *all, struct push_group *g)
{
	struct push_page *p = oxp_new(sizeof *p);

	*p = (struct push_page){ .text = { "", 0 }, .format = EXPOSITION_TEXT };
	wait_in_line(all, g, p);
}

/* The group is shown with that time. If the line is full, its next page does it. */
void push_groups_failed(struct push_groups *all, const struct push_key *key)
{
	struct push_group *g = find(all, key);

	if (!g)
		return;
	g->owner.failed = loop_wall(host_loop(all->host));
	if (g->owner.listed)
		push_file_own(all->file, &g->owner);
	if (!is_waiting(all, g) && all->in_line < PUSH_WAITING_MAX)
		stage_again(all, g);
}

void push_groups_delete(struct push_groups *all, const struct push_key *key)
{
	struct push_group **at = place_of(all, key);

	if (*at)
		remove_group(all, at);
}

/* What the last run has left. */

/* Of two with one key the later one counts. */
static bool on_owner(void *context, const struct push_owner *found)
{
	struct push_groups *all = context;
	struct push_key key;
	struct push_group *g, **at;
	int64_t age;

	if (!push_key_read(found->identity, &key))
		return false;
	if (all->count >= all->groups_max) {
		if (!all->left_behind)
			host_log(all->host, LOG_LEVEL_WARN,
				"the last run had more groups than `groups` allows: those that were made last go");
		all->left_behind = true;
		return false;
	}
	at = place_of(all, &key);
	if (*at)
		remove_group(all, at);
	g = new_group(all, &key);
	if (!g)
		return false;
	push_file_adopt(all->file, &g->owner, found, g->owner.identity);
	age = loop_wall(host_loop(all->host)).ns - found->pushed.ns;
	g->last = loop_now(host_loop(all->host));
	g->last.ns -= age > 0 ? age : 0; /* the clock may have been set back */
	all->restored = g;
	return true;
}

static void on_page(void *context, struct push_found *found)
{
	struct push_groups *all = context;
	struct push_page *p = oxp_new(sizeof *p);

	*p = (struct push_page){ .replaces = found->replaces,
		.batch = found->batch,
		.text = found->text,
		.format = found->format,
		.saved = found->saved,
		.named = true };
	found->batch = NULL;
	found->saved = NULL;
	wait_in_line(all, all->restored, p);
}

static void on_ended(void *context)
{
	struct push_groups *all = context;

	if (all->restored->pages == 0) /* it has its times */
		stage_again(all, all->restored);
	all->restored = NULL;
	if (all->ttl.ns && !loop_timer_pending(&all->expiry))
		loop_timer_set(&all->expiry, DURATION_MS(0));
}

struct push_visit push_groups_visit(struct push_groups *all)
{
	return (struct push_visit){ .owner = on_owner, .page = on_page, .ended = on_ended, .context = all };
}

bool push_groups_ready(const struct push_groups *all)
{
	return !all->waiting || all->waiting->count > all->wanted;
}

bool push_groups_ask(struct push_groups *all)
{
	all->wanted = all->pages;
	return push_groups_ready(all);
}

static void report_group(const struct push_groups *all, const struct push_group *g, struct json_writer *w)
{
	json_put_object(w, NULL);
	json_put_object(w, "labels");
	for (size_t i = 0; i < g->key.count; i++)
		json_put_string(w, g->key.labels[i].name, g->key.labels[i].value);
	json_put_end(w);
	json_put_u64(w, "series", series_target_count(g->target));
	json_put_fixed(
		w, "seconds_since_push", duration_seconds(mono_since(loop_now(host_loop(all->host)), g->last)), 3);
	json_put_end(w);
}

void push_groups_report(const struct push_groups *all, struct json_writer *w)
{
	size_t shown = 0;

	json_put_u64(w, "group_count", all->count);
	json_put_array(w, "groups");
	for (const struct push_group *g = all->first; g && shown < SHOWN_MAX; g = g->next, shown++)
		report_group(all, g, w);
	json_put_end(w);
	relabelling_report(&all->relabel, w);
	refusals_report(&all->refusals, w);
}

void push_groups_done(struct push_groups *all)
{
	if (!all->host)
		return;
	all->ready = NULL;
	while (all->first)
		remove_group(all, &all->first);
	while (all->leaving)
		free_leaving(all);
	loop_soon_done(&all->work);
	loop_soon_done(&all->tidy);
	loop_timer_done(&all->expiry);
	relabelling_done(&all->relabel);
}
