/*
 * The tail collector against a model: random writes, rotations, switched links, truncations (with a copy before and
 * without, with writers that append and such that do not), deletions, pauses, faults of the pipeline, the state and
 * the file system, ends and kills, some lives on a slow disk, and some with lines that may go on. All in a simulated
 * file system (unit/sim/files.h), with a clock that the test moves and a lane without a thread. Half of what happens
 * to the files happens between two calls of the program. Afterwards what was offered is what was written: no line
 * lost, none twice, none broken. What nobody can know (the bytes cut away before they were read, a deleted file's
 * after the process was killed) may be missing, from some line on. What went to the spool when the process ended
 * counts as offered.
 *
 * A seed gives the same life each time. `OXP_SEEDS=30000` runs the lives of seeds 1 to 30,000; `OXP_SEED=7` runs
 * that of seed 7 alone, and tells what it does.
 */
#include "unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/random.h"
#include "collectors/tail/config.h"
#include "collectors/tail/tail.h"
#include "unit/fake_host.h"
#include "unit/sim/files.h"

extern const struct collector_type collector_tail;

enum { SEEDS = 1000, WORKERS = 2, ACTIONS = 40, TURNS_MAX = 100000, FILES_MAX = 256, MEMORY = 8 << 20 };
enum { MEDDLE_ONE_IN = 40, STEP_MS = 1, SWEEP_S = 10, BIRTH_MS = 4 };
enum { APP, OTHER, LINKED, NAMES };

#define FOLDER SIM_ROOT "/log"
static const char *const names[NAMES] = { "app.log", "other.log", "linked.log" };

/*
 * One content that a file had: a truncated file goes on as another.
 *
 * `partial`: what is not shipped is missing from the end.
 */
struct content {
	struct buffer text; /* from the file's first byte on */
	bool joins; /* as the world's */
	size_t hole; /* so many zeros are its beginning */
	size_t lines; /* in it; messages, if lines are joined */
	struct sim_inode *writer; /* NULL when nobody writes to it any more */
	unsigned name; /* whose lineage it is of */
	char path[64]; /* within the folder; empty when deleted */
	bool partial, checked;
};

struct world {
	struct still_clock time;
	struct loop *loop;
	struct host host;
	struct tail_config config;
	struct option_list list;
	const char *globs[NAMES];
	struct random random, hand; /* for what is done, and for what is done between two calls */
	struct content files[FILES_MAX];
	size_t count;
	size_t current[NAMES]; /* of files: who has the name */
	unsigned rotations;
	bool by_copy[NAMES]; /* it is rotated by copying and cutting, never by renaming; and it is not removed */
	uint64_t lines, seed;
	bool births; /* the file system tells them */
	bool fast; /* several files are made within a tick of the clock that tells births */
	struct duration disk; /* what each commit takes, if nothing else is wrong */
	bool joins; /* lines are text, and a message may have a second one */
	bool loud;
	bool calm; /* nothing is done between two calls */
};

static unsigned below(struct world *w, unsigned bound)
{
	return (unsigned)random_below(&w->random, bound);
}

/* For what is done to files, which happens between two calls of the program, too. */
static unsigned chance(struct world *w, unsigned bound)
{
	return (unsigned)random_below(&w->hand, bound);
}

/* Ends the process, which lives only some of the lives. */
__attribute__((noreturn, format(printf, 2, 3))) static void broken(const struct world *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "seed %llu: ", (unsigned long long)w->seed);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
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
	if (w->host.last_log[0])
		TELL(w, "says: %s\n", w->host.last_log);
	w->host.last_log[0] = '\0';
}

static bool is_shipped(const struct world *w, const struct content *c);

static bool all_shipped(const struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->files[i].checked && !w->files[i].partial && !is_shipped(w, &w->files[i]))
			return false;
	return true;
}

static void tell_positions(const struct world *w);

static uint64_t generation_of(const struct host *h, const struct content *c);
static void tell_unshipped(const struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->files[i].partial && !is_shipped(w, &w->files[i]))
			print_message("  not shipped: %s, %zu bytes, %zu lines, generation %llu\n", w->files[i].path,
				w->files[i].text.size, w->files[i].lines,
				(unsigned long long)generation_of(&w->host, &w->files[i]));

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
			broken(w, "still not %s", what);
	}
}

/* Files. */

static const char *path_of(const char *name)
{
	static char paths[2][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % COUNT_OF(paths)];

	snprintf(path, PATH_MAX, FOLDER "/%s", name);
	return path;
}

static struct content *current(struct world *w, unsigned name)
{
	return &w->files[w->current[name]];
}

static struct content *new_content(struct world *w, unsigned name, struct sim_inode *writer)
{
	struct content *c = &w->files[w->count];

	OXP_ASSERT(w->count < FILES_MAX);
	w->current[name] = w->count++;
	*c = (struct content){ .writer = writer, .name = name, .joins = w->joins };
	buffer_init(&c->text, 1 << 20);
	return c;
}

static unsigned long long inode_of(const struct content *c)
{
	return c->writer ? sim_number(c->writer) : 0;
}

/* What has the same inode one after another is told apart by its birth. */
static void let_clock_tick(struct world *w)
{
	if (!w->fast)
		w->time.ns += DURATION_MS(BIRTH_MS).ns;
}

static void create(struct world *w, unsigned name)
{
	char path[sizeof w->files->path];
	struct content *c;

	let_clock_tick(w);
	if (name == LINKED)
		snprintf(path, sizeof path, "linked-%u.data", ++w->rotations);
	else
		snprintf(path, sizeof path, "%s", names[name]);
	c = new_content(w, name, sim_create(path_of(path)));
	memcpy(c->path, path, sizeof path);
}

static void put(struct content *c, const char *text, size_t size)
{
	sim_write(c->writer, c->text.size, (struct bytes){ text, size });
	OXP_ASSERT(buffer_append(&c->text, text, size) == 0);
	for (size_t i = 0; i < size; i++)
		c->lines += text[i] == '\n' && (i + 1 == size || text[i + 1] != '\t');
}

static bool is_open_line(const struct content *c)
{
	return c->text.size > c->hole && c->text.data[c->text.size - 1] != '\n';
}

/* With its second line, if it has one: a message does not grow once it has an end. */
static void end_line(struct content *c)
{
	static const char *const ends[] = { "\n", "\n\tand more of it\n" };
	const char *end = c->joins ? ends[c->text.size % 2] : "\"}\n";

	if (is_open_line(c))
		put(c, end, strlen(end));
}

static void write_lines(struct world *w, struct content *c, unsigned lines, bool leave_open)
{
	char line[512];

	end_line(c);
	TELL(w, "  lines from %llu on at %zu of %s\n", (unsigned long long)w->lines, c->text.size, c->path);
	for (unsigned i = 0; i < lines; i++) {
		int n = snprintf(line, sizeof line,
			w->joins ? "message of the app, %llu %.*s" : "{\"n\":%llu,\"text\":\"%.*s",
			(unsigned long long)w->lines++, (int)chance(w, 300),
			"The quick brown fox jumps over the lazy dog, and on it goes through the wood, over the hill "
			"and down to the river, where it drinks, looks around once, hears the hounds far off behind "
			"the trees, and is gone between the reeds before anybody has seen more of it than its tail.");
		put(c, line, (size_t)n);
		if (i + 1 < lines || !leave_open)
			end_line(c);
	}
}

/* What was offered. */

static struct fake_item *item_at(const struct host *h, size_t from, uint64_t generation, uint64_t offset)
{
	for (size_t i = from; i < h->count; i++)
		if (h->items[i].generation == generation && h->items[i].offset == offset)
			return &h->items[i];
	return NULL;
}

/* What is one item: a line, or two that are joined. */
struct message {
	size_t at, last, end; /* its first line, its last one, and the line end behind that */
};

static bool message_at(const struct content *c, size_t at, struct message *ret)
{
	const char *text = c->text.data, *end = NULL;

	*ret = (struct message){ .at = at, .last = at };
	do {
		ret->last = end ? (size_t)(end + 1 - text) : at;
		end = ret->last < c->text.size ? memchr(text + ret->last, '\n', c->text.size - ret->last) : NULL;
	} while (end && end + 1 < text + c->text.size && end[1] == '\t');
	ret->end = end ? (size_t)(end - text) : 0;
	return end;
}

static bool is_message(const struct fake_item *item, const struct content *c, const struct message *m)
{
	const char *text = c->text.data + m->at;
	size_t size = m->end - m->at;
	char joined[1024];

	if (item && c->joins) {
		int n = m->last == m->at ? snprintf(joined, sizeof joined, "{\"message\":\"%.*s\"}", (int)size, text)
					 : snprintf(joined, sizeof joined, "{\"message\":\"%.*s\\n\\t%.*s\"}",
						   (int)(m->last - 1 - m->at), text, (int)(m->end - m->last - 1),
						   c->text.data + m->last + 1);
		text = joined;
		size = (size_t)n;
	}
	return item && item->size == size && memcmp(item->data, text, size) == 0;
}

/* How many lines of the content were offered under the generation, from the first on and in order; which are marked.
 * Another content may stand behind them: a kill before anything was saved, and two holes at the beginning, are the same
 * beginning twice. */
static size_t lines_under(const struct host *h, uint64_t generation, const struct content *c, bool mark)
{
	size_t at = c->hole, lines = 0, i = 0;

	for (struct message m; message_at(c, at, &m); at = m.end + 1) {
		struct fake_item *item = item_at(h, i, generation, m.last);
		if (!is_message(item, c, &m))
			break;
		item->seen = item->seen || mark;
		i = (size_t)(item - h->items) + 1;
		lines++;
	}
	return lines;
}

/* The generation that has the content's first line; 0: none. */
static uint64_t generation_of(const struct host *h, const struct content *c)
{
	struct message m;
	bool any = message_at(c, c->hole, &m);

	for (size_t i = 0; any && i < h->count; i++)
		if (h->items[i].offset == m.last && is_message(&h->items[i], c, &m))
			return h->items[i].generation;
	return 0;
}

static bool is_shipped(const struct world *w, const struct content *c)
{
	uint64_t generation = generation_of(&w->host, c);

	return c->lines == (generation ? lines_under(&w->host, generation, c, false) : 0);
}

static void check_content(struct world *w, struct content *c)
{
	uint64_t generation = generation_of(&w->host, c);
	size_t lines = generation ? lines_under(&w->host, generation, c, true) : 0;

	if (lines != c->lines && !c->partial)
		broken(w, "%s: %zu of %zu lines under generation %llu, first %.40s", c->path, lines, c->lines,
			(unsigned long long)generation, c->text.size > c->hole ? c->text.data + c->hole : "");
	c->checked = true;
}

/* What was cut away before it was read is told, once for each content that was begun. */
static void check_gaps(const struct world *w)
{
	uint64_t told =
		fake_host_number(&w->host, "truncations_total") + fake_host_number(&w->host, "vanished_files_total");
	uint64_t gaps = 0;

	for (size_t i = 0; i < w->count; i++)
		gaps += generation_of(&w->host, &w->files[i]) != 0 && !is_shipped(w, &w->files[i]);
	if (told < gaps)
		broken(w, "%llu gaps, and %llu were told", (unsigned long long)gaps, (unsigned long long)told);
}

static void check_all(struct world *w)
{
	check_gaps(w);
	for (size_t i = 0; i < w->count; i++)
		check_content(w, &w->files[i]);
	for (size_t i = 0; i < w->host.count; i++)
		if (!w->host.items[i].seen)
			broken(w, "nobody wrote this, or it came twice: generation %llu, offset %llu: %s",
				(unsigned long long)w->host.items[i].generation,
				(unsigned long long)w->host.items[i].offset, w->host.items[i].data);
}

/* Actions upon files. */

static void write_some(struct world *w)
{
	unsigned name = chance(w, NAMES), lines = 1 + chance(w, 20);
	bool leave_open = chance(w, 4) == 0;

	TELL(w, "write %u lines to %s%s\n", lines, names[name], leave_open ? ", the last without its end" : "");
	write_lines(w, current(w, name), lines, leave_open);
}

/* The link is set to the next file. One that was never looked at has a name that nobody knows. */
static void switch_link(struct world *w)
{
	struct content *c = current(w, LINKED);

	if (!generation_of(&w->host, c))
		return;
	end_line(c);
	create(w, LINKED);
	c = current(w, LINKED);
	TELL(w, "switch to %s, inode %llu\n", c->path, inode_of(c));
	write_lines(w, c, chance(w, 4), false);
	sim_link(path_of(names[LINKED]), path_of(c->path));
}

static void rename_to_next(struct world *w, struct content *c)
{
	char before[sizeof c->path];

	memcpy(before, c->path, sizeof before);
	snprintf(c->path, sizeof c->path, "%s.%u", names[c->name], ++w->rotations);
	TELL(w, "rename %s to %s, inode %llu\n", before, c->path, inode_of(c));
	sim_rename(path_of(before), path_of(c->path));
}

/* Without births nobody finds what had a name between two looks. */
static bool may_rotate(const struct world *w, const struct content *c)
{
	return !w->by_copy[c->name] && (w->births || generation_of(&w->host, c));
}

/* Rename and create; now and then several times at once. */
static void rotate(struct world *w)
{
	unsigned name = chance(w, NAMES), times = 1 + (chance(w, 5) == 0) * 2;

	if (name == LINKED) {
		switch_link(w);
		return;
	}
	for (unsigned i = 0; i < times && may_rotate(w, current(w, name)); i++) {
		end_line(current(w, name));
		rename_to_next(w, current(w, name));
		create(w, name);
		write_lines(w, current(w, name), chance(w, 4), false);
	}
}

static struct content *any_rotated(struct world *w)
{
	struct content *c = &w->files[chance(w, (unsigned)w->count)];

	return c->writer && c->path[0] && c->name != LINKED && c != current(w, c->name) ? c : NULL;
}

/* As logrotate does with those of earlier rotations. */
static void rename_rotated(struct world *w)
{
	struct content *c = any_rotated(w);

	if (c)
		rename_to_next(w, c);
}

/* As logrotate does with the oldest: what it had is read long since. */
static void remove_rotated(struct world *w)
{
	struct content *c = any_rotated(w);

	if (!c || c->lines == 0 || !is_shipped(w, c))
		return;
	TELL(w, "remove %s, inode %llu\n", c->path, inode_of(c));
	sim_unlink(path_of(c->path));
	sim_close(c->writer);
	c->writer = NULL;
	c->path[0] = '\0';
}

/* Removed while it is followed, with what is not read yet; its writer may go on for a while. */
static void delete_followed(struct world *w)
{
	struct content *c = &w->files[chance(w, (unsigned)w->count)];
	bool named = c == current(w, c->name);

	if (!c->writer || !c->path[0] || c->name == LINKED || w->by_copy[c->name] || !sim_is_followed(c->writer))
		return;
	TELL(w, "delete %s, inode %llu\n", c->path, inode_of(c));
	end_line(c);
	sim_unlink(path_of(c->path));
	c->path[0] = '\0';
	write_lines(w, c, chance(w, 3), false);
	sim_close(c->writer);
	c->writer = NULL;
	if (named)
		create(w, c->name);
}

/* A writer that has not noticed the rotation. */
static void write_late(struct world *w)
{
	struct content *c = any_rotated(w);

	if (!c)
		return;
	TELL(w, "write late to %s\n", c->path);
	write_lines(w, c, 1 + chance(w, 3), false);
}

static void add_hole(struct content *c, size_t size)
{
	char *zeros = buffer_reserve(&c->text, size);

	OXP_ASSERT(zeros);
	memset(zeros, 0, size);
	c->hole = c->text.size = size;
}

/* As logrotate does before it cuts a file down. A copy that was begun before it is whole; what is written behind it is
 * cut away. */
static bool copy_one(struct world *w, struct content *c)
{
	struct sim_inode *copy;
	char path[sizeof c->path];
	bool late = chance(w, 4) == 0;

	if (!w->by_copy[c->name] || !generation_of(&w->host, c))
		return false;
	end_line(c);
	let_clock_tick(w);
	snprintf(path, sizeof path, "%s.%u", names[c->name], ++w->rotations);
	TELL(w, "copy %s at %zu to %s\n", c->path, c->text.size, path);
	copy = sim_create(path_of(path));
	sim_write(copy, 0, buffer_bytes(&c->text));
	sim_close(copy);
	if (late)
		write_lines(w, c, 1, false);
	memcpy(c->path, path, sizeof path);
	return !late;
}

/* The file goes on as another content, behind a hole if its writer keeps its offset. */
static void truncate_one(struct world *w)
{
	unsigned name = chance(w, NAMES);
	struct content *before = current(w, name), *c;

	if (before->text.size == 0)
		return;
	c = new_content(w, name, before->writer);
	memcpy(c->path, before->path, sizeof c->path);
	if (chance(w, 2) == 0 || !copy_one(w, before))
		before->partial = true;
	if (before->partial)
		before->path[0] = '\0';
	before->writer = NULL;
	if (chance(w, 2))
		add_hole(c, before->text.size);
	TELL(w, "truncate %s at %zu, go on at %zu\n", names[name], before->text.size, c->hole);
	sim_truncate(c->writer);
	write_lines(w, c, 1 + chance(w, 20), false);
}

static void meddle(struct world *w)
{
	static void (*const actions[])(struct world *) = { write_some, write_some, write_some, write_some, rotate,
		rotate, rename_rotated, write_late, truncate_one, remove_rotated, delete_followed };

	if (w->count + NAMES * 2 < FILES_MAX)
		actions[chance(w, COUNT_OF(actions))](w);
}

/* Between two calls of the program. */
static void between(void *context)
{
	struct world *w = context;

	if (!w->calm && chance(w, MEDDLE_ONE_IN) == 0)
		meddle(w);
}

/* Actions upon the program. */

static void faults_end(struct world *w)
{
	w->host.refuse = w->host.hold = false;
	w->host.commit_error = 0;
	w->host.commit_takes = w->disk;
	for (unsigned call = 0; call < SIM_CALLS; call++)
		sim_files_fail((enum sim_call)call, 0, 0);
	loop_soon_run(&w->host.settling);
	loop_soon_run(&w->host.room);
}

/* Its lines are read to the end as long as it is open; another takes its name. What comes after that is known by its
 * name's history, so the next one is let come. */
static void delete_one(struct world *w)
{
	unsigned name = below(w, LINKED);
	struct content *c = current(w, name);

	if (w->by_copy[name])
		return;
	faults_end(w);
	w->calm = true;
	end_line(c);
	write_lines(w, c, 1, false);
	until(w, all_shipped, "all shipped before a deletion");
	TELL(w, "delete %s\n", names[name]);
	sim_unlink(path_of(c->path));
	c->path[0] = '\0';
	write_lines(w, c, 1 + below(w, 3), false);
	create(w, name);
	write_lines(w, current(w, name), 1, false);
	until(w, all_shipped, "all shipped after a deletion");
	w->calm = false;
}

/* One that is away has none. */
static const char *name_in(const char *path)
{
	return strncmp(path, FOLDER "/", sizeof FOLDER) == 0 ? path + sizeof FOLDER : path;
}

static void tell_positions(const struct world *w)
{
	for (size_t i = 0; i < w->host.positions.count; i++)
		TELL(w, "  position: generation %llu, inode %llu, born %lld, head %u, offset %llu, %s\n",
			(unsigned long long)w->host.positions.rows[i].at.generation,
			(unsigned long long)w->host.positions.rows[i].at.inode,
			(long long)w->host.positions.rows[i].at.birth_ns, w->host.positions.rows[i].at.head_size,
			(unsigned long long)w->host.positions.rows[i].at.offset,
			name_in(w->host.positions.rows[i].path));
}

/* Killed, or with a disk that took nothing: what was not read of a file that is gone is not known. */
static void process_ended(struct world *w, bool lost)
{
	tell_positions(w);
	for (size_t i = 0; i < w->count && lost; i++)
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
	process_ended(w, true);
	for (unsigned n = below(w, 3); n > 0; n--)
		meddle(w);
	start(w);
}

static void end_it(struct world *w)
{
	TELL(w, "end\n");
	w->host.not_left = 0;
	w->calm = true; /* what is done after a file was asked for the last time is not known */
	fake_host_end(&w->host);
	w->calm = false;
	process_ended(w, w->host.not_left > 0);
	for (unsigned n = below(w, 3); n > 0; n--)
		meddle(w);
	start(w);
}

static void change_faults(struct world *w)
{
	static const struct {
		enum sim_call call;
		int error;
	} faults[] = { { SIM_OPEN, EMFILE }, { SIM_OPEN, EACCES }, { SIM_READ, EIO }, { SIM_LIST, EACCES },
		{ SIM_WATCH, ENOSPC } };
	unsigned call = below(w, COUNT_OF(faults));

	faults_end(w);
	switch (below(w, 6)) {
	case 0:
		w->host.refuse = true;
		break;
	case 1:
		w->host.hold = true;
		break;
	case 2:
		w->host.commit_error = -ENOSPC;
		break;
	case 3:
		sim_files_fail(faults[call].call, 1 + below(w, 4), faults[call].error);
		TELL(w, "faults: call %d, %s\n", faults[call].call, strerror(faults[call].error));
		break;
	case 4:
		w->host.commit_takes = DURATION_MS(1 + below(w, 1000));
		break;
	}
	TELL(w, "faults: refuse %d, hold %d, commit %d, slow %lld ns\n", w->host.refuse, w->host.hold,
		w->host.commit_error, (long long)w->host.commit_takes.ns);
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

/* So long that sweeps close what is rotated, read and left alone: nobody writes to it any more. With a pipeline that
 * takes nothing for as long, there is more to read. */
static void let_time_pass(struct world *w)
{
	w->calm = true;
	faults_end(w);
	if (below(w, 2))
		until(w, all_shipped, "all shipped before a pause");
	else
		w->host.refuse = true;
	TELL(w, "a quarter of an hour%s\n", w->host.refuse ? ", and all is refused" : "");
	for (size_t i = 0; i < w->count; i++)
		if (w->files[i].writer && w->files[i].path[0] && &w->files[i] != current(w, w->files[i].name)) {
			sim_close(w->files[i].writer);
			w->files[i].writer = NULL;
		}
	for (int i = 0; i < 90; i++) {
		w->time.ns += DURATION_S(SWEEP_S).ns;
		for (int j = 0; j < 20; j++)
			turn(w);
	}
	w->host.refuse = false;
	loop_soon_run(&w->host.room);
	w->calm = false;
}

/* When the first look was is on disk. */
static bool is_known(const struct world *w)
{
	for (size_t i = 0; i < w->host.positions.count; i++)
		if (w->host.positions.rows[i].at.generation == 0)
			return w->host.positions.rows[i].at.offset > 0;
	return false;
}

/* The wall clock, by up to three days, forth or back. Once in a life: if it is set twice while nobody looks, births say
 * nothing any more. Nor do they if it is not known when somebody looked: a copy of a file of which nothing was read is
 * told from older ones by its age. */
static void set_clock(struct world *w)
{
	if (w->time.set || !is_known(w))
		return;
	int64_t hours = (int64_t)below(w, 145) - 72;

	w->time.set = hours * DURATION_S(3600).ns;
	TELL(w, "the clock is set by %lld hours\n", (long long)hours);
}

static void act(struct world *w)
{
	static void (*const actions[])(struct world *) = { turn_some, turn_some, turn_some, kill_it, kill_it, end_it,
		change_faults, settle_some };
	unsigned n = below(w, 200);

	if (n < 2)
		let_time_pass(w);
	else if (n < 5)
		delete_one(w);
	else if (n < 7)
		set_clock(w);
	else if (n < 120)
		meddle(w);
	else
		actions[below(w, COUNT_OF(actions))](w);
	tail_collector_check(w->host.collector);
}

/* A life. */

/* Some match copies, too. */
static char *glob_of(struct world *w, unsigned name)
{
	char glob[PATH_MAX + 1];

	snprintf(glob, sizeof glob, "%s%s", path_of(names[name]), w->by_copy[name] && below(w, 2) ? "*" : "");
	return oxp_strdup(glob);
}

static const struct option_list no_shapes = { .items = NULL };

static void world_begin(struct world *w, uint64_t seed)
{
	struct sim_files_options files = { .random = &w->hand, .clock = &w->time.clock, .between = between };

	random_seed(&w->random, seed);
	random_seed(&w->hand, ~seed);
	w->time = (struct still_clock)STILL_CLOCK;
	w->time.ns += (int64_t)seed;
	files.births = w->births = below(w, 8) > 0;
	files.reuse = w->births && below(w, 2);
	w->fast = !files.reuse;
	for (unsigned i = 0; i < LINKED; i++)
		w->by_copy[i] = w->births && below(w, 2);
	files.events_max = below(w, 2) ? 4 + below(w, 20) : 16384;
	files.context = w;
	sim_files_begin(&files);
	sim_folder(FOLDER);
	assert_int_equal(loop_new(&w->time.clock, &w->loop), 0);
	fake_host_init(&w->host, w->loop, &collector_tail, MEMORY);
	for (unsigned i = 0; i < NAMES; i++)
		w->globs[i] = glob_of(w, i);
	w->list = (struct option_list){ .items = w->globs, .count = NAMES };
	w->joins = below(w, 4) == 0;
	if (below(w, 4) == 0)
		w->host.commit_takes = w->disk = DURATION_MS(100 + below(w, 900));
	w->config = (struct tail_config){ .paths = &w->list,
		.line_max = 1 << 20,
		.sweep = DURATION_S(SWEEP_S),
		.tick = DURATION_MS(2),
		.poll_every = DURATION_S(3600),
		.multiline = { .start = w->joins ? "message" : NULL, .shapes = &no_shapes } };
}

static void world_end(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->files[i].writer)
			sim_close(w->files[i].writer);
		buffer_done(&w->files[i].text);
	}
	fake_host_done(&w->host);
	loop_free(w->loop);
	for (unsigned i = 0; i < NAMES; i++)
		free((void *)w->globs[i]);
	sim_files_end();
	free(w);
}

/* What was offered, in its order. */
static uint64_t digest(const struct host *h)
{
	uint64_t sum = h->repeated;

	for (size_t i = 0; i < h->count; i++)
		sum = XXH3_64bits_withSeed(h->items[i].data, h->items[i].size, sum + h->items[i].offset);
	return sum;
}

static uint64_t live(uint64_t seed, bool loud)
{
	struct world *w = oxp_new(sizeof *w);
	uint64_t sum;

	world_begin(w, seed);
	w->loud = loud;
	w->seed = seed;
	w->calm = true;
	for (unsigned i = 0; i < NAMES; i++) {
		create(w, i);
		write_lines(w, current(w, i), 1, false);
	}
	sim_link(path_of(names[LINKED]), path_of(current(w, LINKED)->path));
	start(w);
	until(w, all_shipped, "the first lines"); /* from here on the names are known */
	w->calm = false;
	for (int i = 0; i < ACTIONS; i++)
		act(w);
	w->calm = true;
	for (unsigned i = 0; i < NAMES; i++)
		end_line(current(w, i));
	faults_end(w);
	collector_tail.drain(w->host.collector);
	until(w, is_quiet, "quiet");
	check_all(w);
	sum = digest(&w->host);
	world_end(w);
	return sum;
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static uint64_t living;

/* A promise was broken, or memory was. */
static void tell_seed(int number)
{
	dprintf(STDERR_FILENO, "seed %llu: signal %d\n", (unsigned long long)living, number);
	signal(number, SIG_DFL);
}

static void live_some(unsigned long first, unsigned long seeds)
{
	signal(SIGABRT, tell_seed);
	for (living = first; living <= seeds; living += WORKERS)
		live(living, false);
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

static void a_seed_gives_the_same_life(void **state)
{
	(void)state;
	if (number_from("OXP_SEED", 0))
		skip();
	for (uint64_t seed = 1; seed <= 10; seed++)
		assert_int_equal(live(seed, false), live(seed, false));
	assert_int_not_equal(live(1, false), live(2, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_offered_is_what_was_written),
		cmocka_unit_test(a_seed_gives_the_same_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
