/*
 * The `tail` collector: follows log files, and hands each line to the pipeline once.
 *
 * A file is its device, inode, birth and first bytes, not its name. If it is renamed, it is read to its end through its
 * open descriptor; if it is cut down or written anew, it begins again under a new generation, and what was not read is
 * read in the copy, if there is one. A generation is on disk before its first line is offered, and the saved position
 * moves when every destination has settled, so after a kill at any moment the same bytes come again under the same ids.
 * inotify says what changed, and a sweep finds what it did not say. Changed files are read once a tick, in slices, in
 * turns. Looking for files runs in the CPU lane.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/tail/tail.h"

#include "base/json_writer.h"
#include "collectors/tail/asking.h"
#include "collectors/tail/events.h"
#include "collectors/tail/find.h"
#include "collectors/tail/globs.h"
#include "collectors/tail/gone.h"
#include "collectors/tail/leaves.h"
#include "collectors/tail/links.h"
#include "collectors/tail/scans.h"

enum {
	TROUBLES_TOLD = 16, /* on /status */
	/* if more than this is written in a tick, ticks get shorter, so that each has about as much; */
	FAST = 256 << 10,
	FAST_TIMES = 5, /* at most this many times shorter */
	FIRST_SCAN_MS = 2000, /* the process becomes ready after this at the latest */
};

static const char *const polls[] = { "auto", "always", NULL };

static const char *const starts[] = { "beginning", "end", NULL };

static const struct option tail_options[] = {
	{ OPT_TEXTS(struct tail_config, paths), .name = "paths", .main = true, .required = true,
		.example = "[/var/log/app/*.log]",
		.help = "Globs of the files to follow; {a,b} is one or the other, ** is up to eight folders." },
	{ OPT_TEXTS(struct tail_config, exclude), .name = "exclude", .example = "[/var/log/app/debug*.log]",
		.help = "Globs of files to leave out, matched against the whole path, or, without a slash, against "
			"the name." },
	{ OPT_CHOICE(struct tail_config, start, starts), .name = "start", .text = "beginning",
		.help = "Where to begin in files that exist at the first start, or existed in the last run and "
			"were not followed. All others are read from the beginning." },
	{ OPT_CHOICE(struct tail_config, format, lines_file_formats), .name = "format", .text = "auto",
		.help = LINES_FILE_FORMAT_HELP },
	LINES_MULTILINE_OPTIONS(struct tail_config, multiline),
	{ OPT_BOOL(struct tail_config, origin), .name = "origin", .text = "true",
		.help = "Adds oxpecker.path and oxpecker.offset to each line, which tell the order of lines." },
	{ OPT_SIZE(struct tail_config, line_max), .name = "line_max", .text = "1MiB", .min = 1024, .max = 16 << 20,
		.help = LINES_MAX_HELP },
	{ OPT_DURATION(struct tail_config, sweep), .name = "sweep", .text = "10s", .min = 100,
		.help = "How often to search the folders for changes that nobody reported." },
	{ OPT_DURATION(struct tail_config, tick), .name = "tick", .text = "50ms", .min = 1, .max = 10000,
		.help = "How often a changed file is read; up to five times as often while much is written." },
	{ OPT_CHOICE(struct tail_config, poll, polls), .name = "poll", .text = "auto",
		.help = "Which files to poll. auto: those on file systems that do not report changes (NFS, SMB, "
			"9p, FUSE, overlay); always: all." },
	{ OPT_DURATION(struct tail_config, poll_every), .name = "poll_every", .text = "250ms", .min = 1,
		.help = "How often to poll them." },
	{ OPT_BOOL(struct tail_config, gzip), .name = "gzip", .text = "false",
		.help = "Reads the compressed files of `paths` once, unless they were read before they were "
			"compressed. Without it, compressed files are left out." },
	{ OPT_TEXTS(struct tail_config, links), .name = "links", .example = "[/srv/app]",
		.help = "Folders, beyond those of `paths`, that links made by other users may lead into; any: "
			"everywhere." },
	{ .name = NULL },
};

/*
 * The parts of one `tail`, from the bottom up: each part calls those above it in this list, never one below. Their
 * headers say what each is.
 */
struct collector {
	struct tail_core core;
	struct option_list paths, exclude; /* the configuration's, expanded */
	struct tail_closer closer;
	struct tail_table table;
	struct tail_ready ready;
	struct tail_machine machine;
	struct tail_troubles troubles;
	struct tail_doubts doubts;
	struct tail_wanted wanted;
	struct tail_saver saver;
	struct tail_turns turns;
	struct tail_packed packed;
	struct tail_copies copies;
	struct tail_events events;
	struct tail_gone gone;
	struct tail_finder finder;
	struct tail_leaves leaves;
	struct tail_scans scans;
	struct tail_asking asking;
	struct loop_timer tick, poll;
	struct mono_time ticked; /* the last tick, */
	uint64_t taken; /* how much had been read by then */
	struct mono_time began;
};

static bool is_draining(const struct collector *c)
{
	return c->core.life != TAIL_LIVES;
}

/* Moments. */

static void take_turn(void *context)
{
	struct collector *c = context;
	struct tail_file *f;

	switch (tail_turns_take(&c->turns, &f)) {
	case TAIL_TURN_CUT_DOWN:
		(void)tail_finder_cut_down(&c->finder, f);
		tail_scans_begin(&c->scans);
		break;
	case TAIL_TURN_PACKED:
		if (tail_finder_close_packed(&c->finder, f))
			tail_scans_begin(&c->scans);
		break;
	case TAIL_TURN_OVER:
		break;
	}
	tail_ready_go(&c->ready);
}

/* The time until the next tick, by how much was read in the last one: bytes that are read soon after they were written
 * are not lost if the file is cut down. */
static struct duration next_tick(struct collector *c)
{
	struct mono_time now = loop_now(c->core.loop);
	uint64_t read = c->turns.taken - c->taken;
	int64_t took = mono_since(now, c->ticked).ns, usual = c->core.config->tick.ns, next = usual;

	if (read > FAST && took > 0 && took <= 2 * usual)
		next = (int64_t)(FAST * (uint64_t)took / read);
	c->ticked = now;
	c->taken = c->turns.taken;
	next = next < usual ? next : usual;
	return (struct duration){ next > usual / FAST_TIMES ? next : usual / FAST_TIMES };
}

static void on_tick(void *context)
{
	struct collector *c = context;
	bool more = tail_events_hear(&c->events);

	tail_asking_go_on(&c->asking, tail_events_take_stranger(&c->events));
	if (c->wanted.scan && !tail_scans_is_under_way(&c->scans))
		tail_scans_begin(&c->scans);
	tail_events_listen(&c->events, true);
	if (more || tail_asking_has_more(&c->asking))
		loop_timer_set(&c->tick, more ? DURATION_MS(0) : c->core.config->tick);
}

static void on_poll(void *context)
{
	struct collector *c = context;

	(void)tail_events_take_stranger(&c->events);
	tail_asking_named(&c->asking);
	tail_asking_go_on(&c->asking, true);
	if (!tail_scans_is_under_way(&c->scans) && tail_events_folder_changed(&c->events))
		tail_scans_begin(&c->scans);
	if (c->machine.silent)
		loop_timer_set(&c->poll, c->core.config->poll_every);
}

/* The first event only starts a tick: everything that changes until its end is read together. */
static void on_changes(void *context, int fd, unsigned what)
{
	struct collector *c = context;

	(void)fd, (void)what;
	tail_events_listen(&c->events, false);
	if (is_draining(c))
		on_tick(c);
	else
		loop_timer_set(&c->tick, next_tick(c));
}

static void scan_again(void *context)
{
	struct collector *c = context;

	tail_scans_begin(&c->scans);
}

static void on_scan_over(void *context)
{
	struct collector *c = context;

	if (c->machine.silent && !loop_timer_pending(&c->poll))
		loop_timer_set(&c->poll, c->core.config->poll_every);
	tail_packed_scanned(&c->packed);
}

/* Life. */

static void remember(void *context, const struct position *at)
{
	struct collector *c = context;

	tail_scans_remember(&c->scans, at);
	tail_finder_remember(&c->finder, at);
}

static int tail_start(struct collector *c)
{
	int failed;

	tail_scans_start(&c->scans);
	failed = host_positions_load(c->core.host, remember, c);
	if (failed)
		return failed;
	tail_scans_remembered(&c->scans);
	tail_events_begin(&c->events);
	tail_machine_spare_descriptors(&c->machine);
	c->began = loop_now(c->core.loop);
	tail_scans_begin(&c->scans);
	return 0;
}

/* Folders that do not answer hold up the app no longer than this. */
static bool tail_began(const struct collector *c)
{
	return c->scans.look.complete || duration_ms(mono_since(loop_now(c->core.loop), c->began)) > FIRST_SCAN_MS;
}

static void tail_resume(struct collector *c)
{
	tail_turns_resume(&c->turns);
}

static void tail_settled(struct collector *c, uint64_t token)
{
	tail_turns_settled(&c->turns, token);
}

static void put_troubles(const struct tail_file_list *list, struct json_writer *w, size_t *count)
{
	const struct tail_file *f;

	TAILQ_FOREACH(f, list, entry) {
		if (*count == TROUBLES_TOLD)
			break;
		if (!f->trouble)
			continue;
		json_put_object(w, NULL);
		json_put_string(w, "file", f->path);
		json_put_string(w, "why", tail_links_why(f->trouble));
		json_put_end(w);
		++*count;
	}
}

static void tail_report(const struct collector *c, struct json_writer *w)
{
	size_t count = 0;

	json_put_u64(w, "files", c->table.count);
	json_put_u64(w, "troubled", c->troubles.count);
	json_put_array(w, "troubles");
	if (c->troubles.count > 0) {
		put_troubles(&c->table.named, w, &count);
		put_troubles(&c->table.gone, w, &count);
	}
	json_put_end(w);
}

/* Nothing waits any more: there is a last look around, and positions are saved as they move. */
static void tail_drain(struct collector *c)
{
	c->core.life = TAIL_DRAINS;
	loop_timer_clear(&c->tick);
	tail_turns_drain(&c->turns);
	on_tick(c);
	tail_scans_begin(&c->scans);
	tail_saver_commit(&c->saver);
}

static bool tail_quiet(struct collector *c)
{
	if (!c->scans.drained || tail_scans_is_under_way(&c->scans) || !tail_packed_is_quiet(&c->packed) ||
		!tail_saver_is_quiet(&c->saver) || tail_events_are_waiting(&c->events) ||
		!tail_leaves_is_quiet(&c->leaves))
		return false;
	return tail_turns_is_quiet(&c->turns) && tail_asking_none_grew(&c->asking) &&
	       !tail_leaves_end_lines(&c->leaves);
}

static bool tail_look(struct collector *c, bool anew)
{
	return tail_leaves_look(&c->leaves, anew);
}

static void tail_lasting(struct collector *c, void (*add)(void *to, uint64_t generation), void *to)
{
	tail_leaves_lasting(&c->leaves, add, to);
}

static void tail_leave(struct collector *c)
{
	tail_leaves_begin(&c->leaves);
}

static void tail_abandon(struct collector *c)
{
	tail_leaves_abandon(&c->leaves);
}

static void tail_lost(struct collector *c, uint64_t generation, uint64_t records, uint64_t bytes)
{
	tail_leaves_lost(&c->leaves, generation, records, bytes);
}

static void tail_stop(struct collector *c)
{
	if (c->core.life == TAIL_STOPPED)
		return;
	c->core.life = TAIL_STOPPED;
	loop_timer_clear(&c->tick);
	loop_timer_clear(&c->poll);
	tail_scans_stop(&c->scans);
	tail_packed_stop(&c->packed);
	tail_turns_stop(&c->turns);
	tail_leaves_stop(&c->leaves);
	tail_events_stop(&c->events);
	tail_saver_stop(&c->saver);
	tail_closer_stop(&c->closer);
}

static void tail_destroy(struct collector *c)
{
	if (!c)
		return;
	OXP_ASSERT(tail_packed_is_quiet(&c->packed));
	tail_leaves_done(&c->leaves);
	tail_closer_stop(&c->closer);
	tail_scans_done(&c->scans);
	tail_turns_done(&c->turns);
	tail_table_done(&c->table);
	tail_wanted_done(&c->wanted);
	tail_saver_done(&c->saver);
	tail_events_done(&c->events);
	tail_ready_done(&c->ready);
	loop_timer_done(&c->tick);
	loop_timer_done(&c->poll);
	tail_globs_free(&c->paths);
	tail_globs_free(&c->exclude);
	free(c);
}

void tail_collector_check(const struct collector *c)
{
	tail_table_check(&c->table);
	tail_ready_check(&c->ready);
	tail_saver_check(&c->saver);
}

static bool check_forms(const struct tail_config *tail, const struct option_list *paths, char *why, size_t room)
{
	const char *idle = tail_globs_idle_path(tail->paths);

	if (idle) {
		snprintf(why, room,
			"paths: \"%.200s\" matches no file, since it ends with a folder; expected a glob of files, "
			"such as /var/log/app/*.log",
			idle);
		return false;
	}
	idle = tail_globs_idle_exclude(tail->exclude, paths);
	if (idle)
		snprintf(why, room,
			"exclude: \"%.200s\" matches none of `paths`; expected a glob of whole paths that are among "
			"them, or of names, without a slash",
			idle);
	return !idle;
}

static uint64_t tail_line_max(const void *config)
{
	return ((const struct tail_config *)config)->line_max;
}

static bool tail_check(const void *config, char *why, size_t room)
{
	const struct tail_config *tail = config;
	struct option_list paths, exclude = { .items = NULL };
	bool fit = tail_globs_expand(tail->paths, &paths);

	if (fit && !tail_globs_expand(tail->exclude, &exclude)) {
		tail_globs_free(&paths);
		fit = false;
	}
	if (!fit) {
		snprintf(why, room, "paths or exclude: {,} and ** make more than %d globs", TAIL_GLOBS_MAX);
		return false;
	}
	fit = check_forms(tail, &paths, why, room);
	tail_globs_free(&paths);
	tail_globs_free(&exclude);
	if (!fit)
		return false;
	if (!tail_links_check(tail->links)) {
		snprintf(why, room, "links: expected absolute paths of folders, or any");
		return false;
	}
	return lines_multiline_check(&tail->multiline, why, room);
}

/* The parts that know nothing of files. */
static void init_lower(struct collector *c, struct host *host)
{
	tail_closer_init(&c->closer, host);
	tail_table_init(&c->table, &c->closer);
	tail_ready_init(&c->ready, c->core.loop, take_turn, c);
	tail_machine_init(&c->machine, host);
	tail_troubles_init(&c->troubles, host);
	tail_saver_init(&c->saver, &c->core, &c->ready);
	tail_turns_init(&c->turns,
		&(struct tail_turns_parts){
			.core = &c->core, .ready = &c->ready, .saver = &c->saver, .troubles = &c->troubles });
	tail_packed_init(&c->packed, &(struct tail_packed_parts){ .core = &c->core,
					     .look = &c->scans.look,
					     .table = &c->table,
					     .ready = &c->ready,
					     .saver = &c->saver,
					     .troubles = &c->troubles,
					     .doubts = &c->doubts,
					     .scan = scan_again,
					     .context = c });
	tail_events_init(&c->events, &(struct tail_events_parts){ .core = &c->core,
					     .look = &c->scans.look,
					     .table = &c->table,
					     .ready = &c->ready,
					     .machine = &c->machine,
					     .doubts = &c->doubts,
					     .wanted = &c->wanted,
					     .came = on_changes,
					     .context = c });
}

static void init_upper(struct collector *c)
{
	tail_copies_init(&c->copies, &(struct tail_copies_parts){ .core = &c->core,
					     .look = &c->scans.look,
					     .doubts = &c->doubts,
					     .table = &c->table,
					     .ready = &c->ready,
					     .saver = &c->saver,
					     .turns = &c->turns,
					     .wanted = &c->wanted });
	tail_gone_init(&c->gone, &(struct tail_gone_parts){ .core = &c->core,
					 .look = &c->scans.look,
					 .machine = &c->machine,
					 .doubts = &c->doubts,
					 .table = &c->table,
					 .ready = &c->ready,
					 .saver = &c->saver,
					 .turns = &c->turns,
					 .packed = &c->packed,
					 .copies = &c->copies,
					 .troubles = &c->troubles,
					 .wanted = &c->wanted });
	tail_finder_init(&c->finder, &(struct tail_finder_parts){ .core = &c->core,
					     .look = &c->scans.look,
					     .machine = &c->machine,
					     .table = &c->table,
					     .ready = &c->ready,
					     .saver = &c->saver,
					     .turns = &c->turns,
					     .packed = &c->packed,
					     .copies = &c->copies,
					     .gone = &c->gone,
					     .troubles = &c->troubles,
					     .doubts = &c->doubts,
					     .wanted = &c->wanted });
}

/* What goes through the files that are known. */
static void init_rounds(struct collector *c)
{
	tail_leaves_init(&c->leaves, &(struct tail_leaves_parts){ .core = &c->core,
					     .look = &c->scans.look,
					     .table = &c->table,
					     .ready = &c->ready,
					     .saver = &c->saver,
					     .turns = &c->turns,
					     .gone = &c->gone,
					     .finder = &c->finder });
	tail_scans_init(&c->scans, &(struct tail_scans_parts){ .core = &c->core,
					   .table = &c->table,
					   .finder = &c->finder,
					   .events = &c->events,
					   .machine = &c->machine,
					   .troubles = &c->troubles,
					   .doubts = &c->doubts,
					   .wanted = &c->wanted,
					   .saver = &c->saver,
					   .over = on_scan_over,
					   .context = c });
	tail_asking_init(&c->asking, &(struct tail_asking_parts){ .core = &c->core,
					     .look = &c->scans.look,
					     .machine = &c->machine,
					     .table = &c->table,
					     .ready = &c->ready });
	loop_timer_init(&c->tick, c->core.loop, on_tick, c);
	loop_timer_init(&c->poll, c->core.loop, on_poll, c);
}

static bool tail_reads(const void *config, const char *path)
{
	const struct tail_config *tail = config;
	struct option_list paths = { .items = NULL }, exclude = { .items = NULL };
	bool reads = tail_globs_expand(tail->paths, &paths) && tail_globs_expand(tail->exclude, &exclude) &&
		     tail_links_lead_to(&(struct tail_globs){ &paths, &exclude }, path);

	tail_globs_free(&paths);
	tail_globs_free(&exclude);
	return reads;
}

static int tail_create(const void *config, struct host *host, struct collector **ret)
{
	const struct tail_config *tail = config;
	struct collector *c = oxp_new(sizeof *c);

	if (!tail_globs_expand(tail->paths, &c->paths) || !tail_globs_expand(tail->exclude, &c->exclude)) {
		tail_globs_free(&c->paths);
		free(c);
		return -E2BIG;
	}
	c->core = (struct tail_core){ .host = host,
		.loop = host_loop(host),
		.config = tail,
		.globs = { &c->paths, &c->exclude },
		.births = &c->scans.births };
	init_lower(c, host);
	init_upper(c);
	init_rounds(c);
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
	.line_max = tail_line_max,
	.reads = tail_reads,
	.create = tail_create,
	.start = tail_start,
	.began = tail_began,
	.resume = tail_resume,
	.settled = tail_settled,
	.report = tail_report,
	.drain = tail_drain,
	.quiet = tail_quiet,
	.stop = tail_stop,
	.look = tail_look,
	.lasting = tail_lasting,
	.leave = tail_leave,
	.abandon = tail_abandon,
	.lost = tail_lost,
	.destroy = tail_destroy,
};
