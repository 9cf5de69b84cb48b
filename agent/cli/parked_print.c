#include "cli/parked_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/member.h"

enum { REASON_SHOWN = 160 };

void cli_parked_print_head(bool json)
{
	if (!json)
		printf("%-8s %-24s %-32s %5s %9s  %s\n", "ID", "WHEN", "DESTINATION", "TRIES", "BYTES", "REASON");
}

static void print_json(const json_t *json, size_t form)
{
	char *line = json_dumps(json, form);

	if (line)
		text_put_json(stdout, bytes_of(line), true);
	putchar('\n');
	free(line);
}

void cli_parked_print_row(const json_t *row, bool json)
{
	const char *reason = member_text(row, "reason");

	if (json) {
		print_json(row, JSON_COMPACT);
		return;
	}
	printf("%-8lld %-24s %-32s %5lld %9lld  ", member_number(row, "id"), member_text(row, "at"),
		member_text(row, "destination"), member_number(row, "tries"), member_number(row, "bytes"));
	text_put(stdout, (struct bytes){ reason, strnlen(reason, REASON_SHOWN) });
	puts(json_is_true(json_object_get(row, "ready")) ? "" : "  (its file's position is not saved yet)");
}

static void print_line(struct bytes text)
{
	text_put(stdout, text);
	putchar('\n');
}

static void print_member(const char *name, const char *value)
{
	printf("%-12s ", name);
	print_line(bytes_of(value));
}

void cli_parked_print_whole(const json_t *row, bool json)
{
	static const char *const names[] = { "at", "signal", "source", "destination", "reason" };
	json_t *payload = json_object_get(row, "payload");

	if (json) {
		cli_parked_print_row(row, json);
		return;
	}
	printf("id           %lld\n", member_number(row, "id"));
	for (size_t i = 0; i < COUNT_OF(names); i++)
		print_member(names[i], member_text(row, names[i]));
	printf("tries        %lld\n", member_number(row, "tries"));
	printf("generation   %lld\n", member_number(row, "generation"));
	printf("offset       %lld\n", member_number(row, "offset"));
	printf("bytes        %lld%s\n\n", member_number(row, "bytes"),
		json_is_true(json_object_get(row, "damaged")) ? ", damaged" : "");
	if (json_is_string(payload))
		print_line((struct bytes){ json_string_value(payload), json_string_length(payload) });
	else if (payload)
		print_json(payload, JSON_INDENT(2));
}
