/*
 * The `tail` collector: follows log files, and hands each line to the pipeline once.
 *
 * A file is its device, inode, birth and first bytes, not its name: renamed, it is read on to its end under its open
 * descriptor; cut down or written anew, it begins again under a new generation. A generation is on disk before its
 * first line is offered, and the saved position moves when every destination has settled: after a kill at any moment
 * the same bytes come again under the same ids. inotify says what changed, a sweep finds what it did not say; changed
 * files are read once a tick, in slices, in turns. Looking for files runs in the disk lane.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/tail_gzip.h"
#include "collectors/tail_table.h"
#include "collectors/tail_watch.h"

enum {
	SAVE_MS = 250, /* from the first position that moved to the commit */
	COMMIT_RETRY_MS = 1000, /* doubles up to the next */
	COMMIT_RETRY_MAX_MS = 30000,
	AGAIN_MS = 5, /* then room is asked for again; doubles up to the next */
	AGAIN_MAX_MS = 1000,
	ECHOES = 3, /* so often a word of room is believed at once: giving back what was too little is heard, too */
	PATIENCE = 10, /* asked so often with nothing under way, before lines are cut to what there is room for */
	CHUNK_MIN = 16 << 10,
	DELETED_SWEEPS = 2, /* a file without a name that did not grow for so many sweeps is closed; later when */
	ROTATED_SWEEPS = 60, /* it has another: its writer may not have noticed yet */
	POLLED_AT_ONCE = 1024, /* files; the others have their turn next time */
	GONE_FEW = 256, /* so many are asked at every tick whether they grew */
	FILES_A_SLICE = 64,
	NEW_A_COMMIT = 512, /* new files: their positions are put in the same callback */
	UNSURE_SCANS = 8, /* so many in a row, then the answer is taken as it is */
	SPARED = 256, /* descriptors that are left to everybody else; of a small number half */
	HELD_TICK_MS = 250, /* so often it is asked whether held lines have waited */
	TRACE_MS = 1000, /* so long for the rest of a message */
	PIECES_MS = 5000, /* so long for the rest of a line */
	PACKED_REST_S = 5, /* so long nothing changes a compressed file before it is read */
	SCAN_REST = 10, /* a scan takes at most a tenth of the time, whatever comes and goes in the folders */
};

struct tail_config {
	const struct option_list *paths;
	int start, format;
	uint64_t line_max;
	struct duration sweep, tick;
	const struct option_list *multiline;
	const char *multiline_start;
	bool origin;
	const struct option_list *exclude;
	int poll;
	struct duration poll_every;
	bool gzip;
};

enum { POLL_AUTO, POLL_ALWAYS };
static const char *const polls[] = { "auto", "always", NULL };

enum { START_BEGINNING, START_END };
static const char *const starts[] = { "beginning", "end", NULL };

static const struct option tail_options[] = {
	{ OPT_TEXTS(struct tail_config, paths), .name = "paths", .main = true, .required = true,
		.example = "[/var/log/app/*.log]", .help = "Globs of the files to follow." },
	{ OPT_TEXTS(struct tail_config, exclude), .name = "exclude", .example = "[/var/log/app/debug*.log]",
		.help = "Globs of files to leave out of those, matched against the whole path." },
	{ OPT_CHOICE(struct tail_config, start, starts), .name = "start", .text = "beginning",
		.help = "Where a file begins that is there at the start and has no saved position." },
	{ OPT_CHOICE(struct tail_config, format, lines_file_formats), .name = "format", .text = "auto",
		.help = LINES_FILE_FORMAT_HELP },
	{ OPT_TEXTS(struct tail_config, multiline), .name = "multiline", .choices = lines_shapes,
		.example = "[java, python, go, node]", .help = LINES_MULTILINE_HELP },
	{ OPT_TEXT(struct tail_config, multiline_start), .name = "multiline_start", .example = "\\d{4}-\\d{2}-\\d{2}",
		.help = LINES_START_HELP },
	{ OPT_BOOL(struct tail_config, origin), .name = "origin", .text = "false",
		.help = "Adds log.file.path and log.offset to each line." },
	{ OPT_SIZE(struct tail_config, line_max), .name = "line_max", .text = "1MiB", .min = 1024, .max = 16 << 20,
		.help = LINES_MAX_HELP },
	{ OPT_DURATION(struct tail_config, sweep), .name = "sweep", .text = "10s", .min = 100,
		.help = "How often the folders are looked through for what nobody told." },
	{ OPT_DURATION(struct tail_config, tick), .name = "tick", .text = "50ms", .min = 1, .max = 10000,
		.help = "Changed files are read once in so long." },
	{ OPT_CHOICE(struct tail_config, poll, polls), .name = "poll", .text = "auto",
		.help = "Which files are asked whether they changed. auto: those on file systems whose changes are not "
			"told (NFS, SMB, 9p, FUSE, overlay); always: all." },
	{ OPT_DURATION(struct tail_config, poll_every), .name = "poll_every", .text = "250ms", .min = 1,
		.help = "How often those are asked." },
	{ OPT_BOOL(struct tail_config, gzip), .name = "gzip", .text = "false",
		.help = "Reads files of `paths` that are compressed, once, but those that were read before they were; "
			"else "
			"they are left out." },
	{ .name = NULL },
};

/*
 * Invariant: a file is in `ready` exactly when its flag says so, in `unsaved` or `saving` as its `save` says.
 * `scanning`: the lane has `scan`.
 */
struct collector {
	const struct tail_config *config;
	struct tail_reader reader;
	struct line_start multiline_start;
	struct loop *loop;
	struct tail_table table;
	struct tail_watch watch;
	struct tail_file_list ready; /* in turns */
	struct tail_file_list unsaved, saving; /* for the next commit, in the one under way */
	struct tail_file_list held; /* files with lines whose message may go on */
	uint64_t *forgotten; /* generations for the next commit, then those of the one under way */
	size_t forgotten_count, forgetting_count;
	struct tail_offer_list offers; /* oldest first */
	struct loop_timer tick, sweep, save, again, waited, poll;
	struct loop_soon reading, scanned;
	struct tail_scan scan;
	size_t scan_at; /* how far the answer of a scan is worked through */
	struct tail_lost *lost; /* for the next scan */
	size_t lost_count;
	struct mono_time scan_began;
	struct mono_time scan_after; /* not before */
	struct mono_time swept; /* when idle files were last counted */
	uint32_t scans;
	unsigned commit_failures; /* in a row */
	unsigned fulls; /* since anything of ours was taken or settled */
	bool scanning, scan_again, had_scan, committing, commit_again;
	bool full, stopped, draining, drained_scan, watch_failed, too_many;
	bool stranger; /* something changed that has a name we do not follow */
	bool out_of_descriptors;
	bool linked, silent; /* some file is, as of the last scan */
	bool renames; /* were told of since the scan began */
	bool unsure; /* of the scan's answer: a folder that is read while names change in it may not show them all */
	unsigned unsure_scans; /* in a row */
	rlim_t descriptors; /* files get those below */
	struct tail_unpack *unpack; /* the one file that is unpacked at a time */
	struct tail_saved *resumed; /* the position that it goes on from, or NULL */
	size_t packed_waiting; /* files that wait for their turn: what may be theirs is not forgotten */
	uint64_t *open_files, *rotations, *truncations, *errors, *holes, *hole_bytes, *packed, *unpacked, *damaged,
		*scan_count;
};

static void begin_scan(struct collector *c);
static void on_event(void *context, uint32_t mask, const char *path);
static void commit(struct collector *c);

static void mark_ready(struct collector *c, struct tail_file *f)
{
	if (!f->ready && f->state == TAIL_FOLLOWED && !f->spent) {
		f->ready = true;
		TAILQ_INSERT_TAIL(&c->ready, f, ready_entry);
	}
	if (f->ready && !c->full && !c->stopped)
		loop_soon_run(&c->reading);
}

static void not_ready(struct collector *c, struct tail_file *f)
{
	if (f->ready)
		TAILQ_REMOVE(&c->ready, f, ready_entry);
	f->ready = false;
}

/* Positions. */

static void put_position(struct collector *c, const struct tail_file *f)
{
	host_position_put(c->reader.host, &(struct position){ .generation = f->generation,
						  .dev = f->identity.dev,
						  .inode = f->identity.inode,
						  .birth_ns = f->identity.birth_ns,
						  .head_hash = f->head_hash,
						  .head_size = f->head_size,
						  .offset = f->saved,
						  .path = f->path });
}

static void save_as(struct collector *c, struct tail_file *f, enum tail_save save)
{
	if (f->save != TAIL_SAVED)
		TAILQ_REMOVE(f->save == TAIL_UNSAVED ? &c->unsaved : &c->saving, f, save_entry);
	f->save = (uint8_t)save;
	if (save != TAIL_SAVED)
		TAILQ_INSERT_TAIL(save == TAIL_UNSAVED ? &c->unsaved : &c->saving, f, save_entry);
}

static void save_soon(struct collector *c)
{
	if (c->stopped || c->commit_failures)
		return;
	if (c->draining)
		commit(c);
	else if (!loop_timer_pending(&c->save))
		loop_timer_set(&c->save, DURATION_MS(SAVE_MS));
}

/* The position is another now. Once stopped, whoever ends the agent commits what is put. */
static void moved(struct collector *c, struct tail_file *f)
{
	if (f->save == TAIL_SAVING)
		f->moved = true;
	else if (f->save == TAIL_SAVED)
		save_as(c, f, TAIL_UNSAVED);
	if (c->stopped)
		put_position(c, f);
	else
		save_soon(c);
}

static void forget(struct collector *c, uint64_t generation)
{
	uint64_t *grown;

	if (!generation)
		return;
	grown = realloc(c->forgotten, (c->forgotten_count + 1) * sizeof *grown);
	OXP_ASSERT(grown && "out of memory");
	c->forgotten = grown;
	grown[c->forgotten_count++] = generation;
	save_soon(c);
}

/* One file of the commit that ended. */
static void file_committed(struct collector *c, struct tail_file *f, bool failed)
{
	bool again = failed || f->moved;

	f->moved = false;
	save_as(c, f, again ? TAIL_UNSAVED : TAIL_SAVED);
	if (f->state != TAIL_COMMITTING)
		return;
	f->state = failed ? TAIL_NEW : TAIL_FOLLOWED;
	mark_ready(c, f);
}

static void commit_failed(struct collector *c, int failed)
{
	uint64_t wait = COMMIT_RETRY_MS;

	++*c->errors;
	if (c->commit_failures++ == 0)
		host_log(c->reader.host, LOG_LEVEL_WARN, "positions cannot be saved: %s; trying again, new files wait",
			strerror(-failed));
	for (unsigned i = 1; i < c->commit_failures && wait < COMMIT_RETRY_MAX_MS; i++)
		wait *= 2;
	loop_timer_set(&c->save, DURATION_MS(wait < COMMIT_RETRY_MAX_MS ? wait : COMMIT_RETRY_MAX_MS));
}

static void commit_worked(struct collector *c)
{
	c->forgotten_count -= c->forgetting_count;
	if (c->forgotten_count > 0)
		memmove(c->forgotten, c->forgotten + c->forgetting_count, c->forgotten_count * sizeof *c->forgotten);
	if (c->commit_failures)
		host_log(c->reader.host, LOG_LEVEL_INFO, "positions are saved again");
	c->commit_failures = 0;
}

static void committed(void *context, int failed)
{
	struct collector *c = context;
	struct tail_file *f;

	c->committing = false;
	while ((f = TAILQ_FIRST(&c->saving)))
		file_committed(c, f, failed != 0);
	if (c->stopped)
		return;
	if (failed)
		commit_failed(c, failed);
	else
		commit_worked(c);
	c->forgetting_count = 0;
	if (!failed && c->commit_again)
		commit(c);
	else if (!failed && (!TAILQ_EMPTY(&c->unsaved) || c->forgotten_count > 0))
		save_soon(c);
}

/* Puts what waits into the commit. False: there are more new files than one callback should put. */
static bool put_unsaved(struct collector *c)
{
	struct tail_file *f, *next;
	unsigned fresh = 0;

	for (f = TAILQ_FIRST(&c->unsaved); f; f = next) {
		next = TAILQ_NEXT(f, save_entry);
		if (f->state == TAIL_NEW && fresh++ >= NEW_A_COMMIT)
			continue;
		if (f->state == TAIL_NEW)
			f->state = TAIL_COMMITTING;
		save_as(c, f, TAIL_SAVING);
		put_position(c, f);
	}
	return fresh <= NEW_A_COMMIT;
}

/* Saves what moved and what is new, in one transaction; what comes meanwhile goes with the next. */
static void commit(struct collector *c)
{
	c->commit_again = c->committing;
	if (c->committing)
		return;
	loop_timer_clear(&c->save);
	c->committing = true;
	c->commit_again = !put_unsaved(c);
	for (size_t i = 0; i < c->forgotten_count; i++)
		host_position_forget(c->reader.host, c->forgotten[i]);
	c->forgetting_count = c->forgotten_count;
	host_positions_commit(c->reader.host, committed, c);
}

static void on_save(void *context)
{
	commit(context);
}

/* Nothing more of it is offered before generation and beginning are on disk. While commits fail, the next try takes it
 * along. */
static void commit_first(struct collector *c, struct tail_file *f)
{
	f->state = TAIL_NEW;
	moved(c, f);
	if (!c->commit_failures && !c->stopped)
		commit(c);
}

static void new_generation(struct collector *c, struct tail_file *f, uint64_t offset)
{
	f->generation = host_generation_next(c->reader.host);
	f->last = false;
	tail_file_begin(f, offset);
	tail_file_learn_head(f);
	commit_first(c, f);
}

/* Offers. */

static void tail_settled(struct collector *c, uint64_t token)
{
	struct tail_offer *offer = (struct tail_offer *)(uintptr_t)token;
	struct tail_file *f = offer->file;

	TAILQ_REMOVE(&c->offers, offer, entry);
	f->offers--;
	if (offer->generation == f->generation) {
		f->saved = f->offers == 0 ? f->offset : offer->end;
		moved(c, f);
	}
	free(offer);
	c->fulls = 0;
	if (c->full && !c->stopped)
		loop_timer_set(&c->again, DURATION_MS(0));
}

/* Reading. */

static void tell_cut_down(struct collector *c, const char *path, uint64_t offset)
{
	++*c->truncations;
	host_log(c->reader.host, LOG_LEVEL_WARN,
		"%s was cut down: reading it from its beginning; what was cut away after byte %llu "
		"and not read is not known",
		path, (unsigned long long)offset);
}

static void truncated(struct collector *c, struct tail_file *f)
{
	uint64_t before = f->generation;

	not_ready(c, f);
	tell_cut_down(c, f->path, f->offset);
	new_generation(c, f, 0);
	forget(c, before);
}

/* Logged when it begins; the next sweep tries again. */
static void in_trouble(struct collector *c, struct tail_file *f, const char *what, int error)
{
	bool none_left = error == EMFILE || error == ENFILE;

	++*c->errors;
	if (f->trouble != error && !(none_left && c->out_of_descriptors))
		host_log(c->reader.host, LOG_LEVEL_WARN, "cannot %s %s: %s", what, f->path, strerror(error));
	f->trouble = error;
	c->out_of_descriptors = c->out_of_descriptors || none_left;
}

static void out_of_trouble(struct collector *c, struct tail_file *f)
{
	if (f->trouble)
		host_log(c->reader.host, LOG_LEVEL_INFO, "%s can be read again", f->path);
	f->trouble = 0;
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

/* Nothing of ours is under way: others hold the memory, or it is too small for what we ask. By and by less is asked
 * for. */
static void ask_for_less(struct collector *c, const struct tail_file *f)
{
	struct tail_reader *r = &c->reader;

	bool long_line = f->held + f->unended >= r->chunk;

	if (r->chunk > CHUNK_MIN && !long_line) {
		r->chunk /= 2;
	} else if (c->fulls > PATIENCE && long_line && r->lines.line_max > CHUNK_MIN) {
		r->lines.line_max /= 2;
		host_log(r->host, LOG_LEVEL_WARN,
			"no room in memory for a long line of %s: lines are cut at %llu bytes from now on", f->path,
			(unsigned long long)r->lines.line_max);
	}
}

static void wait_for_room(struct collector *c, const struct tail_file *f)
{
	uint64_t wait = (uint64_t)AGAIN_MS << (c->fulls < 10 ? c->fulls : 10);

	c->full = true;
	c->fulls++;
	if (TAILQ_EMPTY(&c->offers))
		ask_for_less(c, f);
	loop_timer_set(&c->again, DURATION_MS(wait < AGAIN_MAX_MS ? wait : AGAIN_MAX_MS));
}

static void next_turn(struct collector *c, struct tail_file *f)
{
	TAILQ_REMOVE(&c->ready, f, ready_entry);
	TAILQ_INSERT_TAIL(&c->ready, f, ready_entry);
}

static void passed_hole(struct collector *c, const struct tail_file *f)
{
	++*c->holes;
	*c->hole_bytes += c->reader.hole;
	host_log(c->reader.host, LOG_LEVEL_WARN,
		"%s has a hole: %llu zeros at byte %llu are no lines and were passed; its writer does not append",
		f->path, (unsigned long long)c->reader.hole, (unsigned long long)(f->offset - c->reader.hole));
}

static void act(struct collector *c, struct tail_file *f, enum tail_read answer)
{
	switch (answer) {
	case TAIL_READ_HOLE:
		passed_hole(c, f);
		next_turn(c, f);
		break;
	case TAIL_READ_MORE:
		next_turn(c, f);
		break;
	case TAIL_READ_END:
		out_of_trouble(c, f);
		at_end(c, f);
		break;
	case TAIL_READ_FULL:
		wait_for_room(c, f);
		break;
	case TAIL_READ_FAILED:
		in_trouble(c, f, "read", errno);
		not_ready(c, f);
		break;
	case TAIL_READ_HEAD:
		not_ready(c, f);
		commit_first(c, f);
		break;
	case TAIL_READ_CUT_DOWN:
		truncated(c, f);
		break;
	}
}

static void room_was_found(struct collector *c)
{
	c->fulls = 0;
	if (c->reader.chunk < TAIL_CHUNK)
		c->reader.chunk *= 2;
}

/* Lines whose message may go on. */

static void hold_no_more(struct collector *c, struct tail_file *f)
{
	if (f->in_held)
		TAILQ_REMOVE(&c->held, f, held_entry);
	f->in_held = false;
}

/* After a read that began at `before`. */
static void hold(struct collector *c, struct tail_file *f, uint64_t before)
{
	if (f->held == 0) {
		hold_no_more(c, f);
		return;
	}
	if (!f->in_held || f->offset != before)
		f->held_since = loop_now(c->loop);
	if (!f->in_held)
		TAILQ_INSERT_TAIL(&c->held, f, held_entry);
	f->in_held = true;
	if (!loop_timer_pending(&c->waited))
		loop_timer_set(&c->waited, DURATION_MS(HELD_TICK_MS));
}

static void on_waited(void *context)
{
	struct collector *c = context;
	struct tail_file *f;

	TAILQ_FOREACH(f, &c->held, held_entry)
	{
		int64_t wait = f->held_pieces ? PIECES_MS : TRACE_MS;
		f->due = f->due || duration_ms(mono_since(loop_now(c->loop), f->held_since)) >= wait;
		if (f->due || c->reader.ending)
			mark_ready(c, f);
	}
	if (!TAILQ_EMPTY(&c->held))
		loop_timer_set(&c->waited, DURATION_MS(HELD_TICK_MS));
}

/* One slice of one file, then the next file's turn. */
static void read_slice(void *context)
{
	struct collector *c = context;
	struct tail_file *f = TAILQ_FIRST(&c->ready);
	struct tail_offer *offer;
	enum tail_read answer;
	uint64_t before;
	bool offered;

	if (!f || c->full || c->stopped)
		return;
	offer = oxp_new(sizeof *offer);
	*offer = (struct tail_offer){ .file = f, .generation = f->generation };
	TAILQ_INSERT_TAIL(&c->offers, offer, entry);
	f->offers++;
	before = f->offset;
	answer = tail_file_read(f, &c->reader, offer, &offered);
	hold(c, f, before);
	if (offered) {
		room_was_found(c);
	} else {
		TAILQ_REMOVE(&c->offers, offer, entry);
		f->offers--;
		free(offer);
	}
	act(c, f, answer);
	if (!TAILQ_EMPTY(&c->ready) && !c->full)
		loop_soon_run(&c->reading);
}

static void on_again(void *context)
{
	struct collector *c = context;

	c->full = false;
	loop_timer_clear(&c->again);
	if (!TAILQ_EMPTY(&c->ready) && !c->stopped)
		loop_soon_run(&c->reading);
}

static void tail_resume(struct collector *c)
{
	if (c->fulls <= ECHOES)
		on_again(c);
}

/* Finding files. */

static void begin_file(struct collector *c, struct tail_file *f, uint64_t size)
{
	struct tail_saved *s = tail_table_claim(&c->table, &f->identity, f->fd);
	bool from_end = !c->had_scan && !f->gone && c->config->start == START_END;

	if (!s) {
		new_generation(c, f, from_end ? size : 0);
		return;
	}
	f->generation = s->at.generation;
	f->head_hash = s->at.head_hash;
	f->head_size = s->at.head_size;
	tail_file_begin(f, s->at.offset);
	f->state = TAIL_FOLLOWED;
	if (strcmp(f->path, s->path) != 0)
		moved(c, f);
	free(s);
	mark_ready(c, f);
}

/* Compressed files. */

static void on_unpacked(struct job *job);

static void spend(struct tail_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->spent = true;
}

static void unpack_next_slice(struct collector *c)
{
	if (lane_run(host_cpu_lane(c->reader.host), &c->unpack->job) == 0)
		return;
	tail_unpack_free(c->unpack); /* the next sweep tries again */
	c->unpack = NULL;
}

/* Nobody is writing to it any more. Its time of change tells, as gzip gives it the other time of what it packed. */
static bool is_at_rest(struct collector *c, int fd)
{
	struct stat info;
	int64_t since;

	if (fstat(fd, &info) < 0)
		return false;
	since = loop_wall(c->loop).ns / 1000000000 - info.st_ctim.tv_sec;
	return since < 0 || since >= PACKED_REST_S;
}

/* One at a time, and none that is still being written; the others are asked again by the scan that follows. */
static void begin_packed(struct collector *c, struct tail_file *f, int fd)
{
	f->packed = true;
	if (!c->config->gzip)
		host_log(c->reader.host, LOG_LEVEL_INFO, "%s is compressed and left out: see option gzip", f->path);
	f->spent = !c->config->gzip;
	c->packed_waiting += !f->spent;
	if (f->spent || c->unpack || c->draining || !is_at_rest(c, fd)) {
		close(fd);
		return;
	}
	c->unpack = tail_unpack_new(fd, &f->identity, host_state_path(c->reader.host));
	if (!c->unpack) {
		in_trouble(c, f, "unpack", errno);
		return;
	}
	c->unpack->job.done = on_unpacked;
	c->unpack->collector = c;
	unpack_next_slice(c);
}

struct packed_twin {
	const struct collector *collector;
	const struct tail_unpack *unpack;
	struct tail_identity found;
	bool any;
};

/* A file of an earlier run that is not there any more and began as this text does. */
static bool is_earlier(void *context, const struct tail_saved *s)
{
	struct packed_twin *t = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };

	if (!t->any && s->at.head_size > 0 && !tail_table_find(&t->collector->table, &then) &&
		(uint32_t)s->at.offset <= t->unpack->whole &&
		tail_head_is(t->unpack->text, s->at.head_hash, s->at.head_size)) {
		t->found = then;
		t->any = true;
	}
	return true;
}

static bool is_twin(const struct tail_unpack *u, const struct tail_file *f)
{
	struct stat info;

	return f->fd >= 0 && !f->packed && f->head_size > 0 && fstat(f->fd, &info) == 0 &&
	       (uint32_t)info.st_size == u->whole && tail_head_is(u->text, f->head_hash, f->head_size);
}

/* Whether it is followed by now as the file that it was before. */
static bool has_twin(struct collector *c)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, &c->table.gone, entry)
	if (is_twin(c->unpack, f))
		return true;
	TAILQ_FOREACH(f, &c->table.named, entry)
	if (is_twin(c->unpack, f))
		return true;
	return false;
}

/* After the first slice: where it goes on from, if from anywhere. */
static bool is_read_before(struct collector *c)
{
	struct packed_twin twin = { .collector = c, .unpack = c->unpack };

	c->resumed = tail_table_claim(&c->table, &c->unpack->identity, c->unpack->text);
	if (!c->resumed && has_twin(c))
		return true;
	if (!c->resumed) {
		tail_table_sift(&c->table, is_earlier, &twin);
		if (twin.any)
			c->resumed = tail_table_claim(&c->table, &twin.found, c->unpack->text);
	}
	return c->resumed && (uint32_t)c->resumed->at.offset == c->unpack->whole;
}

/* Its text is there: from now on it is a file like any other, to which nobody writes. */
static void begin_text(struct collector *c, struct tail_file *f, bool read_before)
{
	struct tail_saved *s = c->resumed;

	f->fd = c->unpack->text;
	c->unpack->text = -1;
	if (s) {
		f->generation = s->at.generation;
		f->head_hash = s->at.head_hash;
		f->head_size = s->at.head_size;
		tail_file_begin(f, s->at.offset);
		f->state = TAIL_FOLLOWED;
		moved(c, f);
	} else {
		new_generation(c, f, read_before ? c->unpack->whole : 0);
	}
	f->last = true;
	if (read_before)
		spend(f);
	else
		mark_ready(c, f);
	++*c->packed;
	*c->unpacked += !read_before;
}

static void end_unpack(struct collector *c)
{
	tail_unpack_free(c->unpack);
	free(c->resumed);
	c->unpack = NULL;
	c->resumed = NULL;
	begin_scan(c);
}

static void tell_damage(struct collector *c, const struct tail_file *f)
{
	if (!c->unpack->failed)
		return;
	++*c->damaged;
	host_log(c->reader.host, LOG_LEVEL_WARN, "%s: %s behind byte %llu of its text; what is before that is read",
		f->path, c->unpack->failed == -EBADMSG ? "it is no gzip" : strerror(-c->unpack->failed),
		(unsigned long long)c->unpack->size);
}

static void on_unpacked(struct job *job)
{
	struct tail_unpack *u = CONTAINER_OF(job, struct tail_unpack, job);
	struct collector *c = u->collector;
	struct tail_file *f = tail_table_find(&c->table, &u->identity);
	bool read_before;

	if (!f || c->stopped || c->draining) {
		end_unpack(c);
		return;
	}
	u->waits = c->scanning && !u->decided;
	if (u->waits)
		return;
	read_before = !u->decided && is_read_before(c);
	u->decided = true;
	if (!read_before && !u->ended) {
		unpack_next_slice(c);
		return;
	}
	if (!read_before)
		tell_damage(c, f);
	begin_text(c, f, read_before);
	end_unpack(c);
}

/* Opens a file that is found by its name. Another file of that name by now is found by the next scan. */
static void open_file(struct collector *c, struct tail_file *f, const char *path)
{
	struct tail_identity identity;
	uint64_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || (rlim_t)fd >= c->descriptors) {
		in_trouble(c, f, "open", fd < 0 ? errno : EMFILE);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (tail_identify(fd, "", &identity, &size) < 0 || !tail_same(&identity, &f->identity)) {
		close(fd);
		return;
	}
	out_of_trouble(c, f);
	if (tail_is_packed(fd)) {
		begin_packed(c, f, fd);
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
	not_ready(c, f);
	hold_no_more(c, f);
	save_as(c, f, TAIL_SAVED);
	forget(c, f->generation);
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
	mark_ready(c, f);
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
			moved(c, f);
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
		mark_ready(c, f);
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
}

static bool is_deleted(const struct tail_file *f)
{
	struct stat info;

	return f->packed || (fstat(f->fd, &info) == 0 && info.st_nlink == 0);
}

/* A rotated file that could not be opened. It may have been renamed once more meanwhile; else it is asked for again by
 * the next sweep. */
static void look_for(struct collector *c, const struct tail_file *f)
{
	bool again = c->scan_again;

	ask_for(c, f->path, &f->identity);
	c->scan_again = again || !f->trouble || f->trouble == ENOENT;
}

/* A file without a name: closed when it is read, settled, and has not grown for some sweeps. Then nobody writes to it
 * any more, and what it ends with is its last line. */
static void tend_gone(struct collector *c, struct tail_file *f, bool sweep)
{
	f->idle_sweeps = (uint8_t)(f->idle_sweeps + (sweep && f->idle_sweeps < ROTATED_SWEEPS));
	if (f->state == TAIL_CLOSED) {
		look_for(c, f);
		drop_file(c, f);
	} else if (f->ready || f->offers > 0 || f->state != TAIL_FOLLOWED || tail_file_grew(f)) {
		f->idle_sweeps = 0;
		f->last = f->packed;
		mark_ready(c, f);
	} else if (f->save == TAIL_SAVING || c->packed_waiting > 0 ||
		   f->idle_sweeps < (is_deleted(f) ? DELETED_SWEEPS : ROTATED_SWEEPS)) {
		return;
	} else if (f->held + f->unended > 0) {
		f->last = true;
		mark_ready(c, f);
	} else {
		drop_file(c, f);
	}
}

/* A position is kept as long as its file may come back: its folder cannot be read, or it cannot be opened. It is of no
 * use when the file is no more, or is another one that has its inode; one that was born when it was has been cut down
 * since. */
static bool may_come_back(void *context, const struct tail_saved *s)
{
	struct collector *c = context;
	const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
	const struct tail_file *f = tail_table_find(&c->table, &then);
	const struct tail_lost *lost = tail_scan_lost(&c->scan, s->path, &then);

	if (f ? f->fd < 0 : c->packed_waiting > 0 || c->unsure || !lost || !lost->gone)
		return true;
	if (f && s->at.birth_ns)
		tell_cut_down(c, f->path, s->at.offset);
	forget(c, s->at.generation);
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
			spend(f);
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
	c->had_scan = true;
	c->scanning = false;
	if (rest > c->config->sweep.ns)
		rest = c->config->sweep.ns; /* the machine slept, or the disk did */
	c->scan_after = mono_after(loop_now(c->loop), (struct duration){ rest });
	c->drained_scan = c->draining && !c->scan_again;
	if (c->scan_again)
		begin_scan(c);
	else
		loop_timer_set(&c->sweep, c->config->sweep);
	if (c->unpack && c->unpack->waits && !c->scanning)
		on_unpacked(&c->unpack->job);
}

/* Before the files that have the names now. */
static void add_rotated(struct collector *c)
{
	for (size_t i = 0; i < c->scan.rotated_count && !c->unsure; i++)
		if (!tail_table_find(&c->table, &c->scan.rotated[i].identity))
			add_file(c, &c->scan.rotated[i], true);
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
	if (!c->stopped) {
		tail_watch_read(&c->watch, on_event, c);
		c->unsure = c->renames && c->unsure_scans < UNSURE_SCANS;
		c->unsure_scans = c->unsure ? c->unsure_scans + 1 : 0;
		add_rotated(c);
		work_through_scan(c);
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

static void begin_scan(struct collector *c)
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
	c->renames = false;
	c->scanning = lane_run(host_disk_lane(c->reader.host), &c->scan.job) == 0;
	if (c->scanning)
		return;
	c->lost = c->scan.lost;
	c->lost_count = c->scan.lost_count;
	loop_timer_set(&c->sweep, DURATION_MS(SAVE_MS));
}

static void on_sweep(void *context)
{
	begin_scan(context);
}

/* What inotify says. */

enum { CAME = IN_CREATE | IN_MOVED_TO, WENT = IN_MOVED_FROM | IN_DELETE };

static void on_event(void *context, uint32_t mask, const char *path)
{
	struct collector *c = context;
	const struct tail_globs globs = { c->config->paths, c->config->exclude };
	struct tail_file *f = path ? tail_table_named(&c->table, path) : NULL;

	if (f && f->fd >= 0)
		mark_ready(c, f);
	c->stranger = c->stranger || !f;
	c->renames = c->renames || !path || mask & (IN_MOVED_FROM | IN_MOVED_TO);
	if (!path || (mask & IN_ISDIR && mask & (CAME | WENT)))
		c->scan_again = true; /* folders came or went, or events were lost */
	else if (!f && c->linked && mask & (CAME | WENT))
		c->scan_again = true; /* a link may lead elsewhere now */
	else if ((mask & CAME && tail_matches(&globs, path)) || (f && mask & WENT) || (f && f->fd < 0 && !f->spent))
		c->scan_again = true;
}

/* Files behind links are written to under names that nobody follows. */
static void read_linked(struct collector *c)
{
	struct tail_file *f;

	if (!c->stranger || !c->linked)
		return;
	TAILQ_FOREACH(f, &c->table.named, entry)
	if (f->linked && !f->ready && tail_file_grew(f))
		mark_ready(c, f);
}

/* So are files without a name. */
static void read_gone(struct collector *c)
{
	struct tail_file *f;

	if (!c->stranger && c->table.gone_count > GONE_FEW)
		return;
	c->stranger = false;
	TAILQ_FOREACH(f, &c->table.gone, entry)
	if (!f->ready && tail_file_grew(f))
		mark_ready(c, f);
}

static void on_tick(void *context)
{
	struct collector *c = context;

	tail_watch_read(&c->watch, on_event, c);
	read_linked(c);
	read_gone(c);
	if (c->scan_again && !c->scanning)
		begin_scan(c);
	loop_watch_set(&c->watch.events, WATCH_READ);
}

/* What nobody tells of. Those that were asked go to the end of the list. */
static void on_poll(void *context)
{
	struct collector *c = context;
	size_t count = c->table.count - c->table.gone_count;

	for (size_t i = 0; i < count && i < POLLED_AT_ONCE; i++) {
		struct tail_file *f = TAILQ_FIRST(&c->table.named);
		TAILQ_REMOVE(&c->table.named, f, entry);
		TAILQ_INSERT_TAIL(&c->table.named, f, entry);
		if (f->silent && !f->ready && tail_file_grew(f))
			mark_ready(c, f);
	}
	c->stranger = true;
	read_gone(c);
	if (!c->scanning && tail_watch_changed(&c->watch))
		begin_scan(c);
	if (c->silent)
		loop_timer_set(&c->poll, c->config->poll_every);
}

/* The first event of a tick only starts it: what else changes until its end is read with it. */
static void on_changes(void *context, int fd, unsigned what)
{
	struct collector *c = context;

	(void)fd, (void)what;
	loop_watch_set(&c->watch.events, 0);
	if (c->draining)
		on_tick(c);
	else
		loop_timer_set(&c->tick, c->config->tick);
}

/* Life. */

/* The lowest free number is what open() gives: files that stay below a bound leave the rest to connections. */
static void raise_descriptors(struct collector *c)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	c->descriptors = limit.rlim_cur - (limit.rlim_cur < 2 * SPARED ? limit.rlim_cur / 2 : SPARED);
}

static void remember(void *context, const struct position *at)
{
	struct collector *c = context;

	tail_table_remember(&c->table, at);
}

static int tail_start(struct collector *c)
{
	int failed = host_positions_load(c->reader.host, remember, c);

	if (!failed)
		failed = tail_watch_init(&c->watch, c->loop, on_changes, c);
	if (failed)
		return failed;
	raise_descriptors(c);
	begin_scan(c);
	return 0;
}

/* Nothing waits: a last look around, and positions are saved as they move. */
static void tail_drain(struct collector *c)
{
	c->draining = c->reader.ending = true;
	loop_timer_clear(&c->tick);
	on_waited(c);
	on_tick(c);
	begin_scan(c);
	commit(c);
}

/* Looks again for itself: not every file system has inotify. What cannot be read does not hold up the end. */
static void read_grown(struct collector *c, const struct tail_file_list *list)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, list, entry)
	if (!f->trouble && tail_file_grew(f))
		mark_ready(c, f);
}

static bool tail_quiet(struct collector *c)
{
	if (!c->drained_scan || c->scanning || c->unpack || c->committing || c->commit_failures ||
		tail_watch_pending(&c->watch))
		return false;
	if (!TAILQ_EMPTY(&c->offers) || !TAILQ_EMPTY(&c->ready) || !TAILQ_EMPTY(&c->unsaved))
		return false;
	read_grown(c, &c->table.named);
	read_grown(c, &c->table.gone);
	return TAILQ_EMPTY(&c->ready);
}

static void tail_stop(struct collector *c)
{
	struct tail_file *f;

	if (c->stopped)
		return;
	c->stopped = true;
	loop_timer_clear(&c->tick);
	loop_timer_clear(&c->sweep);
	loop_timer_clear(&c->poll);
	loop_timer_clear(&c->save);
	loop_timer_clear(&c->again);
	loop_timer_clear(&c->waited);
	loop_watch_done(&c->watch.events);
	TAILQ_FOREACH(f, &c->unsaved, save_entry)
	put_position(c, f);
	TAILQ_FOREACH(f, &c->saving, save_entry)
	put_position(c, f);
	for (size_t i = 0; i < c->forgotten_count; i++)
		host_position_forget(c->reader.host, c->forgotten[i]);
}

static void tail_destroy(struct collector *c)
{
	if (!c)
		return;
	OXP_ASSERT(!c->scanning && !c->unpack);
	for (struct tail_offer *offer; (offer = TAILQ_FIRST(&c->offers));) {
		TAILQ_REMOVE(&c->offers, offer, entry);
		free(offer);
	}
	tail_table_done(&c->table);
	tail_scan_clear(&c->scan);
	while (c->lost_count > 0)
		free(c->lost[--c->lost_count].path);
	free(c->lost);
	free(c->forgotten);
	tail_watch_done(&c->watch);
	loop_timer_done(&c->tick);
	loop_timer_done(&c->sweep);
	loop_timer_done(&c->poll);
	loop_timer_done(&c->save);
	loop_timer_done(&c->again);
	loop_timer_done(&c->waited);
	loop_soon_done(&c->reading);
	loop_soon_done(&c->scanned);
	lines_done(&c->reader.lines);
	free(c);
}

static void add_counters(struct collector *c, struct host *host)
{
	c->open_files = host_gauge(host, "files", "Files followed.");
	c->rotations = host_counter(host, "rotations_total", "Files that lost their name and were read on.");
	c->truncations = host_counter(host, "truncations_total", "Files that were cut down and begun anew.");
	c->holes = host_counter(host, "holes_total", "Holes of zeros in files, which were passed.");
	c->hole_bytes = host_counter(host, "hole_bytes_total", "Zeros in those holes.");
	c->scan_count = host_counter(host, "scans_total", "Times that the folders were looked through.");
	c->packed = host_counter(host, "compressed_files_total",
		"Compressed files that were looked into, whether they were read or not.");
	c->unpacked = host_counter(host, "unpacked_total", "Compressed files that were read.");
	c->damaged = host_counter(host, "damaged_gzip_total", "Compressed files that were damaged, cut or too large.");
	c->errors = host_counter(
		host, "read_errors_total", "Files, folders and positions that could not be read or saved.");
}

static void init_reader(struct collector *c, struct host *host)
{
	struct multiline multiline = { .shapes = lines_shapes_of(c->config->multiline) };
	const char *start = c->config->multiline_start;

	if (start && !line_start_compile(start, &c->multiline_start))
		multiline.start = &c->multiline_start;
	c->reader.host = host;
	c->reader.chunk = TAIL_CHUNK;
	c->reader.origin = c->config->origin;
	lines_init(&c->reader.lines, host, (enum lines_format)c->config->format, c->config->line_max);
	lines_join(&c->reader.lines, host, &multiline);
}

static bool tail_check(const void *config, char *why, size_t room)
{
	const struct tail_config *tail = config;
	struct line_start spare;
	const char *wrong = tail->multiline_start ? line_start_compile(tail->multiline_start, &spare) : NULL;

	if (wrong)
		snprintf(why, room, "multiline_start: %s", wrong);
	else if (tail->multiline_start && tail->multiline->count > 0)
		snprintf(why, room,
			"multiline and multiline_start do not go together: only one can tell where a message begins");
	else
		return true;
	return false;
}

static int tail_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);

	c->config = config;
	c->loop = host_loop(host);
	c->watch.fd = -1;
	init_reader(c, host);
	tail_table_init(&c->table);
	TAILQ_INIT(&c->ready);
	TAILQ_INIT(&c->unsaved);
	TAILQ_INIT(&c->saving);
	TAILQ_INIT(&c->held);
	TAILQ_INIT(&c->offers);
	loop_timer_init(&c->tick, c->loop, on_tick, c);
	loop_timer_init(&c->sweep, c->loop, on_sweep, c);
	loop_timer_init(&c->poll, c->loop, on_poll, c);
	loop_timer_init(&c->save, c->loop, on_save, c);
	loop_timer_init(&c->again, c->loop, on_again, c);
	loop_timer_init(&c->waited, c->loop, on_waited, c);
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
	.check = tail_check,
	.create = tail_create,
	.start = tail_start,
	.resume = tail_resume,
	.settled = tail_settled,
	.drain = tail_drain,
	.quiet = tail_quiet,
	.stop = tail_stop,
	.destroy = tail_destroy,
};
