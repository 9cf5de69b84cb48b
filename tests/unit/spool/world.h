/*
 * A spool over a state folder, with the real pipeline, one source and two destinations with moods. The source is a
 * socket, or a file that the next run will not find: but for the generation LASTS, which it finds.
 */
#ifndef OXP_TEST_SPOOL_WORLD_H
#define OXP_TEST_SPOOL_WORLD_H

#include "base/random.h"
#include "spool/spool.h"
#include "unit/life.h"

enum mood {
	TAKES,
	AWAY, /* nobody is there */
	HALF, /* of each batch it takes one more item a try, and wants the others later */
	REFUSES, /* every other record, for good */
};

struct exporter {
	size_t route;
	enum mood mood;
	size_t asked;
};

struct world {
	struct loop *loop;
	struct lane *disk;
	struct state *state;
	struct random random;
	struct log log;
	struct ledger ledger;
	struct pipeline pipeline;
	struct spool spool;
	struct exporter exporters[LIFE_ROUTES];
	struct source *source;
	struct books_disk disk_of[LIFE_ROUTES];
	uint64_t killed[LIFE_ROUTES];
	size_t answered, failed; /* offers */
	bool left, last; /* of the end: state has all, its last commit is done */
	size_t room; /* hooks.refill was called */
	bool file;
	uint64_t named_lost; /* records, told by hooks.lost */
	/* Where what is refused goes, if a test sets it once the world has started. */
	enum park (*park)(void *context, const struct refusal *);
	void *parking;
};

enum { GONE = 1000, LASTS }; /* generations of files */

static inline void world_answer(struct exporter *e, const struct batch *b, struct send *s)
{
	bool first = true;

	for (size_t i = send_first(s); i < send_end(s); i++) {
		if (!send_wants(s, i))
			continue;
		if (e->mood == REFUSES && (batch_item(b, i)->data[0] & 1)) {
			life_step();
			send_item(s, i, REJECTED, "400 no");
			continue;
		}
		if (e->mood == HALF && !first) {
			send_item(s, i, RETRY, "later");
			continue;
		}
		first = false;
		if (life_now)
			life_took(e->route, batch_item(b, i));
		life_step();
		send_item(s, i, DELIVERED, NULL);
	}
	send_done(s, DELIVERED, NULL);
}

static inline void world_send(struct exporter *e, const struct batch *b, struct send *s)
{
	e->asked++;
	life_step();
	if (e->mood == AWAY)
		send_done(s, RETRY, "away");
	else
		world_answer(e, b, s);
}

static inline void world_cancel(struct exporter *e, struct send *s)
{
	(void)e;
	send_done(s, RETRY, "cancelled");
}

static inline void world_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type world_exporter = {
	.name = "fake", .signals = SIGNAL_LOGS, .send = world_send, .cancel = world_cancel, .destroy = world_destroy
};

static inline void world_unspool(void *context, const struct batch_row *rows, size_t count)
{
	spool_unspool(&((struct world *)context)->spool, rows, count);
}

static inline void world_refill(void *context)
{
	struct world *w = context;

	w->room++;
	spool_refill(&w->spool);
}

static inline enum park world_park(void *context, const struct refusal *r)
{
	struct world *w = context;

	return w->park ? w->park(w->parking, r) : PARK_NOT;
}

static inline void world_lasting(void *context, void (*add)(void *to, uint64_t generation), void *to)
{
	(void)context;
	add(to, LASTS);
}

static inline void world_lost(void *context, uint64_t generation, const struct ledger_amount *amount)
{
	EXPECT(generation == GONE);
	((struct world *)context)->named_lost += amount->records;
}

static const struct source_hooks world_hooks = { .park = world_park,
	.unspool = world_unspool,
	.refill = world_refill,
	.lasting = world_lasting,
	.lost = world_lost };

static inline void world_left(void *context)
{
	((struct world *)context)->left = true;
}

static inline void world_committed(void *context)
{
	(void)context;
}

static inline void world_last(void *context, int failed)
{
	EXPECT(failed == 0);
	((struct world *)context)->last = true;
}

static inline void world_damaged(void *context, const char *key, uint64_t id, const struct ledger_amount *amount)
{
	spool_damaged(&((struct world *)context)->spool, key, id, amount);
}

struct world_options {
	const char *path;
	uint64_t max; /* of state */
	size_t memory;
	struct batch_limits limits;
	bool file;
};

static inline void world_route(struct world *w, size_t i)
{
	static const struct sender_limits limits = {
		.concurrency = 2, .timeout = { 30000000000 }, .retry_first = { 1000000 }, .retry_last = { 1000000 }
	};
	static const char *const names[LIFE_ROUTES] = { "one", "two" };
	struct sender *sender = pipeline_sender(&w->pipeline, names[i], &world_exporter, &limits);

	w->exporters[i].route = i;
	sender_exporter(sender, &w->exporters[i]);
	source_route(w->source, sender);
}

/* As with positions. */
static inline void world_put_books(struct world *w, struct state_change *change)
{
	char key[STATE_KEY_MAX];

	for (size_t i = 0; w->file && i < LIFE_ROUTES; i++) {
		ledger_key(source_row(w->source, i), key, sizeof key);
		state_change_ledger(change, key, &source_row(w->source, i)->settled);
	}
}

static inline void world_saved(void *context, int failed)
{
	(void)context;
	EXPECT(failed == 0);
}

/* Of a file, before the first row can be deleted. */
static inline void world_save_books(struct world *w)
{
	struct state_change *change = state_change_new();

	world_put_books(w, change);
	state_commit(w->state, &change, world_saved, w);
}

/* As the agent starts. */
static inline void world_start(struct world *w, const struct world_options *o)
{
	char why[FOLDER_WHY];

	EXPECT(loop_new(&clock_system, &w->loop) == 0 && lane_new(w->loop, "disk", LANE_DEPTH, &w->disk) == 0);
	EXPECT(state_open(&(struct state_options){ .path = o->path,
				  .max = o->max,
				  .disk = w->disk,
				  .damaged = world_damaged,
				  .context = w },
		       &w->state, why, sizeof why) == 0);
	w->log = (struct log){ .fd = -1, .clock = &clock_system };
	w->file = o->file;
	random_seed(&w->random, 7);
	pipeline_init(&w->pipeline, &(struct pipeline_options){ .loop = w->loop,
					    .random = &w->random,
					    .log = &w->log,
					    .ledger = &w->ledger,
					    .memory = o->memory });
	spool_init(&w->spool, &(struct spool_options){ .loop = w->loop,
				      .state = w->state,
				      .log = &w->log,
				      .ledger = &w->ledger,
				      .pipeline = &w->pipeline,
				      .memory = o->memory,
				      .left = world_left,
				      .committed = world_committed,
				      .context = w });
	w->source = pipeline_source(&w->pipeline, &(struct source_options){ .name = "door",
							  .signal = SIGNAL_LOGS,
							  .rewind = o->file ? REWIND_SAVED : REWIND_NONE,
							  .generation = o->file ? 0 : state_generation_next(w->state),
							  .limits = o->limits,
							  .hooks = &world_hooks,
							  .context = w });
	for (size_t i = 0; i < LIFE_ROUTES; i++)
		world_route(w, i);
	EXPECT(spool_restore(&w->spool, w->source, w->disk_of) == 0);
	for (size_t i = 0; i < LIFE_ROUTES; i++)
		w->disk_of[i].parked =
			state_parked_sum(w->state, "logs", "door", source_row(w->source, i)->destination);
	for (size_t i = 0; i < LIFE_ROUTES; i++)
		EXPECT(books_open(w->state, source_row(w->source, i), &w->disk_of[i], &w->killed[i]) == 0);
	EXPECT(state_generation_save(w->state) == 0);
	if (w->file)
		world_save_books(w);
}

static inline void world_turn(struct world *w)
{
	life_turn();
	loop_turn(w->loop, DURATION_MS(2));
	for (size_t i = 0; i < LIFE_ROUTES; i++)
		EXPECT(ledger_imbalance(source_row(w->source, i)) == 0);
}

/* Turns the loop until it is so, or for a minute. */
#define WORLD_UNTIL(w, x)                                                                                            \
	do {                                                                                                         \
		struct mono_time begun_ = clock_system.mono(&clock_system);                                          \
		while (!(x)) {                                                                                       \
			world_turn(w);                                                                               \
			EXPECT(mono_since(clock_system.mono(&clock_system), begun_).ns < DURATION_S(PATIENCE_S).ns); \
		}                                                                                                    \
	} while (0)

/* Records of that size, numbered from `first` on: in decimal, at their front. Of a file, they have that generation. */
static inline struct batch *world_records_of(
	struct world *w, uint64_t generation, unsigned first, size_t count, size_t size)
{
	struct batch *b = source_leave_batch(w->source);
	char *data;

	EXPECT(b && (data = batch_block(b, count * size)));
	memset(data, ' ', count * size);
	for (size_t i = 0; i < count; i++) {
		snprintf(data + i * size, size, "%u", first + (unsigned)i);
		data[i * size + strlen(data + i * size)] = ' ';
		EXPECT(batch_add(b, &(struct batch_item){ .data = data + i * size,
					    .size = (uint32_t)size,
					    .records = 1,
					    .generation = w->file ? generation : 0,
					    .offset = w->file ? first + i : 0 }) == 0);
	}
	return b;
}

static inline struct batch *world_records(struct world *w, unsigned first, size_t count, size_t size)
{
	return world_records_of(w, GONE, first, count, size);
}

static inline const struct ledger_amount *world_term(const struct world *w, size_t route, enum ledger_term t)
{
	return &source_row(w->source, route)->live->term[t];
}

/* As the agent ends. */
static inline void world_end(struct world *w)
{
	struct state_change *last = state_change_new();

	life_step();
	pipeline_halt(&w->pipeline);
	spool_end(&w->spool);
	WORLD_UNTIL(w, w->left);
	WORLD_UNTIL(w, !w->file || spool_is_idle(&w->spool));
	world_put_books(w, last);
	state_commit(w->state, &last, world_last, w);
	WORLD_UNTIL(w, w->last && spool_is_idle(&w->spool));
}

static inline void world_stop(struct world *w)
{
	lane_free(w->disk);
	spool_done(&w->spool);
	pipeline_done(&w->pipeline);
	EXPECT(budget_used(&w->pipeline.budget) == 0);
	state_close(w->state);
	ledger_done(&w->ledger);
	loop_free(w->loop);
}

/* What the last life says of its books. */
static inline void world_note(const struct world *w, struct life *l)
{
	for (size_t i = 0; i < LIFE_ROUTES; i++)
		l->terms[i] = *source_row(w->source, i)->live;
	l->spool_bytes = state_spool_bytes_all(w->state);
}

#endif
