#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const level_colours[] = { "\033[31m", "\033[33m", "\033[32m", "\033[2m" };

static int format_line(struct buffer *b, const struct log *log, enum log_level level, const char *who, const char *text)
{
	char when[WALL_TEXT_SIZE];
	const char *name = level_names[level];

	wall_format(log->clock->wall(log->clock), when);
	if (log->form == LOG_FORM_JSON)
		return buffer_printf(b,
			       "{\"timestamp\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", when, name,
			       who) ||
		       json_string_append(b, text, strlen(text)) || buffer_text(b, "}\n");
	if (log->form == LOG_FORM_COLOUR)
		return buffer_printf(b, "\033[2m%s\033[0m %s%-5s\033[0m \033[1m%s\033[0m: %s\n", when,
			level_colours[level], name, who, text);
	return buffer_printf(b, "%s %-5s %s: %s\n", when, name, who, text);
}

void log_write(const struct log *log, enum log_level level, const char *who, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	struct buffer line;
	va_list args;

	if (level > log->level)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (log->form != LOG_FORM_JSON)
		text_one_line(text);
	buffer_init(&line, 8 * LOG_LINE_MAX);
	if (format_line(&line, log, level, who, text) == 0 && write(log->fd, line.data, line.size) < 0)
		(void)0; /* nowhere left to complain */
	buffer_done(&line);
}
