/*
 * Meters that outlive the process: lives that are killed in the middle of a write, against a plain model; what ends,
 * what comes back, what has no place any more, and records that were not written by us.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/random.h"
#include "series/meters_table.h"
#include "unit/scratch.h"
#include "unit/series/knife.h"
#include "unit/series/table_bench.h"

enum { SEED = 9, STREAMS = 10, LIVES = 250, OPS = 80, BROKEN = 99 };

static const struct series_limits wide = { .series = 10000, .family_series = 5000, .bytes = 4 << 20 };
static const double bounds[] = { 0.5, 1, 5 };

struct bench {
	struct scratch *scratch;
	struct series *series;
	struct meters *meters;
	struct sums_file *file;
	struct meters_restored restored;
	struct mono_time now;
	unsigned changed; /* told by the meters */
	uint64_t origin; /* that is wanted */
};

static void on_changed(void *context)
{
	((struct bench *)context)->changed++;
}

static bool want(void *context, struct bytes owner, struct meter_wanted *w)
{
	(void)owner;
	return w->origin == ((struct bench *)context)->origin;
}

static void begin_life(struct bench *b, const struct meters_limits *limits)
{
	const struct sums_options o = { b->scratch->path, "m.sums", SEED, 0 };
	struct meters_limits l = *limits;
	enum sums_found found;

	l.window = DURATION_S(10);
	b->now = (struct mono_time){ 1000000000 };
	b->series = series_new(&wide, 5);
	assert_int_equal(meters_new(b->series, NULL, 0, &l, &b->meters), 0);
	assert_int_equal(sums_file_open(&o, &b->file, &found), 0);
	meters_save_to(b->meters, b->file, on_changed, b);
	assert_int_equal(meters_restore(b->meters, &(struct meters_restore){ want, b }, b->now, &b->restored), 0);
	meters_check(b->meters);
}

static const struct meters_limits plenty = { .series = 1000, .family_series = 500, .label = 64 };

/* As by SIGKILL: nothing is saved that was not. */
static void end_life(struct bench *b)
{
	meters_check(b->meters);
	meters_free(b->meters);
	sums_file_close(b->file);
	series_check(b->series);
	assert_int_equal(b->series->bytes, 0);
	series_free(b->series);
}

static void begin_next_life(struct bench *b)
{
	end_life(b);
	begin_life(b, &plenty);
}

static void save_all(struct bench *b)
{
	while (meters_save_some(b->meters, 3))
		;
	assert_int_equal(meters_unsaved(b->meters), 0);
}

static void show(struct bench *b)
{
	struct series_counts counts;

	meters_show(b->meters, b->now);
	while (meters_show_some(b->meters, 2))
		;
	meters_shown(b->meters, &counts);
}

static struct meter_wanted wanted(enum meter_kind kind, const char *name)
{
	return (struct meter_wanted){ .name = bytes_of(name),
		.kind = kind,
		.help = "Help \\ of\nit.",
		.bounds = bounds,
		.bound_count = kind == METER_HISTOGRAM ? COUNT_OF(bounds) : 0,
		.saved = true };
}

/* With one label a="value". */
static struct meter *get(struct bench *b, enum meter_kind kind, const char *name, const char *value)
{
	struct meter_label label = { bytes_of("a"), bytes_of(value) };
	struct meter_wanted w = wanted(kind, name);

	w.labels = &label;
	w.label_count = 1;
	w.origin = b->origin;
	return meters_get(b->meters, &w, b->now, NULL);
}

static void assert_shows(struct bench *b, const char *page)
{
	struct table t = { .series = b->series };

	show(b);
	assert_page(&t, page);
}

static int setup(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	memset(&knife, 0, sizeof knife);
	b->scratch = oxp_new(sizeof *b->scratch);
	scratch_init(b->scratch, "meters");
	begin_life(b, &plenty);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	end_life(b);
	scratch_done(b->scratch);
	free(b->scratch);
	free(b);
	return 0;
}

static void each_kind_goes_on(void **state)
{
	struct bench *b = *state;
	struct meter *h = get(b, METER_HISTOGRAM, "took", "1");
	static const char page[] =
		"# HELP hits Help \\\\ of\\nit.\n# TYPE hits counter\nhits{a=\"q\\\"\\\\\\n\"} 2.5\n"
		"# HELP level Help \\\\ of\\nit.\n# TYPE level gauge\nlevel{a=\"1\"} -9.5\n"
		"# HELP took Help \\\\ of\\nit.\n# TYPE took histogram\ntook_bucket{a=\"1\",le=\"0.5\"} 1\n"
		"took_bucket{a=\"1\",le=\"1\"} 4\ntook_bucket{a=\"1\",le=\"5\"} 4\ntook_bucket{a=\"1\",le=\"+Inf\"} 5\n"
		"took_sum{a=\"1\"} 11.75\ntook_count{a=\"1\"} 5\n";

	meter_add(get(b, METER_COUNTER, "hits", "q\"\\\n"), 2, b->now);
	meter_add(get(b, METER_COUNTER, "hits", "q\"\\\n"), 0.5, b->now);
	meter_add(get(b, METER_GAUGE, "level", "1"), -9.5, b->now);
	meter_observe(h, 0.5, 1, b->now);
	meter_observe(h, 0.75, 2.6, b->now); /* three, and less for the next */
	meter_observe(h, 9, 1, b->now);
	meter_insert(b->meters, get(b, METER_SET, "users", "1"), bytes_of("x"), b->now);
	*meter_sent(h) = (struct meter_sent){ 7, 8 };
	assert_int_equal(b->changed, 1);
	save_all(b);
	for (int life = 0; life < 3; life++) {
		begin_next_life(b);
		assert_int_equal(b->restored.restored, 3);
		assert_int_equal(b->restored.damaged + b->restored.unwanted + b->restored.older, 0);
		assert_shows(b, page);
	}
	h = get(b, METER_HISTOGRAM, "took", "1");
	assert_true(meter_sent(h)->start == 7 && meter_sent(h)->time == 8 && h->carry < -0.39 && h->carry > -0.41);
}

static void what_was_shown_was_saved_before(void **state)
{
	struct bench *b = *state;

	meter_add(get(b, METER_COUNTER, "n", "1"), 5, b->now);
	show(b);
	meter_add(get(b, METER_COUNTER, "n", "1"), 2, b->now); /* nobody saw that */
	begin_next_life(b);
	assert_int_equal(get(b, METER_COUNTER, "n", "1")->whole, 5);
}

static void what_ends_leaves_the_file(void **state)
{
	struct bench *b = *state;
	struct meter *meter = get(b, METER_COUNTER, "n", "1");

	meter->ttl = DURATION_S(5);
	meter_add(meter, 5, b->now);
	meter_add(get(b, METER_COUNTER, "n", "2"), 5, b->now);
	save_all(b);
	assert_int_equal(sums_file_records(b->file), 2);
	b->now.ns += DURATION_S(6).ns;
	meters_age(b->meters, b->now, 10);
	assert_int_equal(sums_file_records(b->file), 1);
	save_all(b);
	begin_next_life(b);
	assert_int_equal(b->restored.restored, 1);
}

/* It had ended, but its record was not freed yet, when it began anew; then the process was killed. */
static void of_two_records_the_later_counts(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 6; i++) {
		meter_add(get(b, METER_COUNTER, "n", "1"), 5 + i, b->now);
		while (meters_unsaved(b->meters))
			meter_save(b->meters, b->meters->unsaved);
		meters_end(b->meters, get(b, METER_COUNTER, "n", "1"));
	}
	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	meter_save(b->meters, b->meters->unsaved);
	begin_next_life(b);
	assert_int_equal(b->restored.restored, 1);
	assert_int_equal(b->restored.unwanted, 6);
	assert_int_equal(get(b, METER_COUNTER, "n", "1")->whole, 1);
	begin_next_life(b);
	assert_int_equal(b->restored.unwanted, 0);
}

static void what_is_not_saved_any_more_leaves_the_file(void **state)
{
	struct bench *b = *state;
	struct meter_wanted w = wanted(METER_COUNTER, "n");

	meter_add(meters_get(b->meters, &w, b->now, NULL), 5, b->now);
	save_all(b);
	w.saved = false;
	meter_set(meters_get(b->meters, &w, b->now, NULL), 7, b->now);
	save_all(b);
	assert_int_equal(sums_file_records(b->file), 0);
	begin_next_life(b);
	assert_int_equal(b->restored.restored, 0);
}

static void another_origin_begins_anew(void **state)
{
	struct bench *b = *state;

	meter_add(get(b, METER_COUNTER, "n", "1"), 5, b->now);
	meter_add(get(b, METER_COUNTER, "m", "1"), 5, b->now);
	save_all(b);
	begin_next_life(b); /* it is still wanted, but another rule makes that name now */
	b->origin = 4;
	assert_int_equal(get(b, METER_COUNTER, "n", "1")->whole, 0);
	b->origin = 0;
	assert_int_equal(get(b, METER_COUNTER, "m", "1")->whole, 5);
	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	save_all(b);
	b->origin = 4; /* nothing made with what was before is wanted */
	begin_next_life(b);
	assert_int_equal(b->restored.unwanted, 2);
	assert_int_equal(meters_families(b->meters), 0);
	assert_int_equal(sums_file_records(b->file), 0);
}

static void another_kind_takes_the_place_of_what_nobody_sent_since(void **state)
{
	struct bench *b = *state;
	char label[16];

	for (int i = 0; i < 450; i++) {
		snprintf(label, sizeof label, "%d", i);
		meter_add(get(b, METER_COUNTER, "n", label), 1, b->now);
	}
	save_all(b);
	begin_next_life(b);
	assert_null(get(b, METER_GAUGE, "n", "1")); /* a part of them gives way at a time */
	assert_null(get(b, METER_GAUGE, "n", "1"));
	assert_non_null(get(b, METER_GAUGE, "n", "1"));
	assert_null(get(b, METER_COUNTER, "n", "1"));
	meters_check(b->meters);
}

static void an_overflow_that_is_used_gives_way_to_no_other_kind(void **state)
{
	const struct meters_limits none = { .series = 1000, .family_series = 0, .label = 64 };
	const struct meters_limits one = { .series = 1000, .family_series = 1, .label = 64 };
	struct bench *b = *state;
	struct meter_wanted w = wanted(METER_GAUGE, "n");
	enum meter_refusal why;

	end_life(b);
	begin_life(b, &one);
	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	meter_add(get(b, METER_COUNTER, "n", "2"), 1, b->now);
	save_all(b);
	end_life(b);
	begin_life(b, &none); /* the overflow alone comes back */
	assert_int_equal(b->restored.restored, 1);
	meter_add(get(b, METER_COUNTER, "n", "3"), 1, b->now);
	meters_check(b->meters);
	assert_null(meters_get(b->meters, &w, b->now, &why));
	assert_int_equal(why, METER_TYPE_CLASH);
	assert_int_equal(get(b, METER_COUNTER, "n", "3")->whole, 2);
}

static void what_is_beyond_a_ceiling_now_is_gone(void **state)
{
	struct bench *b = *state;

	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	meter_add(get(b, METER_COUNTER, "n", "2"), 1, b->now);
	meter_add(get(b, METER_COUNTER, "n", "3"), 1, b->now);
	save_all(b);
	end_life(b);
	begin_life(b, &(struct meters_limits){ .series = 2, .family_series = 2, .label = 64 });
	assert_int_equal(b->restored.restored, 2);
	assert_int_equal(b->restored.unwanted, 1);
	assert_int_equal(sums_file_records(b->file), 2);
}

static void a_file_that_is_taken_away_is_written_anew(void **state)
{
	struct bench *b = *state;

	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	meter_observe(get(b, METER_HISTOGRAM, "h", "1"), 1, 1, b->now);
	save_all(b);
	assert_int_equal(unlinkat(b->scratch->fd, "m.sums", 0), 0);
	assert_false(sums_file_look(b->file));
	meters_age(b->meters, b->now, 10);
	assert_int_equal(meters_unsaved(b->meters), 2);
	save_all(b);
	begin_next_life(b);
	assert_int_equal(b->restored.restored, 2);
}

static void what_could_not_be_saved_is_tried_again(void **state)
{
	struct bench *b = *state;

	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	save_all(b);
	meter_add(get(b, METER_COUNTER, "n", "1"), 1, b->now);
	knife = (struct knife){ .armed = true, .bytes = 9 };
	assert_false(meters_save_some(b->meters, 9));
	assert_int_equal(meters_save_failure(b->meters), -EIO);
	assert_int_equal(meters_save_failure(b->meters), 0);
	memset(&knife, 0, sizeof knife);
	assert_int_equal(meters_unsaved(b->meters), 0); /* not at once */
	meters_age(b->meters, b->now, 10);
	save_all(b);
	begin_next_life(b);
	assert_int_equal(get(b, METER_COUNTER, "n", "1")->whole, 2);
}

/* Strange records. */

#define EXPECT(x) ((x) ? (void)0 : (fprintf(stderr, "line %d: not so: %s\n", __LINE__, #x), _exit(BROKEN)))

/* More and more buckets, so that the record has to grow. */
static void add_native(struct bench *b, struct meter *meter)
{
	struct native_sum sum;
	unsigned merged;

	native_sum_init(&sum);
	EXPECT(native_sum_put(&sum, meter->whole % 2, 8, (int64_t)(meter->whole * 7 % 3001), 3));
	sum.all.count = 3;
	EXPECT(meter_add_native(meter, &(struct meter_state){ .native = &sum.all, .sum = 3 * 0.75 }, b->now, &merged) ==
		0);
	native_sum_init(&sum);
	meter_native_get(meter, &sum.all);
	EXPECT(native_sum_total(&sum.all, &sum.all.count) && sum.all.count == meter->whole);
}

static void put_record(struct bench *b, const char *key, size_t size, const void *value, size_t value_size)
{
	struct sums_place place;

	assert_int_equal(
		sums_file_add(b->file, (struct bytes){ key, size }, (struct bytes){ value, value_size }, &place), 0);
}

static struct sums_record found;
static char found_key[4096], found_value[4096];

static bool on_found(void *context, const struct sums_record *r)
{
	(void)context;
	found = *r;
	memcpy(found_key, r->key.data, r->key.size);
	memcpy(found_value, r->value.data, r->value.size);
	return true;
}

/* Of one meter of that kind: key and value as they are in the file, which has no others then. */
static void find_record(struct bench *b, enum meter_kind kind)
{
	struct meter *meter = get(b, kind, "n", "x\ny");
	const struct sums_options o = { b->scratch->path, "m.sums", SEED, 0 };
	enum sums_found how;
	size_t damaged;

	if (kind == METER_NATIVE)
		add_native(b, meter);
	else if (kind == METER_HISTOGRAM)
		meter_observe(meter, 3, 1, b->now);
	else
		meter_add(meter, 1.5, b->now);
	save_all(b);
	end_life(b);
	assert_int_equal(sums_file_open(&o, &b->file, &how), 0);
	assert_int_equal(sums_file_load(b->file, &(struct sums_visit){ on_found, NULL }, &damaged), 0);
	sums_file_close(b->file);
	assert_int_equal(unlinkat(b->scratch->fd, "m.sums", 0), 0);
	begin_life(b, &plenty);
}

/* Whatever one byte is, nothing comes of it that a page cannot have. */
static void a_record_of_others_is_a_meter_or_nothing(void **state)
{
	static const enum meter_kind kinds[] = { METER_COUNTER, METER_GAUGE, METER_HISTOGRAM, METER_NATIVE };
	static const char bytes[] = { 0, 1, '"', '\\', '\x80', '\x7f', '\xff' };
	struct bench *b = *state;
	size_t records = 0;

	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		find_record(b, kinds[k]);
		for (size_t at = 0; at < found.key.size + found.value.size; at++) {
			char *byte = at < found.key.size ? &found_key[at] : &found_value[at - found.key.size];
			char was = *byte;
			*byte = bytes[records++ % sizeof bytes];
			put_record(b, found_key, found.key.size, found_value, found.value.size);
			*byte = was;
		}
		for (size_t cut = 0; cut < found.key.size; cut += 3)
			put_record(b, found_key, cut, found_value, found.value.size);
		for (size_t cut = 0; cut < found.value.size; cut += 3)
			put_record(b, found_key, found.key.size, found_value, cut);
		begin_next_life(b);
		assert_true(b->restored.damaged > 20);
		show(b);
		meters_check(b->meters);
		series_check(b->series);
		end_life(b);
		assert_int_equal(unlinkat(b->scratch->fd, "m.sums", 0), 0);
		begin_life(b, &plenty);
	}
}

/* Lives. */

/* What each stream has come to: the last page, and in memory. The next life has something in between. */
struct shared {
	uint64_t shown[STREAMS], made[STREAMS];
};

/* Counters, a gauge, histograms, of which the third goes into an overflow, native ones. Each stream only grows. */
static struct meter *stream(struct bench *b, unsigned i)
{
	static const char *const labels[STREAMS] = { "1", "2", "3", "4", "1", "1", "2", "3", "1", "2" };

	return get(b,
		i < 4    ? METER_COUNTER
		: i == 4 ? METER_GAUGE
		: i < 8  ? METER_HISTOGRAM
			 : METER_NATIVE,
		i < 4    ? "n"
		: i == 4 ? "g"
		: i < 8  ? "h"
			 : "native",
		labels[i]);
}

static uint64_t value_of(const struct meter *meter)
{
	return meter->whole + (meter->family->kind == METER_GAUGE ? (uint64_t)meter->part : 0);
}

/* Streams that come to one meter have the sum. */
static void compare(struct bench *b, struct shared *s, bool has_begun)
{
	struct meter *meters[STREAMS];

	for (unsigned i = 0; i < STREAMS; i++)
		meters[i] = stream(b, i);
	for (unsigned i = 0; i < STREAMS; i++) {
		uint64_t value = meters[i] ? value_of(meters[i]) : 0;
		EXPECT(meters[i] && value >= s->shown[i] && value <= s->made[i]);
		EXPECT(has_begun || value == 0);
		EXPECT(meters[i]->family->kind != METER_HISTOGRAM || meters[i]->part == 0.75 * (double)value);
		s->made[i] = value;
	}
}

static void move(struct bench *b, struct shared *s, unsigned i)
{
	struct meter *meter = stream(b, i);

	if (meter->kind == METER_NATIVE)
		add_native(b, meter);
	else if (meter->family->kind == METER_HISTOGRAM)
		meter_observe(meter, 0.75, 3, b->now);
	else
		meter_add(meter, 3, b->now);
	for (unsigned other = 0; other < STREAMS; other++)
		if (stream(b, other) == meter)
			s->made[other] = value_of(meter);
}

static void live(struct bench *b, struct shared *s, uint64_t seed)
{
	const struct meters_limits narrow = {
		.series = 100, .family_series = 2 * 6 + 2 /* of histograms two */, .label = 64
	};
	const size_t many = seed % 3 ? 40 : 4;
	struct random random = { 0 };

	random_seed(&random, seed);
	knife = (struct knife){
		.armed = true, .kills = true, .calls = random_below(&random, many), .bytes = random_below(&random, 300)
	};
	begin_life(b, &narrow);
	compare(b, s, seed > 0);
	for (unsigned i = 0; i < OPS; i++) {
		move(b, s, (unsigned)random_below(&random, STREAMS));
		if (random_below(&random, 6) == 0)
			(void)!meters_save_some(b->meters, 2);
		if (random_below(&random, 12) > 0)
			continue;
		show(b);
		memcpy(s->shown, s->made, sizeof s->shown);
	}
	_exit(0);
}

static void what_was_shown_outlives_kills_in_the_middle_of_writes(void **state)
{
	struct bench *b = *state;
	struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t killed = 0;
	int status;

	assert_true(s != MAP_FAILED);
	end_life(b);
	(void)!unlinkat(b->scratch->fd, "m.sums", 0);
	for (unsigned i = 0; i < LIVES; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			live(b, s, i);
		assert_int_equal(waitpid(child, &status, 0), child);
		killed += WIFSIGNALED(status);
		assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	}
	assert_true(killed > LIVES / 2 && s->shown[0] > 100 && s->shown[4] > 100 && s->shown[5] > 100);
	munmap(s, sizeof *s);
	begin_life(b, &plenty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_kind_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_shown_was_saved_before, setup, teardown),
		cmocka_unit_test_setup_teardown(what_ends_leaves_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(of_two_records_the_later_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_saved_any_more_leaves_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(another_origin_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_kind_takes_the_place_of_what_nobody_sent_since, setup, teardown),
		cmocka_unit_test_setup_teardown(an_overflow_that_is_used_gives_way_to_no_other_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_beyond_a_ceiling_now_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_taken_away_is_written_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_could_not_be_saved_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_record_of_others_is_a_meter_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_shown_outlives_kills_in_the_middle_of_writes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
