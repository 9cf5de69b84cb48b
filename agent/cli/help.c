#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/line.h"

enum { COLUMNS = 80, SUMMARY_AT = 25, TEXT_AT = 20, NAMES_MAX = 64 };

/* Prints each line of `text` from a column on. The first `used` columns of the first line are taken. If they reach the
 * column, the text begins on the next line. */
static void print_from(size_t column, size_t used, const char *text)
{
	if (used + 2 > column) {
		putchar('\n');
		used = 0;
	}
	for (;;) {
		int size = (int)strcspn(text, "\n");
		printf("%*s%.*s\n", (int)(column - used), "", size, text);
		if (!text[size])
			return;
		text += size + 1;
		used = 0;
	}
}

/* "--follow, -f", "--limit N" */
static void name_option(const struct command_option *o, char to[NAMES_MAX])
{
	snprintf(to, NAMES_MAX, "%s%s%s%s%s", o->name, o->alias ? ", " : "", o->alias ? o->alias : "",
		o->value ? " " : "", o->value ? o->value : "");
}

static void print_options(const struct command_option *rows)
{
	char names[NAMES_MAX];

	if (!rows)
		return;
	putchar('\n');
	for (const struct command_option *o = rows; o->name; o++) {
		name_option(o, names);
		print_from(TEXT_AT, (size_t)printf("  %s", names), o->text);
	}
}

/* Prints "oxpecker check [FILE] [--effective]", on as many lines as it takes. */
static void print_usage(const struct command *c)
{
	size_t at = (size_t)printf("oxpecker %s%s%s", c->name, *c->words ? " " : "", c->words);
	char names[NAMES_MAX];

	for (const struct command_option *o = c->options; o && o->name; o++) {
		name_option(&(struct command_option){ .name = o->name, .value = o->value }, names);
		if (at + strlen(names) + 3 > COLUMNS) {
			printf("\n%*s", 9, "");
			at = 9;
		}
		at += (size_t)printf(" [%s]", names);
	}
	putchar('\n');
}

void help_program(const struct command *const *commands)
{
	const struct command *first = commands[0];

	printf("oxpecker: " HELP_PURPOSE "\n\n");
	print_from(SUMMARY_AT, (size_t)printf("  oxpecker"), first->summary);
	for (size_t i = 1; commands[i]; i++)
		print_from(SUMMARY_AT,
			(size_t)printf("  oxpecker %s%s%s", commands[i]->name, *commands[i]->words ? " " : "",
				commands[i]->words),
			commands[i]->summary);
	print_options(line_configured);
	print_options(first->options);
	print_options(line_general);
	printf("\nMore about one command: oxpecker COMMAND --help\n");
}

void help_command(const struct command *c)
{
	print_usage(c);
	printf("\n%s", c->about);
	print_options(c->options);
	if (!c->unconfigured)
		print_options(line_configured);
	if (c->exits)
		printf("\nExit status: %s\n", c->exits);
}
