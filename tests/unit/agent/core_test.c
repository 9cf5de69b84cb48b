/*
 * The phases of the process: which moves there are, and that any other aborts.
 */
#include "unit/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"

/* In a process of its own, since a move that is not allowed ends it. */
static bool may_move(enum agent_phase from, enum agent_phase to)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct core core = { .phase = from };
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		core_move(&core, to);
		_exit(core.phase == to ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGABRT);
	else
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFEXITED(status);
}

static void test_the_moves_there_are(void **state)
{
	static const bool moves[AGENT_PHASES][AGENT_PHASES] = {
		/* to: starting, running, draining, leaving, ending */
		[AGENT_STARTING] = { 0, 1, 0, 0, 1 },
		[AGENT_RUNNING] = { 0, 0, 1, 0, 1 },
		[AGENT_DRAINING] = { 0, 0, 0, 1, 1 },
		[AGENT_LEAVING] = { 0, 0, 0, 0, 1 },
		[AGENT_ENDING] = { 0, 0, 0, 0, 0 },
	};

	(void)state;
	for (int from = 0; from < AGENT_PHASES; from++)
		for (int to = 0; to < AGENT_PHASES; to++)
			assert_int_equal(may_move(from, to), moves[from][to]);
}

static void test_a_core_that_was_never_opened_is_closed(void **state)
{
	struct core core = { .phase = AGENT_STARTING };

	(void)state;
	core_close(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_moves_there_are),
		cmocka_unit_test(test_a_core_that_was_never_opened_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
