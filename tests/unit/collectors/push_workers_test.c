/*
 * Workers against a plain model: whatever row of pushes, deaths, restarts and reconnections there was, what is shown
 * is what all processes have pushed, those that are dead among them, and no sum ever falls. So it is through kills of
 * the agent, also in the middle of a write.
 */
#include "collectors/push_workers.h"

#include <math.h>

#include "base/random.h"
#include "base/text.h"
#include "collectors/push_page.h"
#include "config/option.h"
#include "proto/exposition_write.h"
#include "proto/native_sum.h"
#include "series/write.h"
#include "unit/fake_host.h"
#include "unit/http/raw.h"
#include "unit/scratch.h"
#include "unit/series/knife.h"

enum {
	MEMORY = 8 << 20,
	SLOTS = 5,
	LABELS = 3,
	MOVES = 4000,
	PAGE = 1 << 20,
	GRACE_S = 30,
	GONE_MAX = 64,
	MANY = 3000 /* series, for many turns */
};

struct fixture {
	struct world world;
	struct host host;
	struct push_workers workers;
	struct buffer page;
	bool ready;
	struct scratch *scratch; /* NULL: nothing is saved */
	struct push_file file;
	struct push_modes modes;
	uint64_t folded; /* in the runs before */
};

static void on_ready(void *context)
{
	((struct fixture *)context)->ready = true;
}

static void begin_run(struct fixture *f)
{
	static const struct push_visit no_groups = { .owner = NULL };
	struct push_visit visit;

	fake_host_init(&f->host, f->world.loop, NULL, MEMORY);
	f->host.series = series_new(&series_limits_default, 1);
	assert_non_null(f->host.series);
	if (f->scratch) {
		f->host.state_path = f->scratch->path;
		push_file_init(&f->file, &f->host);
	}
	push_workers_init(&f->workers, &f->host,
		&(struct push_workers_options){
			f->modes, DURATION_S(GRACE_S), GONE_MAX, f->scratch ? &f->file : NULL });
	f->workers.ready = on_ready;
	f->workers.context = f;
	visit = push_workers_visit(&f->workers);
	if (f->scratch)
		push_file_restore(&f->file, &no_groups, &visit);
}

/* As by SIGKILL: nothing is written from here on. All connections have ended. */
static void end_run(struct fixture *f)
{
	push_file_close(&f->file);
	f->folded += fake_host_number(&f->host, "push_workers_folded_total");
	push_workers_done(&f->workers);
	push_file_done(&f->file);
	assert_int_equal(budget_used(&f->host.budget), 0);
	assert_int_equal(f->host.samples_dropped, 0);
	series_check(f->host.series);
	series_free(f->host.series);
	fake_host_done(&f->host);
}

static void begin_saved(struct fixture *f, const struct push_modes *modes, struct scratch *scratch)
{
	*f = (struct fixture){ .scratch = scratch, .modes = { .usual = PUSH_SUM } };
	memset(&knife, 0, sizeof knife);
	if (modes)
		f->modes = *modes;
	world_init(&f->world);
	begin_run(f);
	buffer_init(&f->page, PAGE);
}

static void begin(struct fixture *f, const struct push_modes *modes)
{
	begin_saved(f, modes, NULL);
}

static void end(struct fixture *f)
{
	end_run(f);
	loop_free(f->world.loop);
	buffer_done(&f->page);
}

static struct push_link *connect_to(struct fixture *f)
{
	struct push_link *link = oxp_new(sizeof *link);

	link->all = &f->workers;
	return link;
}

static void push_as(struct push_link *link, const char *name, const char *text, enum exposition_format format)
{
	struct push_worker_page page = { .text.format = format };
	char why[EXPOSITION_WHAT_MAX], *to;

	if (!push_page_check_own(bytes_of(text), format, why, sizeof why))
		fail_msg("%s: %s", text, why);
	page.batch = host_batch_new(link->all->host, SIGNAL_METRICS);
	assert_non_null(page.batch);
	to = batch_block(page.batch, strlen(text) + 1);
	assert_non_null(to);
	memcpy(to, text, strlen(text));
	page.text.text = (struct bytes){ to, strlen(text) };
	push_workers_take(link, name, &page);
}

static void push(struct push_link *link, const char *name, const char *text)
{
	push_as(link, name, text, EXPOSITION_TEXT);
}

static void pull(struct fixture *f)
{
	struct series_cursor cursor;

	f->ready = push_workers_ask(&f->workers);
	while (!f->ready)
		turn(&f->world);
	buffer_clear(&f->page);
	series_cursor_init(&cursor, f->host.series, EXPOSITION_TEXT);
	assert_int_equal(series_write_some(&cursor, &f->page, PAGE), 0);
	assert_int_equal(buffer_append(&f->page, "", 1), 0);
}

/* The value of the sample that begins with that text on the page that was pulled; -1: there is none. */
static double shown(const struct fixture *f, const char *sample)
{
	for (const char *at = f->page.data; (at = strstr(at, sample)); at++)
		if ((at == f->page.data || at[-1] == '\n') && at[strlen(sample)] == ' ')
			return strtod(at + strlen(sample), NULL);
	return -1;
}

static void expect(struct fixture *f, const char *sample, double value)
{
	pull(f);
	if (fabs(shown(f, sample) - value) > 1e-9)
		fail_msg("%s is %g instead of %g\n%s", sample, shown(f, sample), value, f->page.data);
}

/* The model. */

struct process {
	double hits[LABELS]; /* 0: no such series yet */
	unsigned low, all; /* of a histogram */
	double seconds;
	unsigned gauge;
};

struct slot {
	struct push_link *link; /* NULL: none */
	struct process now, pushed;
	char name[16]; /* "": none */
};

struct model {
	struct slot slots[SLOTS];
	struct process dead; /* the sum */
	double shown[LABELS + 3];
	unsigned names;
};

static void add(struct process *to, const struct process *p)
{
	for (int i = 0; i < LABELS; i++)
		to->hits[i] += p->hits[i];
	to->low += p->low;
	to->all += p->all;
	to->seconds += p->seconds;
}

static void work_some(struct process *p, struct random *random)
{
	for (int i = 0; i < LABELS; i++)
		if (random_below(random, 3) == 0)
			p->hits[i] += (double)(1 + random_below(random, 1000)) / 7;
	p->low += (unsigned)random_below(random, 3);
	p->all = p->low + (unsigned)random_below(random, 3) + p->all - smaller(p->all, p->low);
	p->seconds += (double)random_below(random, 100) / 10 - 1; /* which may fall */
	p->gauge = (unsigned)random_below(random, 10);
}

/* What a process counts as a native histogram: those up to 1, and those up to 8, in buckets as narrow as they come. */
static size_t write_native(const struct process *p, int64_t schema, char *to, size_t room)
{
	struct native_sum sum;
	char made[NATIVE_WRITTEN_MAX];
	struct otlp_build b = { made, sizeof made, 0 };
	struct exposition_line line = { .head = bytes_of("took{}") };
	struct buffer text;
	size_t size;

	native_sum_init(&sum);
	assert_true(native_sum_put(&sum, false, schema, 0, p->low));
	assert_true(native_sum_put(&sum, false, schema, 3 * (INT64_C(1) << schema), p->all - p->low));
	sum.all.count = p->all;
	native_histogram_write(&sum.all, &b);
	line.native = (struct bytes){ made, b.size };
	buffer_init(&text, room);
	assert_int_equal(exposition_write_native(&text, &line), 0);
	size = text.size;
	memcpy(to, text.data, size);
	to[size] = '\0';
	buffer_done(&text);
	return size;
}

static void push_process(struct fixture *f, struct slot *s)
{
	static char text[12 << 10]; /* more than is read at once */
	size_t size = (size_t)snprintf(
		text, sizeof text, "#%*s\n# HELP hits_total Hits.\n# TYPE hits_total counter\n", 10 << 10, "");
	const struct process *p = &s->now;

	for (int i = 0; i < LABELS; i++)
		if (p->hits[i] > 0)
			size += (size_t)snprintf(
				text + size, sizeof text - size, "hits_total{l=\"%d\"} %.17g\n", i, p->hits[i]);
	size += (size_t)snprintf(text + size, sizeof text - size, "# TYPE took histogram\n");
	size += write_native(p, s->name[0] ? s->name[2] % 3 : 3, text + size, sizeof text - size);
	snprintf(text + size, sizeof text - size,
		"took_bucket{le=\"1\"} %u\ntook_bucket{le=\"+Inf\"} %u\n"
		"took_sum %.17g\ntook_count %u\n# TYPE busy gauge\nbusy %u\n"
		"# TYPE size summary\nsize{quantile=\"0.5\"} 1\nsize_sum %u\nsize_count %u\n",
		p->low, p->all, p->seconds, p->all, p->gauge, p->low, p->all);
	if (!s->link)
		s->link = connect_to(f);
	push(s->link, s->name[0] ? s->name : NULL, text);
	s->pushed = s->now;
}

static void disconnect(struct slot *s)
{
	if (s->link)
		push_link_closed(s->link);
	s->link = NULL;
}

/* Another process takes the slot: of a name of its own, or of none, or of the same name. The latter is seen by what
 * it pushes first: what a process begins with. */
static void replace_process(struct fixture *f, struct model *m, struct slot *s, struct random *random)
{
	bool same = s->name[0] && random_below(random, 3) == 0;

	add(&m->dead, &s->pushed);
	if (!same || random_below(random, 2))
		disconnect(s);
	s->now = s->pushed = (struct process){ 0 };
	if (same) {
		push_process(f, s);
	} else {
		s->name[0] = '\0';
		if (random_below(random, 2))
			snprintf(s->name, sizeof s->name, "w\"%u", ++m->names);
	}
}

static void move(struct fixture *f, struct model *m, struct random *random)
{
	struct slot *s = &m->slots[random_below(random, SLOTS)];

	switch (random_below(random, 12)) {
	case 0:
		replace_process(f, m, s, random);
		break;
	case 1:
		if (s->name[0])
			disconnect(s); /* it lives on, and pushes again */
		break;
	case 2: /* of those that are gone, only processes that are dead may wait for long */
		for (int i = 0; i < SLOTS; i++)
			if (!m->slots[i].link)
				push_process(f, &m->slots[i]);
		f->world.ahead += DURATION_S(GRACE_S / 2 + 1).ns;
		break;
	default:
		work_some(&s->now, random);
		push_process(f, s);
	}
}

static void check_one(struct fixture *f, const char *sample, double value, double *before)
{
	double now = shown(f, sample);

	if (fabs(now - (value > 0 ? value : now < 0 ? now : 0)) > 1e-9 * value)
		fail_msg("%s is %.17g instead of %.17g\n%s", sample, now, value, f->page.data);
	if (before && now < *before)
		fail_msg("%s fell from %.17g to %.17g", sample, *before, now);
	if (before)
		*before = now;
}

/* The page as it is sent on. */
static void write_natives(struct fixture *f, struct buffer *page)
{
	struct series_cursor cursor;

	buffer_init(page, PAGE);
	series_cursor_init(&cursor, f->host.series, EXPOSITION_OPENMETRICS);
	cursor.natives = true;
	assert_int_equal(series_write_some(&cursor, page, PAGE), 0);
	assert_int_equal(buffer_append(page, "", 1), 0);
}

static uint64_t count_below(const struct native_histogram *h, double bound)
{
	for (size_t i = 0; i < h->positive.count; i++)
		if (native_bound(h->schema, h->positive.buckets[i].index) == bound)
			return h->positive.buckets[i].whole;
	return 0;
}

static void check_native(struct fixture *f, const struct process *all)
{
	struct native_histogram *h = native_histogram_new();
	char fields[NATIVE_WRITTEN_MAX];
	struct buffer page;
	const char *at;
	size_t size;

	assert_non_null(h);
	write_natives(f, &page);
	at = strstr(page.data, "\ntook {sum:");
	if (!at && strstr(page.data, "took_count"))
		fail_msg("no native histogram in\n%s", page.data);
	if (at) {
		at = strstr(at, "native:") + strlen("native:");
		assert_true(base64_parse((struct bytes){ at, strcspn(at, "}") }, fields, sizeof fields, &size) > 0);
		assert_true(native_histogram_read_written(h, (struct bytes){ fields, size }));
		assert_int_equal(h->count, all->all);
		assert_int_equal(count_below(h, 1), all->low);
		assert_int_equal(count_below(h, 8), all->all - all->low);
	}
	buffer_done(&page);
	free(h);
}

static void check(struct fixture *f, struct model *m)
{
	struct process all = m->dead;
	unsigned gauge = 0;
	char sample[64];

	pull(f);
	for (int i = 0; i < SLOTS; i++) {
		add(&all, &m->slots[i].pushed);
		gauge += m->slots[i].link ? m->slots[i].pushed.gauge : 0;
	}
	for (int i = 0; i < LABELS; i++) {
		snprintf(sample, sizeof sample, "hits_total{l=\"%d\"}", i);
		check_one(f, sample, all.hits[i], &m->shown[i]);
	}
	check_one(f, "took_bucket{le=\"1\"}", all.low, &m->shown[LABELS]);
	check_one(f, "took_bucket{le=\"+Inf\"}", all.all, &m->shown[LABELS + 1]);
	check_one(f, "took_count", all.all, NULL);
	check_one(f, "size_count", all.all, &m->shown[LABELS + 2]);
	check_native(f, &all);
	check_one(f, "busy", gauge, NULL);
	assert_null(strstr(f->page.data, "quantile"));
}

/* The agent is killed. Connections end with it, and what has no name cannot be told from others when it comes back:
 * such a process ends, too. */
static void kill_agent(struct fixture *f, struct model *m)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &m->slots[i];
		if (s->link)
			free(s->link);
		s->link = NULL;
		if (s->name[0])
			continue;
		add(&m->dead, &s->pushed);
		s->now = s->pushed = (struct process){ 0 };
	}
	end_run(f);
	memset(&knife, 0, sizeof knife);
	begin_run(f);
}

/* In the middle of a write of what is done meanwhile, if there is one. Who has a name pushes again in the next run, so
 * it does not matter whether the last page was there. */
static void kill_agent_in_a_write(struct fixture *f, struct model *m, struct random *random)
{
	struct slot *s = &m->slots[random_below(random, SLOTS)];

	knife = (struct knife){ .armed = true, .calls = random_below(random, 12), .bytes = random_below(random, 200) };
	if (random_below(random, 2) && s->name[0]) {
		work_some(&s->now, random);
		push_process(f, s);
	}
	f->world.ahead += random_below(random, 2) ? DURATION_S(3).ns : 0;
	(void)push_workers_ask(&f->workers);
	for (int i = 0; i < 300 && !knife.dead; i++)
		turns(&f->world, 1);
	kill_agent(f, m);
	for (int i = 0; i < SLOTS; i++)
		if (m->slots[i].name[0])
			push_process(f, &m->slots[i]);
}

static void move_on(struct fixture *f, struct model *m, struct random *random)
{
	if (f->scratch && random_below(random, 60) == 0)
		kill_agent(f, m);
	else if (f->scratch && random_below(random, 60) == 0)
		kill_agent_in_a_write(f, m, random);
	else
		move(f, m, random);
}

static void live_many_lives(struct scratch *scratch, uint64_t seed)
{
	struct fixture f;
	struct model m = { 0 };
	struct random random;

	begin_saved(&f, NULL, scratch);
	random_seed(&random, seed);
	for (size_t i = 0; i < COUNT_OF(m.shown); i++)
		m.shown[i] = -1;
	for (int i = 0; i < MOVES; i++) {
		move_on(&f, &m, &random);
		turns(&f.world, (int)random_below(&random, 5)); /* into the middle of something */
		if (random_below(&random, 5) == 0)
			check(&f, &m);
	}
	check(&f, &m);
	assert_non_null(strstr(f.page.data, "# HELP hits_total Hits.\n# TYPE hits_total counter\n"));
	assert_true(f.folded + fake_host_number(&f.host, "push_workers_folded_total") > MOVES / 40);
	assert_int_equal(fake_host_number(&f.host, "push_series_lost_total"), 0);
	for (int i = 0; i < SLOTS; i++)
		disconnect(&m.slots[i]);
	end(&f);
}

static void the_sum_is_what_all_processes_have_pushed(void **state)
{
	(void)state;
	live_many_lives(NULL, 14);
}

static void so_it_is_through_kills_of_the_agent(void **state)
{
	const char *seed = getenv("OXP_SEED");
	struct scratch scratch;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		scratch_init(&scratch, "push");
		live_many_lives(&scratch, seed ? strtoull(seed, NULL, 10) : i);
		scratch_done(&scratch);
	}
}

/* A sum that is rounded once for each part would differ in its last bit with their order. */
static void a_sum_does_not_depend_on_the_order_of_deaths(void **state)
{
	enum { WORKERS = 40 };
	struct push_link *links[WORKERS];
	struct fixture f;
	char text[64];
	double before;

	(void)state;
	begin(&f, NULL);
	for (int i = 0; i < WORKERS; i++) {
		links[i] = connect_to(&f);
		snprintf(text, sizeof text, "seconds_total %.17g\n", 0.1 * (i + 1) * (i % 3 ? 1 : 1e9));
		push(links[i], NULL, text);
	}
	pull(&f);
	before = shown(&f, "seconds_total");
	assert_true(before > 1e9);
	for (int i = WORKERS - 1; i >= 0; i--) {
		push_link_closed(links[(i * 7) % WORKERS]);
		pull(&f);
		assert_true(shown(&f, "seconds_total") == before);
	}
	end(&f);
}

static void gauges_become_what_their_mode_says(void **state)
{
	static const struct option_pair pairs[] = { { "least", "min" }, { "most", "max" }, { "last", "mostrecent" },
		{ "each", "all" } };
	static const struct option_map named = { COUNT_OF(pairs), pairs };
	const struct push_modes modes = { .usual = PUSH_SUM, .named = &named };
	struct push_link *a, *b;
	struct fixture f;

	(void)state;
	begin(&f, &modes);
	a = connect_to(&f);
	b = connect_to(&f);
	push(a, "a\"", "sum 1\nleast 1\nmost 1\nlast 1\neach{z=\"1\",a=\"2\",worker=\"x\"} 1\nbuild_info 1\n");
	push(b, "b", "sum 2\nleast 2\nmost 2\nlast 2\neach 2\nbuild_info 1\n");
	push(a, "a\"", "sum 3\nleast 3\nmost 3\nlast 3\neach{z=\"1\",a=\"2\",worker=\"x\"} 3\nbuild_info 1\n");
	expect(&f, "sum", 5);
	expect(&f, "least", 2);
	expect(&f, "most", 3);
	expect(&f, "last", 3);
	expect(&f, "build_info", 1);
	expect(&f, "each{a=\"2\",worker=\"a\\\"\",z=\"1\"}", 3);
	expect(&f, "each{worker=\"b\"}", 2);
	push_link_closed(a);
	expect(&f, "sum", 2);
	expect(&f, "most", 2);
	expect(&f, "each{a=\"2\",worker=\"a\\\"\",z=\"1\"}", -1);
	push_link_closed(b);
	expect(&f, "sum", -1);
	end(&f);
}

/* As the same page would be if it was scraped. */
static void names_in_quotes_are_as_on_any_page(void **state)
{
	struct push_link *a, *b;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	a = connect_to(&f);
	b = connect_to(&f);
	push(a, NULL, "x_total{\"job\"=\"1\"} 1\n{\"y_total\",\"z\"=\"1\"} 1\nu{\"a.b\"=\"1\"} 1\n{\"c.d\"} 1\n");
	push(b, NULL, "x_total{job=\"1\"} 2\ny_total{z=\"1\"} 2\nu{\"a.b\"=\"1\"} 2\n{\"c.d\"} 2\n");
	expect(&f, "x_total{job=\"1\"}", 3);
	expect(&f, "y_total{z=\"1\"}", 3);
	expect(&f, "u{a_b=\"1\"}", 3);
	expect(&f, "c_d", 3);
	assert_null(strstr(f.page.data, "{\""));
	push_link_closed(a);
	push_link_closed(b);
	end(&f);
}

static void a_process_that_comes_back_under_its_name_is_not_there_twice(void **state)
{
	struct push_link *link;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	push(link, "p", "a_total 5\nbusy 1\n");
	push_link_closed(link);
	expect(&f, "a_total", 5);
	expect(&f, "busy", -1);
	f.world.ahead += DURATION_S(GRACE_S - 1).ns;
	turns(&f.world, 5);
	link = connect_to(&f);
	push(link, "p", "a_total 6\nbusy 1\n");
	expect(&f, "a_total", 6);
	expect(&f, "busy", 1);
	f.world.ahead += DURATION_S(GRACE_S + 1).ns;
	turns(&f.world, 5);
	expect(&f, "a_total", 6);
	push_link_closed(link);
	while (fake_host_number(&f.host, "push_workers_folded_total") == 0) {
		f.world.ahead += DURATION_S(GRACE_S + 1).ns;
		turn(&f.world);
	}
	expect(&f, "a_total", 6);
	assert_null(f.workers.first);
	end(&f);
}

/* Many series, so that it takes many turns to fold them. */
static void a_process_may_come_back_while_it_is_being_folded(void **state)
{
	struct push_link *link;
	struct buffer text;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	buffer_init(&text, PAGE);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(buffer_printf(&text, "a_total{l=\"%d\"} 2\n", i), 0);
	for (enum push_fold_stage stage = FOLD_READ_OLD; stage < FOLD_ADD; stage++) {
		if (stage == FOLD_RESERVE_NATIVES)
			continue; /* there are none */
		link = connect_to(&f);
		push(link, "p", text.data);
		push_link_closed(link);
		expect(&f, "a_total{l=\"2999\"}", 2);
		f.world.ahead += DURATION_S(GRACE_S + 1).ns;
		while (f.workers.work != PUSH_FOLDS || f.workers.fold.stage != stage)
			turn(&f.world);
		link = connect_to(&f);
		push(link, "p", text.data);
		expect(&f, "a_total{l=\"0\"}", 2);
		assert_int_equal(f.workers.live, 1);
		push_link_closed(link);
	}
	while (f.workers.first) {
		f.world.ahead += DURATION_S(GRACE_S + 1).ns;
		turn(&f.world);
	}
	expect(&f, "a_total{l=\"2999\"}", 2);
	assert_int_equal(fake_host_number(&f.host, "push_workers_folded_total"), 1);
	buffer_done(&text);
	end(&f);
}

static void the_newer_connection_of_a_name_is_the_worker(void **state)
{
	struct push_link *old, *new;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	old = connect_to(&f);
	new = connect_to(&f);
	push(old, "p", "a_total 5\nbusy 1\n");
	push(new, "p", "a_total 6\nbusy 1\n");
	push_link_closed(old);
	expect(&f, "busy", 1);
	expect(&f, "a_total", 6);
	push(new, "q", "a_total 1\nbusy 3\n"); /* now it is another worker's */
	expect(&f, "busy", 3);
	expect(&f, "a_total", 7);
	push_link_closed(new);
	expect(&f, "busy", -1);
	end(&f);
}

/* One bucket that is smaller shows that all of the histogram began anew; another label set goes on. */
static void what_a_process_counts_as_one_begins_anew_as_one(void **state)
{
	struct push_link *link;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	push(link, "p",
		"# TYPE h histogram\nh_bucket{k=\"a\",le=\"1\"} 2\nh_bucket{k=\"a\",le=\"+Inf\"} 9\nh_count{k=\"a\"} "
		"9\n"
		"h_bucket{k=\"b\",le=\"+Inf\"} 3\nh_count{k=\"b\"} 3\nh_sum{k=\"b\"} 4\n");
	push(link, "p",
		"# TYPE h histogram\nh_bucket{k=\"a\",le=\"1\"} 2\nh_bucket{k=\"a\",le=\"+Inf\"} 3\nh_count{k=\"a\"} "
		"3\n"
		"h_bucket{k=\"b\",le=\"+Inf\"} 4\nh_count{k=\"b\"} 4\nh_sum{k=\"b\"} 3\n");
	expect(&f, "h_bucket{k=\"a\",le=\"1\"}", 4);
	expect(&f, "h_bucket{k=\"a\",le=\"+Inf\"}", 12);
	expect(&f, "h_count{k=\"a\"}", 12);
	expect(&f, "h_count{k=\"b\"}", 4);
	expect(&f, "h_sum{k=\"b\"}", 3);
	push_link_closed(link);
	end(&f);
}

/* The first who asked may have gone, so the second asks while the sum of the first is being made. */
static void who_asks_later_gets_what_came_meanwhile(void **state)
{
	struct push_link *link;
	struct buffer text;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	buffer_init(&text, PAGE);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(buffer_printf(&text, "a_total{l=\"%d\"} 1\n", i), 0);
	push(link, NULL, text.data);
	buffer_done(&text);
	assert_false(push_workers_ask(&f.workers));
	while (f.workers.show.stage != SHOW_STAGES)
		turn(&f.world);
	push(link, NULL, "a_total 2\n");
	expect(&f, "a_total", 2);
	push_link_closed(link);
	end(&f);
}

static struct batch *take_all_memory(struct fixture *f)
{
	struct batch *hog = host_batch_new(&f->host, SIGNAL_METRICS);

	for (size_t size = MEMORY; size >= 64; size /= 2)
		while (batch_block(hog, size))
			;
	return hog;
}

/* What nobody gives memory back for is given up in the end; the line goes on with what comes after it. */
static void a_line_that_stands_still_for_want_of_memory_goes_on(void **state)
{
	struct push_link *link, *other;
	struct batch *hog;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	other = connect_to(&f);
	push(link, NULL, "a_total 5\n");
	push(other, NULL, "a_total 2\n");
	expect(&f, "a_total", 7);
	push(other, NULL, "a_total 3\n");
	hog = take_all_memory(&f);
	while (!push_workers_full(&f.workers, link))
		turn(&f.world);
	for (int i = 0; i < PUSH_TRIES_MAX + 2; i++) {
		f.world.ahead += DURATION_S(1).ns;
		turns(&f.world, 3);
	}
	assert_null(f.workers.waiting);
	batch_free(hog);
	f.world.ahead += DURATION_S(1).ns;
	turns(&f.world, 3);
	assert_false(push_workers_full(&f.workers, other));
	expect(&f, "a_total", 7);
	push(other, NULL, "a_total 4\n");
	expect(&f, "a_total", 9);
	push_link_closed(link);
	push_link_closed(other);
	expect(&f, "a_total", 9);
	end(&f);
}

static void few_pages_of_a_worker_wait(void **state)
{
	struct push_link *link;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	for (int i = 1; i <= PUSH_LINE_MAX; i++) {
		char text[32];
		assert_false(push_workers_full(&f.workers, link));
		snprintf(text, sizeof text, "a_total %d\n", i);
		push(link, NULL, text);
	}
	assert_true(push_workers_full(&f.workers, link));
	expect(&f, "a_total", PUSH_LINE_MAX);
	assert_false(push_workers_full(&f.workers, link));
	push_link_closed(link);
	end(&f);
}

/* One connection that names another worker with each page, and a pull that waits for the line. */
static void few_pages_and_deaths_of_all_wait(void **state)
{
	struct push_link *link;
	struct fixture f;
	char name[16];
	int taken = 0;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	while (taken < 2 * PUSH_CHANGES_MAX && !push_workers_full(&f.workers, link)) {
		snprintf(name, sizeof name, "p%d", ++taken);
		push(link, name, "a_total 1\n");
	}
	/* all but the one that lives and those that are remembered are dead */
	assert_in_range(2 * taken - 1 - GONE_MAX, PUSH_CHANGES_MAX, PUSH_CHANGES_MAX + 1);
	expect(&f, "a_total", taken);
	assert_false(push_workers_full(&f.workers, link));
	push_link_closed(link);
	end(&f);
}

static void without_memory_nothing_is_lost(void **state)
{
	struct push_link *link, *other;
	struct batch *hog;
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	link = connect_to(&f);
	other = connect_to(&f);
	push(link, NULL, "a_total 5\n");
	push(other, NULL, "a_total 2\n");
	expect(&f, "a_total", 7);
	hog = take_all_memory(&f);
	push_link_closed(link);
	turns(&f.world, 5);
	expect(&f, "a_total", 7);
	assert_int_equal(fake_host_number(&f.host, "push_workers_folded_total"), 0);
	batch_free(hog);
	while (fake_host_number(&f.host, "push_workers_folded_total") == 0) {
		f.world.ahead += DURATION_S(1).ns;
		turn(&f.world);
	}
	push(other, NULL, "a_total 3\n");
	expect(&f, "a_total", 8);
	push_link_closed(other);
	end(&f);
}

static void a_name_has_limits(void **state)
{
	char longest[PUSH_WORKER_NAME_MAX + 2];
	const char *why;

	(void)state;
	memset(longest, 'x', sizeof longest);
	longest[PUSH_WORKER_NAME_MAX] = '\0';
	assert_true(push_worker_name_fine(longest, &why));
	longest[PUSH_WORKER_NAME_MAX] = 'x';
	longest[PUSH_WORKER_NAME_MAX + 1] = '\0';
	assert_false(push_worker_name_fine(longest, &why));
	assert_false(push_worker_name_fine("", &why));
	assert_false(push_worker_name_fine("a\tb", &why));
	assert_false(push_worker_name_fine("\xff", &why));
	assert_true(push_worker_name_fine("host-1 \"\\ \xc3\xa9", &why));
}

static void few_that_are_gone_are_remembered(void **state)
{
	struct push_link *link;
	struct fixture f;
	char name[16];

	(void)state;
	begin(&f, NULL);
	for (int i = 0; i < 2 * GONE_MAX; i++) {
		link = connect_to(&f);
		snprintf(name, sizeof name, "p%d", i);
		push(link, name, "a_total 1\n");
		push_link_closed(link);
	}
	expect(&f, "a_total", 2 * GONE_MAX);
	assert_int_equal(f.workers.gone, GONE_MAX);
	assert_int_equal(fake_host_number(&f.host, "push_workers_folded_total"), GONE_MAX);
	link = connect_to(&f);
	push(link, name, "a_total 2\n");
	expect(&f, "a_total", 2 * GONE_MAX + 1);
	push_link_closed(link);
	end(&f);
}

/* Another run, after a kill with that connection open. */
static void begin_next_run(struct fixture *f, struct push_link *link)
{
	free(link);
	end_run(f);
	memset(&knife, 0, sizeof knife);
	begin_run(f);
}

static void who_was_there_before_a_kill_has_time_to_come_back(void **state)
{
	struct scratch scratch;
	struct push_link *link;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	link = connect_to(&f);
	push(link, "p", "a_total 5\nbusy 1\n");
	begin_next_run(&f, link);
	expect(&f, "a_total", 5);
	expect(&f, "busy", -1);
	f.world.ahead += DURATION_S(GRACE_S - 1).ns;
	turns(&f.world, 5);
	link = connect_to(&f);
	push(link, "p", "a_total 6\nbusy 1\n");
	expect(&f, "a_total", 6);
	expect(&f, "busy", 1);
	begin_next_run(&f, link);
	while (fake_host_number(&f.host, "push_workers_folded_total") == 0) {
		f.world.ahead += DURATION_S(GRACE_S + 1).ns;
		turn(&f.world);
	}
	begin_next_run(&f, NULL);
	link = connect_to(&f); /* another process that took the name */
	push(link, "p", "a_total 7\n");
	expect(&f, "a_total", 13);
	push_link_closed(link);
	end(&f);
	scratch_done(&scratch);
}

static struct push_link *connect_as(struct fixture *f, const char *process)
{
	struct push_link *link = connect_to(f);

	snprintf(link->process, sizeof link->process, "%s", process);
	return link;
}

/* Without a name the connection is the worker; but its process lives on if only the agent ends. */
static void a_process_without_a_name_comes_back_after_a_kill(void **state)
{
	struct push_link *link;
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	link = connect_as(&f, "boot pidfd 7");
	push(link, NULL, "a_total 5\nbusy 1\n");
	for (int run = 0; run < 3; run++) {
		begin_next_run(&f, link);
		expect(&f, "a_total", 5 + run);
		expect(&f, "busy", -1);
		link = connect_as(&f, "boot pidfd 7");
		push(link, NULL, run == 0 ? "a_total 6\nbusy 1\n" : run == 1 ? "a_total 7\n" : "a_total 8\n");
		expect(&f, "a_total", 6 + run);
	}
	begin_next_run(&f, link);
	link = connect_as(&f, "boot pidfd 8"); /* another one */
	push(link, NULL, "a_total 10\n");
	expect(&f, "a_total", 18);
	push_link_closed(link); /* in this run that is its end */
	link = connect_as(&f, "boot pidfd 8");
	push(link, NULL, "a_total 11\n");
	expect(&f, "a_total", 29);
	push_link_closed(link);
	while (fake_host_number(&f.host, "push_workers_folded_total") < 2)
		turn(&f.world);
	begin_next_run(&f, NULL);
	link = connect_as(&f, "boot pidfd 8"); /* which was dead before */
	push(link, NULL, "a_total 12\n");
	expect(&f, "a_total", 41);
	push_link_closed(link);
	end(&f);
	scratch_done(&scratch);
}

static void which_of_several_comes_back_nobody_knows(void **state)
{
	struct push_link *one, *two;
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	one = connect_as(&f, "boot pidfd 7");
	two = connect_as(&f, "boot pidfd 7");
	push(one, NULL, "a_total 100\n");
	push(two, NULL, "a_total 1\n");
	expect(&f, "a_total", 101);
	free(one);
	begin_next_run(&f, two);
	one = connect_as(&f, "boot pidfd 7");
	push(one, NULL, "a_total 2\n");
	expect(&f, "a_total", 103);
	begin_next_run(&f, one);
	while (fake_host_number(&f.host, "push_workers_folded_total") < 3) {
		f.world.ahead += DURATION_S(GRACE_S + 1).ns;
		turn(&f.world);
	}
	one = connect_as(&f, "boot pidfd 7"); /* too late */
	push(one, NULL, "a_total 5\n");
	expect(&f, "a_total", 108);
	push_link_closed(one);
	end(&f);
	scratch_done(&scratch);
}

static void push_once(struct fixture *f, const char *text)
{
	struct push_link *link = connect_to(f);

	push(link, NULL, text);
	push_link_closed(link);
}

/* In place of their pages, once these are many. Names and help texts are as they were. */
static void what_many_dead_have_left_is_saved_as_a_sum(void **state)
{
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	for (int i = 0; i < PUSH_DEAD_PAGES_MAX; i++)
		push_once(&f,
			"# HELP x_total A \\\\ and\\na \"b\".\n# TYPE x_total counter\nx_total{b=\"\\\"\\\\\"} 0.1\n"
			"{\"y.z_total\",\"a.b\"=\"1\",c=\"2\"} 1\n# TYPE \"h.h\" histogram\n"
			"{\"h.h_bucket\",le=\"+Inf\"} 1\n{\"h.h_count\"} 1\n{\"h.h_sum\"} NaN\n"
			"# TYPE s summary\ns_sum -Inf\ns_count 1\n");
	expect(&f, "x_total{b=\"\\\"\\\\\"}", 6.4);
	while (!f.workers.dead.saved || f.file.unsaved > 0 || sums_file_records(f.file.file) != 1)
		turn(&f.world);
	assert_null(f.workers.dead.kept);
	begin_next_run(&f, NULL);
	assert_int_equal(fake_host_number(&f.host, "saved_pages_damaged_total"), 0);
	expect(&f, "x_total{b=\"\\\"\\\\\"}", 6.4);
	expect(&f, "y_z_total{a_b=\"1\",c=\"2\"}", PUSH_DEAD_PAGES_MAX);
	expect(&f, "h_h_bucket{le=\"+Inf\"}", PUSH_DEAD_PAGES_MAX);
	assert_true(isnan(shown(&f, "h_h_sum")) && isinf(shown(&f, "s_sum")));
	expect(&f, "s_count", PUSH_DEAD_PAGES_MAX);
	assert_non_null(strstr(f.page.data, "# HELP x_total A \\\\ and\\na \"b\".\n# TYPE x_total counter\n"));
	end(&f);
	scratch_done(&scratch);
}

static void push_once_as_openmetrics(struct fixture *f, const char *text)
{
	struct push_link *link = connect_to(f);

	push_as(link, NULL, text, EXPOSITION_OPENMETRICS);
	push_link_closed(link);
}

static void wait_for_sum(struct fixture *f)
{
	while (!f->workers.dead.saved || f->workers.dead.kept || f->file.unsaved > 0)
		turn(&f->world);
}

/* OpenMetrics takes a backslash before any character, text before few. It is the same series in both. */
static void what_openmetrics_escapes_is_in_the_sum(void **state)
{
	static const char page[] = "# TYPE x counter\n# HELP x Of C:\\dir\nx_total{path=\"C:\\dir\",q=\"\\\"\"} 1\n"
				   "# TYPE \"y\\z\" counter\n{\"y\\z_total\",\"a\\b\"=\"1\"} 1\n# EOF\n";
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	for (int i = 0; i < PUSH_DEAD_PAGES_MAX; i++)
		push_once_as_openmetrics(&f, page);
	expect(&f, "x_total{path=\"C:\\\\dir\",q=\"\\\"\"}", PUSH_DEAD_PAGES_MAX);
	expect(&f, "y_z_total{a_b=\"1\"}", PUSH_DEAD_PAGES_MAX);
	wait_for_sum(&f);
	begin_next_run(&f, NULL);
	assert_int_equal(fake_host_number(&f.host, "saved_pages_damaged_total"), 0);
	push_once_as_openmetrics(&f, page);
	push_once(&f, "# TYPE x_total counter\nx_total{path=\"C:\\\\dir\",q=\"\\\"\"} 1\n");
	expect(&f, "x_total{path=\"C:\\\\dir\",q=\"\\\"\"}", PUSH_DEAD_PAGES_MAX + 2);
	expect(&f, "y_z_total{a_b=\"1\"}", PUSH_DEAD_PAGES_MAX + 1);
	end(&f);
	scratch_done(&scratch);
}

/* More than a part, and a series that is larger than one. */
static void a_large_sum_is_saved_in_parts(void **state)
{
	struct scratch scratch;
	struct buffer text;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	buffer_init(&text, PAGE);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(buffer_printf(&text, "a_total{l=\"%d\",x=\"%050d\"} 2\n", i, i), 0);
	assert_int_equal(buffer_printf(&text, "b_total{l=\"%070000d\"} 2\n", 1), 0);
	assert_int_equal(buffer_append(&text, "", 1), 0);
	push_once(&f, text.data);
	expect(&f, "a_total{l=\"2999\",x=\"00000000000000000000000000000000000000000000002999\"}", 2);
	while (!f.workers.dead.saved)
		turn(&f.world);
	assert_true(f.workers.dead.saved->count > 2);
	assert_true(fake_host_number(&f.host, "saved_pages_failures_total") > 0);
	begin_next_run(&f, NULL);
	expect(&f, "a_total{l=\"0\",x=\"00000000000000000000000000000000000000000000000000\"}", 2);
	expect(&f, "a_total{l=\"2999\",x=\"00000000000000000000000000000000000000000000002999\"}", 2);
	buffer_done(&text);
	end(&f);
	scratch_done(&scratch);
}

static void a_file_that_was_removed_is_written_anew(void **state)
{
	struct scratch scratch;
	struct push_link *link;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	push_once(&f, "a_total 1\n");
	link = connect_to(&f);
	push(link, "p", "a_total 2\n");
	expect(&f, "a_total", 3);
	assert_int_equal(unlinkat(scratch.fd, f.file.name, 0), 0);
	f.world.ahead += DURATION_S(3).ns;
	while (f.file.losses == 0 || !f.workers.dead.saved || f.file.unsaved > 0) {
		expect(&f, "a_total", 3);
		f.world.ahead += DURATION_S(1).ns;
		turn(&f.world);
	}
	begin_next_run(&f, link);
	expect(&f, "a_total", 3);
	end(&f);
	scratch_done(&scratch);
}

static void little_is_kept_while_no_sum_can_be_written(void **state)
{
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	f.workers.dead.not_before.ns = INT64_MAX;
	for (int i = 1; i <= PUSH_DEAD_KEPT_MAX + 50; i++) {
		push_once(&f, "a_total 1\n");
		if (i % 50 == 0)
			expect(&f, "a_total", i);
	}
	expect(&f, "a_total", PUSH_DEAD_KEPT_MAX + 50);
	assert_int_equal(f.workers.dead.kept_count, PUSH_DEAD_KEPT_MAX);
	assert_int_equal(sums_file_records(f.file.file), 2 * PUSH_DEAD_KEPT_MAX);
	assert_int_equal(fake_host_number(&f.host, "saved_pages_failures_total"), 50);
	knife.dead = true; /* nor pages */
	push_once(&f, "a_total 1\n");
	expect(&f, "a_total", PUSH_DEAD_KEPT_MAX + 51);
	assert_int_equal(fake_host_number(&f.host, "saved_pages"), PUSH_DEAD_KEPT_MAX);
	end(&f);
	scratch_done(&scratch);
}

/* What a dead worker had is in the sum alone then. */
static void what_was_not_saved_before_a_death_is_saved_with_the_sum(void **state)
{
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	knife.dead = true;
	push_once(&f, "a_total 1\n");
	expect(&f, "a_total", 1);
	knife.dead = false;
	f.workers.dead.not_before.ns = INT64_MAX;
	for (int i = 0; i < 3; i++) {
		f.world.ahead += DURATION_S(3).ns;
		turns(&f.world, 5);
		assert_int_not_equal(f.file.failed, 0); /* it is not "saved again" */
	}
	f.workers.dead.not_before.ns = 0;
	while (f.file.failed) {
		f.world.ahead += DURATION_S(1).ns;
		turn(&f.world);
	}
	begin_next_run(&f, NULL);
	expect(&f, "a_total", 1);
	end(&f);
	scratch_done(&scratch);
}

/* As if others had it. */
static void fill_file(struct fixture *f)
{
	static char key[SUMS_RECORD_MAX];
	struct sums_place place;

	for (size_t size = SUMS_RECORD_MAX - 256; size >= 16; size /= 2)
		while (sums_file_add(f->file.file, (struct bytes){ key, size }, bytes_of("v"), &place) == 0)
			;
}

static void a_file_that_is_full_of_pages_of_the_dead_gets_room(void **state)
{
	struct scratch scratch;
	struct buffer text;
	struct fixture f;
	size_t pages = 0;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	buffer_init(&text, PAGE);
	assert_int_equal(buffer_text(&text, "a_total 1\n"), 0);
	while (text.size < PAGE - 1000)
		assert_int_equal(buffer_printf(&text, "# %0900d\n", 1), 0);
	assert_int_equal(buffer_append(&text, "", 1), 0);
	f.workers.dead.not_before.ns = INT64_MAX;
	for (; f.workers.dead.kept_bytes < PUSH_DEAD_KEPT_BYTES; pages++) {
		push_once(&f, text.data);
		expect(&f, "a_total", (double)pages + 1);
	}
	fill_file(&f);
	f.workers.dead.not_before.ns = 0;
	for (int i = 0; i < 100 && !f.workers.dead.saved; i++) {
		f.world.ahead += DURATION_S(1).ns;
		turn(&f.world);
	}
	assert_non_null(f.workers.dead.saved);
	assert_null(f.workers.dead.kept);
	assert_true(fake_host_number(&f.host, "saved_pages_failures_total") > pages);
	begin_next_run(&f, NULL);
	expect(&f, "a_total", (double)pages);
	buffer_done(&text);
	end(&f);
	scratch_done(&scratch);
}

/* What another page replaced has to wait for its time, though an owner goes that was never written. */
static void an_owner_that_was_not_there_takes_nothing_along(void **state)
{
	struct push_owner there = { .id = 1, .kind = PUSH_WORKER, .identity = bytes_of("p") };
	struct push_owner not_there = { .id = 2, .kind = PUSH_WORKER, .identity = bytes_of("q") };
	struct push_saved *page;
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	(void)push_file_number(&f.file);
	(void)push_file_number(&f.file);
	page = push_file_page(&f.file, there.id, bytes_of("a_total 1\n"), EXPOSITION_TEXT, true);
	assert_false(push_file_some(&f.file, page, PAGE));
	push_file_own(&f.file, &there);
	push_file_remove(&f.file, page);
	knife.dead = true;
	push_file_own(&f.file, &not_there);
	knife.dead = false;
	push_file_disown(&f.file, &not_there);
	push_file_close(&f.file);
	push_file_disown(&f.file, &there);
	begin_next_run(&f, NULL);
	expect(&f, "a_total", 1);
	end(&f);
	scratch_done(&scratch);
}

/* Records with checksums that fit, of owners that nobody can be. */
static void who_cannot_be_a_worker_is_not_taken_over(void **state)
{
	static const struct bytes names[] = { { "a\tb", 3 }, { "a\0b", 3 }, { "\xff", 1 }, { "fine", 4 } };
	const struct push_part_value none = { 0 };
	struct sums_place place;
	struct scratch scratch;
	struct fixture f;
	char key[sizeof(struct push_part_key) + 16];

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	for (size_t i = 0; i < COUNT_OF(names) * 2; i++) {
		struct bytes rest = i % 2 ? bytes_of("a_total 1\n") : names[i / 2];
		struct push_part_key k = { .kind = i % 2 ? PUSH_PART_PAGE : PUSH_PART_WORKER,
			.format = EXPOSITION_TEXT,
			.owner = 1 + i / 2,
			.number = i % 2 ? 100 + i : 0,
			.total = i % 2 ? rest.size : 0 };
		memcpy(key, &k, sizeof k);
		memcpy(key + sizeof k, rest.data, rest.size);
		assert_int_equal(sums_file_add(f.file.file, (struct bytes){ key, sizeof k + rest.size },
					 (struct bytes){ (const char *)&none, sizeof none }, &place),
			0);
	}
	begin_next_run(&f, NULL);
	expect(&f, "a_total", 1);
	assert_int_equal(f.workers.gone, 1);
	assert_int_equal(sums_file_records(f.file.file), 2);
	assert_true(push_file_number(&f.file) > 107);
	end(&f);
	scratch_done(&scratch);
}

/* As long as there is no sum, each page of it is there for the next run to see. */
static void what_began_anew_counts_if_no_sum_could_be_written(void **state)
{
	struct scratch scratch;
	struct push_link *link;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, NULL, &scratch);
	link = connect_to(&f);
	push(link, "p", "a_total 5\n");
	push(link, "p", "a_total 3\n");
	knife = (struct knife){ .dead = true };
	for (int i = 0; i < 20 && f.workers.dead.not_before.ns == 0; i++)
		expect(&f, "a_total", 8);
	assert_true(f.workers.dead.not_before.ns > 0);
	knife.dead = false;
	push(link, "p", "a_total 9\n");
	expect(&f, "a_total", 14);
	turns(&f.world, 5);
	begin_next_run(&f, link);
	expect(&f, "a_total", 14);
	end(&f);
	scratch_done(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_is_what_all_processes_have_pushed),
		cmocka_unit_test(so_it_is_through_kills_of_the_agent),
		cmocka_unit_test(a_sum_does_not_depend_on_the_order_of_deaths),
		cmocka_unit_test(gauges_become_what_their_mode_says),
		cmocka_unit_test(names_in_quotes_are_as_on_any_page),
		cmocka_unit_test(a_process_that_comes_back_under_its_name_is_not_there_twice),
		cmocka_unit_test(a_process_may_come_back_while_it_is_being_folded),
		cmocka_unit_test(the_newer_connection_of_a_name_is_the_worker),
		cmocka_unit_test(what_a_process_counts_as_one_begins_anew_as_one),
		cmocka_unit_test(who_asks_later_gets_what_came_meanwhile),
		cmocka_unit_test(without_memory_nothing_is_lost),
		cmocka_unit_test(a_line_that_stands_still_for_want_of_memory_goes_on),
		cmocka_unit_test(few_pages_of_a_worker_wait),
		cmocka_unit_test(few_pages_and_deaths_of_all_wait),
		cmocka_unit_test(a_name_has_limits),
		cmocka_unit_test(few_that_are_gone_are_remembered),
		cmocka_unit_test(who_was_there_before_a_kill_has_time_to_come_back),
		cmocka_unit_test(a_process_without_a_name_comes_back_after_a_kill),
		cmocka_unit_test(which_of_several_comes_back_nobody_knows),
		cmocka_unit_test(what_many_dead_have_left_is_saved_as_a_sum),
		cmocka_unit_test(what_openmetrics_escapes_is_in_the_sum),
		cmocka_unit_test(a_large_sum_is_saved_in_parts),
		cmocka_unit_test(a_file_that_was_removed_is_written_anew),
		cmocka_unit_test(what_was_not_saved_before_a_death_is_saved_with_the_sum),
		cmocka_unit_test(a_file_that_is_full_of_pages_of_the_dead_gets_room),
		cmocka_unit_test(an_owner_that_was_not_there_takes_nothing_along),
		cmocka_unit_test(who_cannot_be_a_worker_is_not_taken_over),
		cmocka_unit_test(little_is_kept_while_no_sum_can_be_written),
		cmocka_unit_test(what_began_anew_counts_if_no_sum_could_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
