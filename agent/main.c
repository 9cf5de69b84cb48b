/*
 * The command line: a table of commands, one of options; everything else is somebody else's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "addresses.h"
#include "agent.h"
#include "base/log_limit.h"
#include "base/text.h"
#include "base/trim.h"
#include "cli_help.h"
#include "cli_parked.h"
#include "cli_show.h"
#include "cli_status.h"
#include "config/reference.h"

enum { SETS_MAX = 64, WORDS_MAX = 256, STATUS_FINE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct command_line {
	const char *config;
	const char *sets[SETS_MAX + 1];
	size_t set_count;
	const char *command, *argument;
	const char *words[WORDS_MAX]; /* behind the command, the argument first */
	size_t word_count;
	const char *destination, *rename;
	struct cli_show show;
	bool all, json, schema, effective, help, version, debug;
	unsigned long given; /* a bit for each row of options[] */
};

static const struct {
	const char *name;
	size_t text, flag; /* offset of a const char * that takes the next word, or of a bool; the other is 0 */
	const char *of; /* the only command that it belongs to, or two; NULL: any */
} options[] = {
#define TEXT(field) offsetof(struct command_line, field), 0
#define FLAG(field) 0, offsetof(struct command_line, field)
	{ "--limit", TEXT(show.limit), "show" },
	{ "--since", TEXT(show.since), "show" },
	{ "--follow", FLAG(show.follow), "show" },
	{ "-f", FLAG(show.follow), "show" },
	{ "--grep", TEXT(show.grep), "show" },
	{ "--service", TEXT(show.service), "show" },
	{ "--trace", TEXT(show.trace), "show" },
	{ "--level", TEXT(show.level), "show" },
	{ "--destination", TEXT(destination), "parked" },
	{ "--rename", TEXT(rename), "parked" },
	{ "--all", FLAG(all), "parked" },
	{ "--json", FLAG(json), "status show parked" },
	{ "--schema", FLAG(schema), "reference" },
	{ "--effective", FLAG(effective), "check" },
	{ "--version", FLAG(version), NULL },
	{ "--help", FLAG(help), NULL },
	{ "-h", FLAG(help), NULL },
	{ "--debug", FLAG(debug), NULL },
	{ "--config", 0, 0, NULL },
	{ "--set", 0, 0, NULL },
#undef TEXT
#undef FLAG
};

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

static void complain(const char *path, int failed)
{
	fprintf(stderr, "oxpecker: cannot read %s: ", path);
	if (failed == -ENOSPC)
		fprintf(stderr, "it is larger than %d KiB; expected a configuration\n", TREE_INPUT_MAX >> 10);
	else
		fprintf(stderr, "%s\n", failed == -EINVAL ? "it is no regular file" : strerror(-failed));
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
		complain(path, failed);
	} else {
		failed = agent_config_load(config, &(struct config_input){ .name = path ? path : "built-in defaults",
							   .text = buffer_bytes(&text),
							   .sets = c->sets,
							   .world = &config_world_system });
		if (!failed)
			failed = addresses_check(config);
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

static int command_check(const struct command_line *c, const struct agent_config *config)
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
	struct cli_show show = c->show;

	show.state = config->state.path;
	show.what = c->argument;
	show.json = c->json;
	return cli_show(&show);
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

static int command_status(const struct command_line *c, const struct agent_config *config)
{
	return cli_status(config->control, c->json);
}

static int command_health(const struct command_line *c, const struct agent_config *config)
{
	(void)c;
	return cli_health(config->control);
}

static const struct {
	const char *name;
	int (*run)(const struct command_line *, const struct agent_config *);
	bool bare; /* reads no configuration */
} commands[] = {
	{ "run", command_run, false },
	{ "check", command_check, false },
	{ "reference", command_reference, true },
	{ "status", command_status, false },
	{ "health", command_health, false },
	{ "show", command_show, false },
	{ "parked", command_parked, false },
};

/* What stands behind a = is not shown, nor is a word beside --set: it may be a part of a value, as a password. */
static int unknown(const struct command_line *c, const char *word, const char *kind)
{
	int shown = c->set_count > 0 && word[0] != '-' ? 0 : (int)strcspn(word, "=");
	const char *names[COUNT_OF(options) + COUNT_OF(commands)], *near;
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(options); i++)
		names[n++] = options[i].name;
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		names[n++] = commands[i].name;
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
	c->given |= 1ul << i;
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
		if (strcmp(commands[i].name, word) == 0) {
			c->command = commands[i].name;
			return 0;
		}
	return unknown(c, word, "command");
}

/* Whether `words`, which spaces part, has the word. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

/* Options of other commands would be read and do nothing. */
static int check_options(const struct command_line *c)
{
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if (c->given & 1ul << i && options[i].of && !has_word(options[i].of, c->command)) {
			fprintf(stderr, "oxpecker: %s is no option of %s, but of: %s; see oxpecker %s --help\n",
				options[i].name, c->command, options[i].of, c->command);
			return -EINVAL;
		}
	return 0;
}

static int parse(struct command_line *c, char **words)
{
	for (int at = 1; words[at]; at++) {
		int failed = words[at][0] == '-' ? parse_option(c, words, &at) : parse_word(c, words[at]);
		if (failed)
			return failed;
	}
	if (!c->command && !c->help)
		c->command = "run";
	return c->help || c->version ? 0 : check_options(c);
}

static int run_command(const struct command_line *c, struct agent_config *config)
{
	size_t i = 0;

	while (strcmp(commands[i].name, c->command) != 0)
		i++;
	if (!commands[i].bare && load(c, config) < 0)
		return STATUS_FAILED;
	return commands[i].run(c, config);
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
		fputs(c.help ? cli_help(c.command) : "oxpecker " OXP_VERSION "\n", stdout);
		return STATUS_FINE;
	}
	config = agent_config_new();
	status = run_command(&c, config);
	agent_config_free(config);
	return status;
}
