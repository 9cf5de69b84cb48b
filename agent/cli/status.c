/*
 * `oxpecker status`: asks a running agent over its control socket and prints the answer, for people or as it came.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "agent_config.h"
#include "base/text.h"
#include "cli/ask.h"
#include "cli/member.h"
#include "cli/screen.h"

enum { NAME_WIDTH = 30, FAMILIES_SHOWN = 5 };

struct options {
	bool json;
};

static long long amount(const json_t *row, const char *term)
{
	return member_number(json_object_get(row, term), "records");
}

static long long dropped(const json_t *row)
{
	json_t *reasons = json_object_get(row, "dropped"), *value;
	long long sum = 0;
	const char *key;

	json_object_foreach(reasons, key, value)
		sum = cli_sum(sum, member_number(value, "records"));
	return sum;
}

static void ago(const json_t *row, const char *key, char to[SCREEN_WORDS])
{
	const json_t *seconds = json_object_get(row, key);

	snprintf(to, SCREEN_WORDS, "never");
	if (json_is_number(seconds))
		screen_age(json_number_value(seconds), " ago", to);
}

/* Logs and traces. */

static void print_dropped(const json_t *row)
{
	char line[512] = "dropped:", more[96];
	json_t *value;
	const char *reason, *comma = "";

	json_object_foreach(json_object_get(row, "dropped"), reason, value) {
		snprintf(more, sizeof more, "%s %lld %s", comma, member_number(value, "records"), reason);
		strncat(line, more, sizeof line - strlen(line) - 1);
		comma = ",";
	}
	if (*comma)
		screen_wrapped(2, line);
}

static void print_route(const struct screen *s, const json_t *row)
{
	const char *from = member_text(row, "source"), *to = member_text(row, "destination");
	bool fits = screen_columns(bytes_of(from)) + screen_columns(bytes_of(to)) + 3 <= SCREEN_COLUMNS;
	long long balance = member_number(row, "balance");
	char words[SCREEN_WORDS];

	text_put(stdout, bytes_of(from));
	fputs(fits ? " → " : "\n→ ", stdout);
	text_put(stdout, bytes_of(to));
	printf("\n%11lld%11lld%11lld%11lld%11lld%11lld%11lld\n", amount(row, "received"), amount(row, "delivered"),
		amount(row, "parked"), amount(row, "rejected"), dropped(row), amount(row, "merged"),
		amount(row, "held"));
	print_dropped(row);
	if (balance) {
		snprintf(words, sizeof words, "  does not balance: %+lld", balance);
		screen_bad(s, words);
		putchar('\n');
	}
}

/* Returns whether every row balances, including the rows of metrics. */
static bool print_ledger(const struct screen *s, const json_t *ledger)
{
	bool balanced = true, first = true;
	size_t i;
	json_t *row;

	json_array_foreach(ledger, i, row) {
		balanced = balanced && !member_number(row, "balance");
		if (strcmp(member_text(row, "signal"), "metrics") == 0 && !member_number(row, "balance"))
			continue;
		screen_head(s, &first, "   RECEIVED  DELIVERED     PARKED   REJECTED    DROPPED     MERGED       HELD");
		print_route(s, row);
	}
	if (json_array_size(ledger) == 0)
		puts("\nnothing has come in yet");
	return balanced;
}

static void print_destinations(const struct screen *s, const json_t *destinations)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(destinations, i, row) {
		const char *delivery = member_text(row, "delivery");
		bool fine = !*delivery || strcmp(delivery, "fine") == 0;
		char last[SCREEN_WORDS], bytes[SCREEN_WORDS], queued[2 * SCREEN_WORDS], state[SCREEN_WORDS];
		ago(row, "seconds_since_acknowledged", last);
		screen_size(member_number(row, "queued_bytes"), bytes);
		snprintf(queued, sizeof queued, "%lld / %s", member_number(row, "queued_records"), bytes);
		screen_head(
			s, &first, "DESTINATION                    STATE      LAST TAKEN     QUEUED / BYTES  RETRIES");
		screen_name(member_text(row, "name"), NAME_WIDTH);
		snprintf(state, sizeof state, " %-9s", fine ? member_text(row, "state") : delivery);
		(fine ? screen_good : screen_bad)(s, state);
		printf(" %11s %18s %8lld\n", last, queued, member_number(row, "retries"));
		if (*member_text(row, "error"))
			screen_wrapped(2, member_text(row, "error"));
	}
}

/* Metrics. */

static const json_t *row_of(const json_t *ledger, const char *source)
{
	size_t i;
	json_t *row;

	json_array_foreach(ledger, i, row)
		if (strcmp(member_text(row, "source"), source) == 0)
			return row;
	return NULL;
}

/* Samples that are not shown, by reason. */
static void print_refusals(const json_t *dropped)
{
	size_t i;
	json_t *row;

	json_array_foreach(dropped, i, row) {
		char text[1024];
		snprintf(text, sizeof text, "%lld samples are not shown, the first of %s: %s",
			member_number(row, "samples"), member_text(row, "first"), member_text(row, "why"));
		screen_wrapped(2, text);
	}
}

static void print_scrapes(const struct screen *s, const json_t *sources, const json_t *ledger)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(sources, i, row) {
		const json_t *up = json_object_get(row, "up");
		char last[SCREEN_WORDS], why[1024];
		if (!up)
			continue;
		ago(row, "seconds_since_scrape", last);
		screen_head(s, &first, "METRICS                                        SERIES   LAST SCRAPE  STATE");
		screen_name(member_text(row, "name"), 42);
		printf(" %10lld %13s  ", member_number(row, "series"), last);
		if (json_is_false(up))
			screen_bad(s, "down");
		else
			screen_good(s, json_is_true(up) ? "up" : "not yet");
		putchar('\n');
		snprintf(why, sizeof why, "%s: %s", member_text(row, "target"), member_text(row, "error"));
		if (*member_text(row, "error"))
			screen_wrapped(2, why);
		print_refusals(json_object_get(row, "dropped"));
		print_dropped(row_of(ledger, member_text(row, "name")));
	}
}

/* Troubles. */

static void print_troubles(const struct screen *s, const json_t *sources)
{
	bool first = true;
	size_t i, k;
	json_t *source, *row;

	json_array_foreach(sources, i, source)
		json_array_foreach(json_object_get(source, "troubles"), k, row) {
			screen_head(s, &first, "CANNOT BE READ");
			screen_wrapped(0, member_text(row, "file"));
			screen_wrapped(2, member_text(source, "name"));
			screen_wrapped(2, member_text(row, "why"));
		}
}

static void print_checks(const struct screen *s, const json_t *checks)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(checks, i, row) {
		bool fine = json_is_true(json_object_get(row, "fine"));
		screen_head(s, &first, "CHECK                                      STATE");
		screen_name(member_text(row, "name"), 42);
		putchar(' ');
		(fine ? screen_good : screen_bad)(s, fine ? "fine" : "not fine");
		putchar('\n');
		if (*member_text(row, "why"))
			screen_wrapped(2, member_text(row, "why"));
	}
}

static void print_conflicts(const struct screen *s, const json_t *conflicts)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(conflicts, i, row) {
		char words[2048];
		screen_head(s, &first, "MAPPING CONFLICT");
		snprintf(words, sizeof words, "expected %s, found %s; count %lld", member_text(row, "expected"),
			member_text(row, "found"), member_number(row, "count"));
		screen_wrapped(0, member_text(row, "field"));
		screen_wrapped(2, words);
		if (*member_text(row, "sample"))
			screen_wrapped(2, member_text(row, "sample"));
	}
}

/* The first of the ranking, and whatever loses samples. */
static void print_families(const struct screen *s, const json_t *families)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(families, i, row) {
		long long dropped = member_number(row, "dropped");
		if (i >= FAMILIES_SHOWN && dropped == 0)
			continue;
		screen_head(s, &first, "METRICS WITH MOST SERIES                 SERIES     DROPPED  REASON");
		screen_name(member_text(row, "family"), 36);
		printf(" %10lld  %10lld", member_number(row, "series"), dropped);
		if (dropped > 0) {
			fputs("  ", stdout);
			screen_bad(s, member_text(row, "reason"));
		}
		putchar('\n');
	}
}

static void print_state(const json_t *state)
{
	char words[512], spool[SCREEN_WORDS], max[SCREEN_WORDS];
	bool spools = member_number(state, "spool_bytes") > 0;

	screen_size(member_number(state, "spool_bytes"), spool);
	screen_size(member_number(state, "max_bytes"), max);
	if (spools || *member_text(state, "error"))
		putchar('\n');
	if (spools)
		printf("spool in state: %s of state.max, %s\n", spool, max);
	snprintf(words, sizeof words, "state fails: %s", member_text(state, "error"));
	if (*member_text(state, "error"))
		screen_wrapped(0, words);
	if (spools || *member_text(state, "error"))
		screen_wrapped(2, member_text(state, "path"));
}

/* What it has sent, and why it does not record. */
static void print_recorder(const json_t *recorder)
{
	const json_t *dump = json_object_get(recorder, "last_dump");
	const char *error = member_text(recorder, "ring_error");
	char words[512];

	if (!dump && !*error)
		return;
	putchar('\n');
	if (dump) {
		snprintf(words, sizeof words, "flight recorder: sent %lld spans at %s (%s: %s)",
			member_number(dump, "spans"), member_text(dump, "at"), member_text(dump, "reason"),
			member_text(dump, "why"));
		screen_wrapped(0, words);
		if (*member_text(dump, "error"))
			screen_wrapped(2, member_text(dump, "error"));
	}
	snprintf(words, sizeof words, "flight recorder fails: %s", error);
	if (*error)
		screen_wrapped(0, words);
}

static int print_report(const json_t *report)
{
	const struct screen s = screen_of_stdout();
	const json_t *ledger;
	char up[SCREEN_WORDS];
	bool balanced;

	screen_age(json_number_value(json_object_get(report, "uptime_seconds")), "", up);
	printf("oxpecker ");
	text_put(stdout, bytes_of(member_text(report, "version")));
	printf(", pid %lld, up %s\n", member_number(report, "pid"), up);
	ledger = json_object_get(report, "ledger");
	balanced = print_ledger(&s, ledger);
	print_destinations(&s, json_object_get(report, "destinations"));
	print_scrapes(&s, json_object_get(report, "sources"), ledger);
	print_troubles(&s, json_object_get(report, "sources"));
	print_families(&s, json_object_get(report, "families"));
	print_checks(&s, json_object_get(report, "checks"));
	print_conflicts(&s, json_object_get(report, "mapping_conflicts"));
	print_recorder(json_object_get(report, "recorder"));
	print_state(json_object_get(report, "state"));
	return balanced ? 0 : 1;
}

/* Returns NULL if the answer is not a report of ours: another program may answer at that address. */
static json_t *read_report(const struct cli_answer *a)
{
	json_t *report = a->status == 200 ? json_loadb(a->body.data, a->body.size, 0, NULL) : NULL;

	if (json_is_array(json_object_get(report, "ledger")) && json_is_integer(json_object_get(report, "pid")))
		return report;
	json_decref(report);
	return NULL;
}

static int print_json(const struct cli_answer *a)
{
	text_put_json(stdout, buffer_bytes(&a->body), true);
	return fflush(stdout) == 0 ? 0 : 2;
}

static int run(const struct command_call *call)
{
	const struct options *o = call->options;
	const char *control = call->config->control;
	struct cli_answer a = { .status = 0 };
	json_t *report;
	int status = 2;

	cli_ask("GET", control, "/status", &a);
	report = read_report(&a);
	if (!a.status)
		cli_no_agent(control, &a);
	else if (!report)
		fprintf(stderr,
			"oxpecker: what answers at %s is not an agent: HTTP %u, and no report\n  Is `control` the same "
			"in its configuration?\n",
			control, a.status);
	else
		status = o->json ? print_json(&a) : print_report(report);
	json_decref(report);
	buffer_done(&a.body);
	return status;
}

static const struct command_option options[] = {
	{ .name = "--json", .text = "print the whole report as JSON", .at = offsetof(struct options, json) },
	{ .name = NULL },
};

const struct command command_status = {
	.name = "status",
	.words = "",
	.summary = "show what came in and what became of it",
	.about = "Asks the running agent, at its control socket, what came in and what became of\n"
		 "it: sources, destinations, scrapes, checks, what was dropped and why.\n",
	.exits = "0 the ledger balances; 1 it does not; 2 no agent answers.",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};
