/*
 * What tells a container from a machine, with files as Docker and Podman leave them.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"

static void test_what_tells(void **state)
{
	char root[64] = "/tmp/oxp-container-XXXXXX", run[80], docker[80], podman[100];
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(run, sizeof run, "%s/run", root);
	snprintf(docker, sizeof docker, "%s/.dockerenv", root);
	snprintf(podman, sizeof podman, "%s/.containerenv", run);
	assert_int_equal(mkdir(run, 0700), 0);
	assert_false(container_is_one(root, NULL));
	assert_false(container_is_one(root, ""));
	assert_true(container_is_one(root, "10.96.0.1"));
	for (int i = 0; i < 2; i++) {
		const char *mark = i ? podman : docker;
		file = fopen(mark, "w");
		assert_non_null(file);
		fclose(file);
		assert_true(container_is_one(root, NULL));
		unlink(mark);
		assert_false(container_is_one(root, NULL));
	}
	rmdir(run);
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_tells) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
