/*
 * Lines in datagrams over real sockets: what the reader keeps for them is bounded, whatever `line_max` is, and the last
 * ones are read however few fit at a time.
 */
#include "collectors/datagrams.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit/fake_host.h"
#include "unit/unit.h"

enum { MEMORY = 64 << 20 };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct host host;
	struct lines lines;
	struct patience patience;
	struct datagrams datagrams;
	int ends[2]; /* the reader's, the writer's (-1: there is none) */
};

static void go_on(void *context)
{
	datagrams_go_on(&((struct bench *)context)->datagrams);
}

static void bench_init(struct bench *b, int domain, uint64_t line_max)
{
	*b = (struct bench){ .clock = STILL_CLOCK, .ends = { -1, -1 } };
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	fake_host_init(&b->host, b->loop, NULL, MEMORY);
	b->host.signals = SIGNAL_LOGS;
	lines_init(&b->lines, &b->host, LINES_AUTO, line_max);
	patience_init(&b->patience, &b->host, DURATION_MS(1), go_on, b);
	if (domain == AF_UNIX)
		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, b->ends), 0);
	else
		assert_true((b->ends[0] = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK, 0)) >= 0);
	datagrams_init(&b->datagrams, &b->host, &b->lines, &b->patience, b->ends[0]);
}

static void bench_done(struct bench *b)
{
	datagrams_done(&b->datagrams);
	patience_done(&b->patience);
	lines_done(&b->lines);
	fake_host_done(&b->host);
	loop_free(b->loop);
	for (size_t i = 0; i < COUNT_OF(b->ends); i++)
		if (b->ends[i] >= 0)
			close(b->ends[i]);
}

static void the_room_for_datagrams_is_bounded(void **state)
{
	static const struct {
		int domain;
		uint64_t line_max;
		size_t at_once;
	} rows[] = { { AF_UNIX, 1 << 10, 16 }, { AF_UNIX, 64 << 10, 16 }, { AF_UNIX, 256 << 10, 4 },
		{ AF_UNIX, 1 << 20, 1 }, { AF_INET, 256 << 10, 16 }, { AF_INET, 1 << 20, 16 },
		{ AF_INET6, 1 << 20, 16 }, { AF_INET, 4 << 10, 16 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench b;
		size_t room = 0;
		bench_init(&b, rows[i].domain, rows[i].line_max);
		for (size_t k = 0; k < DATAGRAMS_AT_ONCE; k++)
			room += b.datagrams.reader.parts[k].iov_len;
		assert_in_range(room, 1, DATAGRAMS_ROOM);
		assert_int_equal(b.datagrams.reader.at_once, rows[i].at_once);
		bench_done(&b);
	}
}

/* While the process ends, what the kernel still has is read: as many as fit in its buffer. */
static void the_last_ones_are_read_one_at_a_time(void **state)
{
	struct bench b;
	size_t sent = 0;

	(void)state;
	bench_init(&b, AF_UNIX, 1 << 20);
	while (sent < 500 && write(b.ends[1], "{\"a\":1}", 7) == 7)
		sent++;
	assert_true(sent > 0);
	patience_end(&b.patience);
	datagrams_finish(&b.datagrams);
	assert_int_equal(*b.datagrams.reader.datagrams, sent);
	assert_int_equal(b.host.count, sent);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_room_for_datagrams_is_bounded),
		cmocka_unit_test(the_last_ones_are_read_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
