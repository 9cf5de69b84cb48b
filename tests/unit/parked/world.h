/*
 * Parked records of one source and one destination, over a state folder and the real pipeline: of a file, whose saved
 * ledger knows them, or of a socket, whose row stands in mapped memory.
 */
#ifndef OXP_TEST_PARKED_WORLD_H
#define OXP_TEST_PARKED_WORLD_H

#include "base/random.h"
#include "core.h"
#include "parked/parked.h"
#include "pipeline/sender.h"
#include "spool/books.h"
#include "unit/life.h"

enum { RECORDS = 4, BEFORE = 100 /* records, of a byte each, that were delivered at once */ };

/* Takes a record, unless its line says that it never will. */
struct exporter {
	struct world *world;
	bool away;
};

struct world {
	struct core core;
	struct pipeline pipeline;
	struct parked parked;
	struct exporter exporter;
	struct ledger_row *row;
	bool committed;
};

static inline void answer(const struct batch *b, struct send *s)
{
	for (size_t i = send_first(s); i < send_end(s); i++) {
		if (!send_wants(s, i))
			continue;
		if (memchr(batch_item(b, i)->data, '!', batch_item(b, i)->size)) {
			send_item(s, i, REJECTED, "400 still not");
			continue;
		}
		if (life_now)
			life_took(0, batch_item(b, i));
		life_step();
		send_item(s, i, DELIVERED, NULL);
	}
	send_done(s, DELIVERED, NULL);
}

static inline void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	life_step();
	if (e->away)
		send_done(s, RETRY, "away");
	else
		answer(b, s);
}

static inline void fake_cancel(struct exporter *e, struct send *s)
{
	(void)e;
	send_done(s, RETRY, "cancelled");
}

static inline void fake_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type fake_type = {
	.name = "fake", .signals = SIGNAL_LOGS, .send = fake_send, .cancel = fake_cancel, .destroy = fake_destroy
};

/* Opening, with the ledger of the source whose records are parked. */

static inline void open_core(struct world *w, const char *path)
{
	static const struct log quiet = { .fd = -1, .clock = &clock_system };
	struct core *c = &w->core;
	char why[FOLDER_WHY];

	c->log = (struct log *)&quiet;
	c->phase = AGENT_RUNNING;
	random_seed(&c->random, 7);
	EXPECT(loop_new(&clock_system, &c->loop) == 0 && lane_new(c->loop, "disk", LANE_DEPTH, &c->disk) == 0);
	EXPECT(state_open(&(struct state_options){ .path = path, .max = 16 << 20, .disk = c->disk }, &c->state, why,
		       sizeof why) == 0);
}

static inline void open_books(struct world *w, bool file)
{
	struct books_disk disk = { .spooled_to = 0 };
	uint64_t killed;

	w->row = ledger_row(&w->core.ledger, "logs", "in", "logs.export.out");
	w->row->rewinds = file;
	disk.parked = state_parked_sum(w->core.state, "logs", "in", "logs.export.out");
	EXPECT(books_open(w->core.state, w->row, &disk, &killed) == 0);
	EXPECT(killed == 0);
}

static inline void start(struct world *w, const char *path, bool file)
{
	static const struct sender_limits limits = {
		.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000 }, .retry_last = { 1000000 }
	};

	open_core(w, path);
	pipeline_init(&w->pipeline, &(struct pipeline_options){ .loop = w->core.loop,
					    .random = &w->core.random,
					    .log = w->core.log,
					    .ledger = &w->core.ledger,
					    .memory = 1 << 20 });
	sender_exporter(pipeline_sender(&w->pipeline, "logs.export.out", &fake_type, &limits), &w->exporter);
	parked_init(&w->parked, &w->core, &w->pipeline);
	open_books(w, file);
}

static inline void stop(struct world *w)
{
	lane_free(w->core.disk);
	parked_done(&w->parked);
	pipeline_done(&w->pipeline);
	EXPECT(budget_used(&w->pipeline.budget) == 0);
	state_close(w->core.state);
	ledger_done(&w->core.ledger);
	loop_free(w->core.loop);
}

#define UNTIL(w, x)                                                \
	do {                                                       \
		while (!(x)) {                                     \
			life_turn();                               \
			loop_turn((w)->core.loop, DURATION_MS(2)); \
			EXPECT(ledger_imbalance((w)->row) == 0);   \
		}                                                  \
	} while (0)

static inline void on_committed(void *context, int failed)
{
	EXPECT(failed == 0);
	((struct world *)context)->committed = true;
}

static inline void commit(struct world *w, struct state_change *c)
{
	w->committed = false;
	state_commit(w->core.state, &c, on_committed, w);
	UNTIL(w, w->committed);
}

/* Parked as by a run before: of a file with its position behind them, or of a socket, whose ledger knows them. */
static inline void park(struct world *w, bool file, const char *last)
{
	struct state_change *c = state_change_new();
	struct ledger_terms terms = { .term = { [LEDGER_RECEIVED] = { BEFORE + RECORDS, BEFORE },
					      [LEDGER_DELIVERED] = { BEFORE, BEFORE },
					      [LEDGER_PARKED] = { RECORDS, 0 } } };
	char text[32];

	for (unsigned i = 0; i < RECORDS; i++) {
		int size = snprintf(text, sizeof text, "%u %s", i, i == RECORDS - 1 ? last : "");
		terms.term[LEDGER_RECEIVED].bytes += (uint64_t)size;
		terms.term[LEDGER_PARKED].bytes += (uint64_t)size;
		state_change_park(c, &(struct state_parked){ .source = "in",
					     .destination = "logs.export.out",
					     .reason = "400",
					     .signal = "logs",
					     .tries = 1,
					     .records = 1,
					     .generation = 3,
					     .offset = i,
					     .placed = file,
					     .payload = { text, (size_t)size } });
	}
	state_change_position(c, "in", &(struct position){ .generation = 3, .offset = RECORDS });
	if (file)
		state_change_ledger(c, "logs in logs.export.out", &terms);
	else
		*state_slot(w->core.state, "logs in logs.export.out") = terms;
	commit(w, c);
}

/* A life that parks RECORDS records; `last` stands in the last of them. */
static inline void prepare(struct life *l, bool file, const char *last)
{
	struct world *w = oxp_new(sizeof *w);

	start(w, l->path, file);
	park(w, file, last);
	stop(w);
	free(w);
	l->begun = RECORDS;
	l->file = file;
}

static inline void prepare_file(struct life *l)
{
	prepare(l, true, "");
}

static inline void prepare_socket(struct life *l)
{
	prepare(l, false, "");
}

/* What the life says of its books at its end. */
static inline void note(const struct world *w, struct life *l)
{
	l->terms[0] = *w->row->live;
	l->terms[1] = w->row->settled;
	l->parked = state_parked_count(w->core.state);
}

#endif
