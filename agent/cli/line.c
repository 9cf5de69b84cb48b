#include "cli/line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { NAMES_MAX = 128 };

#define SET "--set"

const struct command_option line_configured[] = {
	{ .name = "--config",
		.value = "FILE",
		.text = "default: $OXPECKER_CONFIG, else /etc/oxpecker/oxpecker.yaml,\nelse built-in defaults",
		.at = offsetof(struct line, config) },
	{ .name = SET, .value = "PATH=VALUE", .text = "overrides a value of the file: --set memory=16MiB" },
	{ .name = NULL },
};
const struct command_option line_general[] = {
	{ .name = "--version", .text = "print the version", .at = offsetof(struct line, version) },
	{ .name = "--help", .alias = "-h", .text = "this text", .at = offsetof(struct line, help) },
	{ .name = NULL },
};

/* Rows. */

static const struct command_option *find(const struct command_option *rows, const char *name)
{
	for (const struct command_option *o = rows; o && o->name; o++)
		if (strcmp(o->name, name) == 0 || (o->alias && strcmp(o->alias, name) == 0))
			return o;
	return NULL;
}

static const struct command_option *find_common(const char *name)
{
	const struct command_option *o = find(line_configured, name);

	return o ? o : find(line_general, name);
}

/* Returns the option of the first command that has it. Whether an option takes a value is the same for all commands. */
static const struct command_option *find_any(const struct command *const *commands, const char *name)
{
	const struct command_option *o = find_common(name);

	for (; !o && *commands; commands++)
		o = find((*commands)->options, name);
	return o;
}

/* Errors. */

static size_t add_names(const struct command_option *rows, const char **names, size_t count)
{
	for (; rows && rows->name && count < NAMES_MAX; rows++)
		names[count++] = rows->name;
	return count;
}

/* Text after a = may be a secret, and a word beside --set may be part of a value. Neither is shown. */
static int shown_size(const struct line *l, const char *word)
{
	return l->set_count > 0 && word[0] != '-' ? 0 : (int)strcspn(word, "=");
}

static int unknown(const struct line *l, const struct command *const *commands, const char *word, const char *kind)
{
	int shown = shown_size(l, word);
	const char *names[NAMES_MAX], *near;
	size_t count = add_names(line_general, names, add_names(line_configured, names, 0));

	for (; *commands && count < NAMES_MAX; commands++) {
		count = add_names((*commands)->options, names, count);
		if (count < NAMES_MAX)
			names[count++] = (*commands)->name;
	}
	near = nearest_word(word, names, count);
	fprintf(stderr, "oxpecker: unknown %s \"%.*s%s\"; %s%s%s oxpecker --help\n", kind, shown, word,
		word[shown] ? "…" : "", near ? "did you mean " : "", near ? near : "", near ? "? See" : "see");
	return -EINVAL;
}

static int too_many_words(const struct line *l, const char *word)
{
	int shown = shown_size(l, word);

	fprintf(stderr, "oxpecker: \"%.*s%s\" is one word too many for %s; see oxpecker --help\n", shown, word,
		word[shown] ? "…" : "", l->command->name);
	return -EINVAL;
}

static int misplaced(const struct line *l, const struct command *const *commands, const char *name)
{
	fprintf(stderr, "oxpecker: %s is not an option of %s; it belongs to:", name, l->command->name);
	for (; *commands; commands++)
		if (find((*commands)->options, name))
			fprintf(stderr, " %s", (*commands)->name);
	fprintf(stderr, "; see oxpecker %s --help\n", l->command->name);
	return -EINVAL;
}

/* Parsing: first words and the options of all commands, then the command's own options once it is known. */

static void store(void *to, const struct command_option *o, const char *value)
{
	if (o->value)
		*(const char **)((char *)to + o->at) = value;
	else
		*(bool *)((char *)to + o->at) = true;
}

/* Moves *at on if a value follows the option. */
static int take_option(struct line *l, const struct command *const *commands, const char *const *argv, int *at)
{
	const char *name = argv[*at];
	const struct command_option *o = find_any(commands, name);

	if (!o)
		return unknown(l, commands, name, "option");
	if (o->value && !argv[*at + 1]) {
		fprintf(stderr, "oxpecker: %s needs a value\n", name);
		return -EINVAL;
	}
	*at += o->value != NULL;
	if (strcmp(o->name, SET) == 0)
		l->sets[l->set_count++] = argv[*at];
	else if (find_common(name))
		store(l, o, argv[*at]);
	return 0;
}

static int take_word(struct line *l, const struct command *const *commands, const char *word)
{
	if (l->command) {
		l->words[l->word_count++] = word;
		return l->word_count <= l->command->words_max ? 0 : too_many_words(l, word);
	}
	for (size_t i = 0; commands[i] && !l->command; i++)
		if (strcmp(commands[i]->name, word) == 0)
			l->command = commands[i];
	return l->command ? 0 : unknown(l, commands, word, "command");
}

/* The command's own options. */
static int take_own(struct line *l, const struct command *const *commands, const char *const *argv)
{
	const struct command_option *any, *own;

	l->options = oxp_new(l->command->options_size + 1);
	for (int at = 1; argv[at]; at++) {
		const char *name = argv[at];
		if (name[0] != '-')
			continue;
		any = find_any(commands, name);
		at += any->value != NULL;
		own = find(l->command->options, name);
		OXP_ASSERT(!own || !own->value == !any->value);
		if (own)
			store(l->options, own, argv[at]);
		else if (!find_common(name))
			return misplaced(l, commands, name);
	}
	return 0;
}

int line_parse(const struct command *const *commands, const char *const *argv, struct line *l)
{
	size_t count = 0;
	int failed = 0;

	while (argv[count])
		count++;
	*l = (struct line){ .words = oxp_new((count + 1) * sizeof *l->words),
		.sets = oxp_new((count + 1) * sizeof *l->sets) };
	for (int at = 1; argv[at] && !failed; at++)
		failed = argv[at][0] == '-' ? take_option(l, commands, argv, &at) : take_word(l, commands, argv[at]);
	if (failed || l->help || l->version)
		return failed;
	l->command = l->command ? l->command : commands[0];
	return take_own(l, commands, argv);
}

void line_done(struct line *l)
{
	free(l->words);
	free(l->sets);
	free(l->options);
}
