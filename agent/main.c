/*
 * The command line: one table of commands, one of options; everything else is somebody else's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent.h"
#include "base/log_limit.h"
#include "base/text.h"
#include "base/trim.h"
#include "cli_parked.h"
#include "cli_status.h"
#include "config/reference.h"
#include "store/show.h"

enum { SETS_MAX = 64, WORDS_MAX = 256, STATUS_FINE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct command_line {
	const char *config;
	const char *sets[SETS_MAX + 1];
	size_t set_count;
	const char *command, *argument;
	const char *words[WORDS_MAX]; /* behind the command, the argument first */
	size_t word_count;
	const char *limit, *destination, *rename;
	bool all, json, schema, effective, help, version, debug;
};

static const char usage[] =
	"oxpecker: an observability sidecar beside one application\n"
	"\n"
	"  oxpecker [--config FILE] [--set PATH=VALUE]...   run until SIGTERM\n"
	"  oxpecker check [FILE]          read a configuration and say what is wrong with it\n"
	"      --effective                also print what it comes to, secrets hidden\n"
	"  oxpecker reference             every option with its default, as a configuration file\n"
	"      --schema                   the same as JSON Schema\n"
	"  oxpecker status                what came in and what became of it, from the running agent\n"
	"  oxpecker health                readiness of the running agent, as an exec probe: status 0 or 1\n"
	"  oxpecker show logs|traces|metrics\n"
	"                                 what the embedded store holds\n"
	"      --limit N                  so many of the newest (default 50)\n"
	"  oxpecker parked ls             what destinations refused, oldest first; without an agent from `state`\n"
	"  oxpecker parked show ID...     with what was refused\n"
	"  oxpecker parked replay ID...   sends it again to where it was refused; what is taken is no longer parked\n"
	"  oxpecker parked drop ID...     gives it up\n"
	"      --destination NAME         only what NAME refused, such as logs.export.elasticsearch\n"
	"      --all                      replay, drop: all of it\n"
	"      --rename OLD=NEW           replay: a member of the JSON line goes by another name; a.b: b within a\n"
	"\n"
	"  --config FILE     else $OXPECKER_CONFIG, else /etc/oxpecker/oxpecker.yaml, else built-in defaults\n"
	"  --set PATH=VALUE  lays a value over the file: --set memory=16MiB --set "
	"logs.collect.tail=/var/log/app/*.log\n"
	"                    a secret as ${file:/path} or ${NAME}: every process can read the command line\n"
	"  --json            status, show and parked: as JSON\n"
	"  --debug           log more\n"
	"  --version, --help\n"
	"\n"
	"Exit status of a run: 0 nothing was lost, 1 it could not start or something was lost. Of status: 1 the ledger "
	"does not\n"
	"balance, 2 no agent answers. Of parked: 1 not all that was asked for was done, 2 no agent answers.\n";

static const struct {
	const char *name;
	size_t text, flag; /* offset of a const char * that takes the next word, or of a bool; the other is 0 */
} options[] = {
#define TEXT(field) offsetof(struct command_line, field), 0
#define FLAG(field) 0, offsetof(struct command_line, field)
	{ "--limit", TEXT(limit) },
	{ "--destination", TEXT(destination) },
	{ "--rename", TEXT(rename) },
	{ "--all", FLAG(all) },
	{ "--json", FLAG(json) },
	{ "--schema", FLAG(schema) },
	{ "--effective", FLAG(effective) },
	{ "--version", FLAG(version) },
	{ "--help", FLAG(help) },
	{ "-h", FLAG(help) },
	{ "--debug", FLAG(debug) },
	{ "--config", 0, 0 },
	{ "--set", 0, 0 },
#undef TEXT
#undef FLAG
};

static const char *const commands[] = { "run", "check", "reference", "status", "health", "show", "parked" };

/* What stands behind a = is not shown, nor is a word beside --set: it may be a part of a value, as a password. */
static int unknown(const struct command_line *c, const char *word, const char *kind)
{
	int shown = c->set_count > 0 && word[0] != '-' ? 0 : (int)strcspn(word, "=");
	const char *names[COUNT_OF(options) + COUNT_OF(commands)], *near;
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(options); i++)
		names[n++] = options[i].name;
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		names[n++] = commands[i];
	near = nearest_word(word, names, n);
	fprintf(stderr, "oxpecker: no %s is called \"%.*s%s\"%s%s%s; see oxpecker --help\n", kind, shown, word,
		word[shown] ? "…" : "", near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return -EINVAL;
}

/* One option; *at moves on when it takes the next word. */
static int parse_option(struct command_line *c, char **words, int *at)
{
	const char *word = words[*at], *value = words[*at + 1];
	size_t i = 0;

	while (i < COUNT_OF(options) && strcmp(options[i].name, word) != 0)
		i++;
	if (i == COUNT_OF(options))
		return unknown(c, word, "option");
	if (options[i].flag) {
		*(bool *)((char *)c + options[i].flag) = true;
		return 0;
	}
	if (!value || c->set_count == SETS_MAX) {
		fprintf(stderr, "oxpecker: %s: %s\n", word, value ? "given too often" : "a value is missing behind it");
		return -EINVAL;
	}
	++*at;
	if (options[i].text)
		*(const char **)((char *)c + options[i].text) = value;
	else if (strcmp(word, "--set") == 0)
		c->sets[c->set_count++] = value;
	else
		c->config = value;
	return 0;
}

static int parse_word(struct command_line *c, const char *word)
{
	bool takes_more = !c->argument || (strcmp(c->command, "parked") == 0 && c->word_count < WORDS_MAX);

	if (c->command && takes_more) {
		c->argument = c->argument ? c->argument : word;
		c->words[c->word_count++] = word;
		return 0;
	}
	for (size_t i = 0; i < COUNT_OF(commands) && !c->command; i++)
		if (strcmp(commands[i], word) == 0) {
			c->command = commands[i];
			return 0;
		}
	return unknown(c, word, "command");
}

static int parse(struct command_line *c, char **words)
{
	for (int at = 1; words[at]; at++) {
		int failed = words[at][0] == '-' ? parse_option(c, words, &at) : parse_word(c, words[at]);
		if (failed)
			return failed;
	}
	if (!c->command)
		c->command = "run";
	return 0;
}

static const char *config_path(const struct command_line *c)
{
	const char *installed = "/etc/oxpecker/oxpecker.yaml", *named = getenv("OXPECKER_CONFIG");

	if (strcmp(c->command, "check") == 0 && c->argument)
		return c->argument;
	if (c->config)
		return c->config;
	if (named && *named)
		return named;
	return access(installed, F_OK) == 0 ? installed : NULL;
}

static void print_errors(const struct agent_config *config)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	if (config_errors_print(&config->file->errors, true, &out) == 0)
		fprintf(stderr, "%.*s", (int)out.size, out.data);
	buffer_done(&out);
}

/* Reads what the command line names. On failure everything that is wrong has been printed. */
static int load(const struct command_line *c, struct agent_config *config)
{
	const char *path = config_path(c);
	struct buffer text;
	int failed = 0;

	buffer_init(&text, TREE_INPUT_MAX + 1);
	if (path)
		failed = config_file(path, &text);
	if (failed) {
		fprintf(stderr, "oxpecker: cannot read %s: %s\n", path, strerror(-failed));
	} else {
		failed = agent_config_load(config, &(struct config_input){ .name = path ? path : "built-in defaults",
							   .text = buffer_bytes(&text),
							   .sets = c->sets,
							   .world = &config_world_system });
		if (failed)
			print_errors(config);
	}
	buffer_done(&text);
	return failed;
}

static int print_buffer(struct buffer *b, int failed)
{
	bool fine = !failed && fwrite(b->data, 1, b->size, stdout) == b->size && fflush(stdout) == 0;

	buffer_done(b);
	return fine ? STATUS_FINE : STATUS_FAILED;
}

static int command_check(const struct command_line *c, struct agent_config *config)
{
	struct buffer out;

	buffer_init(&out, 4 << 20);
	if (c->effective)
		return print_buffer(&out, config_effective(config->file, &out));
	printf("fine\n");
	return STATUS_FINE;
}

static int command_reference(const struct command_line *c, const struct agent_config *config)
{
	struct buffer out;

	buffer_init(&out, 4 << 20);
	return print_buffer(
		&out, c->schema ? reference_schema(config->sections, &out) : reference_yaml(config->sections, &out));
}

static int command_show(const struct command_line *c, const struct agent_config *config)
{
	uint64_t limit = 50;

	if (!c->argument || (c->limit && !u64_parse(bytes_of(c->limit), &limit))) {
		fprintf(stderr, "oxpecker: show logs, traces or metrics? And --limit takes a number\n");
		return STATUS_USAGE;
	}
	return store_show(config->state.path, c->argument,
		       &(struct store_show_options){ .limit = limit, .json = c->json }, stdout)
		       ? STATUS_FAILED
		       : STATUS_FINE;
}

static int command_parked(const struct command_line *c, const struct agent_config *config)
{
	return cli_parked(&(struct cli_parked){ .control = config->control,
		.state = config->state.path,
		.destination = c->destination,
		.rename = c->rename,
		.words = c->words,
		.count = c->word_count,
		.all = c->all,
		.json = c->json });
}

/* Connections and files have ceilings of their own; the soft limit is one for programs that use select(). */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int command_run(const struct command_line *c, const struct agent_config *config)
{
	struct log log = { .fd = STDERR_FILENO,
		.level = c->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		.clock = &clock_system,
		.form = isatty(STDERR_FILENO) ? LOG_FORM_COLOUR : LOG_FORM_JSON,
		.limit = oxp_new(sizeof *log.limit) };
	struct agent *agent = oxp_new(sizeof *agent);
	uint64_t lost;
	int failed;

	raise_descriptors();
	trim_large();
	failed = agent_start(agent, config, &log);
	if (!failed)
		agent_run(agent);
	lost = agent_stop(agent);
	free(agent);
	free(log.limit);
	return failed || lost ? STATUS_FAILED : STATUS_FINE;
}

static int run_command(const struct command_line *c, struct agent_config *config)
{
	if (strcmp(c->command, "reference") == 0)
		return command_reference(c, config);
	if (load(c, config) < 0)
		return STATUS_FAILED;
	switch (c->command[0]) {
	case 'c':
		return command_check(c, config);
	case 'h':
		return cli_health(config->control);
	case 'p':
		return command_parked(c, config);
	case 'r':
		return command_run(c, config);
	default:
		return c->command[1] == 't' ? cli_status(config->control, c->json) : command_show(c, config);
	}
}

int main(int argc, char **argv)
{
	struct command_line c = { .config = NULL };
	struct agent_config *config;
	int status;

	(void)argc;
	if (parse(&c, argv) < 0)
		return STATUS_USAGE;
	if (c.help || c.version) {
		fputs(c.help ? usage : "oxpecker " OXP_VERSION "\n", stdout);
		return STATUS_FINE;
	}
	config = agent_config_new();
	status = run_command(&c, config);
	agent_config_free(config);
	return status;
}
