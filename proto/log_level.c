#include "proto/log_level.h"

#include <strings.h>

#include "base/text.h"

enum { DIGITS_MAX = 4 };

static const char *const names[SEVERITIES] = { "unknown", "trace", "debug", "info", "warn", "error", "fatal" };

/* Words are recognized by their beginning, since "warn" and "warning", "crit" and "critical" mean the same. */
static const struct {
	const char *word;
	uint8_t size;
	enum severity severity;
} words[] = {
	{ "info", 4, SEVERITY_INFO },
	{ "debug", 5, SEVERITY_DEBUG },
	{ "warn", 4, SEVERITY_WARN },
	{ "err", 3, SEVERITY_ERROR },
	{ "trace", 5, SEVERITY_TRACE },
	{ "fatal", 5, SEVERITY_FATAL },
	{ "crit", 4, SEVERITY_FATAL },
	{ "notice", 6, SEVERITY_INFO },
	{ "success", 7, SEVERITY_INFO }, /* loguru */
	{ "http", 4, SEVERITY_INFO }, /* winston: http and verbose stand between info and debug */
	{ "verbose", 7, SEVERITY_DEBUG },
	{ "silly", 5, SEVERITY_TRACE },
	{ "fine", 4, SEVERITY_DEBUG },
	{ "severe", 6, SEVERITY_ERROR },
	{ "exception", 9, SEVERITY_ERROR }, /* structlog */
	{ "panic", 5, SEVERITY_FATAL }, /* zap, with dpanic */
	{ "dpanic", 6, SEVERITY_FATAL },
	{ "alert", 5, SEVERITY_FATAL },
	{ "emerg", 5, SEVERITY_FATAL },
};

const char *severity_name(enum severity s)
{
	return names[s];
}

enum severity severity_of_word(struct bytes word)
{
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (word.size >= words[i].size && strncasecmp(word.data, words[i].word, words[i].size) == 0)
			return words[i].severity;
	return SEVERITY_UNKNOWN;
}

/* Numbers, by what the name says they count. */

static enum severity of_syslog(uint64_t n)
{
	static const uint8_t severities[] = { SEVERITY_FATAL, SEVERITY_FATAL, SEVERITY_FATAL, SEVERITY_ERROR,
		SEVERITY_WARN, SEVERITY_INFO, SEVERITY_INFO, SEVERITY_DEBUG };

	return n < sizeof severities ? severities[n] : SEVERITY_UNKNOWN;
}

static enum severity of_pino(uint64_t n)
{
	if (n < 10)
		return of_syslog(n);
	if (n >= 100) /* Monolog: 100, 200, 250, 300 … 600 */
		return n > 600 ? SEVERITY_UNKNOWN : n < 500 ? (enum severity)(n / 100 + 1) : SEVERITY_FATAL;
	return n < 70 ? (enum severity)(n / 10) : SEVERITY_FATAL;
}

static enum severity of_python(uint64_t n)
{
	return n < 10 ? SEVERITY_TRACE : n < 50 ? (enum severity)(n / 10 + 1) : SEVERITY_FATAL;
}

static enum severity of_otel(uint64_t n)
{
	return n >= 1 && n <= 24 ? (enum severity)((n + 3) / 4) : SEVERITY_UNKNOWN;
}

static const struct {
	const char *name;
	enum severity (*of_number)(uint64_t);
} keys[] = {
	{ "level", of_pino }, { "severity", of_syslog }, { "levelname", of_python }, { "lvl", of_pino },
	{ "log.level", of_pino }, { "loglevel", of_pino }, { "log_level", of_pino }, { "levelno", of_python },
	{ "level_number", of_python }, { "level_name", of_python }, { "severity_text", of_syslog },
	{ "severitytext", of_syslog }, { "severity_number", of_otel }, { "severitynumber", of_otel },
	{ "@level", of_pino }, { "oxpecker.syslog.severity.name", of_syslog }, /* ours (proto/syslog_write.c) */
};

static enum severity of_value(struct bytes value, enum severity (*of_number)(uint64_t))
{
	uint64_t number;

	if (json_kind(value) == MEMBER_STRING)
		value = json_inner(value);
	if (value.size <= DIGITS_MAX && u64_parse(value, &number))
		return of_number(number);
	return severity_of_word(value);
}

/* ECS as an object: "log": {"level": …}. */
static enum severity of_log_object(const struct json_edit *e, struct bytes value)
{
	struct bytes level;

	if (json_kind(value) != MEMBER_OBJECT || !json_find(e->scan, value, bytes_of("level"), &level))
		return SEVERITY_UNKNOWN;
	return of_value(level, of_pino);
}

static enum severity of_member(const struct json_edit *e, size_t i)
{
	struct bytes name = json_edit_name(e, i);
	unsigned char first = name.size ? (unsigned char)*name.data | 0x20 : 0;

	/* The first bytes of `keys` and of `log`. With 0x20, @ is ` and \ is |. */
	if (first != 'l' && first != 's' && first != 'o' && first != '`' && first != '|')
		return SEVERITY_UNKNOWN;
	if (json_name_is(name, bytes_of("log"), false))
		return of_log_object(e, json_edit_value(e, i));
	for (size_t k = 0; k < COUNT_OF(keys); k++)
		if (json_name_is(name, bytes_of(keys[k].name), true))
			return of_value(json_edit_value(e, i), keys[k].of_number);
	return SEVERITY_UNKNOWN;
}

int severity_find(const struct json_edit *e, enum severity *ret)
{
	*ret = SEVERITY_UNKNOWN;
	for (size_t i = 0; i < e->count; i++)
		if (!json_edit_gone(e, i) && (*ret = of_member(e, i)) != SEVERITY_UNKNOWN)
			return (int)i;
	return -1;
}

enum severity severity_of_line(const struct json_edit *e)
{
	enum severity s;

	severity_find(e, &s);
	return s;
}
