/*
 * Files that are compressed while the tail collector follows them, in a simulated world (unit/sim/): between any two
 * calls of it gzip may have finished, or logrotate may have renamed what gzip made. What was followed comes once.
 */
#include "unit/collectors/tail_world.h"

#include "proto/gzip.h"

enum {
	SWEEP_MS = 500,
	REST_MS = 12000,
	CALLS = 120,
	FEW = 20,
	MANY = 30000 /* more than is unpacked at once */,
	TEXT_MAX = 4 << 20
};

#define ROTATED PATH ".1"
#define PACKED PATH ".1.gz"
#define PACKED_AGAIN PATH ".2.gz"

/* What happens before one call of the collector. */
struct moment {
	struct world *w;
	size_t calls; /* until then */
	bool over;
	void (*happens)(struct moment *);
	char *text; /* of the file that is compressed */
	size_t size;
};

static void add_text(struct moment *m, const char *what, int count)
{
	for (int i = 0; i < count; i++) {
		m->size += (size_t)snprintf(m->text + m->size, TEXT_MAX - m->size, "{\"%s\":%d}\n", what, i);
		assert_true(m->size < TEXT_MAX);
	}
}

static void fill(struct sim_inode *file, const struct moment *m)
{
	sim_write(file, 0, (struct bytes){ m->text, m->size });
}

static void pack(struct moment *m)
{
	struct sim_inode *file = sim_create(PACKED);
	struct gzip *gzip = gzip_new();
	struct buffer packed;

	buffer_init(&packed, 2 * TEXT_MAX);
	assert_int_equal(gzip_begin(gzip, &packed), 0);
	assert_int_equal(gzip_feed(gzip, m->text, m->size), 0);
	assert_int_equal(gzip_end(gzip), 0);
	sim_write(file, 0, (struct bytes){ packed.data, packed.size });
	buffer_done(&packed);
	gzip_free(gzip);
	sim_close(file);
}

/* gzip has finished. */
static void compress(struct moment *m)
{
	pack(m);
	sim_unlink(ROTATED);
}

static void rename_packed(struct moment *m)
{
	(void)m;
	sim_rename(PACKED, PACKED_AGAIN);
}

static void between(void *context)
{
	struct moment *m = context;

	if (m->over || m->calls-- > 0)
		return;
	m->over = true;
	m->happens(m);
}

/* `happens` that many calls from now. */
static void plan(struct moment *m, size_t calls, void (*happens)(struct moment *))
{
	m->calls = calls;
	m->over = false;
	m->happens = happens;
	sim_files_between(between, m);
}

static struct world *follow(struct moment *m, struct sim_inode **ret_file)
{
	static const char *const paths[] = { SIM_ROOT "/*.log", SIM_ROOT "/*.gz" };
	struct world *w = world_new(true, 1024);

	w->paths = (struct option_list){ .items = (const char **)(uintptr_t)paths, .count = COUNT_OF(paths) };
	w->config.gzip = true;
	w->config.sweep = DURATION_MS(SWEEP_MS);
	*m = (struct moment){ .w = w, .text = oxp_new(TEXT_MAX) };
	*ret_file = sim_create(PATH);
	add_text(m, "before", 3);
	fill(*ret_file, m);
	start(w);
	wait_items(w, 3);
	wait_saved(w, *ret_file);
	return w;
}

/* Everything comes to rest. Then all that was written came once. */
static void end(struct moment *m, struct sim_inode *file, size_t count)
{
	struct world *w = m->w;

	turns(w, REST_MS);
	assert_true(m->over);
	assert_int_equal(w->host.count, count);
	assert_int_equal(w->host.repeated, 0);
	assert_int_equal(fake_host_number(&w->host, "compressed_files_total"), 1);
	sim_files_between(NULL, NULL);
	free(m->text);
	sim_close(file);
	world_free(w);
}

/* `unread` lines were not read when it was cut down: nothing of the copy comes twice, and nothing is missing. */
static void a_copy_is_compressed(int unread)
{
	for (size_t calls = 0; calls < CALLS; calls++) {
		struct moment m;
		struct sim_inode *file, *copy;
		struct world *w = follow(&m, &file);
		add_text(&m, "unread", unread);
		fill(file, &m);
		copy = sim_create(ROTATED);
		fill(copy, &m);
		sim_close(copy);
		sim_truncate(file);
		put_lines(file, "after", 1);
		plan(&m, calls, compress);
		turns(w, 1000);
		end(&m, file, 3 + (size_t)unread + 1);
	}
}

static void a_copy_that_has_more_is_compressed_at_any_moment(void **state)
{
	(void)state;
	a_copy_is_compressed(5);
}

static void a_copy_that_was_read_is_compressed_at_any_moment(void **state)
{
	(void)state;
	a_copy_is_compressed(0);
}

/* Renamed, and compressed some sweeps later. */
static void a_rotated_file_is_compressed_at_any_moment(void **state)
{
	(void)state;
	for (size_t calls = 0; calls < CALLS; calls++) {
		struct moment m;
		struct sim_inode *file, *next;
		struct world *w = follow(&m, &file);
		sim_rename(PATH, ROTATED);
		next = sim_create(PATH);
		put_lines(next, "after", 1);
		sim_close(file);
		turns(w, 5 * SWEEP_MS);
		plan(&m, calls, compress);
		end(&m, next, 4);
	}
}

static void a_compressed_file_is_renamed_at_any_moment_before_it_is_read(void **state)
{
	(void)state;
	for (size_t calls = 0; calls < CALLS; calls++) {
		struct moment m;
		struct sim_inode *file, *next;
		struct world *w = follow(&m, &file);
		sim_rename(PATH, ROTATED);
		next = sim_create(PATH);
		put_lines(next, "after", 1);
		sim_close(file);
		compress(&m);
		turns(w, 5 * SWEEP_MS);
		plan(&m, calls, rename_packed);
		end(&m, next, 4);
	}
}

/* As with delaycompress: its descriptor was closed long ago. */
static void let_go_and_compress(int lines, const char *last, size_t count)
{
	enum { LONG_AGO_MS = 100 * SWEEP_MS };
	struct moment m;
	struct sim_inode *file, *next;
	struct world *w = follow(&m, &file);

	add_text(&m, "so that its beginning and its end are not the same bytes", lines);
	fill(file, &m);
	wait_items(w, 3 + (size_t)lines);
	wait_saved(w, file);
	sim_rename(PATH, ROTATED);
	next = sim_create(PATH);
	put_lines(next, "after", 1);
	sim_close(file);
	turns(w, LONG_AGO_MS);
	assert_int_equal(fake_host_number(&w->host, "files"), 1);
	memcpy(m.text + m.size - strlen(last), last, strlen(last));
	plan(&m, 0, compress);
	end(&m, next, count);
}

static void a_file_that_was_let_go_is_compressed(void **state)
{
	(void)state;
	let_go_and_compress(FEW, "}\n", 3 + FEW + 1);
	let_go_and_compress(MANY, "}\n", 3 + MANY + 1);
}

static void another_one_of_that_size_and_beginning_is_compressed(void **state)
{
	(void)state;
	let_go_and_compress(FEW, "-}\n", 3 + FEW + 1 + 3 + FEW);
	let_go_and_compress(MANY, "-}\n", 3 + MANY + 1 + 3 + MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_copy_that_has_more_is_compressed_at_any_moment),
		WORLD_TEST(a_copy_that_was_read_is_compressed_at_any_moment),
		WORLD_TEST(a_rotated_file_is_compressed_at_any_moment),
		WORLD_TEST(a_compressed_file_is_renamed_at_any_moment_before_it_is_read),
		WORLD_TEST(a_file_that_was_let_go_is_compressed),
		WORLD_TEST(another_one_of_that_size_and_beginning_is_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
