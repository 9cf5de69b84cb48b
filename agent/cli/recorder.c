/*
 * `oxpecker recorder ls|show|dump`: the flight recorder. ls and show read its file; dump asks the running agent, since
 * it sends.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "agent_config.h"
#include "base/text.h"
#include "cli/ask.h"
#include "cli/member.h"
#include "cli/recorder_show.h"
#include "config/value.h"

enum { LIMIT = 50 };

struct options {
	const char *last, *limit, *service, *trace; /* as written, or NULL if missing */
	bool all, json;
};

/* Prints what the agent says; false if it is no agent. */
static bool print_answer(const json_t *answer)
{
	const char *error = member_text(answer, "error");
	long long spans = member_number(answer, "spans");

	if (!json_is_integer(json_object_get(answer, "spans")))
		return false;
	if (spans > 0)
		printf("%lld spans go to the exporters, marked oxpecker.recorder.reason=command\n", spans);
	else if (!*error)
		puts("nothing to send: sampling left nothing out in that time, or it was dumped already; "
		     "--last 5m goes back further, and `oxpecker recorder ls` tells what is there");
	if (*error) {
		fputs("oxpecker: ", stderr);
		text_put(stderr, bytes_of(error));
		fputc('\n', stderr);
	}
	return true;
}

static int dump(const struct command_call *call, struct duration last)
{
	const struct options *o = call->options;
	const char *control = call->config->control;
	struct cli_answer a = { .status = 0 };
	json_t *answer = NULL;
	char path[96];
	int result = COMMAND_FAILED;

	snprintf(path, sizeof path, "/recorder/dump?all=%d", o->all);
	if (o->last)
		snprintf(
			path + strlen(path), sizeof path - strlen(path), "&last_ms=%lld", (long long)duration_ms(last));
	cli_ask("POST", control, path, &a);
	if (a.status == 200)
		answer = json_loadb(a.body.data, a.body.size, 0, NULL);
	if (!a.status) {
		cli_no_agent(control, &a);
		result = COMMAND_MISUSED;
	} else if (print_answer(answer)) {
		result = *member_text(answer, "error") ? COMMAND_FAILED : COMMAND_DONE;
	} else {
		fprintf(stderr, "oxpecker: %s: HTTP %u: ", control, a.status);
		text_put(stderr, bytes_trimmed(buffer_bytes(&a.body)));
		fputc('\n', stderr);
	}
	json_decref(answer);
	buffer_done(&a.body);
	return result;
}

/* What is wrong with the command line, or NULL. */
static const char *parse(const char *verb, const struct options *o, struct cli_recorder_wanted *ret)
{
	bool dumps = verb && strcmp(verb, "dump") == 0, shows = verb && strcmp(verb, "show") == 0;

	if (!dumps && !shows && (!verb || strcmp(verb, "ls") != 0))
		return "expected ls, show or dump";
	if (o->last && value_duration(o->last, &ret->last))
		return "--last takes a duration such as 30s or 5m";
	if (o->limit && !u64_parse(bytes_of(o->limit), &ret->limit))
		return "--limit takes a number";
	if (o->limit && !shows)
		return "--limit applies to show only";
	if (dumps && (o->service || o->trace || o->json))
		return "--service, --trace and --json apply to ls and show only";
	if (o->all && !dumps)
		return "--all applies to dump only";
	return NULL;
}

static int run(const struct command_call *call)
{
	const struct options *o = call->options;
	const char *verb = call->words[0], *wrong;
	struct cli_recorder_wanted wanted = { .folder = call->config->state.path,
		.limit = LIMIT,
		.service = o->service,
		.trace = o->trace,
		.json = o->json };

	wrong = parse(verb, o, &wanted);
	if (wrong) {
		fprintf(stderr, "oxpecker: recorder: %s; see oxpecker recorder --help\n", wrong);
		return COMMAND_MISUSED;
	}
	if (verb[0] == 'd')
		return dump(call, wanted.last);
	return verb[0] == 's' ? cli_recorder_show(&wanted) : cli_recorder_list(&wanted);
}

#define AT(field) .at = offsetof(struct options, field)
static const struct command_option options[] = {
	{ .name = "--last",
		.value = "TIME",
		AT(last),
		.text = "how far back: 30s, 5m. dump: from now (default\n"
			"traces.recorder.last); show, ls: from the newest span\n"
			"(default: everything that is there)" },
	{ .name = "--limit", .value = "N", AT(limit), .text = "show: only the newest N (default 50)" },
	{ .name = "--service", .value = "NAME", AT(service), .text = "ls, show: only this service" },
	{ .name = "--trace",
		.value = "ID",
		AT(trace),
		.text = "ls, show: only this trace; the first digits are enough" },
	{ .name = "--all",
		AT(all),
		.text = "dump: also what was sent already; a backend may show it\n"
			"twice" },
	{ .name = "--json", AT(json), .text = "ls, show: print one JSON object a line" },
	{ .name = NULL },
};
#undef AT

const struct command command_recorder = {
	.name = "recorder",
	.words = "ls|show|dump",
	.words_max = 1,
	.summary = "look at the last seconds of all spans, or send them",
	.about = "The flight recorder (traces.recorder) keeps the last seconds of all spans, also\n"
		 "of those that sampling leaves out.\n"
		 "\n"
		 "  ls              what it has of each service\n"
		 "  show            its spans, the newest last\n"
		 "  dump            sends what sampling left out to the exporters of traces; each\n"
		 "                  span gets the attribute oxpecker.recorder.reason=command\n"
		 "\n"
		 "ls and show read the file in `state`; the agent need not run, and may have been\n"
		 "killed.\n",
	.exits = "0 done; 1 no recorder, or not all was sent; 2 no agent answers.",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};
