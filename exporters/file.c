/*
 * The `file` exporter: one line of JSON for each log line or request of spans, appended to a file, or to standard
 * output for `-`.
 *
 * It is there for debugging and for people who like grep, and it is the smallest exporter, so the one to copy from. The
 * disk lane does the writing, a record at a time: a record is delivered when the kernel took all of it. A full disk or
 * a reader that does not read, or slowly, means trying again; a closed pipe does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "component.h"
#include "config/option.h"
#include "loop/lane.h"
#include "proto/otlp_text.h"

enum {
	STALL_MS = 1000,
	JOB_MS = 1000, /* of a job that writes to a pipe: commits wait in the lane meanwhile */
	PIPE_PIECE = 4096, /* PIPE_BUF: a pipe that polls writable takes this much without blocking */
};

struct file_config {
	const char *path;
};

static const struct option file_options[] = {
	{ OPT_TEXT(struct file_config, path), .name = "path", .main = true, .required = true,
		.example = "/var/log/oxpecker.jsonl", .help = "File to append to, or - for standard output." },
	{ .name = NULL },
};

struct exporter {
	struct host *host;
	int fd;
	bool regular;
};

enum { NOT_WANTED, WANTED, UNREADABLE }; /* of an item */

/* One send, from the loop to the disk lane and back. `send` is NULL once cancelled; what is being written then goes on,
 * and is written again when the send is tried again. */
struct write_job {
	struct job job;
	struct exporter *exporter;
	const struct batch *batch;
	struct send *send;
	/* for each item of the batch: by the time that the lane gets to it, the send may have changed */
	unsigned char *items;
	size_t written; /* items up to here are out, the unwanted among them skipped */
	int failed;
};

static int write_all(const struct exporter *e, struct bytes text)
{
	while (text.size > 0) {
		struct pollfd room = { .fd = e->fd, .events = POLLOUT };
		size_t piece = e->regular || text.size < PIPE_PIECE ? text.size : PIPE_PIECE;
		if (!e->regular && poll(&room, 1, STALL_MS) == 0)
			return -EAGAIN;
		ssize_t put = write(e->fd, text.data, piece);
		if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0) {
			text.data += put;
			text.size -= (size_t)put;
		}
	}
	return 0;
}

/* Half a line can be taken back from a file, but not from a pipe. */
static int write_line(const struct exporter *e, struct bytes line)
{
	off_t before = e->regular ? lseek(e->fd, 0, SEEK_END) : 0;
	int failed = write_all(e, line);

	if (failed && e->regular && ftruncate(e->fd, before) < 0)
		return -errno;
	return failed;
}

static int format_item(const struct batch *batch, const struct batch_item *item, struct buffer *line)
{
	int failed;

	buffer_clear(line);
	failed = batch_signal(batch) == SIGNAL_TRACES ? otlp_traces_to_json(item->data, item->size, line)
						      : buffer_append(line, item->data, item->size);
	OXP_ASSERT(failed || bytes_one_line(buffer_bytes(line)));
	if (failed)
		return failed;
	return buffer_append(line, "\n", 1);
}

/* A record that cannot be made text now never can: it is refused, and holds up nothing behind it. */
static int write_item(struct write_job *w, size_t i, struct buffer *line)
{
	int failed = format_item(w->batch, batch_item(w->batch, i), line);

	if (failed == -ENOMEM)
		return failed;
	if (failed) {
		w->items[i] = UNREADABLE;
		return 0;
	}
	return write_line(w->exporter, buffer_bytes(line));
}

/* Whoever reads a pipe slowly gets a record at least. */
static bool takes_too_long(const struct write_job *w, struct mono_time began)
{
	struct mono_time now = clock_system.mono(&clock_system);

	return !w->exporter->regular && w->written > 0 && duration_ms(mono_since(now, began)) >= JOB_MS;
}

/* In the disk lane. */
static void write_items(struct job *job)
{
	struct write_job *w = CONTAINER_OF(job, struct write_job, job);
	struct mono_time began = clock_system.mono(&clock_system);
	struct buffer line;

	buffer_init(&line, SIZE_MAX / 2);
	for (size_t i = w->written; i < batch_items(w->batch) && !w->failed; i++) {
		if (w->items[i] == WANTED)
			w->failed = takes_too_long(w, began) ? -EAGAIN : write_item(w, i, &line);
		if (!w->failed)
			w->written = i + 1;
	}
	buffer_done(&line);
}

static void job_free(struct write_job *w)
{
	batch_unkeep(w->batch);
	free(w->items);
	free(w);
}

/* Back on the loop. */
static void items_written(struct job *job)
{
	struct write_job *w = CONTAINER_OF(job, struct write_job, job);
	struct send *send = w->send;
	int failed = w->failed;

	for (size_t i = 0; send && i < w->written; i++)
		if (w->items[i] == UNREADABLE)
			send_item(send, i, REJECTED, "it cannot be written as JSON");
		else if (w->items[i] == WANTED && failed)
			send_item(send, i, DELIVERED, NULL);
	job_free(w);
	if (send)
		send_done(send,
			!failed            ? DELIVERED
			: failed == -EPIPE ? REJECTED /* that pipe will never be read again */
					   : RETRY,
			failed ? strerror(-failed) : NULL);
}

static void file_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	struct write_job *w = oxp_new(sizeof *w);

	*w = (struct write_job){ .job = { .work = write_items, .done = items_written },
		.exporter = e,
		.batch = batch_keep(batch),
		.send = send,
		.items = oxp_new(batch_items(batch) + 1) };
	for (size_t i = 0; i < batch_items(batch); i++)
		w->items[i] = send_wants(send, i) ? WANTED : NOT_WANTED;
	send_context_set(send, w);
	if (lane_run(host_disk_lane(e->host), &w->job) == 0)
		return;
	job_free(w);
	send_done(send, RETRY, "the disk lane is full");
}

static void file_cancel(struct exporter *e, struct send *send)
{
	struct write_job *w = send_context(send);

	(void)e;
	w->send = NULL;
	send_done(send, RETRY, "writing takes too long");
}

static void file_destroy(struct exporter *e)
{
	if (!e)
		return;
	if (e->fd != STDOUT_FILENO)
		close(e->fd);
	free(e);
}

/* Before it is opened: a device may do something when it is. */
static int check_kind(const struct path_entry *at)
{
	int fd = path_entry_get(at, O_PATH, 0), failed;
	struct stat info;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	failed = fstat(fd, &info) < 0 ? -errno : path_takes_lines(&info);
	close(fd);
	return failed;
}

/* A link of the kernel leads to something that has a descriptor already, such as standard output. */
static int check_open(const struct path_entry *at, struct host *host, int fd)
{
	struct stat info;
	int failed = fstat(fd, &info) < 0 ? -errno : path_one_name(&info);

	if (!failed)
		failed = path_takes_lines(&info);
	if (failed || at->by_kernel)
		return failed;
	return host_writes(host, fd) ? 0 : -EBUSY;
}

/* It is opened through a link only if nobody but root or us can have made that link, such as /dev/stdout. A file that
 * has other names may be one that somebody wants changed. It is opened without blocking: a pipe that nobody reads is an
 * error now, not a start that never ends. */
static int open_path(const char *path, struct host *host)
{
	struct path_entry at;
	int fd = path_entry_open(path, &at), failed;

	if (fd < 0)
		return fd;
	fd = check_kind(&at);
	fd = fd ? fd : path_entry_get(&at, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, 0640);
	failed = fd < 0 ? fd : check_open(&at, host, fd);
	path_entry_close(&at);
	if (!failed)
		return fd;
	if (fd >= 0)
		close(fd);
	return failed;
}

static const char *why(int failed)
{
	return failed == -EBUSY ? "another exporter or our own log writes to it, or it is in use by the state; "
				  "expected a file of its own: give another path"
				: path_why(failed);
}

/* Standard output may be written to by others. */
static const char *file_writes(const void *config)
{
	const struct file_config *c = config;

	return strcmp(c->path, "-") == 0 ? NULL : c->path;
}

static int file_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct file_config *c = config;
	struct exporter *e = oxp_new(sizeof *e);
	bool standard = strcmp(c->path, "-") == 0;

	e->host = host;
	e->fd = standard ? STDOUT_FILENO : open_path(c->path, host);
	if (e->fd < 0) {
		int failed = e->fd;
		host_log(host, LOG_LEVEL_ERROR, "path: cannot open %s: %s", c->path, why(failed));
		free(e);
		return failed;
	}
	e->regular = !standard && lseek(e->fd, 0, SEEK_END) >= 0;
	*ret = e;
	return 0;
}

const struct exporter_type exporter_file = {
	.name = "file",
	.summary = "Appends log lines and spans as JSON lines to a file or to standard output.",
	.signals = SIGNAL_LOGS | SIGNAL_TRACES,
	.options = file_options,
	.config_size = sizeof(struct file_config),
	.writes = file_writes,
	.create = file_create,
	.send = file_send,
	.cancel = file_cancel,
	.destroy = file_destroy,
};
