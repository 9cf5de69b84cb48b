/*
 * The `pipe` collector: a FIFO on the volume that the app and the sidecar share, and the app's stdout goes into it.
 *
 * It is opened for reading and writing, so writers come and go and never meet an end or SIGPIPE while we are there; an
 * app that opens it both ways, too (`app 1<>FIFO`), outlives our restarts, and the kernel keeps what it writes
 * meanwhile. The app never waits for longer than `patience`: what has no room then is lost, and counted. What was read
 * is ours: at SIGTERM it goes to the spool, a kill loses it and the next start says how much, but for the line that had
 * no end yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "collectors/stream.h"
#include "config/option.h"

enum { LINK_MAX = 64 };

static const char max_path[] = "/proc/sys/fs/pipe-max-size";

struct pipe_config {
	const char *path, *mode;
	bool create;
	unsigned format;
	uint64_t line_max, buffer;
	struct duration patience, flush;
};

static const struct option pipe_options[] = {
	{ OPT_PATH(struct pipe_config, path), .name = "path", .main = true, .required = true,
		.example = "/run/app/stdout", .help = "The FIFO that the app writes to." },
	{ OPT_BOOL(struct pipe_config, create), .name = "create", .text = "true",
		.help = "Whether it is made when it is not there." },
	{ OPT_TEXT(struct pipe_config, mode), .name = "mode", .text = "0660",
		.help = "Its permissions when we make it, in octal." },
	{ OPT_SIZE(struct pipe_config, buffer), .name = "buffer", .text = "1MiB", .min = 4096, .max = 1 << 30,
		.help = "What the kernel is asked to keep of unread bytes; at most fs.pipe-max-size." },
	{ OPT_DURATION(struct pipe_config, patience), .name = "patience", .text = "1s", .max = 3600000,
		.help = "How long the app may wait when memory is full; then lines are lost and counted." },
	{ OPT_CHOICE(struct pipe_config, format, lines_formats), .name = "format", .text = "auto",
		.help = LINES_FORMAT_HELP },
	{ OPT_SIZE(struct pipe_config, line_max), .name = "line_max", .text = "1MiB", .min = 1024, .max = 16 << 20,
		.help = LINES_MAX_HELP },
	{ OPT_DURATION(struct pipe_config, flush), .name = "flush", .text = "1s", .min = 10, .max = 3600000,
		.help = "A line without its end is shipped as it is when nothing more came for so long." },
	{ .name = NULL },
};

struct collector {
	const struct pipe_config *config;
	struct host *host;
	struct lines lines;
	struct patience patience;
	struct stream_kind kind;
	struct stream stream;
	int fd;
	struct mono_time drained;
	bool stopped, ended; /* ended: no writer is left, told while draining */
	uint64_t *buffer;
};

static void go_on(void *context)
{
	struct collector *c = context;

	stream_go_on(&c->stream);
}

/* While it is open for writing here, too, there is no end but a failure. */
static void on_ended(struct stream *s, int error)
{
	struct collector *c = CONTAINER_OF(s, struct collector, stream);

	c->ended = true;
	if (error)
		host_log(c->host, LOG_LEVEL_ERROR, "cannot read %s any more: %s", c->config->path, strerror(error));
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

static void enlarge(struct collector *c)
{
	size_t wanted = c->config->buffer, allowed;
	int size = fcntl(c->fd, F_SETPIPE_SZ, (int)wanted);

	if (size < 0 && (allowed = allowed_buffer()) > 0 && allowed < wanted)
		size = fcntl(c->fd, F_SETPIPE_SZ, (int)allowed);
	size = fcntl(c->fd, F_GETPIPE_SZ);
	*c->buffer = size > 0 ? (uint64_t)size : 0;
	if (*c->buffer < wanted)
		host_log(c->host, LOG_LEVEL_INFO, "the kernel keeps %llu bytes of %s, not %zu: see fs.pipe-max-size",
			(unsigned long long)*c->buffer, c->config->path, wanted);
}

static int make(const struct collector *c, mode_t mode)
{
	if (mkfifo(c->config->path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(c->config->path, mode) < 0 ? -errno : 0; /* whatever the umask took */
}

/* One reader: two would tear lines apart. */
static int check_open(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (!S_ISFIFO(info.st_mode))
		return -ENOTSUP;
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int open_pipe(struct collector *c)
{
	unsigned mode;
	int failed;

	if (!mode_parse(c->config->mode, &mode))
		return -EINVAL;
	failed = c->config->create ? make(c, mode) : 0;
	if (failed)
		return failed;
	c->fd = open(c->config->path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return c->fd < 0 ? -errno : check_open(c->fd);
}

static const char *reason(int failed)
{
	return failed == -ENOTSUP       ? "it is no FIFO"
	       : failed == -EWOULDBLOCK ? "another process reads it"
	       : failed == -EINVAL      ? "its mode is no octal number up to 0777"
					: strerror(-failed);
}

/* Life. */

static int pipe_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);

	c->config = config;
	c->host = host;
	c->fd = -1;
	lines_init(&c->lines, host, (enum lines_format)c->config->format, c->config->line_max);
	patience_init(&c->patience, host, c->config->patience, go_on, c);
	c->buffer = host_gauge(host, "pipe_buffer_bytes", "What the kernel keeps of unread bytes.");
	c->kind = (struct stream_kind){ .host = host,
		.lines = &c->lines,
		.patience = &c->patience,
		.flush = c->config->flush,
		.framing = STREAM_LINES,
		.held_max = SIZE_MAX, /* there is one, and line_max bounds it */
		.ended = on_ended };
	*ret = c;
	return 0;
}

static int pipe_start(struct collector *c)
{
	int failed = open_pipe(c);

	if (failed) {
		host_log(c->host, LOG_LEVEL_ERROR, "cannot read %s: %s", c->config->path, reason(failed));
		return failed;
	}
	enlarge(c);
	stream_init(&c->stream, &c->kind, c->fd);
	return 0;
}

static void pipe_resume(struct collector *c)
{
	patience_resume(&c->patience);
}

/* From now on the end is told: who writes last words is waited for. Opened by its number, whoever has its name now. */
static void pipe_drain(struct collector *c)
{
	char link[LINK_MAX];
	int fd;

	c->drained = loop_now(host_loop(c->host));
	snprintf(link, sizeof link, "/proc/self/fd/%d", c->fd);
	fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	stream_replace(&c->stream, fd);
	close(c->fd);
	c->fd = fd;
	(void)flock(fd, LOCK_EX | LOCK_NB); /* nobody else begins before we are done */
}

static bool pipe_quiet(struct collector *c)
{
	struct mono_time now = loop_now(host_loop(c->host));
	struct mono_time since = c->stream.last.ns > c->drained.ns ? c->stream.last : c->drained;

	return c->ended || (stream_is_empty(&c->stream) && duration_ms(mono_since(now, since)) >= STREAM_LAST_WORDS_MS);
}

static void pipe_stop(struct collector *c)
{
	if (c->stopped || !c->stream.kind)
		return;
	c->stopped = true;
	patience_end(&c->patience);
	stream_finish(&c->stream);
}

static void pipe_destroy(struct collector *c)
{
	if (!c)
		return;
	stream_done(&c->stream);
	patience_done(&c->patience);
	lines_done(&c->lines);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

const struct collector_type collector_pipe = {
	.name = "pipe",
	.summary = "Reads what the app writes to its stdout, out of a FIFO.",
	.signals = SIGNAL_LOGS,
	.when_full = FULL_DROP,
	.rewind = REWIND_NONE,
	.options = pipe_options,
	.config_size = sizeof(struct pipe_config),
	.create = pipe_create,
	.start = pipe_start,
	.resume = pipe_resume,
	.drain = pipe_drain,
	.quiet = pipe_quiet,
	.stop = pipe_stop,
	.destroy = pipe_destroy,
};
