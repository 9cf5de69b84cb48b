/*
 * The `tail` collector: follows log files, and hands each line to the pipeline once.
 *
 * A file is its device, inode, birth and first bytes, not its name: renamed, it is read on to its end under its open
 * descriptor; cut down to less than was read, it begins anew under a new generation. A generation is on disk before
 * its first line is offered, and the saved position moves when every destination has settled: after a kill at any
 * moment the same bytes come again under the same ids. inotify says when to look, a sweep finds what it did not say;
 * changed files are read once a tick. Looking for files runs in the disk lane.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "collectors/tail_file.h"
#include "loop/loop.h"

enum {
	TABLE = 2048, /* chains of each of the two tables */
	SAVE_MS = 250, /* from the first position that moved to the commit */
	COMMIT_RETRY_MS = 1000,
	GONE_SWEEPS = 2, /* a file without a name that did not grow for so many sweeps is closed */
	EVENTS_SIZE = 32 << 10,
	FILES_A_SLICE = 64,
	LOST_MAX = 64, /* names that changed hands between two scans; the others are found by the next sweep */
};

struct tail_config {
	const struct option_list *paths;
	int start, format;
	uint64_t line_max;
	struct duration sweep, tick;
};

enum { START_BEGINNING, START_END };
enum { FORMAT_AUTO, FORMAT_JSON, FORMAT_TEXT };
static const char *const starts[] = { "beginning", "end", NULL };
static const char *const formats[] = { "auto", "json", "text", NULL };

static const struct option tail_options[] = {
	{ OPT_TEXTS(struct tail_config, paths), .name = "paths", .main = true, .required = true,
		.example = "[/var/log/app/*.log]", .help = "Globs of the files to follow." },
	{ OPT_CHOICE(struct tail_config, start, starts), .name = "start", .text = "beginning",
		.help = "Where a file begins that is there at the start and has no saved position." },
	{ OPT_CHOICE(struct tail_config, format, formats), .name = "format", .text = "auto",
		.help = "What a line is; auto and json: a JSON object, anything else becomes {\"message\": …}; text: "
			"always that." },
	{ OPT_SIZE(struct tail_config, line_max), .name = "line_max", .text = "1MiB", .min = 1024, .max = 16 << 20,
		.help = "Longest line; longer ones are cut, marked and counted." },
	{ OPT_DURATION(struct tail_config, sweep), .name = "sweep", .text = "10s", .min = 100,
		.help = "How often the folders are looked through for what nobody told." },
	{ OPT_DURATION(struct tail_config, tick), .name = "tick", .text = "50ms", .min = 1, .max = 10000,
		.help = "Changed files are read once in so long." },
	{ .name = NULL },
};

/* A batch under way: what its token leads to. Settled in the order they were offered. */
struct offer {
	TAILQ_ENTRY(offer) entry;
	struct tail_file *file;
	uint64_t generation, end;
};

struct saved_position {
	struct saved_position *next;
	struct position at;
	char *path;
};

TAILQ_HEAD(file_list, tail_file);

/*
 * Invariant: every file is in `files` and in by_inode, and in by_path unless it is gone; in `ready` exactly when its
 * flag says so. `scanning`: the lane has `scan`.
 */
struct collector {
	const struct tail_config *config;
	struct tail_reader reader;
	struct loop *loop;
	struct file_list files, ready;
	struct tail_file *by_path[TABLE], *by_inode[TABLE];
	struct saved_position *saved; /* of earlier runs, until the first scan has claimed them */
	int inotify;
	struct loop_watch changes;
	struct loop_timer tick, sweep, save;
	struct loop_soon reading;
	struct tail_scan scan;
	size_t scan_at; /* how far the answer of a scan is worked through */
	struct loop_soon scanned;
	unsigned scans;
	struct tail_found lost[LOST_MAX]; /* for the next scan */
	size_t lost_count;
	bool scanning, scan_again, full, stopped, draining, drained_scan, committing, commit_again, had_scan;
	TAILQ_HEAD(offer_list, offer) offers; /* oldest first */
	uint64_t *open_files, *rotations, *truncations, *errors;
};

static void begin_scan(struct collector *c);
static void commit(struct collector *c);

/* The tables. */

static size_t path_place(const char *path)
{
	return XXH3_64bits(path, strlen(path)) % TABLE;
}

static size_t inode_place(const struct tail_identity *i)
{
	return (i->inode ^ i->dev) % TABLE;
}

static void put_path(struct collector *c, struct tail_file *f)
{
	struct tail_file **chain = &c->by_path[path_place(f->path)];

	f->by_path = *chain;
	*chain = f;
}

static void take_path(struct collector *c, struct tail_file *f)
{
	for (struct tail_file **at = &c->by_path[path_place(f->path)]; *at; at = &(*at)->by_path)
		if (*at == f) {
			*at = f->by_path;
			return;
		}
}

static struct tail_file *find_path(struct collector *c, const char *path)
{
	struct tail_file *f = c->by_path[path_place(path)];

	while (f && strcmp(f->path, path) != 0)
		f = f->by_path;
	return f;
}

static struct tail_file *find_identity(struct collector *c, const struct tail_identity *identity)
{
	struct tail_file *f = c->by_inode[inode_place(identity)];

	while (f && !tail_same(&f->identity, identity))
		f = f->by_inode;
	return f;
}

static void mark_ready(struct collector *c, struct tail_file *f)
{
	if (!f->ready && f->state == TAIL_FOLLOWED) {
		f->ready = true;
		TAILQ_INSERT_TAIL(&c->ready, f, ready_entry);
	}
	if (f->ready && !c->full && !c->stopped)
		loop_soon_run(&c->reading);
}

/* The name is another file's now, or nobody's: what is open is read to its end. */
static void lose_name(struct collector *c, struct tail_file *f)
{
	if (f->gone)
		return;
	take_path(c, f);
	f->gone = true;
	f->idle_sweeps = 0;
	++*c->rotations;
	mark_ready(c, f);
}

static void file_free(struct collector *c, struct tail_file *f)
{
	for (struct tail_file **at = &c->by_inode[inode_place(&f->identity)]; *at; at = &(*at)->by_inode)
		if (*at == f) {
			*at = f->by_inode;
			break;
		}
	if (!f->gone)
		take_path(c, f);
	if (f->ready)
		TAILQ_REMOVE(&c->ready, f, ready_entry);
	TAILQ_REMOVE(&c->files, f, entry);
	--*c->open_files;
	close(f->fd);
	free(f->path);
	free(f);
}

/* Positions. */

static void put_position(struct collector *c, struct tail_file *f)
{
	tail_file_head(f);
	host_position_put(c->reader.host, &(struct position){ .generation = f->generation,
						  .dev = f->identity.dev,
						  .inode = f->identity.inode,
						  .birth_ns = f->identity.birth_ns,
						  .head_hash = f->head_hash,
						  .head_size = f->head_size,
						  .offset = f->saved,
						  .path = f->path });
	f->dirty = false;
}

static void committed(void *context, int failed)
{
	struct collector *c = context;
	struct tail_file *f;

	c->committing = false;
	if (failed) {
		++*c->errors;
		host_log(c->reader.host, LOG_LEVEL_WARN, "positions cannot be saved: %s; trying again",
			strerror(-failed));
	}
	TAILQ_FOREACH(f, &c->files, entry)
	{
		if (f->state != TAIL_COMMITTING)
			continue;
		f->state = failed ? TAIL_NEW : TAIL_FOLLOWED;
		if (!failed)
			mark_ready(c, f);
	}
	if (failed)
		loop_timer_set(&c->save, DURATION_MS(COMMIT_RETRY_MS));
	else if (c->commit_again)
		commit(c);
}

/* Saves what moved and what is new, in one transaction; what comes meanwhile goes with the next. */
static void commit(struct collector *c)
{
	struct tail_file *f;

	c->commit_again = c->committing;
	if (c->committing)
		return;
	c->committing = true;
	loop_timer_clear(&c->save);
	TAILQ_FOREACH(f, &c->files, entry)
	{
		if (f->state == TAIL_NEW)
			f->state = TAIL_COMMITTING;
		else if (!f->dirty)
			continue;
		put_position(c, f);
	}
	host_positions_commit(c->reader.host, committed, c);
}

static void on_save(void *context)
{
	commit(context);
}

static void moved(struct collector *c, struct tail_file *f)
{
	f->dirty = true;
	if (c->draining)
		commit(c);
	else if (!loop_timer_pending(&c->save))
		loop_timer_set(&c->save, DURATION_MS(SAVE_MS));
}

static void new_generation(struct collector *c, struct tail_file *f)
{
	f->generation = host_generation_next(c->reader.host);
	f->offset = f->saved = 0;
	f->head_size = 0;
	f->skipping = false;
	f->state = TAIL_NEW;
	commit(c);
}

/* Offers. */

static void tail_settled(struct collector *c, uint64_t token)
{
	struct offer *offer = (struct offer *)(uintptr_t)token;
	struct tail_file *f = offer->file;

	TAILQ_REMOVE(&c->offers, offer, entry);
	f->offers--;
	if (offer->generation == f->generation) {
		f->saved = f->offers == 0 ? f->offset : offer->end;
		moved(c, f);
	}
	free(offer);
}

/* Reading. */

static void truncated(struct collector *c, struct tail_file *f)
{
	++*c->truncations;
	host_log(c->reader.host, LOG_LEVEL_WARN,
		"%s was cut down: reading it from its beginning; what was cut away after byte %llu "
		"and not read is not known",
		f->path, (unsigned long long)f->offset);
	host_position_forget(c->reader.host, f->generation);
	new_generation(c, f);
}

static bool was_cut_down(const struct tail_file *f)
{
	struct stat info;

	return fstat(f->fd, &info) == 0 && (uint64_t)info.st_size < f->offset;
}

static void not_ready(struct collector *c, struct tail_file *f)
{
	f->ready = false;
	TAILQ_REMOVE(&c->ready, f, ready_entry);
}

static void read_failed(struct collector *c, struct tail_file *f)
{
	++*c->errors;
	not_ready(c, f);
	host_log(c->reader.host, LOG_LEVEL_WARN, "cannot read %s: %s", f->path, strerror(errno));
}

/* At the end of what there is. Bytes that made no item (empty lines) pass with the offers, or at once when there are
 * none. */
static void at_end(struct collector *c, struct tail_file *f)
{
	not_ready(c, f);
	if (f->offers == 0 && f->saved != f->offset) {
		f->saved = f->offset;
		moved(c, f);
	}
}

/* One slice of one file, then the next file's turn. */
static void read_slice(void *context)
{
	struct collector *c = context;
	struct tail_file *f = TAILQ_FIRST(&c->ready);
	struct offer *offer;
	enum tail_read answer;
	bool offered;

	if (!f || c->full || c->stopped)
		return;
	if (was_cut_down(f)) {
		not_ready(c, f);
		truncated(c, f);
		loop_soon_run(&c->reading);
		return;
	}
	offer = oxp_new(sizeof *offer);
	*offer = (struct offer){ .file = f, .generation = f->generation };
	answer = tail_file_read(f, &c->reader, (uint64_t)(uintptr_t)offer, &offered);
	if (offered) {
		offer->end = f->offset;
		f->offers++;
		TAILQ_INSERT_TAIL(&c->offers, offer, entry);
	} else {
		free(offer);
	}
	c->full = answer == TAIL_READ_FULL;
	if (answer == TAIL_READ_FAILED) {
		read_failed(c, f);
	} else if (answer == TAIL_READ_END) {
		at_end(c, f);
	} else if (answer == TAIL_READ_MORE) {
		TAILQ_REMOVE(&c->ready, f, ready_entry);
		TAILQ_INSERT_TAIL(&c->ready, f, ready_entry);
	}
	if (!TAILQ_EMPTY(&c->ready) && !c->full)
		loop_soon_run(&c->reading);
}

static void tail_resume(struct collector *c)
{
	c->full = false;
	if (!TAILQ_EMPTY(&c->ready) && !c->stopped)
		loop_soon_run(&c->reading);
}

/* Finding files. */

/* The saved position of a file that is the same as it was then; taken out of the list. */
static struct saved_position *claim(struct collector *c, const struct tail_identity *identity, int fd)
{
	for (struct saved_position *s, **at = &c->saved; (s = *at); at = &s->next) {
		const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
		if (tail_same(&then, identity) && tail_head_is(fd, s->at.head_hash, s->at.head_size)) {
			*at = s->next;
			return s;
		}
	}
	return NULL;
}

static void begin_at(struct collector *c, struct tail_file *f, uint64_t size)
{
	struct saved_position *s = claim(c, &f->identity, f->fd);

	if (!s) {
		new_generation(c, f);
		if (!c->had_scan && !f->gone && c->config->start == START_END)
			f->offset = f->saved = size;
		return;
	}
	f->generation = s->at.generation;
	f->offset = f->saved = s->at.offset;
	f->head_hash = s->at.head_hash;
	f->head_size = s->at.head_size;
	f->state = TAIL_FOLLOWED;
	free(s->path);
	free(s);
}

/* Opens a file that is new to us; `gone` when its name is not one that we follow. */
static void add_file(struct collector *c, const struct tail_found *found, bool gone)
{
	struct tail_identity identity;
	struct tail_file *f;
	uint64_t size;
	int fd = open(found->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || tail_identify(fd, "", &identity, &size) < 0 || find_identity(c, &identity)) {
		if (fd < 0)
			++*c->errors;
		else
			close(fd);
		return;
	}
	f = oxp_new(sizeof *f);
	f->path = oxp_strdup(found->path);
	f->fd = fd;
	f->identity = identity;
	f->gone = gone;
	f->seen = c->scans;
	f->by_inode = c->by_inode[inode_place(&identity)];
	c->by_inode[inode_place(&identity)] = f;
	TAILQ_INSERT_TAIL(&c->files, f, entry);
	++*c->open_files;
	if (!gone)
		put_path(c, f);
	begin_at(c, f, size);
	mark_ready(c, f);
}

/* A name has come to a new file. Who had it before, and those that had it in between, are looked for in the next
 * scan. */
static void look_for_rotated(struct collector *c, const char *path)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, &c->files, entry)
	{
		if (!f->gone || strcmp(f->path, path) != 0 || c->lost_count == LOST_MAX)
			continue;
		c->lost[c->lost_count++] = (struct tail_found){ .path = oxp_strdup(path), .identity = f->identity };
		c->scan_again = true;
	}
}

/* One file of a scan's answer. */
static void look_at(struct collector *c, const struct tail_found *found)
{
	struct tail_file *f = find_identity(c, &found->identity), *named = find_path(c, found->path);

	if (named && named != f)
		lose_name(c, named);
	if (!f) {
		look_for_rotated(c, found->path);
		add_file(c, found, false);
		return;
	}
	f->seen = c->scans;
	if (f->gone || strcmp(f->path, found->path) != 0) {
		if (!f->gone)
			take_path(c, f);
		free(f->path);
		f->path = oxp_strdup(found->path);
		f->gone = false;
		put_path(c, f);
		moved(c, f);
	}
	if (found->size != f->offset)
		mark_ready(c, f);
}

static bool has_more(const struct tail_file *f)
{
	struct stat info;

	return fstat(f->fd, &info) == 0 && (uint64_t)info.st_size != f->offset;
}

/* A file without a name: closed when it is read, settled, and has not grown for some sweeps. */
static void tend_gone(struct collector *c, struct tail_file *f)
{
	if (has_more(f) || f->ready || f->offers > 0 || f->state != TAIL_FOLLOWED) {
		f->idle_sweeps = 0;
		mark_ready(c, f);
	} else if (++f->idle_sweeps > GONE_SWEEPS) {
		host_position_forget(c->reader.host, f->generation);
		file_free(c, f);
		commit(c);
	}
}

static void watch_folders(struct collector *c)
{
	for (size_t i = 0; i < c->scan.folder_count; i++)
		if (inotify_add_watch(c->inotify, c->scan.folders[i],
			    IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) < 0 &&
			errno != ENOENT)
			++*c->errors;
}

/* Saved positions that no file claimed are of files that are no more. */
static void forget_unclaimed(struct collector *c)
{
	for (struct saved_position *s; (s = c->saved);) {
		c->saved = s->next;
		host_position_forget(c->reader.host, s->at.generation);
		free(s->path);
		free(s);
	}
}

static void end_scan(struct collector *c)
{
	struct tail_file *f, *next;

	for (size_t i = 0; i < c->scan.rotated_count; i++)
		add_file(c, &c->scan.rotated[i], true);
	forget_unclaimed(c);
	c->had_scan = true;
	for (f = TAILQ_FIRST(&c->files); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		if (!f->gone && f->seen != c->scans)
			lose_name(c, f);
		if (f->gone)
			tend_gone(c, f);
	}
	watch_folders(c);
	tail_scan_clear(&c->scan);
	c->scanning = false;
	c->drained_scan = c->draining && !c->scan_again;
	if (c->scan_again && !c->stopped)
		begin_scan(c);
	else if (!c->stopped)
		loop_timer_set(&c->sweep, c->config->sweep);
}

static void work_through_scan(void *context)
{
	struct collector *c = context;

	for (int i = 0; i < FILES_A_SLICE && c->scan_at < c->scan.count; i++)
		look_at(c, &c->scan.files[c->scan_at++]);
	if (c->scan_at < c->scan.count)
		loop_soon_run(&c->scanned);
	else
		end_scan(c);
}

static void scan_done(struct job *job)
{
	struct collector *c = CONTAINER_OF(CONTAINER_OF(job, struct tail_scan, job), struct collector, scan);

	c->scan_at = 0;
	c->scans++;
	if (c->stopped) {
		tail_scan_clear(&c->scan);
		c->scanning = false;
		return;
	}
	work_through_scan(c);
}

/* What to look for beside old names. To the first scan every saved position may have lost its name meanwhile. */
static void add_lost(struct collector *c)
{
	size_t n = c->lost_count;

	for (struct saved_position *s = c->saved; s; s = s->next)
		n++;
	c->scan.lost = n ? oxp_new(n * sizeof *c->scan.lost) : NULL;
	for (size_t i = 0; i < c->lost_count; i++)
		c->scan.lost[c->scan.lost_count++] = c->lost[i];
	c->lost_count = 0;
	for (struct saved_position *s = c->saved; s; s = s->next)
		c->scan.lost[c->scan.lost_count++] = (struct tail_found){ .path = oxp_strdup(s->path),
			.identity = { s->at.dev, s->at.inode, s->at.birth_ns } };
}

static void begin_scan(struct collector *c)
{
	c->scan_again = c->scanning;
	if (c->scanning || c->stopped)
		return;
	c->scan.globs = c->config->paths;
	c->scan.job = (struct job){ .work = tail_scan_work, .done = scan_done };
	add_lost(c);
	c->scanning = lane_run(host_disk_lane(c->reader.host), &c->scan.job) == 0;
	if (!c->scanning) {
		tail_scan_clear(&c->scan);
		loop_timer_set(&c->sweep, DURATION_MS(SAVE_MS));
	}
}

static void on_sweep(void *context)
{
	begin_scan(context);
}

/* What inotify says. */

/* Every followed file that may have changed. A name alone does not tell the folder, so the file is asked. */
static void read_changed(struct collector *c)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, &c->files, entry)
	if (!f->ready && has_more(f))
		mark_ready(c, f);
}

static void on_tick(void *context)
{
	struct collector *c = context;
	char events[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool scan = false;
	ssize_t n = read(c->inotify, events, sizeof events);

	for (char *p = events; n > 0 && p < events + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;
		scan = scan || !(e->mask & IN_MODIFY); /* names came or went, or the queue ran over */
		p += sizeof *e + e->len;
	}
	read_changed(c);
	if (scan)
		begin_scan(c);
	if (!c->stopped)
		loop_watch_set(&c->changes, WATCH_READ);
}

/* The first event of a tick only starts it: what else changes until its end is read with it. */
static void on_changes(void *context, int fd, unsigned what)
{
	struct collector *c = context;

	(void)fd, (void)what;
	loop_watch_set(&c->changes, 0);
	loop_timer_set(&c->tick, c->config->tick);
}

/* Life. */

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void remember(void *context, const struct position *at)
{
	struct collector *c = context;
	struct saved_position *s = oxp_new(sizeof *s);

	s->at = *at;
	s->path = oxp_strdup(at->path);
	s->next = c->saved;
	c->saved = s;
}

static int tail_start(struct collector *c)
{
	int failed = host_positions_load(c->reader.host, remember, c);

	if (failed)
		return failed;
	raise_descriptors();
	c->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (c->inotify < 0)
		return -errno;
	loop_watch_init(&c->changes, c->loop, c->inotify, on_changes, c);
	loop_watch_set(&c->changes, WATCH_READ);
	begin_scan(c);
	return 0;
}

/* Nothing waits: a last look around, and positions are saved as they move. */
static void tail_drain(struct collector *c)
{
	c->draining = true;
	begin_scan(c);
	read_changed(c);
	commit(c);
}

static bool tail_quiet(struct collector *c)
{
	struct tail_file *f;

	if (!c->drained_scan || c->scanning || c->committing || !TAILQ_EMPTY(&c->offers) || !TAILQ_EMPTY(&c->ready))
		return false;
	TAILQ_FOREACH(f, &c->files, entry)
	if (f->state != TAIL_FOLLOWED || f->dirty)
		return false;
	return true;
}

static void tail_stop(struct collector *c)
{
	struct tail_file *f;

	c->stopped = true;
	loop_timer_clear(&c->tick);
	loop_timer_clear(&c->sweep);
	loop_timer_clear(&c->save);
	if (c->inotify >= 0)
		loop_watch_set(&c->changes, 0);
	TAILQ_FOREACH(f, &c->files, entry)
	if (f->dirty)
		put_position(c, f);
}

static void tail_destroy(struct collector *c)
{
	struct tail_file *f;

	if (!c)
		return;
	OXP_ASSERT(!c->scanning);
	for (struct offer *offer; (offer = TAILQ_FIRST(&c->offers));) {
		TAILQ_REMOVE(&c->offers, offer, entry);
		free(offer);
	}
	while ((f = TAILQ_FIRST(&c->files)))
		file_free(c, f);
	for (struct saved_position *s; (s = c->saved);) {
		c->saved = s->next;
		free(s->path);
		free(s);
	}
	while (c->lost_count > 0)
		free(c->lost[--c->lost_count].path);
	tail_scan_clear(&c->scan);
	loop_watch_done(&c->changes);
	loop_timer_done(&c->tick);
	loop_timer_done(&c->sweep);
	loop_timer_done(&c->save);
	loop_soon_done(&c->reading);
	loop_soon_done(&c->scanned);
	if (c->inotify >= 0)
		close(c->inotify);
	buffer_done(&c->reader.message);
	free(c);
}

static void add_counters(struct collector *c, struct host *host)
{
	c->reader.lines = host_counter(host, "lines_total", "Lines offered to the pipeline.");
	c->reader.bytes = host_counter(host, "bytes_total", "Bytes of files dealt with.");
	c->reader.not_json =
		host_counter(host, "not_json_total", "Lines that are no JSON object and went out as text.");
	c->reader.cut = host_counter(host, "cut_lines_total", "Lines longer than line_max, cut.");
	c->reader.empty = host_counter(host, "empty_lines_total", "Empty lines, passed over.");
	c->open_files = host_gauge(host, "files", "Files followed.");
	c->rotations = host_counter(host, "rotations_total", "Files that lost their name and were read on.");
	c->truncations = host_counter(host, "truncations_total", "Files that were cut down and begun anew.");
	c->errors = host_counter(
		host, "read_errors_total", "Files, folders and positions that could not be read or saved.");
}

static int tail_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);

	c->config = config;
	c->loop = host_loop(host);
	c->inotify = -1;
	c->reader = (struct tail_reader){ .host = host,
		.scan = json_scan_best(),
		.text = c->config->format == FORMAT_TEXT,
		.line_max = c->config->line_max };
	buffer_init(&c->reader.message, 2 * c->config->line_max + TAIL_HEAD_MAX);
	TAILQ_INIT(&c->files);
	TAILQ_INIT(&c->ready);
	TAILQ_INIT(&c->offers);
	loop_timer_init(&c->tick, c->loop, on_tick, c);
	loop_timer_init(&c->sweep, c->loop, on_sweep, c);
	loop_timer_init(&c->save, c->loop, on_save, c);
	loop_soon_init(&c->reading, c->loop, read_slice, c);
	loop_soon_init(&c->scanned, c->loop, work_through_scan, c);
	add_counters(c, host);
	*ret = c;
	return 0;
}

const struct collector_type collector_tail = {
	.name = "tail",
	.summary = "Follows log files through rotation, restart and kill.",
	.signals = SIGNAL_LOGS,
	.when_full = FULL_PAUSE,
	.rewind = REWIND_SAVED,
	.options = tail_options,
	.config_size = sizeof(struct tail_config),
	.create = tail_create,
	.start = tail_start,
	.resume = tail_resume,
	.settled = tail_settled,
	.drain = tail_drain,
	.quiet = tail_quiet,
	.stop = tail_stop,
	.destroy = tail_destroy,
};
