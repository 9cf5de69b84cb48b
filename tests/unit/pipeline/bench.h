/*
 * What stands around a pipeline in each of its tests: a clock that the test moves, a loop, chance that is the same each
 * time, a log that says nothing, and a ledger.
 */
#ifndef OXP_TEST_PIPELINE_BENCH_H
#define OXP_TEST_PIPELINE_BENCH_H

#include "loop/lane.h"
#include "pipeline/pipeline.h"
#include "unit/unit.h"

#define BENCH_PARTS               \
	struct still_clock clock; \
	struct loop *loop;        \
	struct lane *cpu;         \
	struct random random;     \
	struct log log;           \
	struct ledger ledger;     \
	struct pipeline pipeline

struct bench {
	BENCH_PARTS;
};

/* In the struct of a test, whose members the parts then are: w->clock is that of w->bench. */
#define BENCH                        \
	union {                      \
		struct bench bench;  \
		struct {             \
			BENCH_PARTS; \
		};                   \
	}

/* Of zeroed memory. */
static inline void bench_init(struct bench *b, size_t memory)
{
	b->clock = (struct still_clock)STILL_CLOCK;
	b->log = (struct log){ .fd = -1, .clock = &b->clock.clock };
	random_seed(&b->random, 7);
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	assert_int_equal(lane_new(b->loop, "test", 8, &b->cpu), 0);
	pipeline_init(&b->pipeline, &(struct pipeline_options){ .loop = b->loop,
					    .random = &b->random,
					    .log = &b->log,
					    .ledger = &b->ledger,
					    .memory = memory,
					    .cpu = b->cpu });
}

/* Nothing of what the pipeline had was forgotten. */
static inline void bench_done(struct bench *b)
{
	budget_check(&b->pipeline.budget);
	pipeline_done(&b->pipeline);
	assert_int_equal(budget_used(&b->pipeline.budget), 0);
	lane_free(b->cpu);
	loop_free(b->loop);
	ledger_done(&b->ledger);
}

#endif
