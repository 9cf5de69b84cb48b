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
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>

#include "base/text.h"
#include "collectors/tail/inner.h"

enum {
	ASKED_AT_ONCE = 1024, /* files; the others have their turn next time */
	GONE_FEW = 256, /* so many are asked at every tick whether they grew */
	TROUBLES_TOLD = 16, /* on /status */
	FIRST_SCAN_MS = 2000, /* so long the process is not ready before it is over */
	SPARED = 256, /* descriptors that are left to everybody else; of a small number half */
};

static const char *const polls[] = { "auto", "always", NULL };

static const char *const starts[] = { "beginning", "end", NULL };

static const struct option tail_options[] = {
	{ OPT_TEXTS(struct tail_config, paths), .name = "paths", .main = true, .required = true,
		.example = "[/var/log/app/*.log]",
		.help = "Globs of the files to follow; {a,b} is one or the other, ** folders of any depth." },
	{ OPT_TEXTS(struct tail_config, exclude), .name = "exclude", .example = "[/var/log/app/debug*.log]",
		.help = "Globs of files to leave out of those, matched against the whole path." },
	{ OPT_CHOICE(struct tail_config, start, starts), .name = "start", .text = "beginning",
		.help = "Where a file begins that is there at the first start, or was there in the last run and not "
			"followed; any other begins at its beginning." },
	{ OPT_CHOICE(struct tail_config, format, lines_file_formats), .name = "format", .text = "auto",
		.help = LINES_FILE_FORMAT_HELP },
	LINES_MULTILINE_OPTIONS(struct tail_config, multiline),
	{ OPT_BOOL(struct tail_config, origin), .name = "origin", .text = "true",
		.help = "Adds log.file.path and log.offset to each line, by which the order of lines is told." },
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
	{ OPT_TEXTS(struct tail_config, links), .name = "links", .example = "[/srv/app]",
		.help = "Folders beyond those of `paths` that links may lead into which others than root and the "
			"agent's user can have made; any: anywhere." },
	{ .name = NULL },
};

/* What inotify says. */

enum { CAME = IN_CREATE | IN_MOVED_TO, WENT = IN_MOVED_FROM | IN_DELETE };

void tail_on_event(void *context, uint32_t mask, const char *path)
{
	struct collector *c = context;
	const struct tail_globs globs = { &c->paths, &c->exclude };
	struct tail_file *f = path ? tail_table_named(&c->table, path) : NULL;

	if (f && f->fd >= 0)
		tail_mark_ready(c, f);
	c->stranger = c->stranger || !f;
	c->renames = c->renames || !path || mask & (IN_MOVED_FROM | IN_MOVED_TO);
	if (!path || (mask & IN_ISDIR && mask & (CAME | WENT)))
		c->scan_again = true; /* folders came or went, or events were lost */
	else if (!f && c->linked && mask & (CAME | WENT))
		c->scan_again = true; /* a link may lead elsewhere now */
	else if ((mask & CAME && tail_matches(&globs, path)) || (f && mask & WENT) || (f && f->fd < 0 && !f->spent))
		c->scan_again = true;
}

/* What nobody tells of: files behind links are written to under names that nobody follows, those without a name under
 * none, and some file systems tell nothing. What cannot be read does not hold up the end. */
static bool is_untold(const struct collector *c, const struct tail_file *f)
{
	if (c->draining && f->trouble)
		return false;
	return f->gone || f->linked || f->silent || (c->draining && c->watch_failed);
}

/* Asks some files of a list, which go to its end, and answers how many are left. None while a scan goes through it. */
static size_t ask_some(struct collector *c, struct tail_file_list *list, size_t left)
{
	struct tail_file *f;

	for (int i = 0; i < ASKED_AT_ONCE && left > 0 && !c->working && (f = TAILQ_FIRST(list)); i++, left--) {
		tail_table_pass(&c->table, f);
		if (is_untold(c, f) && !f->ready && tail_file_grew(f))
			tail_mark_ready(c, f);
	}
	return TAILQ_EMPTY(list) ? 0 : left;
}

static void ask_untold(struct collector *c)
{
	if (c->stranger && c->linked)
		c->ask_named = c->table.count - c->table.gone_count;
	if (c->stranger || c->table.gone_count <= GONE_FEW)
		c->ask_gone = c->table.gone_count;
	c->stranger = false;
	c->ask_named = ask_some(c, &c->table.named, c->ask_named);
	c->ask_gone = ask_some(c, &c->table.gone, c->ask_gone);
}

static void on_tick(void *context)
{
	struct collector *c = context;
	bool more = tail_watch_read(&c->watch, tail_on_event, c);

	ask_untold(c);
	if (c->scan_again && !c->scanning)
		tail_begin_scan(c);
	if (!c->watch_missing)
		loop_watch_set(&c->watch.events, WATCH_READ);
	if (more || c->ask_named + c->ask_gone > 0)
		loop_timer_set(&c->tick, more ? DURATION_MS(0) : c->config->tick);
}

static void on_poll(void *context)
{
	struct collector *c = context;

	(void)ask_some(c, &c->table.named, c->table.count - c->table.gone_count);
	c->stranger = true;
	ask_untold(c);
	if (!c->scanning && tail_watch_changed(&c->watch))
		tail_begin_scan(c);
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
static void spare_descriptors(struct collector *c)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	c->descriptors = limit.rlim_cur - (limit.rlim_cur < 2 * SPARED ? limit.rlim_cur / 2 : SPARED);
}

static void remember(void *context, const struct position *at)
{
	struct collector *c = context;

	if (at->generation == TAIL_KNOWN)
		c->known_before.ns = (int64_t)at->offset;
	else
		tail_table_remember(&c->table, at);
}

void tail_begin_watching(struct collector *c)
{
	int failed = tail_watch_init(&c->watch, c->loop, on_changes, c);

	if (failed && !c->watch_missing)
		host_log(c->reader.host, LOG_LEVEL_WARN,
			"inotify cannot be had (%s; see fs.inotify.max_user_instances): all files are asked whether "
			"they changed",
			strerror(-failed));
	if (!failed && c->watch_missing)
		host_log(c->reader.host, LOG_LEVEL_INFO, "inotify is there now");
	c->watch_missing = failed != 0;
}

static int tail_start(struct collector *c)
{
	int failed = host_positions_load(c->reader.host, remember, c);

	if (failed)
		return failed;
	tail_begin_watching(c);
	spare_descriptors(c);
	c->looked = loop_clock(c->loop)->wall(loop_clock(c->loop));
	c->began = loop_now(c->loop);
	tail_begin_scan(c);
	return 0;
}

/* Folders that do not answer hold up the app no longer than this. */
static bool tail_began(const struct collector *c)
{
	return c->had_scan || duration_ms(mono_since(loop_now(c->loop), c->began)) > FIRST_SCAN_MS;
}

static int report_troubles(const struct tail_file_list *list, struct buffer *out, size_t *count)
{
	const struct tail_file *f;
	int failed = 0;

	TAILQ_FOREACH(f, list, entry)
	{
		if (failed || *count == TROUBLES_TOLD)
			break;
		if (!f->trouble)
			continue;
		failed = buffer_text(out, *count ? ",{\"file\":" : "{\"file\":") ||
			 json_string_append(out, f->path, strlen(f->path)) ||
			 buffer_text(out, ",\"why\":") ||
			 json_string_append(out, tail_links_why(f->trouble), strlen(tail_links_why(f->trouble))) ||
			 buffer_text(out, "}");
		++*count;
	}
	return failed;
}

static int tail_report(const struct collector *c, struct buffer *out)
{
	size_t count = 0;
	int failed = buffer_printf(out, ",\"files\":%zu,\"troubled\":%zu,\"troubles\":[", c->table.count, c->troubled);

	if (!failed && c->troubled > 0)
		failed = report_troubles(&c->table.named, out, &count) || report_troubles(&c->table.gone, out, &count);
	return failed ? failed : buffer_text(out, "]");
}

/* Nothing waits: a last look around, and positions are saved as they move. */
static void tail_drain(struct collector *c)
{
	c->draining = c->reader.ending = true;
	loop_timer_clear(&c->tick);
	tail_on_waited(c);
	on_tick(c);
	tail_begin_scan(c);
	tail_commit(c);
}

/* True: all files were asked since the last time it said so, and none has grown. Some are asked by each call. */
static bool none_grew(struct collector *c)
{
	if (!c->asking_all) {
		c->ask_named = c->table.count - c->table.gone_count;
		c->ask_gone = c->table.gone_count;
	}
	c->asking_all = true;
	if (c->ask_named > 0)
		c->ask_named = ask_some(c, &c->table.named, c->ask_named);
	else
		c->ask_gone = ask_some(c, &c->table.gone, c->ask_gone);
	if (c->ask_named + c->ask_gone > 0 && TAILQ_EMPTY(&c->ready))
		return false;
	c->asking_all = false;
	return TAILQ_EMPTY(&c->ready);
}

static bool tail_quiet(struct collector *c)
{
	if (!c->drained_scan || c->scanning || c->unpack || c->committing || c->commit_failures ||
		tail_watch_pending(&c->watch))
		return false;
	return TAILQ_EMPTY(&c->offers) && TAILQ_EMPTY(&c->ready) && TAILQ_EMPTY(&c->unsaved) && none_grew(c);
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
	tail_put_position(c, f);
	TAILQ_FOREACH(f, &c->saving, save_entry)
	tail_put_position(c, f);
	for (size_t i = 0; i < c->forgotten_count; i++)
		host_position_forget(c->reader.host, c->forgotten[i]);
	tail_put_known(c);
}

static void tail_destroy(struct collector *c)
{
	if (!c)
		return;
	OXP_ASSERT(!c->in_lane && !c->unpack);
	for (struct tail_offer *offer; (offer = TAILQ_FIRST(&c->offers));) {
		TAILQ_REMOVE(&c->offers, offer, entry);
		free(offer);
	}
	tail_table_done(&c->table);
	tail_scan_clear(&c->scan);
	tail_lost_clear(&c->lost);
	free(c->forgotten);
	tail_watch_done(&c->watch);
	loop_timer_done(&c->tick);
	loop_timer_done(&c->sweep);
	loop_timer_done(&c->poll);
	loop_timer_done(&c->save);
	loop_timer_done(&c->again);
	loop_timer_done(&c->waited);
	loop_soon_done(&c->reading);
	loop_soon_done(&c->scan_soon);
	lines_done(&c->reader.lines);
	tail_globs_free(&c->paths);
	tail_globs_free(&c->exclude);
	free(c->reader.scratch);
	free(c);
}

static void add_counters(struct collector *c, struct host *host)
{
	c->open_files = host_gauge(host, "files", "Files followed.");
	c->rotations = host_counter(host, "rotations_total", "Files that lost their name and were read on.");
	c->truncations = host_counter(host, "truncations_total", "Files that were cut down and begun anew.");
	c->vanished = host_counter(
		host, "vanished_files_total",
		"Files that were gone before it was known whether they were read to their end.");
	c->holes = host_counter(host, "holes_total", "Holes of zeros in files, which were passed.");
	c->hole_bytes = host_counter(host, "hole_bytes_total", "Zeros in those holes.");
	c->scan_count = host_counter(host, "scans_total", "Times that the folders were looked through.");
	c->packed = host_counter(host, "compressed_files_total",
		"Compressed files that were looked into, whether they were read or not.");
	c->unpacked = host_counter(host, "unpacked_total", "Compressed files that were read.");
	c->damaged = host_counter(host, "damaged_gzip_total", "Compressed files that were damaged, cut or too large.");
	c->refused = host_counter(host, "refused_links_total",
		"Files that were not opened, since a link that others may have made leads to them.");
	c->errors = host_counter(
		host, "read_errors_total", "Files, folders and positions that could not be read or saved.");
}

static void init_reader(struct collector *c, struct host *host)
{
	c->reader.host = host;
	c->reader.chunk = TAIL_CHUNK_FIRST;
	c->reader.pace = (struct pace){ .most = TAIL_CHUNK_FIRST, .least = TAIL_CHUNK_MIN, .ceiling = TAIL_CHUNK };
	c->reader.origin = c->config->origin;
	lines_init(&c->reader.lines, host, (enum lines_format)c->config->format, c->config->line_max);
	lines_join(&c->reader.lines, host, &c->config->multiline);
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
	tail_globs_free(&paths);
	tail_globs_free(&exclude);
	if (!tail_links_check(tail->links)) {
		snprintf(why, room, "links: expected absolute paths of folders, or any");
		return false;
	}
	return lines_multiline_check(&tail->multiline, why, room);
}

static int tail_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);

	c->config = config;
	if (!tail_globs_expand(c->config->paths, &c->paths) || !tail_globs_expand(c->config->exclude, &c->exclude)) {
		tail_globs_free(&c->paths);
		free(c);
		return -E2BIG;
	}
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
	loop_timer_init(&c->sweep, c->loop, tail_on_sweep, c);
	loop_timer_init(&c->poll, c->loop, on_poll, c);
	loop_timer_init(&c->save, c->loop, tail_on_save, c);
	loop_timer_init(&c->again, c->loop, tail_on_again, c);
	loop_timer_init(&c->waited, c->loop, tail_on_waited, c);
	loop_soon_init(&c->reading, c->loop, tail_read_slice, c);
	loop_soon_init(&c->scan_soon, c->loop, tail_on_scan_soon, c);
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
	.began = tail_began,
	.resume = tail_resume,
	.settled = tail_settled,
	.report = tail_report,
	.drain = tail_drain,
	.quiet = tail_quiet,
	.stop = tail_stop,
	.destroy = tail_destroy,
};
