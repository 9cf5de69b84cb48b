/*
 * How severe a log line is, in the words and numbers of the libraries that write them.
 *
 * Names: level, severity and their kin in any case, log.level of the Elastic Common Schema, severity_text and
 * severity_number of OpenTelemetry. Words: winston, zap, slog (also as INFO+2), structlog, python-json-logger, log4j2,
 * syslog. Numbers: pino and bunyan (10 … 60), syslog (0 … 7), Monolog (100 … 600), Python's levelno (10 … 50),
 * OpenTelemetry (1 … 24).
 */
#ifndef OXP_LOG_LEVEL_H
#define OXP_LOG_LEVEL_H

#include "proto/json_edit.h"

enum severity {
	SEVERITY_UNKNOWN,
	SEVERITY_TRACE,
	SEVERITY_DEBUG,
	SEVERITY_INFO,
	SEVERITY_WARN,
	SEVERITY_ERROR,
	SEVERITY_FATAL,
	SEVERITIES
};

const char *severity_name(enum severity); /* "warn" */
/* A word in any case; UNKNOWN if it is not a level. */
enum severity severity_of_word(struct bytes word);
/* The first member of the edited line that has a level: its number, or -1 and UNKNOWN. */
int severity_find(const struct json_edit *, enum severity *ret);
enum severity severity_of_line(const struct json_edit *);

#endif
