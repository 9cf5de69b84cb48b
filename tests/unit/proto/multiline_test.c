/*
 * Traces as their runtimes print them, among other lines: each is one message, and nothing else is in it.
 */
#include "unit/unit.h"

#include <string.h>

#include "proto/multiline.h"

/* The first letter of each line is what it must be: A alone, F first, M more, ? maybe. */
static void all_roles(unsigned shapes, const char *text)
{
	static const char letters[] = { [LINE_ALONE] = 'A', [LINE_FIRST] = 'F', [LINE_MORE] = 'M', [LINE_MAYBE] = '?' };
	const struct multiline m = { .shapes = shapes };
	struct multiline_state s = { .open = false };

	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		struct bytes line = { text + 1, (size_t)(end - text) - 1 };
		char is = letters[multiline_next(&m, &s, line)];
		if (is != *text)
			fail_msg("%c, not %c: %.*s", is, *text, (int)line.size, line.data);
	}
}

static const char java[] = "A2026-11-23 10:00:00 ERROR [main] App - failed\n"
			   "Fjava.lang.IllegalStateException: no state\n"
			   "M\tat com.example.App.run(App.java:12)\n"
			   "M\tat com.example.App.main(App.java:3)\n"
			   "M\tSuppressed: java.io.IOException: closing\n"
			   "M\t\tat com.example.App.close(App.java:20)\n"
			   "MCaused by: java.io.IOException: disk\n"
			   "M\tat com.example.Disk.read(Disk.java:9)\n"
			   "M\t... 2 more\n"
			   "AINFO done\n"
			   "FException in thread \"main\" java.lang.Error\n"
			   "M\tat a.B.c(B.java:1)\n"
			   "Fjava.lang.StackOverflowError\n"
			   "M\tat a.B.c(B.java:1)\n"
			   "AINFO ratio: 3\n"
			   "F\tat a.B.c(B.java:1)\n"
			   "M\tat a.B.d(B.java:2)\n";

static const char python[] = "AERROR:root:failed\n"
			     "FTraceback (most recent call last):\n"
			     "M  File \"/app/a.py\", line 3, in f\n"
			     "M    return g()\n"
			     "M           ^^^\n"
			     "MKeyError: 'x'\n"
			     "?\n"
			     "MDuring handling of the above exception, another exception occurred:\n"
			     "?\n"
			     "MTraceback (most recent call last):\n"
			     "M  File \"/app/a.py\", line 9, in <module>\n"
			     "MValueError: no x\n"
			     "AINFO next\n"
			     "F  + Exception Group Traceback (most recent call last):\n"
			     "M  |   File \"a.py\", line 1, in <module>\n"
			     "M  | ExceptionGroup: two (2 sub-exceptions)\n"
			     "M  +-+---------------- 1 ----------------\n"
			     "M    | ValueError: 1\n"
			     "M    +------------------------------------\n";

static const char go[] = "A2026/11/23 10:00:00 starting\n"
			 "Fpanic: runtime error: index out of range [recovered]\n"
			 "M\tpanic: again\n"
			 "M[signal SIGSEGV: segmentation violation code=0x1]\n"
			 "?\n"
			 "Mgoroutine 1 [running]:\n"
			 "Mmain.(*server).handle(0xc000012345, {0x1, 0x2})\n"
			 "M\t/app/main.go:12 +0x1d\n"
			 "Mcreated by main.main in goroutine 5\n"
			 "M\t/app/main.go:5 +0x20\n"
			 "?\n"
			 "Mgoroutine 2 [chan receive]:\n"
			 "Mmain.wait()\n"
			 "M\t/app/main.go:30 +0x40\n"
			 "Aexit status 2\n"
			 "F2026/11/23 http: panic serving 127.0.0.1:1234: oh\n"
			 "Mgoroutine 7 [running]:\n"
			 "Mnet/http.(*conn).serve.func1()\n"
			 "?\n"
			 "A2026/11/23 done (3 items)\n"
			 "Ffatal error: all goroutines are asleep - deadlock!\n"
			 "?\n"
			 "Aother\n";

static const char node[] = "Alistening\n"
			   "F/app/server.js:12\n"
			   "M    throw new TypeError('x');\n"
			   "M    ^\n"
			   "?\n"
			   "MTypeError: x\n"
			   "M    at handle (/app/server.js:12:11)\n"
			   "M    at node:internal/main/run_main_module:28:49 {\n"
			   "M  code: 'ERR_X',\n"
			   "M  [cause]: Error: inner\n"
			   "M      at f (/app/a.js:1:1)\n"
			   "M}\n"
			   "?\n"
			   "MNode.js v20.11.1\n"
			   "Alistening\n"
			   "FError: two\n"
			   "M    at async main (/app/a.js:1:2)\n"
			   "FError: three\n"
			   "M    at f (a.js:1:2)\n"
			   "?\n"
			   "Aother\n";

static void each_language(void **state)
{
	(void)state;
	all_roles(MULTILINE_JAVA, java);
	all_roles(MULTILINE_PYTHON, python);
	all_roles(MULTILINE_GO, go);
	all_roles(MULTILINE_NODE, node);
}

/* All shapes at once know the same traces. */
static void all_at_once(void **state)
{
	const unsigned all = MULTILINE_JAVA | MULTILINE_PYTHON | MULTILINE_GO | MULTILINE_NODE;

	(void)state;
	all_roles(all, java);
	all_roles(all, python);
	all_roles(all, go);
	all_roles(all, node);
}

static void what_is_ordinary(void **state)
{
	(void)state;
	all_roles(15, "A10.0.0.1 - - [23/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n"
		      "AINFO: error rate: 3\n"
		      "Amain done (3)\n"
		      "A\n"
		      "A    indented\n"
		      "A}\n"
		      "A^\n"
		      "A... 3 more\n"
		      "ANode.js v20\n"
		      "Acreated by hand\n");
}

static void by_a_pattern(void **state)
{
	struct line_start start;
	struct multiline m = { .start = &start };
	struct multiline_state s = { .open = false };

	(void)state;
	assert_null(line_start_compile("\\d{4}-\\d{2}", &start));
	assert_int_equal(multiline_next(&m, &s, bytes_of("lost its first line")), LINE_FIRST);
	assert_int_equal(multiline_next(&m, &s, bytes_of("  more")), LINE_MORE);
	assert_int_equal(multiline_next(&m, &s, bytes_of("2026-11-23 x")), LINE_FIRST);
	assert_int_equal(multiline_next(&m, &s, bytes_of("")), LINE_MORE);
	assert_int_equal(multiline_next(&m, &s, bytes_of("more")), LINE_MORE);
	multiline_end(&s);
	assert_int_equal(multiline_next(&m, &s, bytes_of("more")), LINE_FIRST);
}

/* Every beginning of every line is fine to look at. */
static void cut_anywhere(void **state)
{
	static const char *const texts[] = { java, python, go, node };
	const struct multiline m = { .shapes = 15 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		for (const char *p = texts[i]; *p; p++)
			for (size_t size = 0; size < 20 && size <= strlen(p); size++) {
				struct multiline_state s = { { 1, 1, 1, 2 }, true };
				char copy[20];
				memcpy(copy, p, size);
				multiline_next(&m, &s, (struct bytes){ copy, size });
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_language),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(what_is_ordinary),
		cmocka_unit_test(by_a_pattern),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
