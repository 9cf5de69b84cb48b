/*
 * The `pipe` collector: a FIFO on the volume that the app and the sidecar share, with the app's stdout going into it.
 *
 * The agent opens it for writing, too. So writers come and go without an end of file, and get no SIGPIPE while the
 * agent is there. An app that also opens it both ways (`app 1<>FIFO`) outlives restarts of the agent, and the kernel
 * stores what it writes meanwhile. The app never waits longer than `patience`: lines that find no room after that are
 * lost, and counted. What was read belongs to the agent: at SIGTERM it goes to the spool, and after a kill the next
 * start counts it as lost, except for a line that had no end yet. An app whose stdout is buffered in blocks writes half
 * a line now and the rest with the next block; as long as there is a writer, the end of a line is waited for.
 *
 * The FIFO may be removed and made again, as start scripts of containers do. Then the new one is read, and the old one
 * as long as a writer has it open.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/text.h"
#include "collectors/stream.h"
#include "config/option.h"

enum {
	LOOK_MS = 2000, /* how often it checks that the FIFO is still that of its path */
	FIFOS_MAX = 8, /* that are read at a time: the path's and old ones */
};

static const char max_path[] = "/proc/sys/fs/pipe-max-size";

struct pipe_config {
	const char *path, *mode;
	bool create;
	unsigned format;
	uint64_t line_max, buffer;
	struct duration patience, flush;
	struct lines_multiline multiline;
};

static const struct option pipe_options[] = {
	{ OPT_PATH(struct pipe_config, path), .name = "path", .main = true, .required = true,
		.example = "/run/app/stdout", .help = "The FIFO that the app writes to." },
	{ OPT_BOOL(struct pipe_config, create), .name = "create", .text = "true",
		.help = "Whether to make the FIFO if it is not there." },
	{ OPT_TEXT(struct pipe_config, mode), .name = "mode", .text = "0660",
		.help = "Permissions of a FIFO that the agent makes, in octal." },
	{ OPT_SIZE(struct pipe_config, buffer), .name = "buffer", .text = "1MiB", .min = 4096, .max = 1 << 30,
		.help = "Unread bytes that the kernel is asked to hold; at most fs.pipe-max-size." },
	{ OPT_DURATION(struct pipe_config, patience), .name = "patience", .text = "1s", .max = 3600000,
		.help = "How long the app may have to wait if memory is full; after that, lines are lost and "
			"counted." },
	{ OPT_CHOICE(struct pipe_config, format, lines_formats), .name = "format", .text = "auto",
		.help = LINES_FORMAT_HELP },
	{ OPT_SIZE(struct pipe_config, line_max), .name = "line_max", .text = "1MiB", .min = 1024, .max = 16 << 20,
		.help = LINES_MAX_HELP },
	{ OPT_DURATION(struct pipe_config, flush), .name = "flush", .text = "1s", .min = 10, .max = 3600000,
		.help = "A message that could go on is shipped if nothing more comes for this long. So is a line "
			"without its end; but while a writer has the FIFO open, it has ten minutes." },
	LINES_MULTILINE_OPTIONS(struct pipe_config, multiline),
	{ .name = NULL },
};

struct fifo {
	TAILQ_ENTRY(fifo) entry;
	struct collector *collector;
	struct stream stream; /* its descriptor is for reading only, and has the lock */
	int own_writer; /* the same for writing: while it is open there is no end of file. -1: ends are seen */
	dev_t device;
	ino_t inode;
};

struct collector {
	const struct pipe_config *config;
	struct host *host;
	struct lines lines;
	struct patience patience;
	struct stream_kind kind;
	TAILQ_HEAD(fifo_list, fifo) fifos; /* the path's is the last, unless it could not be opened */
	size_t count;
	struct loop_timer look;
	struct mono_time drained;
	int trouble; /* why the path's cannot be opened, which was logged; 0 */
	bool stopped;
	uint64_t *buffer;
};

static void go_on(void *context)
{
	struct collector *c = context;
	struct fifo *f, *next;

	for (f = TAILQ_FIRST(&c->fifos); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		stream_go_on(&f->stream);
	}
}

/* From now on the end of file is seen. */
static void let_end(struct fifo *f)
{
	if (f->own_writer >= 0)
		close(f->own_writer);
	f->own_writer = -1;
}

static void fifo_free(struct fifo *f)
{
	struct collector *c = f->collector;

	TAILQ_REMOVE(&c->fifos, f, entry);
	c->count--;
	stream_done(&f->stream);
	let_end(f);
	close(f->stream.fd);
	free(f);
}

/* While the agent is a writer itself, only a failure ends the stream; an old FIFO ends with its last writer. */
static void on_ended(struct stream *s, int error)
{
	struct fifo *f = CONTAINER_OF(s, struct fifo, stream);
	struct collector *c = f->collector;

	if (error)
		host_log(c->host, LOG_LEVEL_ERROR, "cannot read %s any more: %s", c->config->path, strerror(error));
	fifo_free(f);
}

/* Opening. */

/* What a process without privileges may ask for. */
static size_t allowed_buffer(void)
{
	FILE *file = fopen(max_path, "re");
	size_t size = 0;

	if (file && fscanf(file, "%zu", &size) != 1)
		size = 0;
	if (file)
		fclose(file);
	return size;
}

static void enlarge(struct collector *c, int fd)
{
	size_t wanted = c->config->buffer, allowed;
	int size = fcntl(fd, F_SETPIPE_SZ, (int)wanted);

	if (size < 0 && (allowed = allowed_buffer()) > 0 && allowed < wanted)
		size = fcntl(fd, F_SETPIPE_SZ, (int)allowed);
	size = fcntl(fd, F_GETPIPE_SZ);
	*c->buffer = size > 0 ? (uint64_t)size : 0;
	if (*c->buffer < wanted)
		host_log(c->host, LOG_LEVEL_INFO, "the kernel buffers %llu bytes of %s, not %zu: see fs.pipe-max-size",
			(unsigned long long)*c->buffer, c->config->path, wanted);
}

/* Before it is opened: a device may do something when it is. */
static int check_fifo(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (S_ISLNK(info.st_mode))
		return -ELOOP;
	return S_ISFIFO(info.st_mode) ? path_one_name(&info) : -ENOTSUP;
}

/* One reader: two would tear lines apart. `made`: we made it, and it gets its mode, whatever the umask took away. In a
 * folder that others may write to, it may have been replaced by somebody else's FIFO. */
static int check_open(int fd, bool made, mode_t mode)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (made && info.st_uid == geteuid() && fchmod(fd, mode) < 0)
		return -errno;
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* Whether another process has it open for writing shows only while the agent does not. */
static bool has_writer(struct stream *s)
{
	struct fifo *f = CONTAINER_OF(s, struct fifo, stream);
	struct pollfd end = { .fd = s->fd };
	bool held_open = f->own_writer >= 0, alone;

	let_end(f);
	alone = poll(&end, 1, 0) > 0 && (end.revents & POLLHUP);
	if (held_open)
		f->own_writer = path_reopen(s->fd, O_WRONLY);
	return !alone;
}

/* The FIFO of that name in the folder; not through a link. */
static int open_at(const struct pipe_config *config, const struct path_entry *at)
{
	bool made = false;
	unsigned mode = 0;
	int fd, again, failed;

	if (config->create && mode_parse(config->mode, &mode)) {
		made = mkfifoat(at->fd, at->name, mode | S_IRUSR | S_IWUSR) == 0;
		if (!made && errno != EEXIST)
			return -errno;
	}
	fd = path_entry_get(at, O_PATH, 0);
	if (fd < 0)
		return fd;
	again = check_fifo(fd);
	if (!again)
		again = path_reopen(fd, O_RDONLY);
	close(fd);
	if (again < 0)
		return again;
	failed = check_open(again, made, mode);
	if (failed) {
		close(again);
		return failed;
	}
	return again;
}

/* The descriptor, or -errno. */
static int open_path(const struct pipe_config *config)
{
	struct path_entry at;
	int fd = path_entry_open(config->path, &at);

	if (fd < 0)
		return fd;
	fd = open_at(config, &at);
	path_entry_close(&at);
	return fd;
}

static const char *reason(int failed)
{
	if (failed == -EDEADLK)
		return "an exporter writes to it, or our own log goes there: it would feed itself";
	return failed == -ENOTSUP
		       ? "it is not a FIFO (a program that writes before there is one makes a file: run mkfifo first)"
	       : failed == -EACCES      ? "permission denied (it is opened for reading and for writing)"
	       : failed == -EWOULDBLOCK ? "it has a reader already"
					: path_why(failed);
}

static int open_fifo(struct collector *c)
{
	struct fifo *f;
	struct stat info;
	int own_writer, fd = open_path(c->config);

	if (fd < 0)
		return fd;
	own_writer = host_is_written(c->host, fd) ? -EDEADLK : path_reopen(fd, O_WRONLY);
	if (own_writer < 0) {
		close(fd);
		return own_writer;
	}
	if (fstat(fd, &info) < 0)
		info = (struct stat){ .st_ino = 0 };
	enlarge(c, fd);
	f = oxp_new(sizeof *f);
	f->collector = c;
	f->own_writer = own_writer;
	f->device = info.st_dev;
	f->inode = info.st_ino;
	TAILQ_INSERT_TAIL(&c->fifos, f, entry);
	c->count++;
	stream_init(&f->stream, &c->kind, fd);
	return 0;
}

/* The path has another FIFO now, or none. */
static bool is_lost(const struct collector *c)
{
	const struct fifo *f = TAILQ_LAST(&c->fifos, fifo_list);
	struct stat info;

	return !f || stat(c->config->path, &info) < 0 || info.st_dev != f->device || info.st_ino != f->inode;
}

static void read_new(struct collector *c)
{
	struct fifo *old = TAILQ_LAST(&c->fifos, fifo_list);
	int failed = open_fifo(c);

	if (failed && failed != c->trouble)
		host_log(c->host, LOG_LEVEL_WARN, "%s was removed or replaced, and cannot be read: %s", c->config->path,
			reason(failed));
	else if (!failed)
		host_log(c->host, LOG_LEVEL_INFO, "%s is a new FIFO now: reading that, and the old one to its end",
			c->config->path);
	c->trouble = failed;
	if (!failed && old)
		let_end(old);
}

static void on_look(void *context)
{
	struct collector *c = context;
	struct fifo *f = TAILQ_LAST(&c->fifos, fifo_list);

	if (f && f->own_writer < 0) /* it could not be opened again */
		f->own_writer = path_reopen(f->stream.fd, O_WRONLY);
	if (c->count < FIFOS_MAX && is_lost(c))
		read_new(c);
	loop_timer_set(&c->look, DURATION_MS(LOOK_MS));
}

/* Life. */

static uint64_t pipe_line_max(const void *config)
{
	return ((const struct pipe_config *)config)->line_max;
}

static bool pipe_check(const void *config, char *why, size_t room)
{
	const struct pipe_config *pipe = config;
	unsigned mode;

	if (mode_parse(pipe->mode, &mode))
		return lines_multiline_check(&pipe->multiline, why, room);
	snprintf(why, room, "mode: \"%s\" is not an octal number up to 0777", pipe->mode);
	return false;
}

static bool pipe_reads(const void *config, const char *path)
{
	const struct pipe_config *pipe = config;
	char real[PATH_MAX];

	return strcmp(pipe->path, path) == 0 || (path_without_links(pipe->path, real) == 0 && strcmp(real, path) == 0);
}

static int pipe_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);

	c->config = config;
	c->host = host;
	TAILQ_INIT(&c->fifos);
	lines_init(&c->lines, host, (enum lines_format)c->config->format, c->config->line_max);
	lines_join_messages(&c->lines, host, &c->config->multiline);
	patience_init(&c->patience, host, c->config->patience, go_on, c);
	loop_timer_init(&c->look, host_loop(host), on_look, c);
	c->buffer = host_gauge(host, "pipe_buffer_bytes", "Size of the kernel's buffer for the FIFO.");
	stream_kind_init(&c->kind, host, &c->lines, &c->patience, 1);
	c->kind.flush = c->config->flush;
	c->kind.ended = on_ended;
	c->kind.has_writer = has_writer;
	*ret = c;
	return 0;
}

static int pipe_start(struct collector *c)
{
	int failed = open_fifo(c);

	if (failed)
		host_log(c->host, LOG_LEVEL_ERROR, "cannot read %s: %s", c->config->path, reason(failed));
	loop_timer_set(&c->look, DURATION_MS(LOOK_MS));
	return failed;
}

static void pipe_resume(struct collector *c)
{
	patience_resume(&c->patience);
}

/* A writer that is about to write its last words is waited for. If there is no writer, the next one may still come, so
 * the FIFO is read until the stop. */
static void pipe_drain(struct collector *c)
{
	struct fifo *f;

	c->kind.comes_back = true;
	c->drained = loop_now(host_loop(c->host));
	loop_timer_clear(&c->look);
	TAILQ_FOREACH(f, &c->fifos, entry)
		let_end(f);
}

static bool pipe_quiet(struct collector *c)
{
	struct fifo *f, *next;
	bool quiet = true;

	for (f = TAILQ_FIRST(&c->fifos); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		quiet = stream_is_quiet(&f->stream, c->drained) && quiet;
	}
	return quiet;
}

/* From now on writers get SIGPIPE. */
static void pipe_stop(struct collector *c)
{
	struct fifo *f;

	if (c->stopped)
		return;
	c->stopped = true;
	loop_timer_clear(&c->look);
	patience_end(&c->patience);
	while ((f = TAILQ_FIRST(&c->fifos))) {
		stream_finish(&f->stream);
		fifo_free(f);
	}
}

static void pipe_destroy(struct collector *c)
{
	struct fifo *f;

	if (!c)
		return;
	while ((f = TAILQ_FIRST(&c->fifos)))
		fifo_free(f);
	loop_timer_done(&c->look);
	stream_kind_done(&c->kind);
	patience_done(&c->patience);
	lines_done(&c->lines);
	free(c);
}

const struct collector_type collector_pipe = {
	.name = "pipe",
	.summary = "Reads the app's stdout from a FIFO.",
	.signals = SIGNAL_LOGS,
	.when_full = FULL_DROP,
	.rewind = REWIND_NONE,
	.options = pipe_options,
	.config_size = sizeof(struct pipe_config),
	.check = pipe_check,
	.line_max = pipe_line_max,
	.reads = pipe_reads,
	.create = pipe_create,
	.start = pipe_start,
	.resume = pipe_resume,
	.drain = pipe_drain,
	.quiet = pipe_quiet,
	.stop = pipe_stop,
	.destroy = pipe_destroy,
};
