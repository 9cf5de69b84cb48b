/*
 * The `file` exporter: one line of JSON for each log line or request of spans, appended to a file, or to standard
 * output for `-`.
 *
 * It is there for debugging and for people who like grep. The disk lane does the writing (line_writer.h), and the loop
 * waits for room: a record is delivered when the kernel took all of it. A full disk or a reader that does not read, or
 * slowly, means trying again; a closed pipe does not.
 *
 * A line that has been begun is always written to its end before another one, even if its send has ended meanwhile.
 * What was written of such a send is remembered, and not written again when its items come back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "component.h"
#include "config/option.h"
#include "exporters/line_writer.h"
#include "loop/lane.h"
#include "loop/pen.h"

enum {
	STALL_MS = 1000, /* a reader that takes nothing for this long does not read */
	SEND_MS = 10000, /* a send that is not written by then is tried again: its reader is slow */
	LANE_FULL_MS = 20,
	UNTOLD_MAX = 8, /* sends that ended early, of which something was written */
};

struct file_config {
	const char *path;
};

static const struct option file_options[] = {
	{ OPT_TEXT(struct file_config, path), .name = "path", .main = true, .required = true,
		.example = "/var/log/oxpecker.jsonl", .help = "File to append to, or - for standard output." },
	{ .name = NULL },
};

TAILQ_HEAD(write_list, file_write);

struct exporter {
	struct host *host;
	int fd;
	bool regular;
	struct pen *pen;
	struct write_list writes, untold;
	size_t untold_count;
};

enum write_phase {
	WRITE_WAITS, /* for the pen */
	WRITE_RUNS, /* in the disk lane, which has the writer */
	WRITE_FULL, /* waits for room in the pipe, or in the lane */
	WRITE_UNTOLD, /* over, and in the list `untold` */
};

/* One send, from the loop to the disk lane and back. Once `send` is NULL, only a line that has been begun goes on. */
struct file_write {
	struct job job;
	TAILQ_ENTRY(file_write) entry;
	struct exporter *exporter;
	struct send *send;
	struct line_writer writer;
	enum write_phase phase;
	size_t told; /* the send knows about items up to here */
	struct pen_turn turn;
	struct loop_watch room;
	struct loop_timer timer;
	struct mono_time began, moved; /* it got the pen; something was last written */
	uint64_t bytes; /* writer.bytes then */
};

static void write_free(struct file_write *w)
{
	pen_leave(&w->turn);
	loop_watch_done(&w->room);
	loop_timer_done(&w->timer);
	line_writer_done(&w->writer);
	free(w);
}

/* What was written of sends that had ended. */

static bool is_untold(const struct file_write *w)
{
	for (size_t i = w->told; i < w->writer.written; i++)
		if (w->writer.items[i] == LINE_WANTED || w->writer.items[i] == LINE_UNREADABLE)
			return true;
	return false;
}

static void untold_forget(struct exporter *e, struct file_write *w)
{
	TAILQ_REMOVE(&e->untold, w, entry);
	e->untold_count--;
	write_free(w);
}

/* If there are too many, the oldest is written again. */
static void untold_add(struct exporter *e, struct file_write *w)
{
	w->phase = WRITE_UNTOLD;
	pen_leave(&w->turn);
	loop_watch_set(&w->room, 0);
	line_writer_stop(&w->writer);
	TAILQ_INSERT_TAIL(&e->untold, w, entry);
	if (++e->untold_count > UNTOLD_MAX)
		untold_forget(e, TAILQ_FIRST(&e->untold));
}

static void untold_take(struct file_write *from, struct file_write *to)
{
	for (size_t i = from->told; i < from->writer.written; i++) {
		unsigned char *was = &from->writer.items[i], *now = &to->writer.items[i];
		if (*now != LINE_WANTED)
			continue;
		*now = *was == LINE_WANTED ? LINE_OUT : *was == LINE_UNREADABLE ? LINE_UNREADABLE : *now;
		*was = LINE_NOT_WANTED;
	}
}

static void untold_claim(struct exporter *e, struct file_write *w)
{
	struct file_write *u, *next;

	for (u = TAILQ_FIRST(&e->untold); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		if (u->writer.batch != w->writer.batch)
			continue;
		untold_take(u, w);
		if (!is_untold(u))
			untold_forget(e, u);
	}
}

/* Writing. */

static void write_end(struct file_write *w)
{
	struct exporter *e = w->exporter;

	TAILQ_REMOVE(&e->writes, w, entry);
	if (is_untold(w))
		untold_add(e, w);
	else
		write_free(w);
}

static void end_send(struct file_write *w, enum outcome rest, const char *reason)
{
	struct send *send = w->send;

	w->send = NULL;
	w->writer.last = true;
	loop_timer_clear(&w->timer);
	if (send)
		send_done(send, rest, reason);
}

/* The send is tried again. A line that has been begun is still written to its end. */
static void give_up(struct file_write *w, const char *reason)
{
	end_send(w, RETRY, reason);
	if (line_writer_is_over(&w->writer))
		write_end(w);
}

/* If all of it is out, send_done() settles what is not named. */
static void tell_items(struct file_write *w)
{
	const struct line_writer *l = &w->writer;
	bool name = l->failed || l->written < batch_items(l->batch);

	for (; w->told < l->written; w->told++)
		if (l->items[w->told] == LINE_UNREADABLE)
			send_item(w->send, w->told, REJECTED, "it cannot be written as JSON");
		else if (name && l->items[w->told] != LINE_NOT_WANTED)
			send_item(w->send, w->told, DELIVERED, NULL);
}

static void write_over(struct file_write *w)
{
	int failed = w->writer.failed;
	enum outcome outcome = !failed            ? DELIVERED
			       : failed == -EPIPE ? REJECTED /* that pipe will never be read again */
						  : RETRY;

	end_send(w, outcome, failed ? strerror(-failed) : NULL);
	write_end(w);
}

/* Why the send is to be tried again, or NULL. */
static const char *too_slow(const struct file_write *w)
{
	struct mono_time now = loop_now(host_loop(w->exporter->host));

	if (duration_ms(mono_since(now, w->moved)) >= STALL_MS)
		return "nobody reads what was written";
	return duration_ms(mono_since(now, w->began)) >= SEND_MS ? "its reader is slower than what is sent" : NULL;
}

static void wait_for_room(struct file_write *w)
{
	w->phase = WRITE_FULL;
	loop_watch_set(&w->room, WATCH_WRITE);
	if (w->send)
		loop_timer_set(&w->timer, DURATION_MS(STALL_MS));
}

static void go_on(struct file_write *w)
{
	loop_watch_set(&w->room, 0);
	loop_timer_clear(&w->timer);
	w->phase = WRITE_RUNS;
	if (lane_run(host_disk_lane(w->exporter->host), &w->job) == 0)
		return;
	w->phase = WRITE_FULL;
	if (line_writer_in_line(&w->writer))
		loop_timer_set(&w->timer, DURATION_MS(LANE_FULL_MS));
	else
		give_up(w, "the disk lane is full");
}

/* Back on the loop. */
static void on_written(struct job *job)
{
	struct file_write *w = CONTAINER_OF(job, struct file_write, job);
	const char *slow;

	if (w->bytes != w->writer.bytes)
		w->moved = loop_now(host_loop(w->exporter->host));
	w->bytes = w->writer.bytes;
	if (w->send)
		tell_items(w);
	else
		w->writer.last = true;
	if (line_writer_is_over(&w->writer)) {
		write_over(w);
		return;
	}
	slow = w->send ? too_slow(w) : NULL;
	if (slow)
		end_send(w, RETRY, slow);
	if (line_writer_is_over(&w->writer))
		write_end(w);
	else if (w->writer.full)
		wait_for_room(w);
	else
		go_on(w);
}

/* In the disk lane. */
static void work(struct job *job)
{
	line_writer_run(&CONTAINER_OF(job, struct file_write, job)->writer);
}

static void on_room(void *context, int fd, unsigned what)
{
	(void)fd, (void)what;
	go_on(context);
}

static void on_time(void *context)
{
	struct file_write *w = context;

	if (w->phase == WRITE_WAITS)
		give_up(w, "another write to the same file is not over");
	else
		go_on(w);
}

static void on_pen(void *context)
{
	struct file_write *w = context;

	w->began = w->moved = loop_now(host_loop(w->exporter->host));
	untold_claim(w->exporter, w);
	go_on(w);
}

static void file_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	struct file_write *w = oxp_new(sizeof *w);
	struct loop *loop = host_loop(e->host);

	*w = (struct file_write){ .job = { .work = work, .done = on_written }, .exporter = e, .send = send };
	line_writer_init(&w->writer, e->fd, e->regular, batch);
	for (size_t i = 0; i < batch_items(batch); i++)
		w->writer.items[i] = send_wants(send, i) ? LINE_WANTED : LINE_NOT_WANTED;
	loop_watch_init(&w->room, loop, e->fd, on_room, w);
	loop_timer_init(&w->timer, loop, on_time, w);
	loop_timer_set(&w->timer, DURATION_MS(SEND_MS));
	TAILQ_INSERT_TAIL(&e->writes, w, entry);
	send_context_set(send, w);
	pen_wait(e->pen, &w->turn, on_pen, w);
}

static void file_cancel(struct exporter *e, struct send *send)
{
	struct file_write *w = send_context(send);

	(void)e;
	if (w->phase != WRITE_RUNS) {
		give_up(w, "writing takes too long");
		return;
	}
	w->send = NULL; /* what is being written goes on until it is back */
	send_done(send, RETRY, "writing takes too long");
}

/* Nobody else is left to write the line to its end. */
static void tell_cut(const struct exporter *e, const struct line_writer *l)
{
	if (line_writer_in_line(l))
		host_log(e->host, LOG_LEVEL_WARN,
			"the last line is cut after %zu of %zu bytes, since nobody read on; it is written again, "
			"whole, "
			"after the next start",
			l->out, l->line.size);
}

static void file_destroy(struct exporter *e)
{
	struct file_write *w;

	if (!e)
		return;
	while ((w = TAILQ_FIRST(&e->untold)))
		untold_forget(e, w);
	while ((w = TAILQ_FIRST(&e->writes))) {
		OXP_ASSERT(!w->send && w->phase != WRITE_RUNS);
		tell_cut(e, &w->writer);
		TAILQ_REMOVE(&e->writes, w, entry);
		write_free(w);
	}
	pen_unref(e->pen);
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
	e->pen = host_pen(host, e->fd);
	TAILQ_INIT(&e->writes);
	TAILQ_INIT(&e->untold);
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
