/*
 * Every row of the registry has the callbacks that component.h says may not be NULL, and is named once.
 */
#include "unit/unit.h"

#include "config/option.h"
#include "registry.h"

static void assert_named(const char *name, const char *summary)
{
	assert_true(name && *name);
	assert_true(summary && *summary);
}

/* A source that can be read again says what the next run will find, and hands over the rest; no other does. */
static void assert_leaves(const struct collector_type *t)
{
	bool saved = t->rewind == REWIND_SAVED;

	assert_true(saved == !!t->lasting && saved == !!t->leave && saved == !!t->abandon && saved == !!t->lost);
}

/* With a time-out of 0 nothing is ever answered in time, and no word would say so. To have no patience is a choice. */
static void assert_times(const struct option *options)
{
	for (const struct option *o = options; o && o->name; o++)
		if (o->kind == OPTION_DURATION)
			assert_true(o->min > 0 || o->zero || strcmp(o->name, "patience") == 0);
}

static void test_no_time_is_0_by_mistake(void **state)
{
	(void)state;
	for (const struct collector_type *const *t = registry_collectors; *t; t++)
		assert_times((*t)->options);
	for (const struct exporter_type *const *t = registry_exporters; *t; t++)
		assert_times((*t)->options);
	for (const struct step_type *const *t = registry_steps; *t; t++)
		assert_times((*t)->options);
	for (const struct check_type *const *t = registry_checks; *t; t++)
		assert_times((*t)->options);
}

static void test_collectors(void **state)
{
	(void)state;
	for (const struct collector_type *const *t = registry_collectors; *t; t++) {
		assert_named((*t)->name, (*t)->summary);
		assert_true((*t)->signals && (*t)->options && (*t)->config_size > 0);
		assert_true((*t)->create && (*t)->start && (*t)->destroy);
		assert_true((*t)->resume || (*t)->when_full != FULL_PAUSE || (*t)->signals == SIGNAL_METRICS);
		assert_leaves(*t);
		for (const struct collector_type *const *u = registry_collectors; u < t; u++)
			assert_string_not_equal((*t)->name, (*u)->name);
	}
}

static void test_exporters(void **state)
{
	(void)state;
	for (const struct exporter_type *const *t = registry_exporters; *t; t++) {
		assert_named((*t)->name, (*t)->summary);
		assert_true((*t)->signals && (*t)->options);
		assert_true((*t)->create && (*t)->send && (*t)->cancel && (*t)->destroy);
	}
}

static void test_steps(void **state)
{
	(void)state;
	for (const struct step_type *const *t = registry_steps; *t; t++) {
		assert_named((*t)->name, (*t)->summary);
		assert_true((*t)->signals && (*t)->options && (*t)->config_size > 0);
		assert_true((*t)->create && (*t)->apply && (*t)->destroy);
		assert_true(!(*t)->folds == !(*t)->folded);
	}
}

static void test_checks(void **state)
{
	(void)state;
	for (const struct check_type *const *t = registry_checks; *t; t++) {
		assert_named((*t)->name, (*t)->summary);
		assert_true((!(*t)->schemes || (*t)->schemes[0]) && (*t)->options && (*t)->config_size > 0);
		assert_true((*t)->create && (*t)->start && (*t)->cancel && (*t)->destroy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collectors),
		cmocka_unit_test(test_exporters),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_no_time_is_0_by_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
