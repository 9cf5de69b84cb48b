#include "cli/status.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/ask.h"

enum { COLUMNS = 80, NAME_WIDTH = 30, WORDS_ROOM = 48 };

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

/* What JSON says. */

static long long number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static long long amount(const json_t *row, const char *term)
{
	return number(json_object_get(row, term), "records");
}

static long long dropped(const json_t *row)
{
	json_t *reasons = json_object_get(row, "dropped"), *value;
	long long sum = 0;
	const char *key;

	json_object_foreach(reasons, key, value)
		sum += number(value, "records");
	return sum;
}

/* What others wrote, on one line that does nothing to a terminal: names of files, answers of servers. The tree is ours,
 * and so are its texts. */
static const char *text(const json_t *object, const char *key)
{
	char *value = (char *)json_string_value(json_object_get(object, key));

	if (value)
		text_one_line(value);
	return value ? value : "";
}

/* Writing within COLUMNS. What others wrote goes through text_put(). */

struct screen {
	bool colour;
};

static void paint(const struct screen *s, const char *colour)
{
	if (s->colour)
		fputs(colour, stdout);
}

static void print_painted(const struct screen *s, const char *colour, const char *words)
{
	paint(s, colour);
	text_put(stdout, bytes_of(words));
	paint(s, PLAIN);
}

/* The head of a table, once, before its first row. */
static void print_head(const struct screen *s, bool *first, const char *head)
{
	if (!*first)
		return;
	*first = false;
	paint(s, BOLD);
	printf("\n%s", head);
	paint(s, PLAIN);
	putchar('\n');
}

static size_t columns(struct bytes t)
{
	size_t count = 0;

	for (size_t i = 0; i < t.size; i++)
		count += (t.data[i] & 0xc0) != 0x80;
	return count;
}

/* Bytes of the first `room` characters. */
static size_t fitting(struct bytes t, size_t room)
{
	size_t i = 0;

	for (; i < t.size; i++)
		if ((t.data[i] & 0xc0) != 0x80 && room-- == 0)
			break;
	return i;
}

/* Words over as many lines as they take, each indented; what stands without a space is cut where the line ends. */
static void print_wrapped(int indent, const char *words)
{
	size_t at = (size_t)indent, space = 0;

	printf("%*s", indent, "");
	while (*words) {
		struct bytes word = { words, strcspn(words, " ") };
		size_t width = columns(word), left = COLUMNS - at;
		if (at > (size_t)indent && width + space > left) {
			printf("\n%*s", indent, "");
			at = (size_t)indent;
			continue;
		}
		word.size = fitting(word, left - space);
		printf("%*s", (int)space, "");
		at += space + text_put(stdout, word);
		words += word.size + (words[word.size] == ' ');
		space = words[-1] == ' ';
	}
	putchar('\n');
}

/* Filled up to `width`; what is longer has the line for itself. */
static void print_name(const char *name, int width)
{
	int count = (int)text_put(stdout, bytes_of(name));

	printf(count > width ? "\n%*s" : "%*s", count > width ? width : width - count, "");
}

/* 12 s, 5 min, 3 h, 4 days */
static void print_age(double seconds, const char *behind, char to[WORDS_ROOM])
{
	static const struct {
		double from, unit;
		const char *name;
	} units[] = { { 2 * 86400.0, 86400, "days" }, { 2 * 3600.0, 3600, "h" }, { 120, 60, "min" }, { 0, 1, "s" } };
	size_t i = 0;

	while (seconds < units[i].from && i + 1 < COUNT_OF(units))
		i++;
	snprintf(to, WORDS_ROOM, "%.0f %s%s", seconds / units[i].unit, units[i].name, behind);
}

static void ago(const json_t *row, const char *key, char to[WORDS_ROOM])
{
	const json_t *seconds = json_object_get(row, key);

	snprintf(to, WORDS_ROOM, "never");
	if (json_is_number(seconds))
		print_age(json_number_value(seconds), " ago", to);
}

static void print_bytes(long long bytes, char to[WORDS_ROOM])
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	size_t i = 0;

	for (; value >= 1024 && units[i + 1]; i++)
		value /= 1024;
	snprintf(to, WORDS_ROOM, "%.1f%c", value, units[i]);
}

/* Logs and traces. */

static void print_dropped(const json_t *row)
{
	char line[512] = "dropped:", more[96];
	json_t *value;
	const char *reason, *comma = "";

	json_object_foreach(json_object_get(row, "dropped"), reason, value) {
		snprintf(more, sizeof more, "%s %lld %s", comma, number(value, "records"), reason);
		strncat(line, more, sizeof line - strlen(line) - 1);
		comma = ",";
	}
	if (*comma)
		print_wrapped(2, line);
}

static void print_route(const struct screen *s, const json_t *row)
{
	const char *from = text(row, "source"), *to = text(row, "destination");
	bool fits = columns(bytes_of(from)) + columns(bytes_of(to)) + 3 <= COLUMNS;
	long long balance = number(row, "balance");

	text_put(stdout, bytes_of(from));
	fputs(fits ? " → " : "\n→ ", stdout);
	text_put(stdout, bytes_of(to));
	printf("\n%11lld%11lld%11lld%11lld%11lld%11lld%11lld\n", amount(row, "received"), amount(row, "delivered"),
		amount(row, "parked"), amount(row, "rejected"), dropped(row), amount(row, "merged"),
		amount(row, "held"));
	print_dropped(row);
	if (balance) {
		paint(s, RED);
		printf("  does not balance: %+lld", balance);
		paint(s, PLAIN);
		putchar('\n');
	}
}

/* Returns whether every row balances, those of metrics too. */
static bool print_ledger(const struct screen *s, const json_t *ledger)
{
	bool balanced = true, first = true;
	size_t i;
	json_t *row;

	json_array_foreach(ledger, i, row) {
		balanced = balanced && !number(row, "balance");
		if (strcmp(text(row, "signal"), "metrics") == 0 && !number(row, "balance"))
			continue;
		print_head(s, &first,
			"   RECEIVED  DELIVERED     PARKED   REJECTED    DROPPED     MERGED       HELD");
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
		const char *delivery = text(row, "delivery");
		bool fine = !*delivery || strcmp(delivery, "fine") == 0;
		char last[WORDS_ROOM], bytes[WORDS_ROOM], queued[2 * WORDS_ROOM];
		ago(row, "seconds_since_acknowledged", last);
		print_bytes(number(row, "queued_bytes"), bytes);
		snprintf(queued, sizeof queued, "%lld / %s", number(row, "queued_records"), bytes);
		print_head(s, &first,
			"DESTINATION                    STATE      LAST TAKEN             QUEUED  RETRIES");
		print_name(text(row, "name"), NAME_WIDTH);
		paint(s, fine ? GREEN : RED);
		printf(" %-9s", fine ? text(row, "state") : delivery);
		paint(s, PLAIN);
		printf(" %11s %18s %8lld\n", last, queued, number(row, "retries"));
		if (*text(row, "error"))
			print_wrapped(2, text(row, "error"));
	}
}

/* Metrics. */

static const json_t *row_of(const json_t *ledger, const char *source)
{
	size_t i;
	json_t *row;

	json_array_foreach(ledger, i, row)
		if (strcmp(text(row, "source"), source) == 0)
			return row;
	return NULL;
}

static void print_scrapes(const struct screen *s, const json_t *sources, const json_t *ledger)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(sources, i, row) {
		const json_t *up = json_object_get(row, "up");
		char last[WORDS_ROOM], why[1024];
		if (!up)
			continue;
		ago(row, "seconds_since_scrape", last);
		print_head(s, &first, "METRICS                                        SERIES   LAST SCRAPE  STATE");
		print_name(text(row, "name"), 42);
		printf(" %10lld %13s  ", number(row, "series"), last);
		print_painted(s, json_is_false(up) ? RED : GREEN,
			json_is_true(up)    ? "up"
			: json_is_false(up) ? "down"
					    : "not yet");
		putchar('\n');
		snprintf(why, sizeof why, "%s: %s", text(row, "target"), text(row, "error"));
		if (*text(row, "error"))
			print_wrapped(2, why);
		print_dropped(row_of(ledger, text(row, "name")));
	}
}

/* What is wrong. */

static void print_troubles(const struct screen *s, const json_t *sources)
{
	bool first = true;
	size_t i, k;
	json_t *source, *row;

	json_array_foreach(sources, i, source)
		json_array_foreach(json_object_get(source, "troubles"), k, row) {
			print_head(s, &first, "CANNOT BE READ");
			print_wrapped(0, text(row, "file"));
			print_wrapped(2, text(source, "name"));
			print_wrapped(2, text(row, "why"));
		}
}

static void print_checks(const struct screen *s, const json_t *checks)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(checks, i, row) {
		bool fine = json_is_true(json_object_get(row, "fine"));
		print_head(s, &first, "CHECK                                      STATE");
		print_name(text(row, "name"), 42);
		putchar(' ');
		print_painted(s, fine ? GREEN : RED, fine ? "fine" : "not fine");
		putchar('\n');
		if (*text(row, "why"))
			print_wrapped(2, text(row, "why"));
	}
}

static void print_conflicts(const struct screen *s, const json_t *conflicts)
{
	bool first = true;
	size_t i;
	json_t *row;

	json_array_foreach(conflicts, i, row) {
		char words[2048];
		print_head(s, &first, "MAPPING CONFLICT");
		snprintf(words, sizeof words, "expected %s, found %s; count %lld", text(row, "expected"),
			text(row, "found"), number(row, "count"));
		print_wrapped(0, text(row, "field"));
		print_wrapped(2, words);
		if (*text(row, "sample"))
			print_wrapped(2, text(row, "sample"));
	}
}

static void print_state(const json_t *state)
{
	char words[512], spool[WORDS_ROOM], max[WORDS_ROOM];
	bool spools = number(state, "spool_bytes") > 0;

	print_bytes(number(state, "spool_bytes"), spool);
	print_bytes(number(state, "max_bytes"), max);
	if (spools || *text(state, "error"))
		putchar('\n');
	if (spools)
		printf("spool in state: %s of state.max, %s\n", spool, max);
	snprintf(words, sizeof words, "state fails: %s", text(state, "error"));
	if (*text(state, "error"))
		print_wrapped(0, words);
	if (spools || *text(state, "error"))
		print_wrapped(2, text(state, "path"));
}

static int print_report(const json_t *report)
{
	const struct screen s = { .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") };
	const json_t *ledger;
	char up[WORDS_ROOM];
	bool balanced;

	print_age(json_number_value(json_object_get(report, "uptime_seconds")), "", up);
	printf("oxpecker ");
	text_put(stdout, bytes_of(text(report, "version")));
	printf(", pid %lld, up %s\n", number(report, "pid"), up);
	ledger = json_object_get(report, "ledger");
	balanced = print_ledger(&s, ledger);
	print_destinations(&s, json_object_get(report, "destinations"));
	print_scrapes(&s, json_object_get(report, "sources"), ledger);
	print_troubles(&s, json_object_get(report, "sources"));
	print_checks(&s, json_object_get(report, "checks"));
	print_conflicts(&s, json_object_get(report, "mapping_conflicts"));
	print_state(json_object_get(report, "state"));
	return balanced ? 0 : 1;
}

/* What answers at that address may be another program. NULL: it is no report of ours. */
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

int cli_status(const char *control, bool json)
{
	struct cli_answer a = { .status = 0 };
	json_t *report;
	int status = 2;

	cli_ask("GET", control, "/status", &a);
	report = read_report(&a);
	if (!a.status)
		cli_no_agent(control, &a);
	else if (!report)
		fprintf(stderr,
			"oxpecker: what answers at %s is no agent: HTTP %u, and no report\n  Is `control` the same in "
			"its configuration?\n",
			control, a.status);
	else
		status = json ? print_json(&a) : print_report(report);
	json_decref(report);
	buffer_done(&a.body);
	return status;
}

int cli_health(const char *control)
{
	struct cli_answer a = { .status = 0 };

	cli_ask("GET", control, "/health/readiness", &a);
	if (a.status) { /* what answers there may be another program */
		text_put(stdout, buffer_bytes(&a.body));
		putchar('\n');
	} else {
		cli_no_agent(control, &a);
	}
	buffer_done(&a.body);
	return a.status == 200 ? 0 : 1;
}
