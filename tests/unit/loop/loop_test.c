/*
 * The loop with a clock that is moved by hand: timers in order, watches, soons, priorities, and _done from everywhere.
 */
#include "loop/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

enum { TRACE_MAX = 64 };

struct hand_clock {
	struct clock clock;
	int64_t ns;
};

struct fixture {
	struct hand_clock time;
	struct loop *loop;
	char trace[TRACE_MAX];
	size_t count;
};

struct mark {
	struct fixture *f;
	struct loop_timer timer;
	struct loop_soon soon;
	char name;
	bool again, end_itself;
};

static struct mono_time hand_mono(const struct clock *c)
{
	return (struct mono_time){ ((const struct hand_clock *)c)->ns };
}

static struct wall_time hand_wall(const struct clock *c)
{
	return (struct wall_time){ ((const struct hand_clock *)c)->ns + 1000000000 };
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);

	f->time = (struct hand_clock){ { hand_wall, hand_mono }, 5 };
	assert_int_equal(loop_new(&f->time.clock, &f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	free(f);
	return 0;
}

static void turns(struct fixture *f, int n)
{
	while (n-- > 0)
		loop_turn(f->loop, DURATION_MS(0));
}

static void note(struct fixture *f, char name)
{
	assert_true(f->count + 1 < TRACE_MAX);
	f->trace[f->count++] = name;
	f->trace[f->count] = '\0';
}

static void fire(void *context)
{
	struct mark *m = context;

	note(m->f, m->name);
	if (m->again)
		loop_timer_set(&m->timer, DURATION_S(1));
	if (m->end_itself)
		loop_timer_done(&m->timer);
}

static void run_soon(void *context)
{
	struct mark *m = context;

	note(m->f, m->name);
	if (m->again)
		loop_soon_run(&m->soon);
	if (m->end_itself)
		loop_soon_done(&m->soon);
}

static void mark_init(struct mark *m, struct fixture *f, char name)
{
	*m = (struct mark){ .f = f, .name = name };
	loop_timer_init(&m->timer, f->loop, fire, m);
	loop_soon_init(&m->soon, f->loop, run_soon, m);
}

/* A write to a peer that is gone, and one that makes a file larger than it may be, fail and end nothing. */
static void no_write_ends_the_process(void **state)
{
	struct rlimit before, none;
	FILE *file = tmpfile();
	int ends[2];

	(void)state;
	assert_non_null(file);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(write(fileno(file), "x", 1), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	fclose(file);
	close(ends[1]);
}

static void timers_fire_in_order_of_their_time(void **state)
{
	struct fixture *f = *state;
	struct mark a, b, c;

	mark_init(&a, f, 'a');
	mark_init(&b, f, 'b');
	mark_init(&c, f, 'c');
	loop_timer_set(&a.timer, DURATION_S(30));
	loop_timer_set(&b.timer, DURATION_S(10));
	loop_timer_set(&c.timer, DURATION_S(20));
	turns(f, 3);
	assert_int_equal(f->count, 0);
	f->time.ns += 10ll * 1000000000;
	turns(f, 6);
	assert_string_equal(f->trace, "b");
	f->time.ns += 60ll * 1000000000;
	turns(f, 6);
	assert_string_equal(f->trace, "bca");
	assert_false(loop_timer_pending(&a.timer));
}

static void a_timer_moves_and_clears(void **state)
{
	struct fixture *f = *state;
	struct mark a, b;

	mark_init(&a, f, 'a');
	mark_init(&b, f, 'b');
	loop_timer_set(&a.timer, DURATION_S(1));
	loop_timer_set(&a.timer, DURATION_S(5));
	loop_timer_set(&b.timer, DURATION_S(1));
	loop_timer_clear(&b.timer);
	loop_timer_clear(&b.timer);
	f->time.ns += 2ll * 1000000000;
	turns(f, 4);
	assert_int_equal(f->count, 0);
	f->time.ns += 4ll * 1000000000;
	turns(f, 4);
	assert_string_equal(f->trace, "a");
	loop_timer_done(&a.timer);
	loop_timer_done(&a.timer);
}

static void a_timer_sets_or_ends_itself(void **state)
{
	struct fixture *f = *state;
	struct mark a, b;

	mark_init(&a, f, 'a');
	mark_init(&b, f, 'b');
	a.again = b.end_itself = true;
	loop_timer_set(&a.timer, DURATION_S(1));
	loop_timer_set(&b.timer, DURATION_S(1));
	for (int i = 0; i < 3; i++) {
		f->time.ns += 1000000000;
		turns(f, 4);
	}
	assert_int_equal(f->count, 4);
	loop_timer_done(&a.timer);
	turns(f, 2);
	assert_int_equal(f->count, 4);
}

/* Many timers set, moved and cleared at random fire once each and never early. */
struct many {
	struct loop_timer timer;
	struct fixture *f;
	int64_t due;
	unsigned fired;
};

static void many_fire(void *context)
{
	struct many *m = context;

	assert_true(m->f->time.ns >= m->due);
	m->fired++;
}

static void many_timers_keep_the_heap(void **state)
{
	enum { COUNT = 300 };
	struct fixture *f = *state;
	static struct many many[COUNT];
	struct random random;

	random_seed(&random, 7);
	for (size_t i = 0; i < COUNT; i++) {
		many[i] = (struct many){ .f = f };
		loop_timer_init(&many[i].timer, f->loop, many_fire, &many[i]);
	}
	for (size_t i = 0; i < 3 * COUNT; i++) {
		struct many *m = &many[random_below(&random, COUNT)];
		struct duration d = DURATION_MS(1 + random_below(&random, 1000));
		m->due = f->time.ns + d.ns;
		loop_timer_set(&m->timer, d);
		if (random_below(&random, 4) == 0)
			loop_timer_clear(&m->timer);
	}
	for (size_t i = 0; i < COUNT; i++)
		many[i].fired = loop_timer_pending(&many[i].timer) ? 0 : 1;
	for (int step = 0; step < 101; step++) {
		f->time.ns += 10000000;
		turns(f, 50);
		for (size_t i = 0; i < COUNT; i++)
			assert_true(many[i].fired || many[i].due > f->time.ns);
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(many[i].fired, 1);
}

static void a_soon_runs_once_and_later(void **state)
{
	struct fixture *f = *state;
	struct mark a;

	mark_init(&a, f, 'a');
	loop_soon_run(&a.soon);
	loop_soon_run(&a.soon);
	assert_int_equal(f->count, 0);
	turns(f, 3);
	assert_string_equal(f->trace, "a");
	loop_soon_run(&a.soon);
	loop_soon_done(&a.soon);
	loop_soon_done(&a.soon);
	turns(f, 3);
	assert_string_equal(f->trace, "a");
}

static void a_soon_asks_again_or_ends_itself(void **state)
{
	struct fixture *f = *state;
	struct mark a, b;

	mark_init(&a, f, 'a');
	mark_init(&b, f, 'b');
	a.again = b.end_itself = true;
	loop_soon_run(&a.soon);
	loop_soon_run(&b.soon);
	while (f->count < 5)
		turns(f, 1);
	loop_soon_done(&a.soon);
	assert_memory_equal(f->trace, "abaaa", 5);
}

/* A probe that becomes ready while ordinary work is waiting comes before the rest of it. */
struct urgent {
	struct fixture *f;
	struct loop_watch watch;
	int to;
};

static void urgent_ready(void *context, int fd, unsigned what)
{
	struct urgent *u = context;
	char byte;

	assert_int_equal(what, WATCH_READ);
	assert_int_equal(read(fd, &byte, 1), 1);
	note(u->f, '!');
}

struct worker {
	struct mark mark;
	struct urgent *urgent;
};

static void work_then_ring(void *context)
{
	struct worker *w = context;

	note(w->mark.f, w->mark.name);
	if (w->urgent)
		assert_int_equal(write(w->urgent->to, "x", 1), 1);
}

static void a_probe_overtakes_what_waits(void **state)
{
	struct fixture *f = *state;
	struct urgent urgent = { .f = f };
	struct worker workers[4];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	urgent.to = pair[1];
	loop_watch_init(&urgent.watch, f->loop, pair[0], urgent_ready, &urgent);
	urgent.watch.priority = LOOP_PROBES;
	loop_watch_set(&urgent.watch, WATCH_READ);
	for (size_t i = 0; i < COUNT_OF(workers); i++) {
		workers[i] = (struct worker){ .mark = { .f = f, .name = (char)('a' + i) } };
		loop_soon_init(&workers[i].mark.soon, f->loop, work_then_ring, &workers[i]);
		loop_soon_run(&workers[i].mark.soon);
	}
	workers[0].urgent = &urgent;
	while (f->count < 5)
		turns(f, 1);
	assert_string_equal(f->trace, "a!bcd");
	for (size_t i = 0; i < COUNT_OF(workers); i++)
		loop_soon_done(&workers[i].mark.soon);
	loop_watch_done(&urgent.watch);
	close(pair[0]);
	close(pair[1]);
}

static void ordinary_ready(void *context, int fd, unsigned what)
{
	struct urgent *u = context;
	char byte;

	(void)what;
	assert_int_equal(read(fd, &byte, 1), 1);
	note(u->f, 'o');
}

static void a_probe_goes_first(void **state)
{
	struct fixture *f = *state;
	struct urgent ordinary[2] = { { .f = f }, { .f = f } }, urgent = { .f = f };
	struct urgent *all[] = { &ordinary[0], &urgent, &ordinary[1] };
	int pairs[3][2];

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		loop_watch_init(&all[i]->watch, f->loop, pairs[i][0], i == 1 ? urgent_ready : ordinary_ready, all[i]);
		all[i]->watch.priority = i == 1 ? LOOP_PROBES : LOOP_NORMAL;
		loop_watch_set(&all[i]->watch, WATCH_READ);
		assert_int_equal(write(pairs[i][1], "x", 1), 1);
	}
	turns(f, 3);
	assert_string_equal(f->trace, "!oo");
	for (size_t i = 0; i < 3; i++) {
		loop_watch_done(&all[i]->watch);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

/* Always ready, always busy: bytes that nobody reads, a soon that asks again. */
struct busy {
	int64_t *left_ns; /* until the loop stops; NULL: for ever */
	struct loop_watch watch;
	struct loop_soon soon;
	struct loop *loop;
	int64_t spent_ns;
};

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void burn(struct busy *b)
{
	int64_t began = cpu_ns();

	while (cpu_ns() - began < 100000)
		;
	b->spent_ns += cpu_ns() - began;
	if (b->left_ns && (*b->left_ns -= cpu_ns() - began) < 0)
		loop_stop(b->loop);
}

static void busy_ready(void *context, int fd, unsigned what)
{
	(void)fd, (void)what;
	burn(context);
}

static void busy_soon(void *context)
{
	struct busy *b = context;

	burn(b);
	loop_soon_run(&b->soon);
}

static void check_shares(struct fixture *f, struct busy *urgent, struct busy *ordinary)
{
	enum { WANTED_NS = 100000000 };
	int64_t left = WANTED_NS;

	urgent->left_ns = ordinary->left_ns = &left;
	urgent->loop = ordinary->loop = f->loop;
	loop_run(f->loop);
	assert_in_range(urgent->spent_ns, WANTED_NS / 3, WANTED_NS);
	assert_in_range(ordinary->spent_ns, WANTED_NS / 3, WANTED_NS);
}

/* Strangers can keep the probes' callbacks busy for ever: half is left for the rest. */
static void the_less_urgent_has_its_share_beside_watches(void **state)
{
	static const unsigned kinds[] = { WATCH_READ, WATCH_WRITE, WATCH_READ | WATCH_WRITE };
	struct fixture *f = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct busy urgent = { .spent_ns = 0 }, ordinary = { .spent_ns = 0 };
		loop_watch_init(&urgent.watch, f->loop, pair[0], busy_ready, &urgent);
		urgent.watch.priority = LOOP_PROBES;
		loop_watch_set(&urgent.watch, kinds[i]);
		loop_watch_init(&ordinary.watch, f->loop, pair[1], busy_ready, &ordinary);
		loop_watch_set(&ordinary.watch, WATCH_WRITE);
		check_shares(f, &urgent, &ordinary);
		loop_watch_done(&urgent.watch);
		loop_watch_done(&ordinary.watch);
	}
	close(pair[0]);
	close(pair[1]);
}

static void the_less_urgent_has_its_share_beside_soons(void **state)
{
	struct fixture *f = *state;
	struct busy urgent = { .spent_ns = 0 }, ordinary = { .spent_ns = 0 };

	loop_soon_init(&urgent.soon, f->loop, busy_soon, &urgent);
	urgent.soon.priority = LOOP_PROBES;
	loop_soon_run(&urgent.soon);
	loop_soon_init(&ordinary.soon, f->loop, busy_soon, &ordinary);
	loop_soon_run(&ordinary.soon);
	check_shares(f, &urgent, &ordinary);
	loop_soon_done(&urgent.soon);
	loop_soon_done(&ordinary.soon);
}

/* Whoever was put aside can be changed, and can end, before its turn comes. */
static void whoever_waits_for_its_share_may_change_or_end(void **state)
{
	struct fixture *f = *state;
	struct busy urgent[3] = { { .spent_ns = 0 } };
	int pairs[3][2];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		loop_watch_init(&urgent[i].watch, f->loop, pairs[i][0], busy_ready, &urgent[i]);
		urgent[i].watch.priority = LOOP_PROBES;
	}
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 3; i++)
			loop_watch_set(&urgent[i].watch, (unsigned)(round + i) % 3 ? WATCH_WRITE : 0);
		turns(f, 1 + round % 3);
	}
	for (int i = 0; i < 3; i++)
		loop_watch_set(&urgent[i].watch, 0);
	urgent[0].spent_ns = 0;
	turns(f, 5);
	assert_int_equal(urgent[0].spent_ns, 0);
	for (int i = 0; i < 3; i++) {
		loop_watch_set(&urgent[i].watch, WATCH_WRITE);
		urgent[i].spent_ns = 0;
		for (int patience = 0; urgent[i].spent_ns == 0 && patience < 100; patience++)
			turns(f, 1);
		assert_int_not_equal(urgent[i].spent_ns, 0);
		loop_watch_done(&urgent[i].watch);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

struct switcher {
	struct fixture *f;
	struct loop_watch watch;
};

static void switch_ready(void *context, int fd, unsigned what)
{
	struct switcher *s = context;
	char byte;

	note(s->f, what & WATCH_READ ? 'r' : 'w');
	if (what & WATCH_WRITE) {
		loop_watch_set(&s->watch, WATCH_READ);
		return;
	}
	assert_int_equal(read(fd, &byte, 1), 1);
	loop_watch_done(&s->watch);
}

static void a_watch_changes_and_ends_within_its_callback(void **state)
{
	struct fixture *f = *state;
	struct switcher s = { .f = f };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	loop_watch_init(&s.watch, f->loop, pair[0], switch_ready, &s);
	loop_watch_set(&s.watch, WATCH_WRITE);
	turns(f, 3);
	assert_string_equal(f->trace, "w");
	assert_int_equal(write(pair[1], "xy", 2), 2);
	turns(f, 4);
	assert_string_equal(f->trace, "wr");
	loop_watch_done(&s.watch);
	close(pair[0]);
	close(pair[1]);
}

static void watch_paused(void *context, int fd, unsigned what)
{
	struct switcher *s = context;

	(void)fd, (void)what;
	note(s->f, 'p');
	loop_watch_set(&s->watch, 0);
}

static void a_paused_watch_is_silent(void **state)
{
	struct fixture *f = *state;
	struct switcher s = { .f = f };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	loop_watch_init(&s.watch, f->loop, pair[0], watch_paused, &s);
	loop_watch_set(&s.watch, WATCH_READ);
	close(pair[1]); /* the end is readable for ever */
	turns(f, 5);
	assert_string_equal(f->trace, "p");
	loop_watch_set(&s.watch, WATCH_READ);
	turns(f, 5);
	assert_string_equal(f->trace, "pp");
	loop_watch_done(&s.watch);
	close(pair[0]);
}

static void signal_arrived(void *context, int number)
{
	struct fixture *f = context;

	assert_int_equal(number, SIGUSR1);
	note(f, 's');
	loop_stop(f->loop);
}

static void a_signal_is_an_event_and_stops_the_loop(void **state)
{
	struct fixture *f = *state;
	struct loop_signal s;

	assert_int_equal(loop_signal_init(&s, f->loop, SIGUSR1, signal_arrived, f), 0);
	raise(SIGUSR1);
	loop_run(f->loop);
	assert_string_equal(f->trace, "s");
	loop_signal_done(&s);
	loop_signal_done(&s);
}

static void time_is_read_once_a_callback(void **state)
{
	struct fixture *f = *state;
	struct mark a;

	mark_init(&a, f, 'a');
	f->time.ns = 77;
	assert_int_not_equal(loop_now(f->loop).ns, 77);
	loop_soon_run(&a.soon);
	turns(f, 2);
	assert_int_equal(loop_now(f->loop).ns, 77);
	assert_int_equal(loop_wall(f->loop).ns, 1000000077);
	loop_soon_done(&a.soon);
}

static void slices_are_counted(void **state)
{
	struct fixture *f = *state;
	struct mark a;
	uint64_t sum = 0, before;

	mark_init(&a, f, 'a');
	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(f->loop)->counts[i];
	before = sum;
	loop_soon_run(&a.soon);
	turns(f, 2);
	sum = 0;
	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += loop_slices(f->loop)->counts[i];
	assert_true(sum > before);
	assert_true(loop_slices(f->loop)->sum_ns >= loop_slices(f->loop)->longest_ns);
	loop_soon_done(&a.soon);
}

/* A turn with nothing to do ends when its patience does, though the hand clock stands still. */
static void a_turn_ends(void **state)
{
	struct fixture *f = *state;
	struct mark a;

	mark_init(&a, f, 'a');
	loop_timer_set(&a.timer, DURATION_S(3600));
	loop_turn(f->loop, DURATION_MS(1));
	assert_int_equal(f->count, 0);
	loop_timer_done(&a.timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_write_ends_the_process, setup, teardown),
		cmocka_unit_test_setup_teardown(timers_fire_in_order_of_their_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_moves_and_clears, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_sets_or_ends_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(many_timers_keep_the_heap, setup, teardown),
		cmocka_unit_test_setup_teardown(a_soon_runs_once_and_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_soon_asks_again_or_ends_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(a_probe_overtakes_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_probe_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(the_less_urgent_has_its_share_beside_watches, setup, teardown),
		cmocka_unit_test_setup_teardown(the_less_urgent_has_its_share_beside_soons, setup, teardown),
		cmocka_unit_test_setup_teardown(whoever_waits_for_its_share_may_change_or_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_watch_changes_and_ends_within_its_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(a_paused_watch_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_is_an_event_and_stops_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(time_is_read_once_a_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(slices_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_turn_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
