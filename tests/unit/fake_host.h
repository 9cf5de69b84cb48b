/*
 * A host for unit tests of collectors and exporters: real loop, real lanes, real batches and budget; but what is
 * offered is kept for the test, and positions are rows in memory whose commits fail when the test says so.
 *
 * It holds a collector to its contract: a generation is committed before an item of it is offered, offsets of a
 * generation ascend, and what comes twice comes with the same bytes.
 */
#ifndef OXP_FAKE_HOST_H
#define OXP_FAKE_HOST_H

#include "base/quota.h"
#include "base/random.h"
#include "component.h"
#include "loop/lane.h"
#include "loop/pen.h"
#include "pipeline/batch.h"

struct fake_item {
	uint64_t generation, offset;
	char *data; /* terminated */
	size_t size;
	bool seen; /* for the test's own bookkeeping */
};

struct fake_row {
	struct position at;
	char *path;
	bool forget; /* staged only */
};

struct fake_rows {
	struct fake_row *rows;
	size_t count;
};

struct fake_number {
	char name[64];
	uint64_t value;
};

struct host {
	struct loop *loop;
	struct lane *disk, *cpu;
	struct pens pens;
	struct budget budget;
	struct quota unfinished;
	struct random random; /* the same in each run */
	const struct collector_type *type; /* who is told of settled batches and of room */
	struct collector *collector;

	struct fake_item *items; /* in the order they were offered, each once */
	size_t count;
	size_t repeated; /* offers of an item that was offered before a restart */
	struct batch **held; /* not settled yet, oldest first */
	size_t held_count;
	size_t asked; /* for a batch */
	unsigned signals; /* that have somewhere to go; 0: all. A call about another one is a defect, as in the core */
	bool hold; /* batches settle only when the test says so; otherwise soon */
	bool only_held; /* the test looks at `held`, and no item is kept or compared */
	bool may_go_back; /* items may come whose place is before that of others */
	uint64_t lost, lost_bytes; /* told by host_lost() */
	uint64_t refused, refused_bytes; /* told by host_refused() */
	size_t broke_off; /* told by host_broke_off() */
	const char *state_path; /* what host_state_path() says; NULL: /tmp */
	struct series *series; /* the test's, lent to collectors of metrics */
	size_t collected; /* told by host_collected() */
	uint64_t samples_dropped; /* told by host_samples() */
	bool refuse; /* every offer is answered FULL */
	/* host_offer_long() and host_prepare() answer WAITS, host_offer_spooled() TAKEN; `waiting` and `preparing` are
	 * what was offered */
	bool offers_wait;
	struct {
		struct batch *batch; /* NULL: nothing waits */
		void (*done)(void *context, int failed);
		void *context;
	} waiting;
	struct {
		struct batch *batch; /* NULL: nothing is prepared */
		void (*done)(void *context, int failed, struct batch *prepared);
		void *context;
	} preparing;
	size_t prepares; /* calls of host_prepare() */
	bool backed_up; /* a destination has enough to do: there are no batches */
	unsigned enough; /* the signals whose destinations have enough to do */
	size_t enough_asked;
	uint64_t not_left; /* told by host_not_left() */
	bool left; /* told by host_left() */
	struct loop_soon settling, room;

	struct fake_rows positions, staged;
	uint64_t generation; /* the last given */
	int commit_error; /* 0, or what commits end with */
	struct duration commit_takes; /* each commit; 0: no longer than a callback */
	struct fake_commit *commits; /* under way */
	struct loop_soon committing;
	struct loop_timer syncing;
	size_t commits_done, commits_failed;

	struct fake_number numbers[64];
	size_t warnings; /* logged */
	char last_log[512];
};

/* `type` may be NULL for tests of exporters. */
void fake_host_init(struct host *, struct loop *, const struct collector_type *type, size_t memory);
/* Another ceiling, before anything was offered. */
void fake_host_memory(struct host *, size_t memory);
void fake_host_done(struct host *);
/* Ends what `preparing` has. */
void fake_host_prepared(struct host *, int failed);
/* Settles the oldest `n` batches that are held. */
void fake_host_settle(struct host *, size_t n);
/* The process dies: nothing that is under way ends, nothing that is staged is kept. The collector is destroyed. */
void fake_host_kill(struct host *);
/* The process ends as the agent does: stopped; what the collector leaves goes to disk; then what is staged is
 * committed. What has not settled goes to disk, too, unless the collector calls it lasting: that is not in `items` any
 * more. */
void fake_host_end(struct host *);
uint64_t fake_host_number(const struct host *, const char *name);
/* The committed position of that generation, or NULL. */
const struct position *fake_host_position(const struct host *, uint64_t generation);

#endif
