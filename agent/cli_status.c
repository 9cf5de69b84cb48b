#include "cli_status.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli_ask.h"

static long long amount(const json_t *row, const char *term)
{
	return json_integer_value(json_object_get(json_object_get(row, term), "records"));
}

static long long dropped(const json_t *row)
{
	json_t *reasons = json_object_get(row, "dropped"), *value;
	long long sum = 0;
	const char *key;

	json_object_foreach(reasons, key, value) sum += json_integer_value(json_object_get(value, "records"));
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

/* Returns whether every row balances. */
static bool print_ledger(const json_t *ledger, bool colour)
{
	bool balanced = true;
	size_t i;
	json_t *row;

	printf("%s%-8s %-28s %-28s %12s %12s %9s %9s %9s %9s %9s%s\n", colour ? "\033[1m" : "", "SIGNAL", "SOURCE",
		"DESTINATION", "RECEIVED", "DELIVERED", "PARKED", "REJECTED", "DROPPED", "MERGED", "HELD",
		colour ? "\033[0m" : "");
	json_array_foreach(ledger, i, row)
	{
		long long balance = json_integer_value(json_object_get(row, "balance"));
		printf("%-8s %-28s %-28s %12lld %12lld %9lld %9lld %9lld %9lld %9lld", text(row, "signal"),
			text(row, "source"), text(row, "destination"), amount(row, "received"),
			amount(row, "delivered"), amount(row, "parked"), amount(row, "rejected"), dropped(row),
			amount(row, "merged"), amount(row, "held"));
		if (balance)
			printf("  %sdoes not balance: %+lld%s", colour ? "\033[31m" : "", balance,
				colour ? "\033[0m" : "");
		putchar('\n');
		balanced = balanced && !balance;
	}
	if (json_array_size(ledger) == 0)
		puts("nothing has come in yet");
	return balanced;
}

static void print_dropped(const json_t *ledger, bool colour)
{
	const char *head = "\n", *reason;
	size_t i;
	json_t *row, *value;

	json_array_foreach(ledger, i, row) json_object_foreach(json_object_get(row, "dropped"), reason, value)
	{
		if (*head)
			printf("\n%s%-28s %-28s %12s  %s%s\n", colour ? "\033[1m" : "", "SOURCE", "DESTINATION",
				"DROPPED", "WHY", colour ? "\033[0m" : "");
		head = "";
		printf("%-28s %-28s %12lld  %s\n", text(row, "source"), text(row, "destination"),
			json_integer_value(json_object_get(value, "records")), reason);
	}
}

/* When the destination last acknowledged a record. */
static void age(const json_t *row, char *to, size_t room)
{
	const json_t *seconds = json_object_get(row, "seconds_since_acknowledged");

	if (json_is_number(seconds))
		snprintf(to, room, "%.0f s ago", json_number_value(seconds));
	else
		snprintf(to, room, "never");
}

static void fill(const json_t *row, char *to, size_t room)
{
	snprintf(to, room, "%lld / %.1fK", json_integer_value(json_object_get(row, "queued_records")),
		(double)json_integer_value(json_object_get(row, "queued_bytes")) / 1024);
}

/* What it does now, or that it takes nothing for long. */
static const char *state(const json_t *row)
{
	const char *delivery = text(row, "delivery");

	return *delivery && strcmp(delivery, "fine") != 0 ? delivery : text(row, "state");
}

static void print_destinations(const json_t *destinations, bool colour)
{
	size_t i;
	json_t *row;

	if (json_array_size(destinations) > 0)
		printf("\n%s%-34s %-9s %10s %18s %10s %10s  %s%s\n", colour ? "\033[1m" : "", "DESTINATION", "STATE",
			"LAST TAKEN", "QUEUED", "SENDS", "RETRIES", "LAST ERROR", colour ? "\033[0m" : "");
	json_array_foreach(destinations, i, row)
	{
		char last[24], queued[32];
		age(row, last, sizeof last);
		fill(row, queued, sizeof queued);
		printf("%-34s %-9s %10s %18s %10lld %10lld  %s\n", text(row, "name"), state(row), last, queued,
			json_integer_value(json_object_get(row, "sends")),
			json_integer_value(json_object_get(row, "retries")), text(row, "error"));
	}
}

static void print_troubles(const json_t *sources, bool colour)
{
	const char *head = "\n";
	size_t i, k;
	json_t *source, *row;

	json_array_foreach(sources, i, source) json_array_foreach(json_object_get(source, "troubles"), k, row)
	{
		if (*head)
			printf("\n%s%-34s %-44s %s%s\n", colour ? "\033[1m" : "", "SOURCE", "CANNOT READ", "WHY",
				colour ? "\033[0m" : "");
		head = "";
		printf("%-34s %-44s %s\n", text(source, "name"), text(row, "file"), text(row, "why"));
	}
}

static void print_checks(const json_t *checks, bool colour)
{
	size_t i;
	json_t *row;

	if (json_array_size(checks) > 0)
		printf("\n%s%-34s %-9s %s%s\n", colour ? "\033[1m" : "", "CHECK", "STATE", "WHY",
			colour ? "\033[0m" : "");
	json_array_foreach(checks, i, row) printf("%-34s %-9s %s\n", text(row, "name"),
		json_is_true(json_object_get(row, "fine")) ? "fine" : "not fine", text(row, "why"));
}

static void print_conflicts(const json_t *conflicts, bool colour)
{
	size_t i;
	json_t *row;

	if (json_array_size(conflicts) > 0)
		printf("\n%s%-28s %-20s %-28s %9s  %s%s\n", colour ? "\033[1m" : "", "MAPPING CONFLICT", "EXPECTED",
			"FOUND", "COUNT", "SAMPLE", colour ? "\033[0m" : "");
	json_array_foreach(conflicts, i, row)
		printf("%-28s %-20s %-28s %9lld  %s\n", text(row, "field"), text(row, "expected"), text(row, "found"),
			json_integer_value(json_object_get(row, "count")), text(row, "sample"));
}

static void print_state(const json_t *state)
{
	double mib = 1 << 20, spool = (double)json_integer_value(json_object_get(state, "spool_bytes"));

	if (spool > 0)
		printf("\nspool in %s: %.1f MiB; state.max is %.0f MiB\n", text(state, "path"), spool / mib,
			(double)json_integer_value(json_object_get(state, "max_bytes")) / mib);
	if (*text(state, "error"))
		printf("\nstate in %s fails: %s\n", text(state, "path"), text(state, "error"));
}

static int print_report(const json_t *report)
{
	bool colour = isatty(STDOUT_FILENO), balanced;

	printf("oxpecker %s, pid %lld, up %.0f s\n\n", text(report, "version"),
		json_integer_value(json_object_get(report, "pid")),
		json_real_value(json_object_get(report, "uptime_seconds")));
	balanced = print_ledger(json_object_get(report, "ledger"), colour);
	print_dropped(json_object_get(report, "ledger"), colour);
	print_destinations(json_object_get(report, "destinations"), colour);
	print_troubles(json_object_get(report, "sources"), colour);
	print_checks(json_object_get(report, "checks"), colour);
	print_conflicts(json_object_get(report, "mapping_conflicts"), colour);
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

int cli_status(const char *control, bool json)
{
	struct cli_answer a = { .status = 0 };
	json_t *report;
	int status = 2;

	cli_ask("GET", control, "/status", &a);
	report = read_report(&a);
	if (!a.status)
		fprintf(stderr,
			"oxpecker: no agent answers at %s: %s\n  Is it running, and is `control` the same in its "
			"configuration?\n",
			control, a.error);
	else if (!report)
		fprintf(stderr,
			"oxpecker: what answers at %s is no agent: HTTP %u, and no report\n  Is `control` the same in "
			"its configuration?\n",
			control, a.status);
	else if (json)
		status = fwrite(a.body.data, 1, a.body.size, stdout) == a.body.size ? 0 : 2;
	else
		status = print_report(report);
	json_decref(report);
	buffer_done(&a.body);
	return status;
}

/* What answers there may be another program. */
static void print_answer(struct buffer *body)
{
	text_plain(body->data, body->size);
	printf("%.*s\n", (int)body->size, body->data);
}

int cli_health(const char *control)
{
	struct cli_answer a = { .status = 0 };

	cli_ask("GET", control, "/health/readiness", &a);
	if (a.status)
		print_answer(&a.body);
	else
		fprintf(stderr, "oxpecker: no agent answers at %s: %s\n", control, a.error);
	buffer_done(&a.body);
	return a.status == 200 ? 0 : 1;
}
