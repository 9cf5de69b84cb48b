/*
 * What a door has answered for (`ack: disk`) and a destination then refuses, over lives that are killed between any two
 * steps: it is parked once. A kill may come between the commit that parks it and the one that takes it out of the
 * spool; the next life sends it again, and it is refused again.
 */
#include "unit/unit.h"

#include "parked/parking.h"
#include "unit/spool/world.h"

enum { OFFERS = 2, EACH = 2, SIZE = 60 };

static const struct world_options options = {
	.max = 16 << 20, .memory = 4 << 20, .limits = { .bytes = 200, .records = 4, .age = DURATION_MS(1) }
};

struct bench {
	struct world world;
	struct parking parking;
};

static enum park park(void *context, const struct refusal *r)
{
	life_step();
	return parking_park(context, r);
}

static struct bench *begin(struct life *l)
{
	struct bench *b = oxp_new(sizeof *b);
	struct world_options o = options;

	o.path = l->path;
	world_start(&b->world, &o);
	parking_init(&b->parking, b->world.loop, b->world.state, &b->world.log);
	b->world.park = park;
	b->world.parking = &b->parking;
	b->world.exporters[0].mood = REFUSES;
	return b;
}

static void end(struct bench *b, struct life *l)
{
	WORLD_UNTIL(&b->world, pipeline_idle(&b->world.pipeline) && state_spool_bytes_all(b->world.state) == 0);
	world_end(&b->world);
	world_note(&b->world, l);
	l->parked = state_parked_count(b->world.state);
	parking_done(&b->parking);
	world_stop(&b->world);
	free(b);
}

static void on_answered(void *context, int failed)
{
	struct world *w = context;

	EXPECT(failed == 0);
	memset(life_now->heard + w->answered * EACH, true, EACH);
	w->answered++;
	life_step();
}

static void live(struct life *l)
{
	struct bench *b = begin(l);
	struct world *w = &b->world;

	for (size_t i = 0; i < OFFERS; i++) {
		struct batch *records = world_records(w, l->begun, EACH, SIZE);
		l->begun += EACH;
		life_step();
		EXPECT(spool_offer(&w->spool, w->source, &records, on_answered, w) == ADMIT_TAKEN);
		WORLD_UNTIL(w, w->answered == i + 1);
	}
	end(b, l);
}

static void live_on(struct life *l)
{
	end(begin(l), l);
}

/* Odd records are refused by the first destination. One that was never answered for may be nowhere. */
static void check(const struct life *l)
{
	unsigned least = 0, most = 0;

	for (unsigned n = 1; n < l->begun; n += 2) {
		least += l->heard[n];
		most++;
	}
	assert_in_range(l->parked, least, most);
	assert_int_equal(l->spool_bytes, 0);
	assert_int_equal(l->terms[0].term[LEDGER_PARKED].records, l->parked);
	assert_int_equal(l->terms[0].term[LEDGER_HELD].records, 0);
}

static void what_is_refused_is_parked_once_wherever_a_kill_comes(void **state)
{
	bool ended = false;
	long step = 1;

	(void)state;
	for (; !ended; step++) {
		struct life *l = life_new();
		ended = life_live(l, step, live);
		assert_true(life_live(l, 0, live_on));
		check(l);
		life_free(l);
	}
	print_message("%ld steps\n", step);
	assert_true(step > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused_is_parked_once_wherever_a_kill_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
