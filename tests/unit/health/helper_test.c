/*
 * Helpers: what becomes of one that ends, talks, hangs or is stopped; and the parts of URLs. This program is the
 * helper, too, as the agent is.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "component.h"
#include "health/helper.h"
#include "health/peer_url.h"
#include "loop/child.h"

/* What a check would be lent, which none here is. */

struct loop *host_loop(struct host *h)
{
	(void)h;
	return NULL;
}

void host_checked(struct host *h, bool fine, const char *why)
{
	(void)h, (void)fine, (void)why;
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h, (void)level, (void)format;
}

struct world {
	struct loop *loop;
	struct child child;
	size_t ended;
	struct child_end end;
	char said[CHILD_SAID_MAX + 1];
};

static void on_ended(void *context, const struct child_end *end)
{
	struct world *w = context;

	w->ended++;
	w->end = *end;
	snprintf(w->said, sizeof w->said, "%s", end->said);
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	assert_int_equal(loop_new(&clock_system, &w->loop), 0);
	assert_int_equal(child_init(&w->child, w->loop, on_ended, w), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	child_done(&w->child);
	loop_free(w->loop);
	free(w);
	return 0;
}

static int start(struct world *w, const char *script)
{
	static const char *const argv[] = { HELPER_NAME, "exec" };
	struct buffer task;
	int failed;

	buffer_init(&task, CHILD_TASK_MAX);
	assert_int_equal(buffer_append(&task, "sh\0-c\0", 6), 0);
	assert_int_equal(buffer_append(&task, script, strlen(script) + 1), 0);
	failed = child_start(&w->child, argv, buffer_bytes(&task));
	buffer_done(&task);
	return failed;
}

static void turn_until_ended(struct world *w, size_t ended)
{
	for (int i = 0; i < 6000 && w->ended < ended; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_int_equal(w->ended, ended);
}

static void test_how_it_ended(void **state)
{
	struct world *w = *state;

	assert_int_equal(start(w, "echo hello; exit 7"), 0);
	turn_until_ended(w, 1);
	assert_true(WIFEXITED(w->end.status) && WEXITSTATUS(w->end.status) == 7);
	assert_string_equal(w->said, "hello\n");
	assert_int_equal(start(w, "exit 0"), 0);
	turn_until_ended(w, 2);
	assert_true(WIFEXITED(w->end.status) && WEXITSTATUS(w->end.status) == 0);
	assert_string_equal(w->said, "");
	assert_false(w->end.flooded);
}

static void test_only_the_beginning_of_what_it_says_is_kept(void **state)
{
	struct world *w = *state;

	assert_int_equal(start(w, "printf '%2000s' x"), 0);
	turn_until_ended(w, 1);
	assert_int_equal(strlen(w->said), CHILD_SAID_MAX);
	assert_int_equal(start(w, "exec yes"), 0);
	turn_until_ended(w, 2);
	assert_true(w->end.flooded);
	assert_true(WIFSIGNALED(w->end.status));
}

/* Whether the process of that number is; one that nobody has waited for is not. */
static bool is_alive(const char *pid)
{
	char path[64], stat[512] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/stat", strtol(pid, NULL, 10));
	file = fopen(path, "re");
	if (!file)
		return false;
	(void)!fgets(stat, sizeof stat, file);
	fclose(file);
	return strchr(stat, ')') && strrchr(stat, ')')[2] != 'Z';
}

/* The pipe stays open in what it leaves behind. */
static void test_it_ends_though_what_it_began_does_not(void **state)
{
	struct world *w = *state;

	assert_int_equal(start(w, "sleep 1000 & echo $!"), 0);
	turn_until_ended(w, 1);
	for (int i = 0; i < 6000 && is_alive(w->said); i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_false(is_alive(w->said));
}

static void test_one_that_is_stopped_says_nothing_and_leaves_room(void **state)
{
	struct world *w = *state;

	assert_int_equal(start(w, "exec sleep 1000"), 0);
	child_stop(&w->child);
	child_stop(&w->child);
	assert_int_equal(start(w, "exit 0"), -EBUSY);
	for (int i = 0; i < 6000 && w->child.state != CHILD_NONE; i++)
		loop_turn(w->loop, DURATION_MS(10));
	assert_int_equal(w->ended, 0);
	assert_int_equal(start(w, "exit 0"), 0);
	turn_until_ended(w, 1);
}

static void test_the_parts_of_a_url(void **state)
{
	static const struct {
		const char *url, *parts;
	} rows[] = {
		{ "redis://h", "redis|||h||" },
		{ "redis://:p@h:1/0", "redis||p|h|1|0" },
		{ "mysql://u:p%40%2f@h.x:3306/db?a=b", "mysql|u|p@/|h.x|3306|db" },
		{ "mysql://u:a/b@c@[::1]:3306/db", "mysql|u|a/b@c|::1|3306|db" },
		{ "mysql://u@[::1]", "mysql|u||::1||" },
	};
	static const char *const none[] = { "", "h", "redis://", "redis://u:p@", "redis://:%00@h", "redis:///0" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct peer_url u;
		char parts[200];
		assert_true(peer_url_read(rows[i].url, &u));
		snprintf(
			parts, sizeof parts, "%s|%s|%s|%s|%s|%s", u.scheme, u.user, u.password, u.host, u.port, u.path);
		assert_string_equal(parts, rows[i].parts);
		peer_url_done(&u);
	}
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		struct peer_url u;
		assert_false(peer_url_read(none[i], &u));
		peer_url_done(&u);
	}
}

static void test_the_query_of_a_url(void **state)
{
	(void)state;
	assert_null(peer_url_query("redis://h/0"));
	assert_null(peer_url_query("redis://:a?b@h/0"));
	assert_string_equal(peer_url_query("redis://:a?b@h/0?c"), "c");
	assert_string_equal(peer_url_query("mysql://h/db?ssl-mode=x"), "ssl-mode=x");
}

static void test_passwords_are_taken_out(void **state)
{
	static const struct {
		const char *url, *said, *shown;
	} rows[] = {
		{ "redis://:hunter2@h", "ERR hunter2, hunter2!", "ERR ***, ***!" },
		{ "redis://:hunt%65r2@h", "hunter2 or hunt%65r2", "*** or ***" },
		{ "redis://:abc@h", "abc", "abc" },
		{ "redis://:a-long-token@h", "ERR args beginning with: a-long-to...",
			"ERR args beginning with: ***..." },
		{ "postgresql://h/d?user=u&password=hunter%32&x=y", "hunter2 hunter%32", "*** ***" },
		{ "no url", "all the same", "all the same" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[100];
		snprintf(text, sizeof text, "%s", rows[i].said);
		peer_url_hide(rows[i].url, text);
		assert_string_equal(text, rows[i].shown);
	}
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_how_it_ended),
		TEST(test_only_the_beginning_of_what_it_says_is_kept),
		TEST(test_it_ends_though_what_it_began_does_not),
		TEST(test_one_that_is_stopped_says_nothing_and_leaves_room),
		cmocka_unit_test(test_the_parts_of_a_url),
		cmocka_unit_test(test_the_query_of_a_url),
		cmocka_unit_test(test_passwords_are_taken_out),
	};

	(void)argc;
	if (helper_is_meant((const char *const *)argv))
		return helper_run((const char *const *)argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
