/*
 * Pages as the usual client libraries write them, and the page they become: golden/exposition/NAME.txt (text 0.0.4) or
 * NAME.openmetrics gives NAME.txt.page or NAME.openmetrics.page, to the byte. A page is its own page when it is scraped
 * again. Where promtool is installed, it has nothing to say about any of them.
 */
#include "unit/unit.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "series/series.h"
#include "series/write.h"

#define FOLDER "golden/exposition/"
#define PROMTOOL "/usr/bin/promtool"

static const char *const names[] = {
	"prom-client.txt",
	"prom-client.openmetrics",
	"prometheus_client.txt",
	"prometheus_client.openmetrics",
};

static void read_golden(const char *name, const char *ending, struct buffer *to)
{
	char path[256];
	FILE *file;
	size_t n;

	snprintf(path, sizeof path, FOLDER "%s%s", name, ending);
	file = fopen(unit_file(path), "rb");
	assert_non_null(file);
	buffer_init(to, 1 << 20);
	assert_non_null(buffer_reserve(to, 1 << 16));
	while ((n = fread(to->data + to->size, 1, to->room - to->size, file)) > 0)
		to->size += n;
	fclose(file);
}

static void page_of(struct bytes scraped, enum exposition_format format, struct buffer *to)
{
	struct series *s = series_new(&series_limits_default, 1);
	struct series_target *t;
	struct series_cursor cursor;
	struct series_counts counts;
	struct exposition_parser p;

	assert_int_equal(series_target_new(s, NULL, 0, &t), 0);
	series_begin(t);
	exposition_init(&p, format, &exposition_limits_default, &series_events, t);
	exposition_feed(&p, scraped.data, scraped.size);
	assert_int_equal(exposition_end(&p), EXPOSITION_FINE);
	exposition_done(&p);
	series_commit(t, &counts);
	assert_int_equal(counts.received, counts.merged);
	buffer_init(to, 1 << 20);
	series_cursor_init(&cursor, s, EXPOSITION_TEXT);
	assert_int_equal(series_write_some(&cursor, to, 1 << 20), 0);
	series_free(s);
}

static void assert_same(const char *name, struct bytes page, struct bytes golden)
{
	if (!bytes_equal(page, golden))
		fail_msg("%s becomes\n%.*s", name, (int)page.size, page.data);
}

static void pages_are_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		bool text = strstr(names[i], ".txt");
		struct buffer in, golden, page, again;
		read_golden(names[i], "", &in);
		read_golden(names[i], ".page", &golden);
		page_of(buffer_bytes(&in), text ? EXPOSITION_TEXT : EXPOSITION_OPENMETRICS, &page);
		assert_same(names[i], buffer_bytes(&page), buffer_bytes(&golden));
		page_of(buffer_bytes(&page), EXPOSITION_TEXT, &again);
		assert_same(names[i], buffer_bytes(&again), buffer_bytes(&golden));
		buffer_done(&in);
		buffer_done(&golden);
		buffer_done(&page);
		buffer_done(&again);
	}
}

/* The exit status of `promtool check metrics` with that page as its input. */
static int promtool(const char *page)
{
	char promtool_name[] = PROMTOOL, check[] = "check", metrics[] = "metrics";
	char *const command[] = { promtool_name, check, metrics, NULL }, *const environment[] = { NULL };
	posix_spawn_file_actions_t files;
	pid_t child;
	int status;

	assert_int_equal(posix_spawn_file_actions_init(&files), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&files, STDIN_FILENO, page, O_RDONLY, 0), 0);
	assert_int_equal(posix_spawn(&child, PROMTOOL, &files, NULL, command, environment), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	posix_spawn_file_actions_destroy(&files);
	return status;
}

/* Pages are the same bytes as the golden files, so the files are what promtool is given. */
static void promtool_takes_the_pages(void **state)
{
	char path[256];

	(void)state;
	if (access(PROMTOOL, X_OK) != 0)
		skip();
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, FOLDER "%s.page", names[i]);
		assert_int_equal(promtool(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_golden),
		cmocka_unit_test(promtool_takes_the_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
