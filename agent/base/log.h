/*
 * The agent's own log: one line for each event on stderr; text on a terminal, JSON elsewhere or if asked for.
 *
 * Transitions are logged ("elasticsearch: refused, retrying"); the code that repeats something counts it. Code that
 * can be reused does not log; its caller does. A line is cut at LOG_LINE_MAX bytes.
 *
 * A message may quote text from outside. All messages pass through here, and control characters, characters that
 * change the direction of text, and bytes that are not UTF-8 are taken out. So quoted text cannot begin a line of its
 * own or control a terminal. A message that repeats itself is held back (base/log_limit.h).
 *
 * The loop does not wait for whoever reads the log. A message that a full pipe or a stopped terminal does not take is
 * lost; the next one that is taken says how many were.
 */
#ifndef OXP_LOG_H
#define OXP_LOG_H

#include <stdarg.h>

#include "base/clock.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_form { LOG_FORM_TEXT, LOG_FORM_COLOUR, LOG_FORM_JSON };
enum { LOG_LINE_MAX = 2048 };

struct log {
	int fd;
	enum log_level level; /* less important messages are not written */
	enum log_form form;
	const struct clock *clock;
	struct log_limit *limit; /* NULL: everything is written */
};

/* `who` is the component ("logs.export.elasticsearch") or "agent". */
void log_write(const struct log *, enum log_level, const char *who, const char *format, ...) PRINTF_LIKE(4, 5);
void log_vwrite(const struct log *, enum log_level, const char *who, const char *format, va_list) PRINTF_LIKE(4, 0);
/* Reports what was held back: for kinds that may be logged again, or, at the end, for `all`. */
void log_tell_held(const struct log *, bool all);
#define log_error(log, ...) log_write(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...) log_write(log, LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...) log_write(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
