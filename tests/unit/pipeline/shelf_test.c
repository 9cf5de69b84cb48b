/*
 * What waits for its destination goes to disk: when it does, when it does not, and what is left of it. The files are
 * real, in a folder of the test's own; the clock is not.
 */
#include <linux/magic.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "pipeline/shelf.h"
#include "unit/pipeline/bench.h"

enum { ITEM = 3000, ITEMS = 10, MANY = 1000, OPEN_MAX_HERE = 8, TURNS = 6000 };

/* It keeps every send until the test ends it. */
struct exporter {
	struct send *open[OPEN_MAX_HERE];
	size_t count;
};

static void fake_send(struct exporter *e, const struct batch *b, struct send *s)
{
	(void)b;
	assert_true(e->count < OPEN_MAX_HERE);
	e->open[e->count++] = s;
}

static void fake_cancel(struct exporter *e, struct send *s)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->open[i] == s)
			e->open[i] = e->open[--e->count];
	send_done(s, RETRY, "no answer in time");
}

static void fake_destroy(struct exporter *e)
{
	(void)e;
}

static const struct exporter_type fake_type = {
	.name = "fake", .signals = SIGNAL_TRACES, .send = fake_send, .cancel = fake_cancel, .destroy = fake_destroy
};

static const struct exporter_type peer_type = { .name = "peer",
	.signals = SIGNAL_TRACES,
	.has_peer = true,
	.send = fake_send,
	.cancel = fake_cancel,
	.destroy = fake_destroy };

struct world {
	BENCH;
	struct lane *disk;
	char folder[64];
	struct exporter exporter;
	struct sender *sender;
	struct source *source;
};

static int setup_sender(void **state, const struct exporter_type *type, uint64_t concurrency)
{
	const struct sender_limits limits = { .concurrency = concurrency,
		.timeout = { 900000000000 },
		.retry_first = { 1000000000 },
		.retry_last = { 1000000000 } };
	struct world *w = calloc(1, sizeof *w);

	bench_init(&w->bench, 64 << 20);
	snprintf(w->folder, sizeof w->folder, "/var/tmp/shelf-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(lane_new(w->loop, "disk", 8, &w->disk), 0);
	shelf_done(&w->pipeline.shelf);
	shelf_init(&w->pipeline.shelf, w->loop, w->disk, w->folder);
	w->source =
		pipeline_source(&w->pipeline, &(struct source_options){ .name = "in",
						      .signal = SIGNAL_TRACES,
						      .limits = { .bytes = 1, .records = 1, .age = DURATION_S(1) } });
	w->pipeline.sender_world.disk = w->disk;
	w->sender = pipeline_sender(&w->pipeline, "out", type, &limits);
	sender_exporter(w->sender, &w->exporter);
	source_route(w->source, w->sender);
	*state = w;
	return 0;
}

static int setup(void **state)
{
	return setup_sender(state, &fake_type, 1);
}

static int setup_peer(void **state)
{
	return setup_sender(state, &peer_type, 4);
}

static int teardown(void **state)
{
	struct world *w = *state;

	pipeline_halt(&w->pipeline);
	lane_free(w->disk);
	bench_done(&w->bench);
	assert_int_equal(rmdir(w->folder), 0); /* nothing with a name was left there */
	free(w);
	return 0;
}

static void later(struct world *w, int64_t ms)
{
	w->clock.ns += ms * 1000000;
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, DURATION_MS(0));
}

/* Until so many bytes of batches stand on disk. */
static void until_on_disk(struct world *w, uint64_t bytes)
{
	for (int i = 0; i < TURNS && w->pipeline.shelf.bytes != bytes; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_int_equal(w->pipeline.shelf.bytes, bytes);
}

/* Until nothing is being written. */
static void until_written(struct world *w)
{
	for (int i = 0; i < TURNS && w->pipeline.shelf.shelving; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_null(w->pipeline.shelf.shelving);
}

/* A job that keeps the disk lane busy until the gate opens. */
struct gate {
	struct job job;
	sem_t opens;
};

static void wait_there(struct job *job)
{
	while (sem_wait(&CONTAINER_OF(job, struct gate, job)->opens) < 0)
		;
}

static void came_back(struct job *job)
{
	(void)job;
}

/* From here on nothing is written … */
static void shut(struct world *w, struct gate *gate)
{
	*gate = (struct gate){ .job = { .work = wait_there, .done = came_back } };
	sem_init(&gate->opens, 0, 0);
	assert_int_equal(lane_run(w->disk, &gate->job), 0);
}

/* … until then. */
static void open_gate(struct world *w, struct gate *gate)
{
	sem_post(&gate->opens);
	until_written(w);
	sem_destroy(&gate->opens);
}

static char byte_of(size_t item, size_t at)
{
	return (char)(item * 31 + at * 7);
}

/* One batch of so many items, each in a block of its own; one item is empty. */
static void offer(struct world *w, size_t items, size_t size)
{
	struct batch *b = source_batch_new(w->source);

	assert_non_null(b);
	for (size_t i = 0; i < items; i++) {
		size_t has = i == 1 ? 0 : size;
		char *data = batch_block(b, size);
		assert_non_null(data);
		for (size_t at = 0; at < has; at++)
			data[at] = byte_of(i, at);
		assert_int_equal(batch_add(b, &(struct batch_item){ data, (uint32_t)has, 1, 0, i }), 0);
	}
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	later(w, 0);
}

static const struct batch *batch_of(const struct world *w)
{
	const struct delivery *d = TAILQ_FIRST(&w->source->deliveries.list);

	assert_non_null(d);
	return d->batch;
}

static void assert_whole(const struct batch *b, size_t items, size_t size)
{
	batch_check(b);
	assert_int_equal(batch_items(b), items);
	for (size_t i = 0; i < items; i++) {
		const struct batch_item *item = batch_item(b, i);
		assert_int_equal(item->size, i == 1 ? 0 : size);
		for (size_t at = 0; at < item->size; at++)
			assert_int_equal(item->data[at], byte_of(i, at));
	}
}

static uint64_t cost_on_disk(const struct batch *b)
{
	return batch_size(b) + BATCH_PADDING;
}

/* The send under way ends. */
static void end_send(struct world *w, enum outcome as)
{
	assert_true(w->exporter.count > 0);
	send_done(w->exporter.open[--w->exporter.count], as, "told to");
	later(w, 0);
}

/* Nothing is under way any more: the destination has failed, and is asked again in a second. */
static void go_away(struct world *w)
{
	end_send(w, RETRY);
	assert_int_equal(w->sender->state, SENDER_WAITING);
}

/* However often it is asked, it takes nothing, until so many batches stand on disk. */
static void stay_away(struct world *w, size_t batches)
{
	for (int i = 0; i < TURNS && w->pipeline.shelf.bytes < batches * cost_on_disk(batch_of(w)); i++) {
		while (w->exporter.count > 0)
			end_send(w, RETRY);
		w->clock.ns += 100000000;
		loop_turn(w->loop, DURATION_MS(10));
	}
	assert_int_equal(w->pipeline.shelf.bytes, batches * cost_on_disk(batch_of(w)));
	assert_whole(batch_of(w), ITEMS, ITEM);
}

static void what_waits_for_half_a_second_stands_on_disk(void **state)
{
	struct world *w = *state;
	size_t used;

	offer(w, ITEMS, ITEM);
	go_away(w);
	used = budget_used(&w->pipeline.budget);
	later(w, SHELF_AFTER_MS - 1);
	assert_null(w->pipeline.shelf.shelving);
	later(w, 1);
	until_on_disk(w, cost_on_disk(batch_of(w)));
	assert_null(batch_of(w)->blocks);
	assert_whole(batch_of(w), ITEMS, ITEM);
	for (size_t i = 0; i < BATCH_PADDING; i++)
		assert_int_equal(batch_item(batch_of(w), ITEMS - 1)->data[ITEM + i], 0);
	assert_int_equal(budget_used(&w->pipeline.budget), used); /* it counts as before */
	later(w, 1000);
	end_send(w, DELIVERED);
	until_on_disk(w, 0);
	assert_true(source_idle(w->source));
}

/* More pieces than one call takes, and more bytes than one job writes. */
static void large_batches_go_in_slices(void **state)
{
	struct world *w = *state;

	offer(w, MANY, ITEM);
	go_away(w);
	later(w, SHELF_AFTER_MS);
	until_on_disk(w, cost_on_disk(batch_of(w)));
	assert_whole(batch_of(w), MANY, ITEM);
}

static void one_large_item_goes_in_slices(void **state)
{
	struct world *w = *state;

	offer(w, 1, 5 << 20);
	go_away(w);
	later(w, SHELF_AFTER_MS);
	until_on_disk(w, cost_on_disk(batch_of(w)));
	assert_whole(batch_of(w), 1, 5 << 20);
}

static void small_batches_stay_in_memory(void **state)
{
	struct world *w = *state;

	offer(w, 2, SHELF_LEAST - 1);
	go_away(w);
	later(w, SHELF_AFTER_MS);
	assert_true(TAILQ_EMPTY(&w->pipeline.shelf.waiting));
}

static void what_is_being_sent_stays_where_it_is(void **state)
{
	struct world *w = *state;
	const char *first;

	offer(w, ITEMS, ITEM);
	first = batch_item(batch_of(w), 0)->data;
	for (int i = 0; i < 10; i++)
		later(w, SHELF_AFTER_MS);
	assert_null(w->pipeline.shelf.shelving);
	assert_ptr_equal(batch_item(batch_of(w), 0)->data, first);
	stay_away(w, 1);
}

/* Those behind it go meanwhile. */
static void what_is_being_sent_holds_up_no_other(void **state)
{
	struct world *w = *state;

	offer(w, ITEMS, ITEM);
	offer(w, ITEMS, ITEM);
	offer(w, ITEMS, ITEM);
	later(w, SHELF_AFTER_MS);
	until_on_disk(w, 2 * cost_on_disk(batch_of(w)));
	assert_null(batch_of(w)->map.data);
}

static void what_is_sent_while_it_is_written_is_not_moved(void **state)
{
	struct world *w = *state;
	struct gate gate;
	const char *first;

	offer(w, ITEMS, ITEM);
	go_away(w);
	first = batch_item(batch_of(w), 0)->data;
	shut(w, &gate);
	later(w, SHELF_AFTER_MS);
	assert_non_null(w->pipeline.shelf.shelving);
	later(w, 1000);
	assert_int_equal(w->exporter.count, 1);
	open_gate(w, &gate);
	assert_int_equal(w->pipeline.shelf.bytes, 0);
	assert_ptr_equal(batch_item(batch_of(w), 0)->data, first);
	assert_whole(batch_of(w), ITEMS, ITEM);
}

static void what_is_delivered_while_it_is_written_is_gone(void **state)
{
	struct world *w = *state;
	struct gate gate;

	offer(w, ITEMS, ITEM);
	go_away(w);
	shut(w, &gate);
	later(w, SHELF_AFTER_MS);
	assert_non_null(w->pipeline.shelf.shelving);
	later(w, 1000);
	end_send(w, DELIVERED);
	assert_true(source_idle(w->source));
	open_gate(w, &gate);
	assert_int_equal(w->pipeline.shelf.bytes, 0);
	assert_int_equal(budget_used(&w->pipeline.budget), 0);
}

/* A lane that reads it. */
static void what_is_kept_stays_where_it_is(void **state)
{
	struct world *w = *state;
	const struct batch *kept;

	offer(w, ITEMS, ITEM);
	go_away(w);
	kept = batch_keep(batch_of(w));
	later(w, SHELF_AFTER_MS);
	assert_null(w->pipeline.shelf.shelving);
	batch_unkeep(kept);
	stay_away(w, 1);
}

/* SIGXFSZ is ignored (loop.h), so the write fails. */
static void what_finds_no_room_on_disk_stays_in_memory_and_is_tried_again(void **state)
{
	struct world *w = *state;
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ ITEM, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	offer(w, ITEMS, ITEM);
	go_away(w);
	later(w, SHELF_AFTER_MS);
	until_written(w);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(w->pipeline.shelf.bytes, 0);
	assert_non_null(batch_of(w)->blocks);
	assert_whole(batch_of(w), ITEMS, ITEM);
	stay_away(w, 1);
}

/* Where files are memory, nothing would be gained. */
static void nothing_goes_to_a_tmpfs(void **state)
{
	struct world *w = *state;
	struct statfs info;

	if (statfs("/dev/shm", &info) < 0 || info.f_type != TMPFS_MAGIC)
		skip();
	w->pipeline.shelf.folder = "/dev/shm";
	offer(w, ITEMS, ITEM);
	go_away(w);
	later(w, SHELF_AFTER_MS);
	until_written(w);
	assert_int_equal(w->pipeline.shelf.bytes, 0);
	assert_whole(batch_of(w), ITEMS, ITEM);
}

static void no_more_files_are_mapped_than_the_ceiling_says(void **state)
{
	struct world *w = *state;
	uint64_t each;

	w->pipeline.shelf.maps_max = 2;
	for (int i = 0; i < 4; i++)
		offer(w, ITEMS, ITEM);
	go_away(w);
	each = cost_on_disk(batch_of(w));
	later(w, SHELF_AFTER_MS);
	until_on_disk(w, 2 * each);
	later(w, 20000);
	until_written(w);
	assert_int_equal(w->pipeline.shelf.bytes, 2 * each);
	assert_int_equal(w->pipeline.shelf.maps, 2);
	w->pipeline.shelf.maps_max = 3; /* as if one had gone */
	while (w->exporter.count > 0)
		end_send(w, RETRY);
	later(w, 20000);
	until_on_disk(w, 3 * each);
}

/* Pages that are on disk are not in memory: --wrap in CMakeLists.txt. */
static bool absent;

int __real_mincore(void *at, size_t size, unsigned char *ret);
int __wrap_mincore(void *at, size_t size, unsigned char *ret);

int __wrap_mincore(void *at, size_t size, unsigned char *ret)
{
	int failed = __real_mincore(at, size, ret);

	if (absent && !failed)
		memset(ret, 0, (size + 4095) / 4096);
	return failed;
}

/* It is asked while the lane is shut: nothing has it until the lane has read it back. */
static void is_asked_with_the_lane_shut(struct world *w, struct gate *gate)
{
	offer(w, ITEMS, ITEM);
	stay_away(w, 1);
	while (w->exporter.count > 0)
		end_send(w, RETRY);
	shut(w, gate);
	absent = true;
	for (int i = 0; i < 40 && !TAILQ_FIRST(&w->sender->queue)->fetch; i++)
		later(w, 100);
	assert_non_null(TAILQ_FIRST(&w->sender->queue)->fetch);
	later(w, 1000);
	assert_int_equal(w->exporter.count, 0);
	absent = false;
}

static void what_stands_on_disk_is_read_back_before_it_is_sent(void **state)
{
	struct world *w = *state;
	struct gate gate;

	is_asked_with_the_lane_shut(w, &gate);
	open_gate(w, &gate);
	for (int i = 0; i < TURNS && w->exporter.count == 0; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_whole(batch_of(w), ITEMS, ITEM);
	end_send(w, DELIVERED);
	assert_true(TAILQ_EMPTY(&w->source->deliveries.list));
}

static void the_end_does_not_wait_for_what_is_read_back(void **state)
{
	struct world *w = *state;
	struct gate gate;

	is_asked_with_the_lane_shut(w, &gate);
	pipeline_halt(&w->pipeline);
	assert_int_equal(w->sender->under_way, 0);
	open_gate(w, &gate);
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_int_equal(w->exporter.count, 0);
	assert_whole(batch_of(w), ITEMS, ITEM);
}

/* Until the exporter has so many. */
static void until_open(struct world *w, size_t count)
{
	for (int i = 0; i < 100 && w->exporter.count != count; i++)
		later(w, 100);
	assert_int_equal(w->exporter.count, count);
}

/* The first of what is left is at the destination, and the other is read back, with the lane shut. */
static struct send *goes_while_another_is_read_back(struct world *w, struct gate *gate)
{
	for (int i = 0; i < 3; i++)
		offer(w, ITEMS, ITEM);
	stay_away(w, 3);
	until_written(w);
	w->sender->window.allowed = 0.5;
	until_open(w, 1);
	end_send(w, DELIVERED);
	assert_int_equal(w->sender->under_way, 1);
	shut(w, gate);
	absent = true;
	w->sender->window.allowed = 2;
	offer(w, ITEMS, ITEM);
	absent = false;
	assert_int_equal(w->sender->under_way, 2);
	assert_int_equal(w->exporter.count, 1);
	return TAILQ_NEXT(TAILQ_FIRST(&w->sender->queue), entry);
}

/* A scout is taken, so what got no answer is called back; but what still comes from the disk got none to give. */
static void what_is_read_back_is_not_called_back(void **state)
{
	struct world *w = *state;
	struct gate gate;
	struct send *late = goes_while_another_is_read_back(w, &gate), *asked = TAILQ_FIRST(&w->sender->queue);
	struct send before;

	assert_non_null(late->fetch);
	until_open(w, 2);
	end_send(w, DELIVERED); /* the scout */
	for (int i = 0; i < 100 && asked->suspicion.strikes == 0; i++)
		later(w, 100);
	before = *late;
	open_gate(w, &gate);
	assert_int_equal(asked->suspicion.strikes, 1);
	assert_int_equal(before.suspicion.strikes, 0);
	assert_int_equal(before.tries, late->tries);
	assert_true(before.fetch && before.under_way);
	for (int i = 0; i < TURNS && late->fetch; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_int_equal(late->begun.ns, loop_now(w->loop).ns);
	assert_ptr_equal(w->exporter.open[w->exporter.count - 1], late);
}

/* What is written at the end points into the batch. */
static void nothing_moves_once_the_pipeline_is_halted(void **state)
{
	struct world *w = *state;
	struct gate gate;
	const char *first;

	offer(w, ITEMS, ITEM);
	go_away(w);
	first = batch_item(batch_of(w), 0)->data;
	shut(w, &gate);
	later(w, SHELF_AFTER_MS);
	assert_non_null(w->pipeline.shelf.shelving);
	pipeline_halt(&w->pipeline);
	open_gate(w, &gate);
	assert_int_equal(w->pipeline.shelf.bytes, 0);
	assert_ptr_equal(batch_item(batch_of(w), 0)->data, first);
	assert_whole(batch_of(w), ITEMS, ITEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_waits_for_half_a_second_stands_on_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(large_batches_go_in_slices, setup, teardown),
		cmocka_unit_test_setup_teardown(one_large_item_goes_in_slices, setup, teardown),
		cmocka_unit_test_setup_teardown(small_batches_stay_in_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_being_sent_stays_where_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_being_sent_holds_up_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_sent_while_it_is_written_is_not_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_delivered_while_it_is_written_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_kept_stays_where_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_finds_no_room_on_disk_stays_in_memory_and_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_goes_to_a_tmpfs, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_files_are_mapped_than_the_ceiling_says, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stands_on_disk_is_read_back_before_it_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_read_back_is_not_called_back, setup_peer, teardown),
		cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_what_is_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_moves_once_the_pipeline_is_halted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
