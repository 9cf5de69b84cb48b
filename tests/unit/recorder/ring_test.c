/*
 * The ring of the flight recorder: what is read back is what was written last, after kills between any two bytes, in
 * files that others cut, filled with rubbish or took away, and beside a reader in another process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "recorder/ring.h"
#include "unit/scratch.h"

enum { SIZE = RING_SIZE_MIN, SEEDS = 20, LIVES = 12 };

/* The next call that writes is cut short after some bytes, and nothing is written from then on. */
static struct {
	size_t calls, bytes;
	bool armed, dead;
} knife;

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
	if (knife.dead) {
		errno = EIO;
		return -1;
	}
	if (!knife.armed || knife.calls-- > 0)
		return __real_pwrite(fd, data, size, at);
	knife.dead = true;
	if (knife.bytes > 0)
		(void)!__real_pwrite(fd, data, knife.bytes < size ? knife.bytes : size, at);
	errno = EIO;
	return -1;
}

struct world {
	struct scratch scratch;
	struct path_folder folder;
	struct ring *ring;
	struct buffer frame;
	enum ring_found found;
};

static void open_ring(struct world *w)
{
	ring_close(w->ring);
	w->ring = NULL;
	assert_int_equal(ring_open(&w->folder, SIZE, &w->ring, &w->found), 0);
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	memset(&knife, 0, sizeof knife);
	scratch_init(&w->scratch, "ring");
	assert_int_equal(path_folder_open(w->scratch.path, false, &w->folder), 0);
	buffer_init(&w->frame, RING_FRAME_MAX + RING_PADDING);
	open_ring(w);
	assert_int_equal(w->found, RING_NEW);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	ring_close(w->ring);
	buffer_done(&w->frame);
	path_folder_close(&w->folder);
	scratch_done(&w->scratch);
	free(w);
	return 0;
}

/* Frame n has n in each entry, and is as large as n says. */
static void make_frame(struct buffer *frame, uint64_t n, size_t size)
{
	char *request = oxp_new(size + 1);

	memset(request, (int)(n % 251), size);
	assert_int_equal(ring_frame_begin(frame), 0);
	assert_int_equal(ring_frame_add(frame, &(struct ring_entry){ { (int64_t)n }, RING_LEFT_OUT, (uint32_t)size,
						       { request, size } }),
		0);
	assert_int_equal(ring_frame_add(frame, &(struct ring_entry){ { -1 }, RING_SENT, 0, { "", 0 } }), 0);
	free(request);
}

static int write_frame(struct world *w, uint64_t n, size_t size)
{
	make_frame(&w->frame, n, size);
	return ring_write(w->ring, &w->frame);
}

/* The number of the frame, all of which is as it was written. */
static uint64_t check_frame(const struct buffer *frame)
{
	struct ring_entry e, last;
	size_t at = 0;

	assert_true(ring_entry_next(frame, &at, &e));
	assert_int_equal(e.kind, RING_LEFT_OUT);
	assert_int_equal(e.records, e.request.size);
	for (size_t i = 0; i < e.request.size; i++)
		assert_int_equal((unsigned char)e.request.data[i], (uint64_t)e.at.ns % 251);
	assert_true(ring_entry_next(frame, &at, &last));
	assert_int_equal(last.kind, RING_SENT);
	assert_false(ring_entry_next(frame, &at, &last));
	return (uint64_t)e.at.ns;
}

struct span_of_frames {
	uint64_t first, last;
	size_t count, bytes;
};

static struct span_of_frames read_all(struct ring *ring)
{
	struct span_of_frames all = { 0 };
	struct buffer frame;
	uint64_t at = 0;

	buffer_init(&frame, RING_FRAME_MAX + RING_PADDING);
	while (ring_read(ring, &at, &frame) == 1) {
		uint64_t n = check_frame(&frame);
		assert_true(all.count == 0 || n == all.last + 1);
		all.first = all.count ? all.first : n;
		all.last = n;
		all.count++;
		all.bytes += frame.size;
	}
	buffer_done(&frame);
	return all;
}

static void what_is_written_is_read_and_the_oldest_goes(void **state)
{
	struct world *w = *state;
	struct span_of_frames all;

	for (uint64_t n = 1; n <= 1000; n++)
		assert_int_equal(write_frame(w, n, 10000), 0);
	all = read_all(w->ring);
	assert_int_equal(all.last, 1000);
	assert_true(all.bytes > SIZE - SIZE / 32 - 20000);
	open_ring(w);
	assert_int_equal(w->found, RING_THERE);
	assert_int_equal(read_all(w->ring).count, all.count);
	assert_int_equal(write_frame(w, 1001, 5), 0);
	assert_int_equal(read_all(w->ring).last, 1001);
}

static void a_frame_that_is_too_large_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(write_frame(w, 1, SIZE / 4), -EMSGSIZE);
	assert_int_equal(write_frame(w, 2, SIZE / 4 - 200), 0);
	assert_int_equal(read_all(w->ring).count, 1);
}

static uint64_t seeds(void)
{
	const char *wanted = getenv("OXP_SEEDS");

	return wanted ? strtoull(wanted, NULL, 10) : SEEDS;
}

/* A life that ends at any byte leaves what was there before, as far as it was not written over. */
static void live(struct world *w, struct random *random, uint64_t *written, uint64_t *maybe)
{
	size_t largest = 1 + random_below(random, SIZE / 4 - 300);

	knife.armed = true;
	knife.calls = random_below(random, 60);
	knife.bytes = random_below(random, 2) ? random_below(random, 64) : random_below(random, SIZE / 4);
	while (!knife.dead) {
		*maybe = *written + 1;
		if (write_frame(w, *maybe, random_below(random, (uint32_t)largest)) == 0)
			*written = *maybe;
	}
	memset(&knife, 0, sizeof knife);
}

static void a_kill_costs_the_frame_that_was_being_written(void **state)
{
	for (uint64_t seed = 0; seed < seeds(); seed++) {
		struct world *w;
		struct random random;
		uint64_t written = 0, maybe = 0;

		(void)state;
		setup((void **)&w);
		random_seed(&random, seed);
		for (int i = 0; i < LIVES; i++) {
			struct span_of_frames all;
			live(w, &random, &written, &maybe);
			open_ring(w);
			assert_int_equal(w->found, RING_THERE);
			all = read_all(w->ring);
			assert_true(all.last == written || all.last == maybe);
			assert_true(all.count == 0 || all.first == 1 || all.bytes > SIZE / 3);
			written = all.last;
		}
		teardown((void **)&w);
	}
}

static void write_at(const struct world *w, off_t at, const void *data, size_t size)
{
	int fd = openat(w->scratch.fd, RING_NAME, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(__real_pwrite(fd, data, size, at), size);
	close(fd);
}

static void cut(const struct world *w, off_t size)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", w->scratch.path, RING_NAME);
	assert_int_equal(truncate(path, size), 0);
}

/* Whatever others write into the file: what is read is whole frames or nothing, and it can be written on. */
static void rubbish_in_the_file_is_never_read(void **state)
{
	struct world *w = *state;
	struct random random;
	char rubbish[512];

	random_seed(&random, 3);
	for (int round = 0; round < 300; round++) {
		off_t at = (off_t)random_below(&random, random_below(&random, 2) ? 5000 : SIZE);
		for (size_t i = 0; i < sizeof rubbish; i++)
			rubbish[i] = (char)random_below(&random, 256);
		for (uint64_t n = 0; n < 20; n++)
			assert_int_equal(write_frame(w, 20 * (uint64_t)round + n, 60000), 0);
		write_at(w, at, rubbish, 1 + random_below(&random, sizeof rubbish));
		(void)read_all(w->ring);
		open_ring(w);
		(void)read_all(w->ring);
		for (uint64_t n = 0; n < 20; n++)
			assert_int_equal(write_frame(w, 20 * (uint64_t)round + n, 6000), 0);
	}
}

static void what_is_no_ring_is_set_aside(void **state)
{
	struct world *w = *state;

	assert_int_equal(write_frame(w, 1, 100), 0);
	write_at(w, 0, "a file of someone", 17);
	write_at(w, 2048, "a file of someone", 17);
	open_ring(w);
	assert_int_equal(w->found, RING_SET_ASIDE);
	assert_int_equal(read_all(w->ring).count, 0);
	assert_int_equal(faccessat(w->scratch.fd, RING_NAME ".corrupt-1", F_OK, 0), 0);
	assert_int_equal(write_frame(w, 2, 100), 0);
	cut(w, 8192);
	assert_false(ring_is_whole(w->ring, &w->folder));
	open_ring(w);
	assert_int_equal(w->found, RING_NEW);
	cut(w, 0);
	cut(w, SIZE); /* as a kill leaves it before the first header */
	open_ring(w);
	assert_int_equal(w->found, RING_NEW);
}

static void a_file_that_is_taken_away_or_cut_is_seen(void **state)
{
	struct world *w = *state;

	assert_true(ring_is_whole(w->ring, &w->folder));
	cut(w, SIZE - 1);
	assert_false(ring_is_whole(w->ring, &w->folder));
	open_ring(w);
	assert_true(ring_is_whole(w->ring, &w->folder));
	assert_int_equal(unlinkat(w->scratch.fd, RING_NAME, 0), 0);
	assert_false(ring_is_whole(w->ring, &w->folder));
	open_ring(w);
	assert_true(ring_is_whole(w->ring, &w->folder));
}

static void only_we_can_read_it(void **state)
{
	struct world *w = *state;
	struct stat info;

	assert_int_equal(fstatat(w->scratch.fd, RING_NAME, &info, 0), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_size, SIZE);
	assert_true(info.st_blocks * 512 >= SIZE);
}

/* Another size begins anew; a link in place of the file is refused. */
static void another_size_is_another_ring(void **state)
{
	struct world *w = *state;

	assert_int_equal(write_frame(w, 1, 100), 0);
	ring_close(w->ring);
	w->ring = NULL;
	assert_int_equal(ring_open(&w->folder, 2 * SIZE, &w->ring, &w->found), 0);
	assert_int_equal(w->found, RING_NEW);
	assert_int_equal(read_all(w->ring).count, 0);
	ring_close(w->ring);
	w->ring = NULL;
	assert_int_equal(unlinkat(w->scratch.fd, RING_NAME, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", w->scratch.fd, RING_NAME), 0);
	assert_int_equal(ring_open(&w->folder, SIZE, &w->ring, &w->found), -ELOOP);
}

/* What is being dumped is not written over; what was dumped is known to the next run. */
static void held_frames_stay(void **state)
{
	struct world *w = *state;
	struct buffer frame;
	uint64_t at = 0;
	int failed = 0;

	assert_int_equal(write_frame(w, 1, 100), 0);
	ring_hold(w->ring, ring_tail(w->ring));
	for (uint64_t n = 2; !failed; n++)
		failed = write_frame(w, n, 60000);
	assert_int_equal(failed, -EBUSY);
	assert_int_equal(read_all(w->ring).first, 1);
	ring_hold(w->ring, UINT64_MAX);
	assert_int_equal(write_frame(w, read_all(w->ring).last + 1, 60000), 0);
	assert_true(read_all(w->ring).first > 1);
	assert_false(ring_ended(w->ring));
	assert_int_equal(ring_set_ended(w->ring), 0);
	buffer_init(&frame, RING_FRAME_MAX + RING_PADDING);
	assert_int_equal(ring_read(w->ring, &at, &frame), 1);
	assert_false(ring_frame_is_dumped(&frame));
	assert_int_equal(ring_set_dumped(w->ring, ring_frame_position(&frame)), 0);
	assert_int_equal(ring_set_dumped(w->ring, 0), -ENOENT);
	open_ring(w);
	assert_true(ring_ended(w->ring));
	assert_int_equal(ring_read(w->ring, &(uint64_t){ 0 }, &frame), 1);
	assert_true(ring_frame_is_dumped(&frame));
	assert_int_equal(ring_read(w->ring, &at, &frame), 1);
	assert_false(ring_frame_is_dumped(&frame));
	buffer_done(&frame);
}

/* `oxpecker recorder show` beside an agent that writes: it goes on with what is left. */
static void a_reader_beside_the_writer_goes_on_with_what_is_left(void **state)
{
	struct world *w = *state;
	struct buffer frame;
	struct ring *look;
	uint64_t at = 0, n;

	buffer_init(&frame, RING_FRAME_MAX + RING_PADDING);
	for (n = 1; n <= 3; n++)
		assert_int_equal(write_frame(w, n, 1000), 0);
	assert_int_equal(ring_look(&w->folder, &look), 0);
	assert_int_equal(ring_read(look, &at, &frame), 1);
	assert_int_equal(check_frame(&frame), 1);
	for (; n <= 100; n++)
		assert_int_equal(write_frame(w, n, 60000), 0);
	assert_int_equal(ring_read(look, &at, &frame), 1);
	assert_true(check_frame(&frame) > 3);
	while (ring_read(look, &at, &frame) == 1)
		n = check_frame(&frame);
	assert_int_equal(n, 100);
	ring_close(look);
	buffer_done(&frame);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read_and_the_oldest_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_frame_that_is_too_large_is_refused, setup, teardown),
		cmocka_unit_test(a_kill_costs_the_frame_that_was_being_written),
		cmocka_unit_test_setup_teardown(rubbish_in_the_file_is_never_read, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_ring_is_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_taken_away_or_cut_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(only_we_can_read_it, setup, teardown),
		cmocka_unit_test_setup_teardown(another_size_is_another_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(held_frames_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_beside_the_writer_goes_on_with_what_is_left, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
