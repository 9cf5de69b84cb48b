/*
 * The tail collector against a model: random writes, rotations, truncations, deletions, pauses, faults of the pipeline
 * and of the state, ends and kills, on a file system in memory and with a clock that the test moves. Afterwards what
 * was offered is what was written: no line lost, none twice, none broken. What nobody can know (the bytes cut away
 * before they were read, a deleted file's after the process ended) may be missing, from some line on.
 *
 * A seed gives the same actions each time; scans run in a lane, so their moment may differ. `OXP_SEEDS=30000` runs so
 * many, four at a time, `OXP_SEED=7` that one, with its actions told.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "collectors/tail_table.h"
#include "unit/fake_host.h"

extern const struct collector_type collector_tail;

/* The collector's configuration has the shape of its option rows. */
struct tail_config {
	const struct option_list *paths;
	int start, format;
	uint64_t line_max;
	struct duration sweep, tick;
	struct lines_multiline multiline;
	bool origin;
	const struct option_list *exclude;
	int poll;
	struct duration poll_every;
	bool gzip;
};

enum { SEEDS = 1000, WORKERS = 4, ACTIONS = 40, TURNS_MAX = 100000, NAMES = 2, FILES_MAX = 128, MEMORY = 8 << 20 };
enum { STEP_MS = 1, SWEEP_S = 10 };

static const char *const names[NAMES] = { "app.log", "other.log" };

/*
 * One content that a file had: a truncated file goes on as another.
 *
 * `fd` is the writer's, -1 when nobody writes to it any more. `partial`: what is not shipped is missing from the end.
 */
struct content {
	struct buffer text;
	size_t lines; /* in it */
	int fd;
	unsigned name;	/* whose lineage it is of */
	char path[64];	/* within the folder; empty when deleted */
	bool partial, checked;
};

struct hand_clock {
	struct clock clock;
	int64_t ns;
};

struct world {
	struct hand_clock time;
	struct loop *loop;
	struct host host;
	struct tail_config config;
	struct option_list list;
	char globs[NAMES][PATH_MAX];
	const char *items[NAMES];
	char folder[64];
	struct random random;
	struct content files[FILES_MAX];
	size_t count;
	size_t current[NAMES];	/* of files: who has the name */
	unsigned rotations;
	uint64_t lines, seed;
	bool loud;
};

static struct mono_time hand_mono(const struct clock *c)
{
	return (struct mono_time){ ((const struct hand_clock *)c)->ns };
}

static struct wall_time hand_wall(const struct clock *c)
{
	return (struct wall_time){ ((const struct hand_clock *)c)->ns + 1700000000000000000 };
}

static unsigned below(struct world *w, unsigned bound)
{
	return (unsigned)random_below(&w->random, bound);
}

#define TELL(w, ...)                                \
	do {                                        \
		if ((w)->loud)                      \
			print_message(__VA_ARGS__); \
	} while (0)

/* Turning. */

static void turn(struct world *w)
{
	w->time.ns += DURATION_MS(STEP_MS).ns;
	loop_turn(w->loop, DURATION_MS(0));
	if (lane_waiting(w->host.disk) > 0)
		sched_yield();
}

static bool is_shipped(const struct world *w, const struct content *c);

static bool all_shipped(const struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->files[i].checked && !w->files[i].partial && !is_shipped(w, &w->files[i]))
			return false;
	return true;
}

static unsigned long long inode_of(const struct content *c);
static void tell_positions(const struct world *w);

static void tell_unshipped(const struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->files[i].partial && !is_shipped(w, &w->files[i]))
			TELL(w, "  not shipped: %s, inode %llu, %zu bytes\n", w->files[i].path,
				inode_of(&w->files[i]), w->files[i].text.size);
	tell_positions(w);
}

static bool is_quiet(const struct world *w)
{
	return collector_tail.quiet(w->host.collector);
}

static void until(struct world *w, bool (*condition)(const struct world *), const char *what)
{
	for (int i = 0; !condition(w); i++) {
		turn(w);
		if (i == TURNS_MAX)
			tell_unshipped(w);
		if (i == TURNS_MAX)
			fail_msg("seed %llu, still not: %s; %s", (unsigned long long)w->seed, what, w->host.last_log);
	}
}

/* Files. */

static const char *path_of(const struct world *w, const char *name)
{
	static char paths[2][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % COUNT_OF(paths)];

	snprintf(path, PATH_MAX, "%s/%s", w->folder, name);
	return path;
}

/* Births are told apart: files of one lineage are not made faster than the kernel's clock of files ticks. */
static void wait_for_the_next_birth(int fd)
{
	struct stat made;
	struct timespec now;

	assert_int_equal(fstat(fd, &made), 0);
	do {
		sched_yield();
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec == made.st_ctim.tv_sec && now.tv_nsec <= made.st_ctim.tv_nsec);
}

static struct content *new_content(struct world *w, unsigned name, int fd)
{
	struct content *c = &w->files[w->count++];

	assert_true(w->count < FILES_MAX);
	*c = (struct content){ .fd = fd, .name = name };
	buffer_init(&c->text, 1 << 20);
	return c;
}

static unsigned long long inode_of(const struct content *c)
{
	struct stat now;

	return fstat(c->fd, &now) == 0 ? now.st_ino : 0;
}

static void create(struct world *w, unsigned name)
{
	int fd = open(path_of(w, names[name]), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
	struct content *c;

	assert_true(fd >= 0);
	wait_for_the_next_birth(fd);
	w->current[name] = w->count;
	c = new_content(w, name, fd);
	snprintf(c->path, sizeof c->path, "%s", names[name]);
}

static void put(struct content *c, const char *text, size_t size)
{
	assert_int_equal(write(c->fd, text, size), (ssize_t)size);
	assert_int_equal(buffer_append(&c->text, text, size), 0);
	for (size_t i = 0; i < size; i++)
		c->lines += text[i] == '\n';
}

static bool is_open_line(const struct content *c)
{
	return c->text.size > 0 && c->text.data[c->text.size - 1] != '\n';
}

static void end_line(struct content *c)
{
	static const char end[] = "\"}\n";

	if (is_open_line(c))
		put(c, end, sizeof end - 1);
}

static void write_lines(struct world *w, struct content *c, unsigned lines, bool leave_open)
{
	char line[512];

	end_line(c);
	TELL(w, "  lines from %llu on at %zu of %s\n", (unsigned long long)w->lines, c->text.size, c->path);
	for (unsigned i = 0; i < lines; i++) {
		int n = snprintf(line, sizeof line, "{\"n\":%llu,\"text\":\"%.*s", (unsigned long long)w->lines++,
			(int)below(w, 300),
			"The quick brown fox jumps over the lazy dog, and on it goes through the wood, over the hill "
			"and down to the river, where it drinks, looks around once, hears the hounds far off behind "
			"the trees, and is gone between the reeds before anybody has seen more of it than its tail.");
		put(c, line, (size_t)n);
		if (i + 1 < lines || !leave_open)
			end_line(c);
	}
}

/* What was offered. */

static size_t next_of(const struct host *h, size_t i, uint64_t generation)
{
	while (i < h->count && h->items[i].generation != generation)
		i++;
	return i;
}

/* How many lines of the content were offered under the generation, from the first on and in order; SIZE_MAX when
 * something else was, too. */
static size_t lines_under(const struct host *h, uint64_t generation, const struct buffer *text)
{
	size_t i = next_of(h, 0, generation), at = 0, lines = 0, size;
	const char *end;

	for (; i < h->count && at < text->size; at += size + 1, i = next_of(h, i + 1, generation)) {
		end = memchr(text->data + at, '\n', text->size - at);
		if (!end)
			return SIZE_MAX;
		size = (size_t)(end - (text->data + at));
		if (h->items[i].offset != at || h->items[i].size != size ||
			memcmp(h->items[i].data, text->data + at, size) != 0)
			return SIZE_MAX;
		lines++;
	}
	return i == h->count ? lines : SIZE_MAX;
}

/* The generation whose first item is the content's first line; 0: none. */
static uint64_t generation_of(const struct host *h, const struct buffer *text)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].offset == 0 && h->items[i].size < text->size &&
			memcmp(h->items[i].data, text->data, h->items[i].size) == 0)
			return h->items[i].generation;
	return 0;
}

static bool is_shipped(const struct world *w, const struct content *c)
{
	uint64_t generation = generation_of(&w->host, &c->text);
	size_t lines = generation ? lines_under(&w->host, generation, &c->text) : 0;

	return lines == c->lines;
}

static void mark_seen(struct host *h, uint64_t generation)
{
	for (size_t i = 0; i < h->count; i++)
		h->items[i].seen = h->items[i].seen || h->items[i].generation == generation;
}

static void check_content(struct world *w, struct content *c)
{
	uint64_t generation = generation_of(&w->host, &c->text);
	size_t lines = generation ? lines_under(&w->host, generation, &c->text) : 0;
	size_t wanted = c->lines;

	if (lines != wanted && (!c->partial || lines > wanted))
		fail_msg("seed %llu, %s: %zd of %zu lines under generation %llu, first %.40s",
			(unsigned long long)w->seed, c->path, (ssize_t)lines, wanted, (unsigned long long)generation,
			c->text.size ? c->text.data : "");
	if (generation)
		mark_seen(&w->host, generation);
	c->checked = true;
}

static void check_all(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		check_content(w, &w->files[i]);
	for (size_t i = 0; i < w->host.count; i++)
		if (!w->host.items[i].seen)
			fail_msg("seed %llu: nobody wrote this, or it came twice: generation %llu, offset %llu: %s",
				(unsigned long long)w->seed, (unsigned long long)w->host.items[i].generation,
				(unsigned long long)w->host.items[i].offset, w->host.items[i].data);
}

/* Actions. */

static struct content *current(struct world *w, unsigned name)
{
	return &w->files[w->current[name]];
}

static void write_some(struct world *w)
{
	unsigned name = below(w, NAMES), lines = 1 + below(w, 20);
	bool leave_open = below(w, 4) == 0;

	TELL(w, "write %u lines to %s%s\n", lines, names[name], leave_open ? ", the last without its end" : "");
	write_lines(w, current(w, name), lines, leave_open);
}

/* Rename and create; now and then several times at once. */
static void rotate(struct world *w)
{
	unsigned name = below(w, NAMES), times = 1 + (below(w, 5) == 0) * 2;

	for (unsigned i = 0; i < times; i++) {
		struct content *c = current(w, name);
		end_line(c);
		snprintf(c->path, sizeof c->path, "%s.%u", names[name], ++w->rotations);
		TELL(w, "rotate to %s, inode %llu\n", c->path, inode_of(c));
		assert_int_equal(rename(path_of(w, names[name]), path_of(w, c->path)), 0);
		create(w, name);
		write_lines(w, current(w, name), below(w, 4), false);
	}
}

static struct content *any_rotated(struct world *w)
{
	struct content *c = &w->files[below(w, (unsigned)w->count)];

	return c->fd >= 0 && c->path[0] && c != current(w, c->name) ? c : NULL;
}

/* As logrotate does with those of earlier rotations. */
static void rename_rotated(struct world *w)
{
	struct content *c = any_rotated(w);
	char before[sizeof c->path];

	if (!c)
		return;
	memcpy(before, c->path, sizeof before);
	snprintf(c->path, sizeof c->path, "%s.%u", names[c->name], ++w->rotations);
	TELL(w, "rename %s to %s, inode %llu\n", before, c->path, inode_of(c));
	assert_int_equal(rename(path_of(w, before), path_of(w, c->path)), 0);
}

/* A writer that has not noticed the rotation. */
static void write_late(struct world *w)
{
	struct content *c = any_rotated(w);

	if (!c)
		return;
	TELL(w, "write late to %s\n", c->path);
	write_lines(w, c, 1 + below(w, 3), false);
}

/* The file goes on as another content. The old one's fd is shared, and closed with the new one. */
static void truncate_one(struct world *w)
{
	unsigned name = below(w, NAMES);
	struct content *c = current(w, name);
	int fd = c->fd;

	if (c->text.size == 0)
		return;
	TELL(w, "truncate %s at %zu\n", names[name], c->text.size);
	assert_int_equal(ftruncate(fd, 0), 0);
	c->partial = true;
	c->fd = -1;
	c->path[0] = '\0';
	w->current[name] = w->count;
	c = new_content(w, name, fd);
	snprintf(c->path, sizeof c->path, "%s", names[name]);
	write_lines(w, c, 1 + below(w, 20), false);
}

static void faults_end(struct world *w)
{
	w->host.refuse = w->host.hold = false;
	w->host.commit_error = 0;
	loop_soon_run(&w->host.settling);
	loop_soon_run(&w->host.room);
}

/* Its lines are read to the end as long as it is open; another takes its name. What comes after that is known by its
 * name's history, so the next one is let come. */
static void delete_one(struct world *w)
{
	unsigned name = below(w, NAMES);
	struct content *c = current(w, name);

	faults_end(w);
	end_line(c);
	write_lines(w, c, 1, false);
	until(w, all_shipped, "all shipped before a deletion");
	TELL(w, "delete %s\n", names[name]);
	assert_int_equal(unlink(path_of(w, c->path)), 0);
	c->path[0] = '\0';
	write_lines(w, c, 1 + below(w, 3), false);
	create(w, name);
	write_lines(w, current(w, name), 1, false);
	until(w, all_shipped, "all shipped after a deletion");
}

static void tell_positions(const struct world *w)
{
	for (size_t i = 0; i < w->host.positions.count; i++)
		TELL(w, "  position: generation %llu, inode %llu, born %lld, head %u, offset %llu, %s\n",
			(unsigned long long)w->host.positions.rows[i].at.generation,
			(unsigned long long)w->host.positions.rows[i].at.inode,
			(long long)w->host.positions.rows[i].at.birth_ns, w->host.positions.rows[i].at.head_size,
			(unsigned long long)w->host.positions.rows[i].at.offset,
			w->host.positions.rows[i].path + strlen(w->folder) + 1);
}

static void process_ended(struct world *w)
{
	tell_positions(w);
	for (size_t i = 0; i < w->count; i++)
		w->files[i].partial = w->files[i].partial || !w->files[i].path[0];
	faults_end(w);
}

static void start(struct world *w)
{
	assert_int_equal(collector_tail.create(&w->config, &w->host, &w->host.collector), 0);
	assert_int_equal(collector_tail.start(w->host.collector), 0);
}

static void kill_it(struct world *w)
{
	TELL(w, "kill\n");
	fake_host_kill(&w->host);
	process_ended(w);
	for (unsigned n = below(w, 3); n > 0; n--)
		(below(w, 2) ? write_some : rotate)(w);
	start(w);
}

static void end_it(struct world *w)
{
	TELL(w, "end\n");
	fake_host_end(&w->host);
	process_ended(w);
	for (unsigned n = below(w, 3); n > 0; n--)
		(below(w, 2) ? write_some : rotate)(w);
	start(w);
}

static void change_faults(struct world *w)
{
	faults_end(w);
	switch (below(w, 4)) {
	case 0:
		w->host.refuse = true;
		break;
	case 1:
		w->host.hold = true;
		break;
	case 2:
		w->host.commit_error = -ENOSPC;
		break;
	}
	TELL(w, "faults: refuse %d, hold %d, commit %d\n", w->host.refuse, w->host.hold, w->host.commit_error);
}

static void settle_some(struct world *w)
{
	fake_host_settle(&w->host, below(w, 4));
}

static void turn_some(struct world *w)
{
	unsigned turns = below(w, 2) ? below(w, 8) : below(w, 300);

	TELL(w, "%u turns\n", turns);
	while (turns-- > 0)
		turn(w);
}

/* So long that sweeps close what is rotated, read and left alone: nobody writes to it any more. */
static void let_time_pass(struct world *w)
{
	faults_end(w);
	until(w, all_shipped, "all shipped before a pause");
	TELL(w, "a quarter of an hour\n");
	for (size_t i = 0; i < w->count; i++)
		if (w->files[i].fd >= 0 && w->files[i].path[0] && &w->files[i] != current(w, w->files[i].name)) {
			close(w->files[i].fd);
			w->files[i].fd = -1;
		}
	for (int i = 0; i < 90; i++) {
		w->time.ns += DURATION_S(SWEEP_S).ns;
		for (int j = 0; j < 20; j++)
			turn(w);
	}
}

static void act(struct world *w)
{
	static void (*const actions[])(struct world *) = { write_some, write_some, write_some, write_some, turn_some,
		turn_some, turn_some, rotate, rotate, rename_rotated, write_late, truncate_one, kill_it, kill_it,
		end_it, change_faults, settle_some };
	unsigned n = below(w, 200);

	if (n == 0)
		let_time_pass(w);
	else if (n < 4)
		delete_one(w);
	else
		actions[below(w, COUNT_OF(actions))](w);
}

/* A life. */

static void world_begin(struct world *w, uint64_t seed)
{
	static const char *const roots[] = { "/dev/shm", "/tmp" };

	random_seed(&w->random, seed);
	w->time = (struct hand_clock){ { hand_wall, hand_mono }, 1000000000 };
	snprintf(w->folder, sizeof w->folder, "%s/oxp-model-XXXXXX", roots[access(roots[0], W_OK) != 0]);
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(loop_new(&w->time.clock, &w->loop), 0);
	fake_host_init(&w->host, w->loop, &collector_tail, MEMORY);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(w->globs[i], PATH_MAX, "%s/%s", w->folder, names[i]);
		w->items[i] = w->globs[i];
	}
	w->list = (struct option_list){ .items = w->items, .count = NAMES };
	w->config = (struct tail_config){ .paths = &w->list,
		.line_max = 1 << 20,
		.sweep = DURATION_S(SWEEP_S),
		.tick = DURATION_MS(2),
		.poll_every = DURATION_S(3600) };
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

static void world_end(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->files[i].fd >= 0)
			close(w->files[i].fd);
		buffer_done(&w->files[i].text);
	}
	fake_host_done(&w->host);
	loop_free(w->loop);
	assert_int_equal(nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(w);
}

static void live(uint64_t seed, bool loud)
{
	struct world *w = oxp_new(sizeof *w);

	world_begin(w, seed);
	w->loud = loud;
	w->seed = seed;
	for (unsigned i = 0; i < NAMES; i++) {
		create(w, i);
		write_lines(w, current(w, i), 1, false);
	}
	start(w);
	until(w, all_shipped, "the first lines"); /* from here on both names are known */
	for (int i = 0; i < ACTIONS; i++)
		act(w);
	for (unsigned i = 0; i < NAMES; i++)
		end_line(current(w, i));
	faults_end(w);
	collector_tail.drain(w->host.collector);
	until(w, is_quiet, "quiet");
	check_all(w);
	world_end(w);
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* Most of a life is waiting for the clock of files. */
static void live_some(unsigned long first, unsigned long seeds)
{
	for (unsigned long seed = first; seed <= seeds; seed += WORKERS)
		live(seed, false);
	exit(0); /* the sanitizers have their say */
}

static void what_is_offered_is_what_was_written(void **state)
{
	unsigned long one = number_from("OXP_SEED", 0), seeds = number_from("OXP_SEEDS", SEEDS);
	pid_t workers[WORKERS];
	int status;

	(void)state;
	if (one) {
		live(one, true);
		return;
	}
	fflush(stdout);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = fork();
		if (workers[i] == 0)
			live_some(i + 1, seeds);
		assert_true(workers[i] > 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_true(waitpid(workers[i], &status, 0) == workers[i] && status == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_offered_is_what_was_written) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
