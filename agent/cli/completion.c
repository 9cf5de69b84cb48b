/*
 * `oxpecker completion SHELL`: completion for a shell, out of the same rows as --help.
 *
 * Each shell's script is made of what all have in common: the words so far are walked to find the command, past options
 * and their values; then come its options, and what stands between the bars of its `words`, or files.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/writer.h"
#include "cli/line.h"
#include "cli/output.h"

enum { PHRASE_MAX = 400 };

static bool wants_file(const struct command_option *o)
{
	return o->value && strcmp(o->value, "FILE") == 0;
}

/* Called for each row. `c` is the command it stands at; NULL: none is named. */
typedef void option_visit(struct writer *, const struct command *, const struct command_option *);

static void visit(struct writer *w, const struct command *c, const struct command_option *rows, option_visit *each)
{
	for (; rows && rows->name; rows++)
		each(w, c, rows);
}

/* The options that are offered behind a command. */
static void visit_of(struct writer *w, const struct command *c, option_visit *each)
{
	visit(w, c, c->options, each);
	if (!c->unconfigured)
		visit(w, c, line_configured, each);
	visit(w, c, line_general, each);
}

/* The choices of the first word, "a|b|c" of "a|b|c [ID]...", with `between` in place of the bars. */
static void write_choices(struct writer *w, const struct command *c, const char *between)
{
	size_t size = strcspn(c->words, " ");

	if (!memchr(c->words, '|', size))
		return;
	for (size_t i = 0; i < size; i++)
		if (c->words[i] == '|')
			writer_text(w, between);
		else
			writer_bytes(w, (struct bytes){ c->words + i, 1 });
}

/* Within single quotes, and where zsh has meanings of its own for [ ] : and \. */
static char plain(char c)
{
	static const char from[] = "\n'[]:\\", to[] = " `(),/";
	const char *at = strchr(from, c);

	return at ? to[at - from] : c;
}

/* The text as one line, to stand between single quotes. */
static const char *phrase(const char *text, char to[PHRASE_MAX])
{
	size_t n = 0;

	for (; text[n] && n + 1 < PHRASE_MAX; n++)
		to[n] = plain(text[n]);
	to[n] = '\0';
	return to;
}

/* bash */

static void bash_valued(struct writer *w, const struct command *c, const struct command_option *o)
{
	(void)c;
	if (o->value && !wants_file(o))
		writer_printf(w, "%s|", o->name);
}

static void bash_file(struct writer *w, const struct command *c, const struct command_option *o)
{
	(void)c;
	if (wants_file(o))
		writer_printf(w, "%s|", o->name);
}

static void bash_option(struct writer *w, const struct command *c, const struct command_option *o)
{
	(void)c;
	writer_printf(w, " %s%s%s", o->name, o->alias ? " " : "", o->alias ? o->alias : "");
}

static void bash_all(struct writer *w, const struct command *const *commands, option_visit *each)
{
	for (; *commands; commands++)
		visit(w, *commands, (*commands)->options, each);
	visit(w, NULL, line_configured, each);
	visit(w, NULL, line_general, each);
}

static void bash_command(struct writer *w, const struct command *c)
{
	writer_printf(w, "\t%s)\n\t\toptions='", c->name);
	visit_of(w, c, bash_option);
	writer_text(w, "' choices='");
	write_choices(w, c, " ");
	writer_printf(w, "' files=%s ;;\n", c->first_word_is_file ? "yes" : "no");
}

/* Bash makes words of = and :, and of what follows them: both belong to the word before. */
static void write_bash(struct writer *w, const struct command *const *commands)
{
	writer_text(w, "# Completion for bash, as `oxpecker completion bash` prints it.\n"
		       "_oxpecker()\n{\n"
		       "\tlocal current=${COMP_WORDS[COMP_CWORD]} command= words=0 options= choices= files=no i\n"
		       "\tCOMPREPLY=()\n"
		       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		       "\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	bash_all(w, commands, bash_valued);
	bash_all(w, commands, bash_file);
	writer_text(w, "'') ((i++)) ;;\n"
		       "\t\t[=:]*) ((i++)) ;;\n"
		       "\t\t-*) ;;\n"
		       "\t\t*) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else ((words++)); fi ;;\n"
		       "\t\tesac\n\tdone\n"
		       "\tcase $command in\n\t'')\n\t\toptions='");
	visit_of(w, commands[0], bash_option);
	writer_text(w, "' choices='");
	for (size_t i = 0; commands[i]; i++)
		writer_printf(w, "%s%s", i ? " " : "", commands[i]->name);
	writer_text(w, "' ;;\n");
	for (size_t i = 0; commands[i]; i++)
		bash_command(w, commands[i]);
	writer_text(w, "\tesac\n"
		       "\t((words == 0)) || choices= files=no\n"
		       "\tif ((i > COMP_CWORD)); then\n" /* the value of an option is being written */
		       "\t\toptions= choices= files=no\n"
		       "\t\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n\t\t");
	bash_all(w, commands, bash_file);
	writer_text(w, "'') files=yes ;;\n\t\tesac\n\tfi\n"
		       "\tif [[ $files = yes && $current != -* ]]; then\n"
		       "\t\tcompopt -o filenames 2>/dev/null\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
		       "\telif [[ $current = -* ]]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
		       "\telse\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n"
		       "\tfi\n}\n"
		       "complete -F _oxpecker oxpecker\n");
}

/* zsh */

static void zsh_option(struct writer *w, const struct command *c, const struct command_option *o)
{
	char text[PHRASE_MAX];

	(void)c;
	phrase(o->text, text);
	if (o->alias)
		writer_printf(w, " \\\n\t\t\t'(%s %s)'{%s,%s}'[%s]", o->name, o->alias, o->name, o->alias, text);
	else
		writer_printf(w, " \\\n\t\t\t'%s%s[%s]", strcmp(o->name, "--set") == 0 ? "*" : "", o->name, text);
	if (o->value)
		writer_printf(w, ":%s:%s", o->value, wants_file(o) ? "_files" : " ");
	writer_text(w, "'");
}

static void zsh_command(struct writer *w, const struct command *c)
{
	writer_printf(w, "\t%s)\n\t\t_arguments", c->name);
	visit_of(w, c, zsh_option);
	if (c->first_word_is_file) {
		writer_text(w, " \\\n\t\t\t'1:file:_files'");
	} else if (strchr(c->words, '|')) {
		writer_text(w, " \\\n\t\t\t'1:what:(");
		write_choices(w, c, " ");
		writer_text(w, ")'");
		if (c->words_max > 1)
			writer_text(w, " \\\n\t\t\t'*:word: '");
	}
	writer_text(w, " ;;\n");
}

static void write_zsh(struct writer *w, const struct command *const *commands)
{
	char text[PHRASE_MAX];

	writer_text(w, "#compdef oxpecker\n# Completion for zsh, as `oxpecker completion zsh` prints it.\n"
		       "_oxpecker()\n{\n"
		       "\tlocal curcontext=$curcontext state line\n\tlocal -a commands\n\tcommands=(");
	for (size_t i = 0; commands[i]; i++)
		writer_printf(w, "\n\t\t'%s:%s'", commands[i]->name, phrase(commands[i]->summary, text));
	writer_text(w, "\n\t)\n\t_arguments -C");
	visit_of(w, commands[0], zsh_option);
	writer_text(w, " \\\n\t\t\t'1: :->command' '*:: :->words'\n"
		       "\tcase $state in\n\tcommand) _describe command commands ;;\n"
		       "\twords) _oxpecker_words ;;\n\tesac\n}\n"
		       "_oxpecker_words()\n{\n\tcase $words[1] in\n");
	for (size_t i = 0; commands[i]; i++)
		zsh_command(w, commands[i]);
	writer_text(w, "\tesac\n}\n"
		       "if [[ $funcstack[1] = _oxpecker ]]; then\n\t_oxpecker \"$@\"\n"
		       "else\n\tcompdef _oxpecker oxpecker\nfi\n");
}

/* fish */

static void fish_valued(struct writer *w, const struct command *c, const struct command_option *o)
{
	(void)c;
	if (o->value)
		writer_printf(w, " %s", o->name);
}

static void fish_option(struct writer *w, const struct command *c, const struct command_option *o)
{
	char text[PHRASE_MAX];

	writer_printf(w, "complete -c oxpecker -n '__oxpecker_at %s' -l %s", c ? c->name : "\"\"", o->name + 2);
	if (o->alias)
		writer_printf(w, " -s %s", o->alias + 1);
	writer_printf(w, "%s -d '%s'\n", wants_file(o) ? " -r -F" : o->value ? " -x" : "", phrase(o->text, text));
}

static void fish_command(struct writer *w, const struct command *c)
{
	char text[PHRASE_MAX];

	writer_printf(
		w, "complete -c oxpecker -n '__oxpecker_at \"\"' -a %s -d '%s'\n", c->name, phrase(c->summary, text));
	if (c->first_word_is_file) {
		writer_printf(w, "complete -c oxpecker -n '__oxpecker_first %s' -F\n", c->name);
	} else if (strchr(c->words, '|')) {
		writer_printf(w, "complete -c oxpecker -n '__oxpecker_first %s' -a '", c->name);
		write_choices(w, c, " ");
		writer_text(w, "'\n");
	}
	visit_of(w, c, fish_option);
}

static void write_fish(struct writer *w, const struct command *const *commands)
{
	writer_text(w, "# Completion for fish, as `oxpecker completion fish` prints it.\n"
		       "function __oxpecker_words # those that are neither options nor their values\n"
		       "\tset -l valued");
	for (size_t i = 0; commands[i]; i++)
		visit(w, commands[i], commands[i]->options, fish_valued);
	visit(w, NULL, line_configured, fish_valued);
	writer_text(w, "\n\tset -l skip no\n"
		       "\tfor word in (commandline -opc)[2..-1]\n"
		       "\t\tif test $skip = yes\n\t\t\tset skip no\n"
		       "\t\telse if contains -- $word $valued\n\t\t\tset skip yes\n"
		       "\t\telse if not string match -q -- '-*' $word\n\t\t\techo $word\n"
		       "\t\tend\n\tend\nend\n"
		       "function __oxpecker_at # whether this is the command; \"\": there is none\n"
		       "\tset -l words (__oxpecker_words)\n\ttest \"$words[1]\" = \"$argv[1]\"\nend\n"
		       "function __oxpecker_first # and nothing follows it yet\n"
		       "\tset -l words (__oxpecker_words)\n"
		       "\ttest (count $words) -eq 1 -a \"$words[1]\" = \"$argv[1]\"\nend\n"
		       "complete -c oxpecker -f\n");
	for (size_t i = 0; commands[i]; i++)
		fish_command(w, commands[i]);
	visit(w, NULL, commands[0]->options, fish_option); /* which runs if none is named */
	visit(w, NULL, line_configured, fish_option);
	visit(w, NULL, line_general, fish_option);
}

/* The command. */

static const struct {
	const char *shell;
	void (*write)(struct writer *, const struct command *const *commands);
} shells[] = { { "bash", write_bash }, { "zsh", write_zsh }, { "fish", write_fish } };

static int run(const struct command_call *call)
{
	struct buffer out;
	struct writer w;

	for (size_t i = 0; i < COUNT_OF(shells); i++)
		if (call->word_count == 1 && strcmp(call->words[0], shells[i].shell) == 0) {
			buffer_init(&out, OUTPUT_MAX);
			writer_init(&w, &out);
			shells[i].write(&w, call->commands);
			return output_buffer(&out, writer_done(&w));
		}
	fputs("oxpecker: completion: expected bash, zsh or fish\n", stderr);
	return COMMAND_MISUSED;
}

const struct command command_completion = {
	.name = "completion",
	.words = "bash|zsh|fish",
	.words_max = 1,
	.summary = "print the completion of a shell",
	.about = "Prints a script that completes commands and options. The package installs it; by\n"
		 "hand: . <(oxpecker completion bash), or put it where the shell looks:\n"
		 "\n"
		 "  bash   /usr/share/bash-completion/completions/oxpecker\n"
		 "  zsh    a file _oxpecker in a folder of $fpath\n"
		 "  fish   ~/.config/fish/completions/oxpecker.fish\n",
	.exits = "0 printed; 2 no such shell.",
	.unconfigured = true,
	.run = run,
};
