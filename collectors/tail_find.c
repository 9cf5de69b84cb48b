/*
 * Finding of `tail`: what a scan of the folders (tail_scan.h) says, held against the files that are known. Names change
 * hands, files lose theirs, and those that came and went while nobody looked are searched for; so no file is begun
 * before it is known who had its name before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/tail_inner.h"

enum {
	LANE_FULL_MS = 250, /* so long until it is asked again */
	DELETED_SWEEPS = 2, /* a file without a name that did not grow for so many sweeps is closed; later when */
	ROTATED_SWEEPS = 60, /* it has another: its writer may not have noticed yet */
	FILES_A_SLICE = 64,
	UNSURE_SCANS = 8, /* so many in a row, then the answer is taken as it is */
	SCAN_REST = 10, /* a scan takes at most a tenth of the time, whatever comes and goes in the folders */
};

/* At the first start; the first look may take more than one scan. */
static bool was_there_before(const struct collector *c, const struct tail_file *f)
{
	return f->identity.birth_ns <= c->started.ns;
}

static void begin_file(struct collector *c, struct tail_file *f, uint64_t size)
{
	struct tail_saved *s = tail_table_claim(&c->table, &f->identity, f->fd);
	bool from_end = c->config->start == START_END && !c->had_scan && !f->gone && was_there_before(c, f);

	if (!s) {
		tail_new_generation(c, f, from_end ? size : 0);
		return;
	}
	f->generation = s->at.generation;
	f->head_hash = s->at.head_hash;
	f->head_size = s->at.head_size;
	tail_file_begin(f, s->at.offset);
	f->state = TAIL_FOLLOWED;
	if (strcmp(f->path, s->path) != 0)
		tail_moved(c, f);
	free(s);
	tail_mark_ready(c, f);
}

/* Opens a file that is found by its name. Another file of that name by now is found by the next scan. */
static void open_file(struct collector *c, struct tail_file *f, const char *path)
{
	struct tail_identity identity;
	uint64_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || (rlim_t)fd >= c->descriptors) {
		tail_in_trouble(c, f, "open", fd < 0 ? errno : EMFILE);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (tail_identify(fd, "", &identity, &size) < 0 || !tail_same(&identity, &f->identity)) {
		close(fd);
		return;
	}
	tail_out_of_trouble(c, f);
	if (tail_is_packed(fd)) {
		tail_begin_packed(c, f, fd);
		return;
	}
	f->fd = fd;
	begin_file(c, f, size);
}

static void add_file(struct collector *c, const struct tail_found *found, bool gone)
{
	struct tail_file *f = tail_table_add(&c->table, found, gone);

	f->seen = c->scans;
	f->linked = found->linked;
	f->silent = found->silent;
	open_file(c, f, found->path);
}

static void drop_file(struct collector *c, struct tail_file *f)
{
	tail_not_ready(c, f);
	tail_hold_no_more(c, f);
	tail_save_as(c, f, TAIL_SAVED);
	tail_forget(c, f->generation);
	tail_table_drop(&c->table, f);
}

/* The next scan looks for this file, and for those that had the name after it. */
static void ask_for(struct collector *c, const char *path, const struct tail_identity *identity)
{
	tail_lost_add(&c->lost, &c->lost_count, path, identity);
	c->scan_again = true;
}

/* The name is another file's now, or nobody's: what is open is read to its end, what never was is looked for. */
static void lose_name(struct collector *c, struct tail_file *f)
{
	if (f->fd < 0 && !f->spent) {
		ask_for(c, f->path, &f->identity);
		drop_file(c, f);
		return;
	}
	tail_table_lose(&c->table, f);
	f->idle_sweeps = 0;
	++*c->rotations;
	tail_mark_ready(c, f);
}

/*
 * Whether it is known who had the name between the last one that we know of and the new file. If not, they are looked
 * for in the next scan, and the new file is begun after them: with its generation on disk, an earlier one that a kill
 * left without would not be looked for any more.
 */
static bool knows_between(struct collector *c, const char *path, const struct tail_file *named)
{
	const struct tail_file *f = named ? named : tail_table_last_owner(&c->table, path);

	if (!f || tail_scan_lost(&c->scan, path, &f->identity))
		return true;
	ask_for(c, path, &f->identity);
	return false;
}

/* A file that we know has been found. A second name of it (a link) is left alone. */
static void found_again(struct collector *c, struct tail_file *f, const struct tail_found *found)
{
	bool has_name = !f->gone && f->seen == c->scans;

	f->seen = c->scans;
	if (!has_name && (f->gone || strcmp(f->path, found->path) != 0)) {
		tail_table_rename(&c->table, f, found->path);
		f->last = f->packed;
		if (f->fd >= 0)
			tail_moved(c, f);
	}
	if (strcmp(f->path, found->path) == 0) {
		f->linked = found->linked;
		f->silent = found->silent;
	}
	if (f->fd < 0 && !f->spent)
		open_file(c, f, found->path);
	if (f->packed)
		return;
	if (found->size != tail_file_seen(f) || f->trouble)
		tail_mark_ready(c, f);
}

/* One file of a scan's answer. */
static void look_at(struct collector *c, const struct tail_found *found)
{
	struct tail_file *f = tail_table_find(&c->table, &found->identity);
	struct tail_file *named = tail_table_named(&c->table, found->path);
	bool known = f || (knows_between(c, found->path, named) && !c->unsure);

	if (named && named != f)
		lose_name(c, named);
	if (f)
		found_again(c, f, found);
	else if (known)
		add_file(c, found, false);
	else
		c->put_off = true;
}

static bool is_deleted(const struct tail_file *f)
{
	struct stat info;

	return f->packed || (fstat(f->fd, &info) == 0 && info.st_nlink == 0);
}

/* A rotated file that could not be opened, or is compressed and waits. It may have been renamed once more meanwhile;
 * else it is asked for again by the next sweep. */
static void look_for(struct collector *c, const struct tail_file *f)
{
	bool again = c->scan_again;

	ask_for(c, f->path, &f->identity);
	c->scan_again = again || (!f->packed && (!f->trouble || f->trouble == ENOENT));
}

/* A file without a name: closed when it is read, settled, and has not grown for some sweeps. Then nobody writes to it
 * any more, and what it ends with is its last line. */
static void tend_gone(struct collector *c, struct tail_file *f, bool sweep)
{
	f->idle_sweeps = (uint8_t)(f->idle_sweeps + (sweep && f->idle_sweeps < ROTATED_SWEEPS));
	if (f->state == TAIL_CLOSED) {
		if (!f->spent)
			look_for(c, f);
		drop_file(c, f);
	} else if (f->ready || f->offers > 0 || f->state != TAIL_FOLLOWED || tail_file_grew(f)) {
		f->idle_sweeps = 0;
		f->last = f->packed;
		tail_mark_ready(c, f);
	} else if (f->save == TAIL_SAVING || c->packed_waiting > 0 ||
		   f->idle_sweeps < (is_deleted(f) ? DELETED_SWEEPS : ROTATED_SWEEPS)) {
		return;
	} else if (f->held + f->unended > 0) {
		f->last = true;
		tail_mark_ready(c, f);
	} else {
		drop_file(c, f);
	}
}

/* Removed, or moved to where it is not looked for, while nobody followed it. */
static void tell_gone(struct collector *c, const struct tail_saved *s)
{
	++*c->vanished;
	host_log(c->reader.host, LOG_LEVEL_INFO,
		"%s was read up to byte %llu in an earlier run and is not there any more; what it had behind that is "
		"not known",
		s->path, (unsigned long long)s->at.offset);
}

/* A position is kept as long as its file may come back: its folder cannot be read, it cannot be opened, or it may be
 * one that was found under another name and put off. It is of no
 * use when the file is no more, or is another one that has its inode; one that was born when it was has been cut down
 * since. */
static bool may_come_back(void *context, const struct tail_saved *s)
{
	struct collector *c = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
	const struct tail_file *f = tail_table_find(&c->table, &then);
	const struct tail_lost *lost = tail_scan_lost(&c->scan, s->path, &then);

	if (f ? f->fd < 0 : c->packed_waiting > 0 || c->unsure || c->put_off || !lost || !lost->gone)
		return true;
	if (f && s->at.birth_ns)
		tail_tell_cut_down(c, f->path, s->at.offset);
	else if (!f)
		tell_gone(c, s);
	tail_forget(c, s->at.generation);
	return false;
}

static bool is_all_read(const struct tail_file *f)
{
	return f->state == TAIL_FOLLOWED && !f->ready && f->offers == 0 && f->save == TAIL_SAVED && !tail_file_grew(f);
}

static void tend_files(struct collector *c)
{
	bool sweep = mono_since(loop_now(c->loop), c->swept).ns >= c->config->sweep.ns;
	struct tail_file *f, *next;

	if (sweep)
		c->swept = loop_now(c->loop);
	c->packed_waiting = 0;
	for (f = TAILQ_FIRST(&c->table.named); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		if (f->seen != c->scans) {
			lose_name(c, f);
			continue;
		}
		if (f->packed && f->fd >= 0 && is_all_read(f))
			tail_spend(f);
		c->packed_waiting += f->packed && !f->spent && f->fd < 0;
	}
	for (f = TAILQ_FIRST(&c->table.gone); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		tend_gone(c, f, sweep);
	}
}

static void tell_limits(struct collector *c)
{
	if (c->scan.watch_failed && !c->watch_failed)
		host_log(c->reader.host, LOG_LEVEL_WARN,
			"cannot watch every folder: %s; what changes there is found by the sweep",
			strerror(c->scan.watch_failed));
	if (c->scan.too_many && !c->too_many)
		host_log(c->reader.host, LOG_LEVEL_WARN, "too many files or folders match: the rest is left out");
	c->watch_failed = c->scan.watch_failed != 0;
	c->too_many = c->scan.too_many;
	c->linked = c->scan.linked;
	c->silent = c->scan.silent;
	c->out_of_descriptors = false;
}

/* An answer that may not show everything is good for what is known already; for the rest there is another scan. */
static void ask_again(struct collector *c)
{
	for (size_t i = 0; i < c->scan.lost_count; i++)
		ask_for(c, c->scan.lost[i].path, &c->scan.lost[i].identity);
	c->scan_again = true;
}

static void end_scan(struct collector *c)
{
	int64_t rest = mono_since(loop_now(c->loop), c->scan_began).ns * SCAN_REST;

	tend_files(c);
	tail_table_sift(&c->table, may_come_back, c);
	if (c->unsure)
		ask_again(c);
	tell_limits(c);
	tail_watch_folders(&c->watch, &c->scan.folders, &c->scan.folder_count);
	tail_scan_clear(&c->scan);
	if (c->silent && !loop_timer_pending(&c->poll))
		loop_timer_set(&c->poll, c->config->poll_every);
	*c->open_files = c->table.count;
	++*c->scan_count;
	c->had_scan = c->had_scan || !c->unsure;
	c->scanning = false;
	if (rest > c->config->sweep.ns)
		rest = c->config->sweep.ns; /* the machine slept, or the disk did */
	c->scan_after = mono_after(loop_now(c->loop), (struct duration){ rest });
	c->drained_scan = c->draining && !c->scan_again;
	if (c->scan_again)
		tail_begin_scan(c);
	else
		loop_timer_set(&c->sweep, c->config->sweep);
	if (c->unpack && c->unpack->waits && !c->scanning)
		tail_on_unpacked(&c->unpack->job);
}

/* Before the files that have the names now. */
static void add_rotated(struct collector *c)
{
	for (size_t i = 0; i < c->scan.rotated_count && !c->unsure; i++)
		if (!tail_table_find(&c->table, &c->scan.rotated[i].identity))
			add_file(c, &c->scan.rotated[i], true);
}

void tail_work_through_scan(void *context)
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
	if (!c->stopped) {
		tail_watch_read(&c->watch, tail_on_event, c);
		c->unsure = c->renames && c->unsure_scans < UNSURE_SCANS;
		c->unsure_scans = c->unsure ? c->unsure_scans + 1 : 0;
		add_rotated(c);
		tail_work_through_scan(c);
		return;
	}
	tail_scan_clear(&c->scan);
	c->scanning = false;
}

static bool add_saved(void *context, const struct tail_saved *s)
{
	struct collector *c = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };

	tail_lost_add(&c->scan.lost, &c->scan.lost_count, s->path, &then);
	return true;
}

/* A scan that was asked for waits its turn, so that folders in which much comes and goes are not looked through all the
 * time. */
static bool is_too_early(struct collector *c)
{
	int64_t wait = mono_since(c->scan_after, loop_now(c->loop)).ns;

	if (wait <= 0 || c->draining)
		return false;
	loop_timer_set(&c->sweep, (struct duration){ wait });
	return true;
}

void tail_begin_scan(struct collector *c)
{
	c->scan_again = c->scanning;
	if (c->scanning || c->stopped || is_too_early(c))
		return;
	c->scan = (struct tail_scan){ .globs = { c->config->paths, c->config->exclude },
		.inotify = c->watch.fd,
		.all_silent = c->config->poll == POLL_ALWAYS,
		.job = { .work = tail_scan_work, .done = scan_done },
		.lost = c->lost,
		.lost_count = c->lost_count };
	c->lost = NULL;
	c->lost_count = 0;
	tail_table_sift(&c->table, add_saved, c);
	c->scan_began = loop_now(c->loop);
	c->renames = c->put_off = false;
	c->scanning = lane_run(host_disk_lane(c->reader.host), &c->scan.job) == 0;
	if (c->scanning)
		return;
	c->lost = c->scan.lost;
	c->lost_count = c->scan.lost_count;
	loop_timer_set(&c->sweep, DURATION_MS(LANE_FULL_MS));
}

void tail_on_sweep(void *context)
{
	tail_begin_scan(context);
}
