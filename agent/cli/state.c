/*
 * `oxpecker state backup|restore|verify`: the state folder, copied while the agent runs, put back, and looked at.
 */
#include "cli/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent_config.h"
#include "base/text.h"
#include "cli/state_print.h"
#include "state/backup.h"
#include "state/restore.h"

struct options {
	bool replace, json;
};

struct call {
	const char *folder, *state; /* the one that was named, or NULL; and of the configuration */
	const struct options *options;
	struct backup_watch watch;
	char why[BACKUP_WHY];
};

/* Being stopped. A signal waits until it is asked for, so that nothing half done stays behind. */

static void signals_that_stop(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
}

static bool was_stopped(void *context)
{
	const struct timespec at_once = { 0, 0 };
	bool *stopped = context;
	sigset_t set;

	signals_that_stop(&set);
	*stopped = *stopped || sigtimedwait(&set, NULL, &at_once) > 0;
	return *stopped;
}

static int complain(const struct call *c, const char *verb, int failed)
{
	fprintf(stderr, "oxpecker: state %s: ", verb);
	text_put(stderr, bytes_of(c->why));
	fputc('\n', stderr);
	return failed == -EINTR ? COMMAND_FAILED : COMMAND_MISUSED;
}

/* Commands. */

static int backup(struct call *c)
{
	struct backup_manifest *m = oxp_new(sizeof *m);
	int failed = backup_make(&(struct backup_order){ .state = c->state,
					 .to = c->folder,
					 .program = OXP_VERSION,
					 .now = clock_system.wall(&clock_system),
					 .watch = &c->watch },
		m, c->why);

	if (!failed)
		cli_state_print_done("wrote", c->folder, m, c->options->json);
	free(m);
	return failed ? complain(c, "backup", failed) : COMMAND_DONE;
}

static int restore(struct call *c)
{
	struct backup_manifest *m = oxp_new(sizeof *m);
	int failed = restore_run(
		&(struct restore_order){
			.from = c->folder, .state = c->state, .replace = c->options->replace, .watch = &c->watch },
		m, c->why);

	if (!failed)
		cli_state_print_done("restored", c->state, m, c->options->json);
	free(m);
	return failed ? complain(c, "restore", failed) : COMMAND_DONE;
}

static int verify(struct call *c)
{
	struct verify_report *r = oxp_new(sizeof *r);
	const char *path = c->folder ? c->folder : c->state;
	int failed = verify_run(path, &c->watch, r, c->why), status = COMMAND_DONE;

	if (!failed)
		cli_state_print_report(path, r, c->options->json);
	if (failed)
		status = complain(c, "verify", failed);
	else if (!r->whole)
		status = COMMAND_FAILED;
	free(r);
	return status;
}

static const struct verb {
	const char *name;
	bool needs_folder, replaces;
	int (*run)(struct call *);
} verbs[] = {
	{ "backup", true, false, backup },
	{ "restore", true, true, restore },
	{ "verify", false, false, verify },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* What is wrong with the command line, or NULL. */
static const char *complaint(const struct verb *v, const struct call *c)
{
	if (!v)
		return "expected backup, restore or verify";
	if (v->needs_folder && !c->folder)
		return "expected the folder of the backup behind it";
	if (c->options->replace && !v->replaces)
		return "--replace applies to restore only";
	return NULL;
}

static int run(const struct command_call *call)
{
	bool stopped = false;
	struct call c = { .folder = call->word_count > 1 ? call->words[1] : NULL,
		.state = call->config->state.path,
		.options = call->options,
		.watch = { was_stopped, &stopped } };
	const struct verb *v = find_verb(call->word_count ? call->words[0] : "");
	const char *wrong = complaint(v, &c);
	sigset_t set;

	if (wrong) {
		fprintf(stderr, "oxpecker: state: %s; see oxpecker state --help\n", wrong);
		return COMMAND_MISUSED;
	}
	signals_that_stop(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return v->run(&c);
}

#define AT(field) .at = offsetof(struct options, field)
static const struct command_option options[] = {
	{ .name = "--replace", AT(replace), .text = "restore: in the place of the state that is there" },
	{ .name = "--json", AT(json), .text = "print one JSON object" },
	{ .name = NULL },
};
#undef AT

const struct command command_state = {
	.name = "state",
	.words = "backup|restore|verify [FOLDER]",
	.words_max = 2,
	.summary = "back up the state folder, restore it, look at it",
	.about = "  backup FOLDER   copies positions, spool, parked records, the ledger, the\n"
		 "                  embedded store and saved metrics into a new folder; the agent\n"
		 "                  may run, and waits for nothing\n"
		 "  restore FOLDER  puts such a backup in the place of `state`; no agent runs\n"
		 "  verify [FOLDER] says whether a backup, or a state folder (default: `state`),\n"
		 "                  is whole, and what is in it\n"
		 "\n"
		 "FOLDER/manifest has the checksums; `sha256sum -c manifest` reads it, too.\n",
	.exits = "0 done, and all is whole; 1 not whole, or stopped; 2 not done.",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};
