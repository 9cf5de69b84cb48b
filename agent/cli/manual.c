#include "cli/manual.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/writer.h"
#include "cli/help.h"
#include "cli/line.h"

enum { COLUMNS = 60, DAY_SIZE = sizeof "2026-11-23" - 1 };

struct fact {
	const char *name, *text;
};

static const struct fact variables[] = {
	{ "OXPECKER_CONFIG", "The configuration, if --config does not name one." },
	{ "STATE_DIRECTORY, XDG_STATE_HOME, HOME, TMPDIR",
		"Where the state folder is looked for, in this order, if the configuration does not name it." },
	{ "CREDENTIALS_DIRECTORY", "The folder of ${file:NAME}, if NAME has no folder. systemd sets it." },
	{ "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
		"Where, and how often, a service manager wants to hear that the agent is ready, alive and ending." },
	{ "OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_*",
		"What the configuration leaves open of the app's name and of where OTLP goes." },
	{ "NO_COLOR", "If it is set, nothing is printed in colour." },
	{ NULL, NULL },
};

static const struct fact files[] = {
	{ "/etc/oxpecker/oxpecker.yaml", "The configuration, if nothing else names one." },
	{ "/var/lib/oxpecker", "The state folder, unless another is named: positions, what waits on disk, what was "
			       "refused, the embedded store." },
	{ NULL, NULL },
};

/* Text. */

/* The letter as man(7) has it. */
static void write_letter(struct writer *w, char letter)
{
	if (letter == '\\')
		writer_text(w, "\\e");
	else if (letter == '-')
		writer_text(w, "\\-");
	else
		writer_bytes(w, (struct bytes){ &letter, 1 });
}

/* A line, with `such words` in bold. If it may be filled, it goes on several lines of the page's source. */
static void write_words(struct writer *w, const char *text, size_t size, bool fill)
{
	bool bold = false;
	size_t column = 0;

	for (size_t i = 0; i < size; i++, column++) {
		if (text[i] == '`') {
			bold = !bold;
			writer_text(w, bold ? "\\fB" : "\\fR");
		} else if (fill && column >= COLUMNS && text[i] == ' ' && !strchr(".'", text[i + 1])) {
			writer_text(w, "\n");
			column = 0;
		} else {
			write_letter(w, text[i]);
		}
	}
}

static void write_name(struct writer *w, const char *name)
{
	writer_text(w, "\\fB");
	write_words(w, name, strlen(name), false);
	writer_text(w, "\\fR");
}

/* Paragraphs, as a terminal shows them: lines that begin with spaces stay lines, the others are filled. */
static void write_text(struct writer *w, const char *text)
{
	bool as_is = false, gap = false;

	for (size_t size; *text; text += size + (text[size] == '\n')) {
		bool indented = *text == ' ';
		size = strcspn(text, "\n");
		if (size > 0 && as_is != indented)
			writer_text(w, indented ? ".nf\n" : ".fi\n");
		if (size > 0 && gap)
			writer_text(w, ".PP\n");
		gap = size == 0;
		if (gap)
			continue;
		as_is = indented;
		writer_text(w, *text == '.' || *text == '\'' ? "\\&" : "");
		write_words(w, text, size, !as_is);
		writer_text(w, "\n");
	}
	if (as_is)
		writer_text(w, ".fi\n");
}

/* Items. */

static void write_option(struct writer *w, const struct command_option *o)
{
	writer_text(w, ".TP\n");
	write_name(w, o->name);
	if (o->alias) {
		writer_text(w, ", ");
		write_name(w, o->alias);
	}
	if (o->value)
		writer_printf(w, " \\fI%s\\fR", o->value);
	writer_text(w, "\n");
	write_text(w, o->text);
}

static void write_options(struct writer *w, const struct command_option *rows)
{
	for (; rows && rows->name; rows++)
		write_option(w, rows);
}

static void write_facts(struct writer *w, const char *title, const struct fact *rows)
{
	writer_printf(w, ".SH %s\n", title);
	for (; rows->name; rows++) {
		writer_text(w, ".TP\n");
		write_name(w, rows->name);
		writer_text(w, "\n");
		write_text(w, rows->text);
	}
}

/* Sections. */

static void write_usage(struct writer *w, const struct command *c)
{
	writer_printf(w, "\\fBoxpecker %s\\fR", c->name);
	if (*c->words)
		writer_printf(w, " \\fI%s\\fR", c->words);
	if (c->options)
		writer_text(w, " [\\fIoptions\\fR]");
	writer_text(w, "\n");
}

static void write_synopsis(struct writer *w, const struct command *const *commands)
{
	writer_text(w, ".SH SYNOPSIS\n\\fBoxpecker\\fR [\\fIoptions\\fR]\n");
	for (commands++; *commands; commands++) {
		writer_text(w, ".br\n");
		write_usage(w, *commands);
	}
}

static void write_command(struct writer *w, const struct command *c)
{
	writer_text(w, ".SS ");
	write_usage(w, c);
	write_text(w, c->about);
	write_options(w, c->options);
	writer_text(w, ".PP\nExit status: ");
	write_text(w, c->exits ? c->exits : "0 done; 1 it failed.");
}

static void write_commands(struct writer *w, const struct command *const *commands)
{
	writer_text(w, ".SH COMMANDS\n");
	for (; *commands; commands++)
		write_command(w, *commands);
}

static void write_head(struct writer *w)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	struct wall_time when = clock_system.wall(&clock_system);
	char text[WALL_TEXT_SIZE];
	uint64_t seconds;

	if (epoch && u64_parse(bytes_of(epoch), &seconds) && seconds <= UINT32_MAX)
		when.ns = (int64_t)seconds * 1000000000;
	wall_format(when, text);
	writer_printf(w, ".TH OXPECKER 1 %.*s \"oxpecker " OXP_VERSION "\" \"User Commands\"\n", DAY_SIZE, text);
	writer_text(w, ".SH NAME\noxpecker \\- " HELP_PURPOSE "\n");
}

int manual_print(const struct command *const *commands, struct buffer *to)
{
	struct writer w;

	writer_init(&w, to);
	write_head(&w);
	write_synopsis(&w, commands);
	writer_text(&w, ".SH DESCRIPTION\n");
	write_text(&w,
		"It ships the app's logs to Elasticsearch or OpenSearch, forwards its spans to Jaeger, serves its "
		"metrics to Prometheus and answers probes. A signal without a backend goes to an embedded store.\n"
		"\n"
		"All of it is configured in one file, in YAML. `oxpecker reference` prints every option with its "
		"default, and `oxpecker check` tells what is wrong with a file.\n");
	writer_text(&w, ".SH OPTIONS\nOf every command, unless it reads no configuration:\n");
	write_options(&w, line_configured);
	write_options(&w, line_general);
	write_commands(&w, commands);
	write_facts(&w, "ENVIRONMENT", variables);
	write_facts(&w, "FILES", files);
	writer_text(&w, ".SH SIGNALS\n");
	write_text(&w,
		"SIGTERM ends the agent: it delivers what it holds, or writes it to disk, within `exit.within`. A "
		"second one ends it at once, in the same way.\n");
	return writer_done(&w);
}
