#include "cli/parked_change.h"

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/member.h"

static int no_agent(const struct cli_parked_call *c, const struct cli_parked_ending *e)
{
	fprintf(stderr,
		"oxpecker: no agent at %s (%s)\n  replay and drop need a running agent, because they change its books. "
		"Start it, or check `control` in its configuration.\n",
		c->control, e->error);
	return COMMAND_MISUSED;
}

/* The results of one or more slices. */
struct tally {
	long long done, refused, waiting;
	char error[320];
};

static void add_answer(struct tally *t, const json_t *answer)
{
	t->done = cli_sum(t->done, cli_sum(member_number(answer, "replayed"), member_number(answer, "dropped")));
	t->refused = cli_sum(t->refused, member_number(answer, "refused"));
	t->waiting = cli_sum(t->waiting, member_number(answer, "waiting"));
	if (!t->error[0])
		snprintf(t->error, sizeof t->error, "%s", member_text(answer, "error"));
}

/* Asks for slice after slice, up to the last record that was parked when the first slice was asked for. */
static int change_from(const struct cli_parked_call *c, const char *start, struct tally *t)
{
	char path[160];
	enum cli_parked_next next = CLI_PARKED_MORE;
	struct cli_parked_ending e;
	long long after = -1;
	json_t *answer;

	snprintf(path, sizeof path, "%s", start);
	while (next == CLI_PARKED_MORE) {
		answer = cli_parked_ask(c, "POST", path, &e);
		if (!answer)
			return e.status ? COMMAND_FAILED : no_agent(c, &e);
		add_answer(t, answer);
		next = cli_parked_next(c, answer, &after);
		snprintf(path, sizeof path, "/parked/%s?after=%lld&until=%lld", c->words[0], after,
			member_number(answer, "until"));
		json_decref(answer);
	}
	return next == CLI_PARKED_LAST ? COMMAND_DONE : COMMAND_FAILED;
}

static long long total(const struct tally *t)
{
	return cli_sum(t->done, cli_sum(t->refused, t->waiting));
}

static int change_one(const struct cli_parked_call *c, uint64_t id, struct tally *t)
{
	long long before = total(t);
	char start[64];
	int result;

	snprintf(start, sizeof start, "/parked/%s?id=%llu", c->words[0], (unsigned long long)id);
	result = change_from(c, start, t);
	if (result != COMMAND_DONE || total(t) > before || t->error[0])
		return result;
	fprintf(stderr, "oxpecker: %llu: no such record is parked, or its file's position is not saved yet\n",
		(unsigned long long)id);
	return COMMAND_FAILED;
}

static int print_tally(const struct cli_parked_call *c, const struct tally *t, int result)
{
	json_t *json = json_pack("{s:I,s:I,s:I,s:s}", strcmp(c->words[0], "drop") == 0 ? "dropped" : "replayed",
		(json_int_t)t->done, "refused", (json_int_t)t->refused, "waiting", (json_int_t)t->waiting, "error",
		t->error);

	if (c->json) {
		json_dumpf(json, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (strcmp(c->words[0], "drop") == 0) {
		printf("%lld dropped\n", t->done);
	} else {
		printf("%lld delivered, %lld refused again, %lld on their way\n", t->done, t->refused, t->waiting);
	}
	json_decref(json);
	if (t->error[0])
		cli_parked_complain(bytes_of(t->error));
	return result == COMMAND_DONE && (t->refused || t->waiting || t->error[0]) ? COMMAND_FAILED : result;
}

int cli_parked_change(const struct cli_parked_call *c, const uint64_t *ids, size_t count)
{
	struct tally t = { .done = 0 };
	char start[64];
	int result = COMMAND_DONE;

	if (c->all) {
		snprintf(start, sizeof start, "/parked/%s?after=0", c->words[0]);
		result = change_from(c, start, &t);
	}
	for (size_t i = 0; i < count && result != COMMAND_MISUSED; i++) {
		int one = change_one(c, ids[i], &t);
		result = one ? one : result;
	}
	return result == COMMAND_MISUSED ? result : print_tally(c, &t, result);
}
