#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/log_limit.h"
#include "base/text.h"

enum { PIPE_PIECE = 4096 /* PIPE_BUF: a pipe that polls writable takes this much without blocking */ };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const level_colours[] = { "\033[31m", "\033[33m", "\033[32m", "\033[2m" };

static int format_json(struct buffer *b, const char *when, const char *level, const char *who, const char *text)
{
	struct json_writer w;

	json_writer_init(&w, b);
	json_put_object(&w, NULL);
	json_put_string(&w, "timestamp", when);
	json_put_string(&w, "level", level);
	json_put_string(&w, "component", who);
	json_put_string(&w, "message", text);
	json_put_end(&w);
	json_put_line_end(&w);
	return json_writer_done(&w);
}

static int format_line(struct buffer *b, const struct log *log, enum log_level level, const char *who, const char *text)
{
	char when[WALL_TEXT_SIZE];
	const char *name = level_names[level];

	wall_format(log->clock->wall(log->clock), when);
	if (log->form == LOG_FORM_JSON)
		return format_json(b, when, name, who, text);
	if (log->form == LOG_FORM_COLOUR)
		return buffer_printf(b, "\033[2m%s\033[0m %s%-5s\033[0m \033[1m%s\033[0m: %s\n", when,
			level_colours[level], name, who, text);
	return buffer_printf(b, "%s %-5s %s: %s\n", when, name, who, text);
}

/* Returns how many bytes were taken. */
static size_t put(int fd, struct bytes text)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t out = 0;
	ssize_t took = 0;

	while (out < text.size && took >= 0 && poll(&room, 1, 0) > 0) {
		size_t left = text.size - out;
		took = write(fd, text.data + out, left < PIPE_PIECE ? left : PIPE_PIECE);
		out += took > 0 ? (size_t)took : 0;
	}
	return out;
}

static bool put_line(const struct log *log, enum log_level level, const char *who, const char *text)
{
	bool cut = log->limit && log->limit->cut, taken;
	struct buffer line;
	size_t out = 0;

	buffer_init(&line, 8 * LOG_LINE_MAX);
	taken = (!cut || buffer_append(&line, "\n", 1) == 0) && format_line(&line, log, level, who, text) == 0;
	if (taken)
		out = put(log->fd, buffer_bytes(&line));
	taken = taken && out == line.size;
	if (log->limit && out > 0)
		log->limit->cut = !taken;
	buffer_done(&line);
	return taken;
}

/* Whether there is nothing more to say about messages that were lost. */
static bool tell_unwritten(const struct log *log)
{
	char text[LOG_LINE_MAX];

	if (!log->limit || log->limit->unwritten == 0)
		return true;
	snprintf(text, sizeof text,
		"%llu messages are missing here: nobody read what was logged, or there was no room for it",
		(unsigned long long)log->limit->unwritten);
	if (!put_line(log, LOG_LEVEL_WARN, "agent", text))
		return false;
	log->limit->unwritten = 0;
	return true;
}

static void write_line(const struct log *log, enum log_level level, const char *who, char *text)
{
	if (log->form == LOG_FORM_JSON)
		text_for_json(text);
	else
		text_one_line(text);
	if ((!tell_unwritten(log) || !put_line(log, level, who, text)) && log->limit)
		log->limit->unwritten++;
}

static void tell(const struct log *log, struct log_kind *p)
{
	char text[LOG_LINE_MAX];

	snprintf(text, sizeof text, "%llu more messages like this were held back; the last: %s",
		(unsigned long long)p->held, p->last);
	p->held = 0;
	write_line(log, p->level, p->who, text);
}

void log_tell_held(const struct log *log, bool all)
{
	struct mono_time now = log->clock->mono(log->clock);

	(void)tell_unwritten(log);
	for (size_t i = 0; log->limit && i < LOG_KINDS; i++) {
		struct log_kind *p = &log->limit->kinds[i];
		if (p->held && (all || log_kind_take(p, now)))
			tell(log, p);
	}
}

/* Whether it is to be written now. If not, it is remembered as the last of its kind. */
static bool admit(const struct log *log, enum log_level level, const char *who, const char *format, const char *text)
{
	struct mono_time now = log->clock->mono(log->clock);
	struct log_kind gone, *p = log_kind_find(log->limit, now, who, format, &gone);

	if (gone.held)
		tell(log, &gone);
	p->level = level;
	if (!log_kind_take(p, now)) {
		p->held++;
		snprintf(p->last, sizeof p->last, "%.*s", LOG_LAST_MAX - 1, text);
		return false;
	}
	if (p->held)
		tell(log, p);
	return true;
}

void log_vwrite(const struct log *log, enum log_level level, const char *who, const char *format, va_list args)
{
	char text[LOG_LINE_MAX];

	if (level > log->level)
		return;
	vsnprintf(text, sizeof text, format, args);
	if (!log->limit || admit(log, level, who, format, text))
		write_line(log, level, who, text);
}

void log_write(const struct log *log, enum log_level level, const char *who, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vwrite(log, level, who, format, args);
	va_end(args);
}
