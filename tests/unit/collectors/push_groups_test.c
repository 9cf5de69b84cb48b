/*
 * Groups of the Pushgateway's API, against a plain model: after any row of pushes, deletions and silences each group
 * has, of each family, what was pushed last; also if the agent was killed in between, or in the middle of a write.
 */
#include "collectors/push_groups.h"

#include "base/random.h"
#include "collectors/push_page.h"
#include "series/table.h"
#include "series/write.h"
#include "unit/fake_host.h"
#include "unit/http/raw.h"
#include "unit/scratch.h"
#include "unit/series/knife.h"

enum { MEMORY = 8 << 20, GROUPS = 3, FAMILIES = 4, LABELS = 2, MOVES = 3000, PAGE = 1 << 20, TTL_S = 60 };

struct fixture {
	struct world world;
	struct host host;
	struct push_groups groups;
	struct buffer page;
	struct push_options options;
	struct scratch *scratch; /* NULL: nothing is saved */
	struct push_file file;
	size_t memory; /* 0: MEMORY */
};

static struct wall_time wall_ahead(const struct clock *c)
{
	return (struct wall_time){ clock_system.wall(c).ns + ((const struct world *)c)->ahead };
}

static void begin_run(struct fixture *f)
{
	static const struct push_visit no_workers = { .owner = NULL };
	struct push_visit visit;

	fake_host_init(&f->host, f->world.loop, NULL, f->memory ? f->memory : MEMORY);
	f->host.series = series_new(&series_limits_default, 1);
	assert_non_null(f->host.series);
	if (f->scratch) {
		f->host.state_path = f->scratch->path;
		push_file_init(&f->file, &f->host);
		f->options.file = &f->file;
	}
	assert_int_equal(push_groups_init(&f->groups, &f->host, &f->options), 0);
	visit = push_groups_visit(&f->groups);
	if (f->scratch)
		push_file_restore(&f->file, &visit, &no_workers);
}

/* As by SIGKILL: nothing is written from here on. */
static void end_run(struct fixture *f)
{
	push_file_close(&f->file);
	push_groups_done(&f->groups);
	push_file_done(&f->file);
	assert_int_equal(budget_used(&f->host.budget), 0);
	assert_int_equal(f->host.samples_dropped, 0);
	series_check(f->host.series);
	series_free(f->host.series);
	fake_host_done(&f->host);
}

static void begin_next_run(struct fixture *f)
{
	end_run(f);
	memset(&knife, 0, sizeof knife);
	begin_run(f);
}

static void begin_saved(struct fixture *f, struct duration ttl, size_t groups_max, struct scratch *scratch)
{
	*f = (struct fixture){ .scratch = scratch, .options = { .ttl = ttl, .groups = groups_max } };
	memset(&knife, 0, sizeof knife);
	world_init(&f->world);
	f->world.clock.wall = wall_ahead;
	begin_run(f);
	buffer_init(&f->page, PAGE);
}

static void begin(struct fixture *f, struct duration ttl, size_t groups_max)
{
	begin_saved(f, ttl, groups_max, NULL);
}

static void end(struct fixture *f)
{
	end_run(f);
	loop_free(f->world.loop);
	buffer_done(&f->page);
}

static void read_key(const char *path, struct push_key *ret)
{
	assert_null(push_path_read(bytes_of(path), ret));
}

static void push(struct fixture *f, const char *path, const char *text, bool replaces)
{
	struct push_page page = { .replaces = replaces, .format = EXPOSITION_TEXT };
	struct push_key key;
	char why[EXPOSITION_WHAT_MAX], *to;

	read_key(path, &key);
	assert_true(push_page_check(bytes_of(text), EXPOSITION_TEXT, why, sizeof why));
	assert_null(push_groups_full(&f->groups, &key, replaces));
	page.batch = host_batch_new(&f->host, SIGNAL_METRICS);
	assert_non_null(page.batch);
	to = batch_block(page.batch, strlen(text) + 1);
	assert_non_null(to);
	memcpy(to, text, strlen(text));
	page.text = (struct bytes){ to, strlen(text) };
	assert_true(push_groups_take(&f->groups, &key, &page));
}

static void settle(struct fixture *f)
{
	if (push_groups_ask(&f->groups))
		return;
	while (!push_groups_ready(&f->groups))
		turn(&f->world);
}

/* The value of the sample that begins with that text; -1: there is none. */
static double shown(struct fixture *f, const char *sample)
{
	struct series_cursor cursor;
	const char *at;

	buffer_clear(&f->page);
	series_cursor_init(&cursor, f->host.series, EXPOSITION_TEXT);
	assert_int_equal(series_write_some(&cursor, &f->page, PAGE), 0);
	assert_int_equal(buffer_append(&f->page, "", 1), 0);
	for (at = f->page.data; (at = strstr(at, sample)); at++)
		if (at == f->page.data || at[-1] == '\n')
			return strtod(at + strlen(sample), NULL);
	return -1;
}

/* The model. */

struct model {
	bool there[GROUPS];
	int value[GROUPS][FAMILIES][LABELS]; /* 0: none */
};

static void push_some(struct fixture *f, struct model *m, struct random *random, unsigned number)
{
	unsigned group = (unsigned)random_below(random, GROUPS);
	bool replaces = random_below(random, 3) == 0;
	char path[64], text[1024] = "";
	size_t size = 0;

	snprintf(path, sizeof path, "/metrics/job/j/group/%u", group);
	if (replaces)
		memset(m->value[group], 0, sizeof m->value[group]);
	m->there[group] = true;
	for (int family = 0; family < FAMILIES; family++) {
		if (random_below(random, 2))
			continue;
		memset(m->value[group][family], 0, sizeof m->value[group][family]);
		size += (size_t)snprintf(text + size, sizeof text - size, "# TYPE f%d summary\n", family);
		for (int label = 0; label < LABELS; label++) {
			if (random_below(random, 3) == 0)
				continue;
			m->value[group][family][label] = (int)number;
			size += (size_t)snprintf(text + size, sizeof text - size, "f%d_sum{l=\"%d\",job=\"x\"} %u\n",
				family, label, number);
		}
		/* A family of metadata alone replaces nothing that is seen, but the older samples go. */
	}
	push(f, path, text, replaces);
}

static bool shows(struct fixture *f, const char *sample, int value)
{
	return shown(f, sample) == (value ? value : -1);
}

static bool is_as(struct fixture *f, const struct model *m, unsigned group)
{
	char sample[128];
	bool fine;

	snprintf(sample, sizeof sample, "push_time_seconds{group=\"%u\",job=\"j\"}", group);
	fine = (shown(f, sample) > 0) == m->there[group];
	for (int i = 0; i < FAMILIES * LABELS; i++) {
		snprintf(sample, sizeof sample, "f%d_sum{group=\"%u\",job=\"j\",l=\"%d\"}", i / LABELS, group,
			i % LABELS);
		fine &= shows(f, sample, m->value[group][i / LABELS][i % LABELS]);
	}
	return fine;
}

static void check(struct fixture *f, const struct model *m)
{
	for (unsigned group = 0; group < GROUPS; group++)
		if (!is_as(f, m, group))
			fail_msg("group %u\n%s", group, f->page.data);
}

static void delete_some(struct fixture *f, struct model *m, struct random *random)
{
	unsigned group = (unsigned)random_below(random, GROUPS);
	struct push_key key;
	char path[64];

	snprintf(path, sizeof path, "/metrics/job/j/group/%u", group);
	read_key(path, &key);
	push_groups_delete(&f->groups, &key);
	m->there[group] = false;
	memset(m->value[group], 0, sizeof m->value[group]);
}

static void move(struct fixture *f, struct model *m, struct random *random, unsigned number)
{
	if (random_below(random, 10) == 0)
		delete_some(f, m, random);
	else
		push_some(f, m, random, number);
	turns(&f->world, (int)random_below(random, 4)); /* into the middle of a page */
}

/* A kill in the middle of one move: each group is as it was before or as it is behind. */
static void move_and_kill(struct fixture *f, struct model *m, struct random *random, unsigned number)
{
	struct model before = *m;

	knife = (struct knife){ .armed = true, .calls = random_below(random, 8), .bytes = random_below(random, 200) };
	move(f, m, random, number);
	begin_next_run(f);
	settle(f);
	for (unsigned group = 0; group < GROUPS; group++) {
		if (is_as(f, m, group))
			continue;
		m->there[group] = before.there[group];
		memcpy(m->value[group], before.value[group], sizeof m->value[group]);
	}
	check(f, m);
}

static void live_many_lives(struct scratch *scratch, uint64_t seed)
{
	struct fixture f;
	struct model m = { 0 };
	struct random random;

	begin_saved(&f, (struct duration){ 0 }, GROUPS, scratch);
	random_seed(&random, seed);
	for (unsigned number = 1; number <= MOVES; number++) {
		if (scratch && random_below(&random, 30) == 0)
			begin_next_run(&f);
		if (scratch && random_below(&random, 20) == 0)
			move_and_kill(&f, &m, &random, number);
		else
			move(&f, &m, &random, number);
		if (random_below(&random, 5) == 0) {
			settle(&f);
			series_check(f.host.series);
			check(&f, &m);
		}
	}
	settle(&f);
	check(&f, &m);
	end(&f);
}

static void each_group_has_what_was_pushed_last(void **state)
{
	(void)state;
	live_many_lives(NULL, 14);
}

static void so_it_has_through_kills_of_the_agent(void **state)
{
	struct scratch scratch;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		scratch_init(&scratch, "push");
		live_many_lives(&scratch, seed);
		scratch_done(&scratch);
	}
}

static void its_time_goes_on_in_the_next_run(void **state)
{
	struct scratch scratch;
	struct fixture f;
	double pushed;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, DURATION_S(TTL_S), 10, &scratch);
	push(&f, "/metrics/job/old", "a 1\n", true);
	f.world.ahead += DURATION_S(TTL_S / 2).ns;
	turns(&f.world, 1);
	push(&f, "/metrics/job/new", "a 2\n", true);
	settle(&f);
	pushed = shown(&f, "push_time_seconds{job=\"old\"}");
	f.world.ahead += DURATION_S(TTL_S / 4).ns;
	begin_next_run(&f);
	settle(&f);
	assert_int_equal(f.groups.count, 2);
	assert_true(shown(&f, "push_time_seconds{job=\"old\"}") == pushed);
	f.world.ahead += DURATION_S(TTL_S / 4 + 1).ns;
	while (f.groups.count > 1)
		turn(&f.world);
	assert_true(shown(&f, "a{job=\"new\"}") == 2);
	end_run(&f);
	f.world.ahead += DURATION_S(TTL_S).ns; /* while there is no agent */
	begin_run(&f);
	while (f.groups.count > 0)
		turn(&f.world);
	begin_next_run(&f);
	assert_int_equal(f.groups.count, 0);
	end(&f);
	scratch_done(&scratch);
}

static bool shows_family(struct fixture *f, const char *family)
{
	(void)shown(f, "");
	return strstr(f->page.data, family);
}

/* More than is saved in a callback. */
static void fill(struct buffer *text, const char *family)
{
	buffer_init(text, PAGE);
	for (int i = 0; text->size < 3 * PUSH_SAVED_AT_ONCE; i++)
		assert_int_equal(buffer_printf(text, "%s{l=\"%d\",x=\"%0200d\"} 1\n", family, i, i), 0);
	assert_int_equal(buffer_append(text, "", 1), 0);
}

/* What it replaces stays until it is whole. */
static void a_large_page_is_saved_bit_by_bit_before_it_is_shown(void **state)
{
	struct scratch scratch;
	struct fixture f;
	struct buffer text;

	(void)state;
	scratch_init(&scratch, "push");
	fill(&text, "large");
	for (int more = 0; more < 8; more++) {
		begin_saved(&f, (struct duration){ 0 }, 10, &scratch);
		push(&f, "/metrics/job/j", "a 1\n", true);
		settle(&f);
		push(&f, "/metrics/job/j", "a 2\n", true);
		push(&f, "/metrics/job/j", text.data, true);
		assert_true(f.file.unsaved == 1);
		turns(&f.world, more);
		assert_true(f.file.unsaved == 0 || !shows_family(&f, "large"));
		begin_next_run(&f);
		settle(&f);
		assert_true(shows_family(&f, "large") != (shown(&f, "a{job=\"j\"}") == 2));
		end(&f);
	}
	buffer_done(&text);
	scratch_done(&scratch);
}

static void what_cannot_be_saved_is_told_and_tried_again(void **state)
{
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, (struct duration){ 0 }, 10, &scratch);
	knife.dead = true;
	push(&f, "/metrics/job/j", "a 1\n", true);
	settle(&f);
	assert_true(shown(&f, "a{job=\"j\"}") == 1);
	assert_true(fake_host_number(&f.host, "saved_pages_failures_total") > 0);
	assert_non_null(strstr(f.host.last_log, "not all that is pushed can be saved"));
	knife.dead = false;
	while (f.file.failed) {
		f.world.ahead += DURATION_S(3).ns;
		turns(&f.world, 3);
	}
	assert_non_null(strstr(f.host.last_log, "saved again"));
	assert_int_equal(unlinkat(scratch.fd, f.file.name, 0), 0);
	while (f.file.losses == 0 || f.file.unsaved > 0) {
		f.world.ahead += DURATION_S(3).ns;
		turns(&f.world, 3);
	}
	begin_next_run(&f);
	settle(&f);
	assert_true(shown(&f, "a{job=\"j\"}") == 1);
	end(&f);
	scratch_done(&scratch);
}

/* Whoever writes the end of the page: the file does between two callbacks of ours, too. */
static void a_large_page_is_there_with_its_group(void **state)
{
	struct scratch scratch;
	struct fixture f;
	struct buffer text;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, (struct duration){ 0 }, 4, &scratch);
	fill(&text, "large");
	push(&f, "/metrics/job/a", text.data, true);
	settle(&f);
	begin_next_run(&f);
	settle(&f);
	assert_true(shows_family(&f, "large"));
	buffer_done(&text);
	end(&f);
	scratch_done(&scratch);
}

/* Pages without room in memory are for a later start; what else a group had is there meanwhile. */
static void what_has_no_room_at_the_start_stays_in_the_file(void **state)
{
	struct scratch scratch;
	struct fixture f;
	struct buffer text;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, (struct duration){ 0 }, 4, &scratch);
	fill(&text, "large");
	push(&f, "/metrics/job/a", text.data, true);
	push(&f, "/metrics/job/b", "b 1\n", true);
	settle(&f);
	f.memory = 256 << 10;
	for (int i = 0; i < 2; i++) {
		begin_next_run(&f);
		settle(&f);
		turns(&f.world, 5);
		assert_int_equal(f.host.warnings, i + 1); /* each start says so */
		assert_int_equal(fake_host_number(&f.host, "saved_pages_damaged_total"), 0);
		assert_true(shown(&f, "b{job=\"b\"}") == 1);
		assert_null(strstr(f.page.data, "large"));
	}
	push(&f, "/metrics/job/a", "small 1\n", false);
	settle(&f);
	f.memory = 0;
	begin_next_run(&f);
	settle(&f);
	assert_int_equal(f.host.warnings, 2); /* none since */
	assert_true(shown(&f, "small{job=\"a\"}") == 1);
	assert_non_null(strstr(f.page.data, "large{job=\"a\""));
	buffer_done(&text);
	end(&f);
	scratch_done(&scratch);
}

static void there_is_place_for_so_many_groups_of_the_last_run(void **state)
{
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, (struct duration){ 0 }, 2, &scratch);
	push(&f, "/metrics/job/a", "a 1\n", true);
	push(&f, "/metrics/job/b", "b 1\n", true);
	f.options.groups = 1;
	begin_next_run(&f);
	settle(&f);
	assert_int_equal(f.groups.count, 1);
	assert_int_equal(f.host.warnings, 1);
	assert_true(shown(&f, "a{job=\"a\"}") == 1);
	turns(&f.world, 5); /* it leaves the file */
	f.options.groups = 2;
	begin_next_run(&f);
	settle(&f);
	assert_int_equal(f.groups.count, 1);
	end(&f);
	scratch_done(&scratch);
}

static void no_file_grows_without_end(void **state)
{
	struct scratch scratch;
	struct fixture f;
	struct buffer text;
	uint64_t size = 0;

	(void)state;
	scratch_init(&scratch, "push");
	begin_saved(&f, (struct duration){ 0 }, 10, &scratch);
	for (int i = 0; i < 600; i++) {
		buffer_init(&text, PAGE);
		for (int line = 0; line < 10 + i % 300; line++)
			assert_int_equal(buffer_printf(&text, "a{l=\"%d\"} 1\n", line), 0);
		assert_int_equal(buffer_append(&text, "", 1), 0);
		push(&f, i % 2 ? "/metrics/job/a" : "/metrics/job/b", text.data, i % 3);
		settle(&f);
		turns(&f.world, 2);
		buffer_done(&text);
		if (i == 300)
			size = sums_file_size(f.file.file);
	}
	assert_int_equal(sums_file_size(f.file.file), size);
	assert_true(sums_file_records(f.file.file) < 30);
	end(&f);
	scratch_done(&scratch);
}

static void a_group_goes_when_nobody_pushes_to_it(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, DURATION_S(TTL_S), 10);
	push(&f, "/metrics/job/old", "a 1\n", true);
	f.world.ahead += DURATION_S(TTL_S / 2).ns;
	turns(&f.world, 3);
	push(&f, "/metrics/job/new", "a 2\n", true);
	settle(&f);
	f.world.ahead += DURATION_S(TTL_S / 2 + 1).ns;
	while (f.groups.count > 1)
		turn(&f.world);
	assert_true(shown(&f, "a{job=\"old\"}") == -1);
	assert_true(shown(&f, "a{job=\"new\"}") == 2);
	assert_int_equal(fake_host_number(&f.host, "push_groups_expired_total"), 1);
	f.world.ahead += DURATION_S(TTL_S).ns;
	while (f.groups.count > 0)
		turn(&f.world);
	assert_int_equal(fake_host_number(&f.host, "push_groups"), 0);
	end(&f);
}

static void a_failure_shows_and_changes_nothing_else(void **state)
{
	struct fixture f;
	struct push_key key;

	(void)state;
	begin(&f, (struct duration){ 0 }, 10);
	push(&f, "/metrics/job/j", "a 1\nb 2\n", true);
	push(&f, "/metrics/job/j", "b 3\n", false);
	settle(&f);
	assert_true(shown(&f, "push_failure_time_seconds{job=\"j\"}") == 0);
	read_key("/metrics/job/j", &key);
	push_groups_failed(&f.groups, &key);
	push_groups_failed(&f.groups, &key);
	settle(&f);
	assert_true(shown(&f, "push_failure_time_seconds{job=\"j\"}") > 0);
	assert_true(shown(&f, "a{job=\"j\"}") == 1 && shown(&f, "b{job=\"j\"}") == 3);
	read_key("/metrics/job/other", &key);
	push_groups_failed(&f.groups, &key);
	assert_int_equal(f.groups.count, 1);
	end(&f);
}

static void groups_and_their_pages_have_ceilings(void **state)
{
	struct fixture f;
	struct push_key key;
	char text[32];

	(void)state;
	begin(&f, (struct duration){ 0 }, 1);
	for (int i = 0; i < PUSH_PAGES_MAX; i++) {
		snprintf(text, sizeof text, "f%d 1\n", i);
		push(&f, "/metrics/job/j", text, false);
	}
	settle(&f);
	read_key("/metrics/job/j", &key);
	assert_non_null(push_groups_full(&f.groups, &key, false));
	assert_null(push_groups_full(&f.groups, &key, true));
	push(&f, "/metrics/job/j", "a 1\n", true);
	settle(&f);
	assert_null(push_groups_full(&f.groups, &key, false));
	assert_true(shown(&f, "f3{job=\"j\"}") == -1 && shown(&f, "a{job=\"j\"}") == 1);
	read_key("/metrics/job/other", &key);
	assert_non_null(push_groups_full(&f.groups, &key, true));
	end(&f);
}

static void delete (struct fixture *f, const char *path)
{
	struct push_key key;

	read_key(path, &key);
	push_groups_delete(&f->groups, &key);
}

/* Else whoever pushes and deletes in turn has as many as memory takes. */
static void few_groups_leave_at_a_time(void **state)
{
	struct fixture f;
	struct push_key key;
	char path[64];
	int made = 0;

	(void)state;
	begin(&f, (struct duration){ 0 }, 10);
	for (;; made++) {
		snprintf(path, sizeof path, "/metrics/job/j%d", made);
		read_key(path, &key);
		if (made > 2 * PUSH_LEAVING_MAX || push_groups_full(&f.groups, &key, true))
			break;
		push(&f, path, "a 1\n", true);
		delete (&f, path);
	}
	assert_int_equal(made, PUSH_LEAVING_MAX);
	while (push_groups_full(&f.groups, &key, true))
		turn(&f.world);
	push(&f, path, "a 1\n", true);
	settle(&f);
	assert_int_equal(f.groups.count, 1);
	end(&f);
}

/* A pull waits for the line. */
static void the_line_is_short_and_goes_fast(void **state)
{
	struct fixture f;
	struct push_key key;
	char path[64];
	int pushed = 0, turns = 0;

	(void)state;
	begin(&f, (struct duration){ 0 }, 10000);
	for (;; pushed++) {
		snprintf(path, sizeof path, "/metrics/job/j%d", pushed);
		read_key(path, &key);
		if (pushed > 2 * PUSH_WAITING_MAX || push_groups_full(&f.groups, &key, false))
			break;
		push(&f, path, "a 1\n", false);
	}
	assert_int_equal(pushed, PUSH_WAITING_MAX);
	for (assert_false(push_groups_ask(&f.groups)); !push_groups_ready(&f.groups); turns++)
		turn(&f.world);
	assert_true(turns < PUSH_WAITING_MAX / 4);
	assert_null(push_groups_full(&f.groups, &key, false));
	end(&f);
}

/* Each of them would have all that the group has read again. */
static void pages_of_a_group_that_wait_are_applied_as_one(void **state)
{
	struct fixture f;
	struct buffer large;
	char text[32];
	int turns = 0;

	(void)state;
	begin(&f, (struct duration){ 0 }, 10);
	buffer_init(&large, PAGE);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(buffer_printf(&large, "large{x=\"%040d\"} 1\n", i), 0);
	assert_int_equal(buffer_append(&large, "", 1), 0);
	push(&f, "/metrics/job/j", large.data, true);
	settle(&f);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "f%d %d\n", i % 50, i);
		push(&f, "/metrics/job/j", text, false);
	}
	for (assert_false(push_groups_ask(&f.groups)); !push_groups_ready(&f.groups); turns++)
		turn(&f.world);
	assert_true(turns < 100);
	for (int i = 50; i < 100; i++) {
		snprintf(text, sizeof text, "f%d{job=\"j\"}", i - 50);
		assert_true(shown(&f, text) == i);
	}
	snprintf(text, sizeof text, "large{job=\"j\",x=\"");
	assert_true(shown(&f, text) != -1);
	buffer_done(&large);
	end(&f);
}

/* A page that is staged needs its place, and to free all of it at once takes long. */
static void what_a_page_leaves_is_freed_bit_by_bit(void **state)
{
	struct fixture f;
	struct buffer large;
	size_t before, most = 0;

	(void)state;
	begin(&f, (struct duration){ 0 }, 10);
	buffer_init(&large, PAGE);
	for (int i = 0; i < 6000; i++)
		assert_int_equal(buffer_printf(&large, "large{x=\"%d\"} 1\n", i), 0);
	assert_int_equal(buffer_append(&large, "", 1), 0);
	push(&f, "/metrics/job/j", large.data, true);
	settle(&f);
	push(&f, "/metrics/job/j", "a 1\n", true);
	settle(&f);
	push(&f, "/metrics/job/j", "a 2\n", true);
	assert_false(push_groups_ask(&f.groups));
	while (!push_groups_ready(&f.groups)) {
		before = f.host.series->bytes;
		turn(&f.world);
		if (before > f.host.series->bytes + most)
			most = before - f.host.series->bytes;
	}
	assert_true(shown(&f, "a{job=\"j\"}") == 2);
	assert_true(most > 0 && most < (size_t)300 << 10);
	buffer_done(&large);
	end(&f);
}

static void its_own_times_are_nobody_elses(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct duration){ 0 }, 10);
	push(&f, "/metrics/job/j", "push_time_seconds 1\n# TYPE push_failure_time_seconds counter\nx 1\n", true);
	settle(&f);
	assert_true(shown(&f, "push_time_seconds{job=\"j\"}") > 1e9);
	assert_true(shown(&f, "push_failure_time_seconds{job=\"j\"}") == 0);
	assert_true(shown(&f, "x{job=\"j\"}") == 1);
	end(&f);
}

static void each_page_that_is_none_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
		enum exposition_format format;
	} rows[] = {
		{ "a 1\nb 1 123\n", "line 2: a pushed sample has a timestamp", EXPOSITION_TEXT },
		{ "a 1\nb one\n", "line 2: value", EXPOSITION_TEXT },
		{ "a 1\n", "EOF", EXPOSITION_OPENMETRICS },
		{ "a 1 1.5\n# EOF\n", "line 1: a pushed sample has a timestamp", EXPOSITION_OPENMETRICS },
	};
	char why[EXPOSITION_WHAT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(push_page_check(bytes_of(rows[i].text), rows[i].format, why, sizeof why));
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].text, why);
	}
	assert_true(push_page_check(bytes_of(""), EXPOSITION_TEXT, why, sizeof why));
	assert_true(push_page_check(bytes_of("a 1"), EXPOSITION_TEXT, why, sizeof why));
}

static void a_page_has_so_many_families(void **state)
{
	struct buffer text;
	char why[EXPOSITION_WHAT_MAX];

	(void)state;
	buffer_init(&text, PAGE);
	for (int i = 0; i < PUSH_FAMILIES_MAX; i++)
		assert_int_equal(buffer_printf(&text, "f%d 1\n", i), 0);
	assert_true(push_page_check(buffer_bytes(&text), EXPOSITION_TEXT, why, sizeof why));
	assert_int_equal(buffer_text(&text, "more 1\n"), 0);
	assert_false(push_page_check(buffer_bytes(&text), EXPOSITION_TEXT, why, sizeof why));
	assert_non_null(strstr(why, "families"));
	buffer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_group_has_what_was_pushed_last),
		cmocka_unit_test(so_it_has_through_kills_of_the_agent),
		cmocka_unit_test(its_time_goes_on_in_the_next_run),
		cmocka_unit_test(a_large_page_is_saved_bit_by_bit_before_it_is_shown),
		cmocka_unit_test(what_cannot_be_saved_is_told_and_tried_again),
		cmocka_unit_test(a_large_page_is_there_with_its_group),
		cmocka_unit_test(what_has_no_room_at_the_start_stays_in_the_file),
		cmocka_unit_test(there_is_place_for_so_many_groups_of_the_last_run),
		cmocka_unit_test(no_file_grows_without_end),
		cmocka_unit_test(a_group_goes_when_nobody_pushes_to_it),
		cmocka_unit_test(a_failure_shows_and_changes_nothing_else),
		cmocka_unit_test(groups_and_their_pages_have_ceilings),
		cmocka_unit_test(few_groups_leave_at_a_time),
		cmocka_unit_test(the_line_is_short_and_goes_fast),
		cmocka_unit_test(pages_of_a_group_that_wait_are_applied_as_one),
		cmocka_unit_test(what_a_page_leaves_is_freed_bit_by_bit),
		cmocka_unit_test(its_own_times_are_nobody_elses),
		cmocka_unit_test(each_page_that_is_none_is_refused_with_its_line),
		cmocka_unit_test(a_page_has_so_many_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
