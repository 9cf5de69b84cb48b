/*
 * `oxpecker parked ls|show|replay|drop`: what destinations refused, by way of the running agent's control socket.
 *
 * Without an agent, ls and show read the state folder; replay and drop need one, since they change its books.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_config.h"
#include "base/text.h"
#include "cli/member.h"
#include "cli/parked_ask.h"
#include "cli/parked_change.h"
#include "cli/parked_print.h"
#include "parked/parked_text.h"
#include "state/parked_each.h"

struct options {
	const char *destination, *rename;
	bool all, json;
};

/* Without an agent. */

struct reading {
	const struct cli_parked_call *c;
	uint64_t id; /* 0: list all records */
	size_t seen;
};

static void on_record(void *context, const struct state_parked *record)
{
	struct reading *r = context;
	struct buffer out;
	json_t *json = NULL;

	if ((r->id && record->id != r->id) ||
		(r->c->destination && strcmp(r->c->destination, record->destination) != 0))
		return;
	buffer_init(&out, PARKED_TEXT_MAX);
	if (parked_write(record, r->id != 0, &out) == 0)
		json = json_loadb(out.data, out.size, JSON_ALLOW_NUL, NULL);
	if (r->id)
		cli_parked_print_whole(json, r->c->json);
	else
		cli_parked_print_row(json, r->c->json);
	r->seen++;
	json_decref(json);
	buffer_done(&out);
}

static int read_folder(struct reading *r, const struct cli_parked_ending *e)
{
	int failed = state_parked_each(r->c->state, on_record, r);

	if (!failed)
		return COMMAND_DONE;
	fprintf(stderr, "oxpecker: no agent at %s (%s), and %s/state.db cannot be read: %s\n", r->c->control, e->error,
		r->c->state, strerror(-failed));
	return COMMAND_MISUSED;
}

/* Commands. */

static int list(const struct cli_parked_call *c, const uint64_t *ids, size_t count)
{
	char start[64] = "/parked?after=0";
	enum cli_parked_next next = CLI_PARKED_MORE;
	struct cli_parked_ending e;
	long long after = -1;
	json_t *page, *row;
	size_t i;

	(void)ids, (void)count;
	cli_parked_print_head(c->json);
	while (next == CLI_PARKED_MORE && (page = cli_parked_ask(c, "GET", start, &e))) {
		json_array_foreach(json_object_get(page, "records"), i, row)
			cli_parked_print_row(row, c->json);
		next = cli_parked_next(c, page, &after);
		snprintf(start, sizeof start, "/parked?after=%lld", after);
		json_decref(page);
	}
	if (next == CLI_PARKED_MORE && !e.status)
		return read_folder(&(struct reading){ .c = c }, &e);
	return next == CLI_PARKED_LAST ? COMMAND_DONE : COMMAND_FAILED;
}

static int show(const struct cli_parked_call *c, uint64_t id)
{
	struct reading r = { .c = c, .id = id };
	char start[64];
	struct cli_parked_ending e;
	json_t *record;
	int result;

	snprintf(start, sizeof start, "/parked/show?id=%llu", (unsigned long long)id);
	record = cli_parked_ask(c, "GET", start, &e);
	if (record) {
		cli_parked_print_whole(record, c->json);
		json_decref(record);
		return COMMAND_DONE;
	}
	if (e.status)
		return COMMAND_FAILED;
	result = read_folder(&r, &e);
	if (result == COMMAND_DONE && r.seen == 0)
		fprintf(stderr, "oxpecker: no record of id %llu is parked\n", (unsigned long long)id);
	return r.seen ? COMMAND_DONE : result == COMMAND_DONE ? COMMAND_FAILED : result;
}

static int show_each(const struct cli_parked_call *c, const uint64_t *ids, size_t count)
{
	int result = COMMAND_DONE;

	for (size_t i = 0; i < count && result != COMMAND_MISUSED; i++) {
		int one = show(c, ids[i]);
		result = one ? one : result;
	}
	return result;
}

/* The first word, and what else the command line may have with it. */
static const struct verb {
	const char *name;
	bool ids, all, rename;
	int (*run)(const struct cli_parked_call *, const uint64_t *ids, size_t count);
} verbs[] = {
	{ "ls", false, false, false, list },
	{ "show", true, false, false, show_each },
	{ "replay", true, true, true, cli_parked_change },
	{ "drop", true, true, false, cli_parked_change },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static bool is_rename(const char *text)
{
	const char *equal = strchr(text, '=');

	return equal && equal > text && equal[1];
}

/* What is wrong with the command line, or NULL. */
static const char *complaint(const struct verb *v, const struct cli_parked_call *c)
{
	if (!v)
		return "expected ls, show, replay or drop";
	if (c->rename && !v->rename)
		return "--rename applies to replay only";
	if (c->rename && !is_rename(c->rename))
		return "--rename takes OLD=NEW";
	if (c->all && !v->all)
		return "--all applies to replay and drop only";
	if (!v->ids)
		return c->count > 1 ? "ls takes no ids" : NULL;
	if (c->all)
		return c->count > 1 ? "give ids or --all, not both" : NULL;
	if (c->count > 1)
		return NULL;
	return v->all ? "give ids as `parked ls` shows them, or --all" : "give ids as `parked ls` shows them";
}

static bool parse_ids(const struct cli_parked_call *c, uint64_t *ids)
{
	for (size_t i = 1; i < c->count; i++)
		if (!u64_parse(bytes_of(c->words[i]), &ids[i - 1]) || ids[i - 1] == 0)
			return false;
	return true;
}

static int do_words(const struct cli_parked_call *c)
{
	const struct verb *v = find_verb(c->count ? c->words[0] : "");
	const char *wrong = complaint(v, c);
	uint64_t *ids = oxp_new((c->count + 1) * sizeof *ids);
	int result = COMMAND_MISUSED;

	if (!wrong && !parse_ids(c, ids))
		wrong = "an id is a number, as `parked ls` shows it";
	if (wrong)
		fprintf(stderr, "oxpecker: parked: %s; see oxpecker parked --help\n", wrong);
	else
		result = v->run(c, ids, c->count - 1);
	free(ids);
	return result;
}

static int run(const struct command_call *call)
{
	const struct options *o = call->options;

	return do_words(&(struct cli_parked_call){ .control = call->config->control,
		.state = call->config->state.path,
		.destination = o->destination,
		.rename = o->rename,
		.words = call->words,
		.count = call->word_count,
		.all = o->all,
		.json = o->json });
}

#define AT(field) .at = offsetof(struct options, field)
static const struct command_option options[] = {
	{ .name = "--destination",
		.value = "NAME",
		AT(destination),
		.text = "only what NAME refused: logs.export.elasticsearch" },
	{ .name = "--all", AT(all), .text = "replay, drop: all records" },
	{ .name = "--rename",
		.value = "OLD=NEW",
		AT(rename),
		.text = "replay: renames a member of the JSON line (a.b: b within a)" },
	{ .name = "--json", AT(json), .text = "print JSON" },
	{ .name = NULL },
};
#undef AT

const struct command command_parked = {
	.name = "parked",
	.words = "ls|show|replay|drop [ID]...",
	.words_max = SIZE_MAX,
	.summary = "handle records that destinations refused",
	.about = "  ls              lists what destinations refused, oldest first\n"
		 "  show ID...      shows the records, too\n"
		 "  replay ID...    sends records again, and deletes those that are taken\n"
		 "  drop ID...      deletes records\n"
		 "\n"
		 "ls and show read `state`; the agent need not run.\n",
	.exits = "0 everything was done; 1 not everything; 2 no agent answers.",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};
