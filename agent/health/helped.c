#include "health/helped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "health/helper.h"
#include "loop/child.h"

enum { WHY_MAX = CHILD_SAID_MAX + 64 };

struct check {
	struct host *host;
	const char *kind;
	struct child child;
	struct buffer task; /* the words, each with a zero behind it */
};

/* The first line that says something. */
static void first_line(const char *said, char to[CHILD_SAID_MAX + 1])
{
	size_t size;

	said += strspn(said, "\r\n\t ");
	size = strcspn(said, "\r\n");
	memcpy(to, said, size);
	to[size] = '\0';
	text_one_line(to);
}

static void describe(const struct check *c, const struct child_end *end, char why[WHY_MAX])
{
	char line[CHILD_SAID_MAX + 1];
	bool own = strcmp(c->kind, "exec") != 0; /* it says why, and its status says nothing more */

	first_line(end->said, line);
	if (end->flooded)
		snprintf(why, WHY_MAX, "it printed more than %d KiB", CHILD_OUTPUT_MAX >> 10);
	else if (WIFSIGNALED(end->status))
		snprintf(why, WHY_MAX, "killed by signal %d%s%s", WTERMSIG(end->status), *line ? ": " : "", line);
	else if (own && *line)
		snprintf(why, WHY_MAX, "%s", line);
	else
		snprintf(why, WHY_MAX, "exit status %d%s%s", WEXITSTATUS(end->status), *line ? ": " : "", line);
}

static void on_ended(void *context, const struct child_end *end)
{
	const struct check *c = context;
	char why[WHY_MAX] = "";
	bool fine = !end->flooded && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0;

	if (!fine)
		describe(c, end, why);
	host_checked(c->host, fine, why);
}

static int add_word(struct check *c, const char *word)
{
	return buffer_append(&c->task, word ? word : "", word ? strlen(word) + 1 : 1);
}

int helped_create(const struct helped_task *task, struct host *host, struct check **ret)
{
	struct check *c = oxp_new(sizeof *c);
	int failed;

	*c = (struct check){ .host = host, .kind = task->kind };
	buffer_init(&c->task, CHILD_TASK_MAX);
	failed = child_init(&c->child, host_loop(host), on_ended, c);
	if (failed)
		host_log(host, LOG_LEVEL_ERROR, "cannot wait for a process: %s", strerror(-failed));
	for (size_t i = 0; i < task->count && !failed; i++) {
		failed = add_word(c, task->words[i]);
		if (failed)
			host_log(host, LOG_LEVEL_ERROR, "its options are longer than %d KiB", CHILD_TASK_MAX >> 10);
	}
	if (failed) {
		helped_destroy(c);
		return failed;
	}
	*ret = c;
	return 0;
}

void helped_start(struct check *c)
{
	const char *const argv[] = { HELPER_NAME, c->kind };
	char why[WHY_MAX];
	int failed = child_start(&c->child, argv, buffer_bytes(&c->task));

	if (!failed)
		return;
	if (failed == -EBUSY)
		snprintf(why, sizeof why, "the process of the look before has not ended");
	else
		snprintf(why, sizeof why, "cannot start a process: %s", strerror(-failed));
	host_checked(c->host, false, why);
}

void helped_cancel(struct check *c)
{
	child_stop(&c->child);
}

void helped_destroy(struct check *c)
{
	if (!c)
		return;
	child_done(&c->child);
	buffer_done(&c->task);
	free(c);
}
