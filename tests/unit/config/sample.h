/*
 * A configuration like the program's, small: one section of each kind, one option of each kind, a world that is given.
 * The unit tests and the fuzzer read with it.
 */
#ifndef OXP_UNIT_CONFIG_SAMPLE_H
#define OXP_UNIT_CONFIG_SAMPLE_H

#include <errno.h>
#include <string.h>

#include "config/reference.h"

enum sample_format { SAMPLE_AUTO, SAMPLE_JSON, SAMPLE_CRI };

struct sample {
	struct { const char *name, *version; } service;
	const struct option_list *listen;
	uint64_t memory;
	struct { struct duration within; } exit;
	struct { const char *path; uint64_t max; } state;
};

struct sample_common { const struct option_list *from; uint64_t spool; };

struct sample_tail {
	const struct option_list *paths;
	enum sample_format format;
	struct duration poll;
	uint64_t depth;
	bool follow;
	const struct option_map *labels;
	const struct option_items *rules;
};

struct sample_rule { const char *find, *put; const struct option_list *in; enum sample_format format; uint64_t most; };

struct sample_elastic {
	const char *url, *password, *door, *ca;
	struct duration interval;
	const struct option_map *headers;
};

struct sample_check { const char *url; };
struct sample_redact { const struct option_list *keys; };

static const char *const sample_formats[] = { "auto", "json", "cri", NULL };
static const char *const sample_http[] = { "http", "https", NULL };
static const char *const sample_redis[] = { "redis", "rediss", NULL };

static const struct option sample_service_rows[] = {
	{ OPT_TEXT(struct sample, service.name), .name = "name", .help = "What the app is called.", .example = "api" },
	{ OPT_TEXT(struct sample, service.version), .name = "version", .help = "Its version." },
	{ .name = NULL },
};

static const struct option sample_listen_rows[] = {
	{ OPT_ADDRESSES(struct sample, listen), .name = "listen", .text = ":9464", .help = "Where to listen." },
	{ .name = NULL },
};

static const struct option sample_memory_rows[] = {
	{ OPT_SIZE(struct sample, memory), .name = "memory", .text = "32MiB", .min = 4 << 20, .max = UINT64_C(1) << 40,
	  .help = "Bytes alive in the process." },
	{ .name = NULL },
};

static const struct option sample_exit_rows[] = {
	{ OPT_DURATION(struct sample, exit.within), .name = "within", .text = "25s", .min = 1000,
		.help = "How long an end may take." },
	{ .name = NULL },
};

static const struct option sample_state_rows[] = {
	{ OPT_PATH(struct sample, state.path), .name = "path", .main = true, .text = "/var/lib/oxpecker",
		.help = "A folder." },
	{ OPT_SIZE(struct sample, state.max), .name = "max", .text = "1GiB", .help = "Bytes on disk." },
	{ .name = NULL },
};

static const struct option sample_common_rows[] = {
	{ OPT_TEXTS(struct sample_common, from), .name = "from", .help = "Collectors to take from; all when empty." },
	{ OPT_SIZE(struct sample_common, spool), .name = "spool", .text = "off", .zero = "off", .min = 1 << 20,
	  .help = "Bytes kept on disk." },
	{ .name = NULL },
};

static const struct option sample_rule_rows[] = {
	{ OPT_TEXT(struct sample_rule, find), .name = "find", .help = "What to look for." },
	{ OPT_TEXT(struct sample_rule, put), .name = "put", .text = "$1", .verbatim = true,
		.help = "What to put there." },
	{ OPT_TEXTS(struct sample_rule, in), .name = "in", .help = "Members to look in." },
	{ OPT_CHOICE(struct sample_rule, format, sample_formats), .name = "format", .text = "json", .any_case = true,
		.help = "Lines to look in." },
	{ OPT_COUNT(struct sample_rule, most), .name = "most", .text = "1", .max = 9, .help = "How often." },
	{ .name = NULL },
};

static inline const char *sample_rule_check(const void *item, char *why, size_t room)
{
	const struct sample_rule *rule = item;
	const char *row = !rule->find ? "find" : rule->most == 7 ? "most" : NULL;

	if (row && room > 0)
		strncpy(why, rule->find ? "is 7; expected another number" : "is missing", room);
	return row;
}

static const struct option_item sample_rule_item = {
	sample_rule_rows, sizeof(struct sample_rule), 3, sample_rule_check
};

static const struct option sample_tail_rows[] = {
	{ OPT_TEXTS(struct sample_tail, paths), .name = "paths", .main = true, .required = true,
		.example = "[/var/log/app/*.log]", .help = "Files to follow." },
	{ OPT_CHOICE(struct sample_tail, format, sample_formats), .name = "format", .text = "auto",
		.help = "Shape of a line." },
	{ OPT_DURATION(struct sample_tail, poll), .name = "poll", .text = "auto", .zero = "auto", .min = 10,
		.max = 60000, .help = "How often to look." },
	{ OPT_COUNT(struct sample_tail, depth), .name = "depth", .text = "4", .min = 1, .max = 64,
		.help = "Folders to go down." },
	{ OPT_BOOL(struct sample_tail, follow), .name = "follow", .text = "true", .help = "Go on at the end." },
	{ OPT_MAP(struct sample_tail, labels), .name = "labels", .help = "Added to every line." },
	{ OPT_ITEMS(struct sample_tail, rules, &sample_rule_item), .name = "rules", .verbatim = true,
		.help = "What is replaced." },
	{ .name = NULL },
};

static const struct option sample_elastic_rows[] = {
	{ OPT_URL(struct sample_elastic, url), .name = "url", .main = true, .required = true, .choices = sample_http,
		.help = "Where it is." },
	{ OPT_TEXT(struct sample_elastic, password), .name = "password", .secret = true,
		.help = "For basic authentication." },
	{ OPT_ADDRESS(struct sample_elastic, door), .name = "door", .help = "A way in." },
	{ OPT_PATH(struct sample_elastic, ca), .name = "ca", .help = "Certificates to trust." },
	{ OPT_DURATION(struct sample_elastic, interval), .name = "interval", .text = "5s", .help = "Between bulks." },
	{ OPT_MAP(struct sample_elastic, headers), .name = "headers", .secret = true, .help = "Sent along." },
	{ .name = NULL },
};

static const struct option sample_check_rows[] = {
	{ OPT_TEXT(struct sample_check, url), .name = "url", .main = true, .required = true, .help = "What to ask." },
	{ .name = NULL },
};

static const struct option sample_redact_rows[] = {
	{ OPT_TEXTS(struct sample_redact, keys), .name = "keys", .main = true, .help = "Members to blank." },
	{ .name = NULL },
};

static const struct config_type sample_collectors[] = {
	{ "tail", "Follows files.", sample_tail_rows, sizeof(struct sample_tail), NULL, "the tail" },
	{ "push", "Takes what is pushed.", NULL, 0, NULL, "the push" },
	{ .name = NULL },
};

static const struct config_type sample_exporters[] = {
	{ "elasticsearch", "Bulk requests.", sample_elastic_rows, sizeof(struct sample_elastic), NULL, "the elastic" },
	{ .name = NULL },
};

static const struct config_type sample_checks[] = {
	{ "http", "Asks over HTTP.", sample_check_rows, sizeof(struct sample_check), sample_http, "the http" },
	{ "redis", "Says PING.", sample_check_rows, sizeof(struct sample_check), sample_redis, "the redis" },
	{ .name = NULL },
};

static const struct config_type sample_steps[] = {
	{ "redact", "Blanks members.", sample_redact_rows, sizeof(struct sample_redact), NULL, "the redact" },
	{ .name = NULL },
};

static const struct config_section sample_sections[] = {
	{ "service", "Who the app is.", SECTION_OPTIONS, sample_service_rows },
	{ "listen", "Where /metrics and the probes are.", SECTION_VALUE, sample_listen_rows },
	{ "memory", "Ceiling of what is alive.", SECTION_VALUE, sample_memory_rows },
	{ "exit", "How it ends.", SECTION_OPTIONS, sample_exit_rows },
	{ "state", "What is kept.", SECTION_OPTIONS, sample_state_rows },
	{ "logs.collect", "Where lines come from.", SECTION_COMPONENTS, .types = sample_collectors,
		.noun = "collector" },
	{ "logs.steps", "What is done to them.", SECTION_STEPS, .types = sample_steps, .noun = "step" },
	{ "logs.export", "Where they go.", SECTION_COMPONENTS, sample_common_rows, sizeof(struct sample_common),
		sample_exporters, "exporter" },
	{ "health.checks", "What the app needs.", SECTION_COMPONENTS, .types = sample_checks, .noun = "check" },
	{ .path = NULL },
};

static const struct config_hint sample_hints[] = {
	{ "traces|spans", "logs.collect", "lines are all there is" },
	{ "logs.export.*.hosts|host", "url", NULL },
	{ "logs.collect.file|files", "logs.collect.tail", "it follows files" },
	{ "logs.*.a.b", "logs", NULL },
	{ .path = NULL },
};

/* 8 KiB. */
static inline const char *sample_long(void)
{
	static char text[8193];

	memset(text, 'x', 8192);
	return text;
}

static inline const char *sample_variable(void *context, const char *name)
{
	(void)context;
	if (strcmp(name, "LONG") == 0)
		return sample_long();
	if (strcmp(name, "EVIL") == 0)
		return "a\033[2J\x7f\xc2\x9b" "1m\xc2\xa0";
	if (strcmp(name, "HOST") == 0)
		return "elasticsearch";
	if (strcmp(name, "LOOP") == 0)
		return "${LOOP}: [x]";
	return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static inline int sample_file(void *context, const char *path, struct buffer *to)
{
	(void)context;
	if (strcmp(path, "/run/secrets/es") == 0)
		return buffer_text(to, "hunter2\n\n");
	if (strcmp(path, "/run/secrets/zero") == 0)
		return buffer_append(to, "a\0b", 3);
	if (strcmp(path, "/run/secrets/url") == 0)
		return buffer_text(to, "hunter2.example\n");
	return strcmp(path, "/run/secrets/huge") == 0 ? -ENOSPC : -ENOENT;
}

static const struct config_world sample_world = { NULL, sample_variable, sample_file };

#endif
