#include "exporters/line_writer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/otlp_text.h"

enum {
	RUN_MS = 100,
	FULL_MS = 10, /* a prompt reader makes room within that time */
	PIPE_PIECE = 4096, /* PIPE_BUF: a pipe that polls writable takes this much without blocking */
};

void line_writer_init(struct line_writer *w, int fd, bool regular, const struct batch *batch)
{
	*w = (struct line_writer){ .fd = fd, .regular = regular, .batch = batch_keep(batch) };
	w->items = oxp_new(batch_items(batch) + 1);
	buffer_init(&w->line, SIZE_MAX / 2);
}

void line_writer_stop(struct line_writer *w)
{
	buffer_done(&w->line);
	w->out = 0;
}

void line_writer_done(struct line_writer *w)
{
	line_writer_stop(w);
	batch_unkeep(w->batch);
	free(w->items);
}

bool line_writer_in_line(const struct line_writer *w)
{
	return w->out > 0;
}

bool line_writer_is_over(const struct line_writer *w)
{
	return w->failed || w->written == batch_items(w->batch) || (w->last && !line_writer_in_line(w));
}

static int format_item(const struct line_writer *w, struct buffer *line)
{
	const struct batch_item *item = batch_item(w->batch, w->written);
	int failed = batch_signal(w->batch) == SIGNAL_TRACES ? otlp_traces_to_json(item->data, item->size, line)
							     : buffer_append(line, item->data, item->size);

	OXP_ASSERT(failed || bytes_one_line(buffer_bytes(line)));
	if (failed)
		return failed;
	return buffer_append(line, "\n", 1);
}

/* 0, also if nothing was taken; or -errno. */
static int put(struct line_writer *w, size_t most)
{
	size_t left = w->line.size - w->out;
	ssize_t took = write(w->fd, w->line.data + w->out, left < most ? left : most);

	if (took < 0)
		return errno == EINTR ? 0 : -errno;
	w->out += (size_t)took;
	w->bytes += (uint64_t)took;
	return 0;
}

/* Half a line can be taken back from a file, but not from a pipe. */
static int put_whole(struct line_writer *w)
{
	off_t before = lseek(w->fd, 0, SEEK_END);
	int failed = 0;

	while (w->out < w->line.size && !failed)
		failed = put(w, w->line.size);
	if (failed && ftruncate(w->fd, before) < 0)
		return -errno;
	return failed;
}

static int put_piece(struct line_writer *w)
{
	struct pollfd room = { .fd = w->fd, .events = POLLOUT };
	int failed = 0;

	w->full = poll(&room, 1, FULL_MS) == 0;
	if (!w->full)
		failed = put(w, PIPE_PIECE);
	w->full = w->full || failed == -EAGAIN; /* another writer was faster */
	return failed == -EAGAIN ? 0 : failed;
}

static void end_line(struct line_writer *w)
{
	buffer_clear(&w->line);
	w->out = 0;
}

/* A record that cannot be made text now never can: it is refused, and holds up nothing behind it. */
static int begin_line(struct line_writer *w)
{
	int failed = format_item(w, &w->line);

	if (!failed)
		return 0;
	end_line(w);
	if (failed == -ENOMEM)
		return failed;
	w->items[w->written] = LINE_UNREADABLE;
	return 0;
}

static int go_on(struct line_writer *w)
{
	int failed;

	if (w->line.size == 0 && w->items[w->written] == LINE_WANTED) {
		failed = begin_line(w);
		if (failed)
			return failed;
	}
	if (w->line.size > 0) {
		failed = w->regular ? put_whole(w) : put_piece(w);
		if (failed)
			end_line(w);
		if (failed || w->out < w->line.size)
			return failed;
		end_line(w);
	}
	w->written++;
	return 0;
}

void line_writer_run(struct line_writer *w)
{
	struct mono_time began = clock_system.mono(&clock_system);
	struct duration took = { 0 };

	w->full = false;
	while (!line_writer_is_over(w) && !w->full && duration_ms(took) < RUN_MS) {
		w->failed = go_on(w);
		took = mono_since(clock_system.mono(&clock_system), began);
	}
}
