/*
 * The map finds what was put in and not taken out, also while it grows, and no put moves more than a few nodes.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "base/random.h"
#include "series/map.h"

enum { NODES = 3000, FEW = 100, FULL = 4096 };

static bool has(const struct map *m, const struct map_node *wanted)
{
	const struct map_node *n = map_first(m, wanted->hash);

	while (n && n != wanted)
		n = map_next(n);
	return n;
}

/* Nodes that hang behind another one than before. */
static size_t moved(const struct map_node *nodes, const struct map_node **before, size_t count)
{
	size_t changes = 0;

	for (size_t i = 0; i < count; i++) {
		changes += nodes[i].next != before[i];
		before[i] = nodes[i].next;
	}
	return changes;
}

static void a_put_moves_a_few_nodes_however_many_there_are(void **state)
{
	struct map_node *nodes = oxp_new(2 * FULL * sizeof *nodes);
	const struct map_node **before = oxp_new(2 * FULL * sizeof *before);
	struct random r;
	struct map m;

	(void)state;
	random_seed(&r, 7);
	assert_int_equal(map_init(&m), 0);
	for (size_t i = 0; i < 2 * FULL; i++) {
		nodes[i].hash = random_next(&r);
		if (i > FULL - 2)
			(void)moved(nodes, before, i);
		map_put(&m, &nodes[i]);
		if (i > FULL - 2)
			assert_in_range(moved(nodes, before, i), 0, FEW);
	}
	for (size_t i = 0; i < 2 * FULL; i++)
		assert_true(has(&m, &nodes[i]));
	map_done(&m);
	free(before);
	free(nodes);
}

/* Some hashes are equal, and others in their last bits. */
static void what_is_put_in_is_found_until_it_is_taken_out(void **state)
{
	struct map_node *nodes = oxp_new(NODES * sizeof *nodes);
	bool in[NODES] = { false };
	size_t count = 0;
	struct random r;
	struct map m;

	(void)state;
	random_seed(&r, 11);
	assert_int_equal(map_init(&m), 0);
	for (size_t i = 0; i < 20 * NODES; i++) {
		size_t at = random_below(&r, 1 + i * NODES / (20 * NODES));
		if (in[at]) {
			map_remove(&m, &nodes[at]);
		} else {
			nodes[at].hash = random_below(&r, 2) ? random_next(&r) : at % 50 << 32;
			map_put(&m, &nodes[at]);
		}
		count += in[at] ? -(size_t)1 : 1;
		in[at] = !in[at];
		assert_int_equal(m.count, count);
		at = random_below(&r, NODES);
		assert_true(has(&m, &nodes[at]) == in[at]);
	}
	for (size_t at = 0; at < NODES; at++)
		assert_true(has(&m, &nodes[at]) == in[at]);
	map_done(&m);
	free(nodes);
}

struct sweep {
	struct map *map;
	const struct map_node *nodes;
	unsigned char visits[NODES];
};

static void take_out_every_third(void *context, struct map_node *n)
{
	struct sweep *s = context;
	size_t at = (size_t)(n - s->nodes);

	s->visits[at]++;
	if (at % 3 == 0)
		map_remove(s->map, n);
}

/* From any moment of its growth on, with others put in meanwhile. */
static void a_sweep_visits_all_that_was_there_when_it_began(void **state)
{
	(void)state;
	for (size_t there = 10; there < NODES / 2; there += 37) {
		struct map_node *nodes = oxp_new(NODES * sizeof *nodes);
		struct random r;
		struct map m;
		struct sweep s = { .map = &m, .nodes = nodes };
		size_t count = 0, bucket = 0;
		random_seed(&r, there);
		assert_int_equal(map_init(&m), 0);
		for (size_t i = 0; i < NODES; i++)
			nodes[i].hash = random_next(&r);
		while (count < there)
			map_put(&m, &nodes[count++]);
		while (map_each_in(&m, bucket++, take_out_every_third, &s))
			if (count < NODES && bucket % 2 == 0)
				map_put(&m, &nodes[count++]);
		for (size_t i = 0; i < there; i++)
			assert_true(s.visits[i] > 0 && has(&m, &nodes[i]) == (i % 3 != 0));
		map_done(&m);
		free(nodes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_moves_a_few_nodes_however_many_there_are),
		cmocka_unit_test(what_is_put_in_is_found_until_it_is_taken_out),
		cmocka_unit_test(a_sweep_visits_all_that_was_there_when_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
