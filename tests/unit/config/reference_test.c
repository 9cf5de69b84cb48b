/*
 * What is printed from the rows reads back: the reference as the defaults, the effective configuration as itself.
 */
#include "unit/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit/config/sample.h"

static struct config *load(const char *text, struct sample *sample)
{
	struct config *c = config_new(sample_sections, sample);
	struct buffer said;

	buffer_init(&said, 1 << 20);
	if (config_load(c, &(struct config_input){ "f.yaml", bytes_of(text), NULL, &sample_world }) < 0) {
		assert_int_equal(config_errors_print(&c->errors, true, &said), 0);
		fail_msg("%.*s\n%s", (int)said.size, said.data, text);
	}
	buffer_done(&said);
	return c;
}

/* The effective configuration of a text, terminated. */
static char *effective(const char *text)
{
	struct sample sample = { .memory = 0 };
	struct config *c = load(text, &sample);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	assert_int_equal(config_effective(c, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	config_free(c);
	return out.data;
}

static char *printed(int (*print)(const struct config_section *, struct buffer *))
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	assert_int_equal(print(sample_sections, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	return out.data;
}

static void test_reference_is_the_defaults(void **state)
{
	char *yaml = printed(reference_yaml), *of_reference = effective(yaml), *of_nothing = effective("");

	(void)state;
	assert_string_equal(of_reference, of_nothing);
	free(of_reference);
	free(of_nothing);
	free(yaml);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("nowhere: %s\nin: %s", part, text);
}

static void test_reference_lines(void **state)
{
	char *yaml = printed(reference_yaml);

	(void)state;
	assert_has(yaml, "# Who the app is.\nservice:\n  # What the app is called. (text)\n  #name: api\n");
	assert_has(yaml, "# Ceiling of what is alive. (size, 4MiB to 1TiB)\nmemory: 32MiB\n");
	assert_has(yaml, "listen: [\":9464\"]\n");
	assert_has(yaml, "logs:\n  # Where lines come from.\n  collect:\n    # tail: Follows files.\n"
			 "    # Short: `tail: [/var/log/app/*.log]`.\n    #tail:\n"
			 "    #  # Files to follow. (text or list of texts; required)\n"
			 "    #  paths: [/var/log/app/*.log]\n");
	assert_has(yaml, "    #  # How often to look. (duration or auto, 10ms to 1m)\n    # "
			 " poll: auto\n");
	assert_has(yaml, "    #- redact:\n    #    # Members to blank. (text or list of texts)\n    #    #keys: []\n");
	assert_has(yaml, "    #  # For basic authentication. (text; secret)\n    #  #password: text\n");
	assert_has(yaml, "    #  # Bytes kept on disk. (size or off, at least 1MiB)\n    #  spool: off\n");
	free(yaml);
}

/* Drops the mark of a component's line: the # of `    #tail:` and `    #  paths: …`, not that of `    # tail:
 * Follows …`. */
static void uncomment(char *yaml)
{
	for (char *line = yaml; *line; line = strchr(line, '\n') + 1) {
		char *mark = line + strspn(line, " ");
		if (mark >= line + 4 && *mark == '#' && !(mark[1] == ' ' && mark[2] != ' '))
			memmove(mark, mark + 1, strlen(mark));
	}
}

/* Taking the marks off the components gives a configuration that has one of each. */
static void test_components_uncomment(void **state)
{
	char *yaml = printed(reference_yaml), *text;

	(void)state;
	uncomment(yaml);
	text = effective(yaml);
	assert_has(text, "    elasticsearch:\n      type: elasticsearch\n      url: http://localhost:8080\n");
	assert_has(text, "    - redact:\n        type: redact\n        keys: []\n");
	free(text);
	free(yaml);
}

static const char whole[] =
	"service: { name: \"a: b # c\", version: 1.10 }\nlisten: [\":1\", \"unix:/run/a.sock\", "
	"\"[::1]:8080\"]\nmemory: 8MiB\nexit: { within: 90s }\nstate: /s\n"
	"logs:\n  collect:\n    tail: { paths: [\"/a/*.log\", \"$$x\", ''], format: cri, poll: 250ms, depth: 9, "
	"follow: no,"
	" labels: { \"a b\": \"c\\nd\", e: \"}\" } }\n    push:\n  steps: [ redact: [x, y], redact ]\n"
	"  export:\n    e: { type: elasticsearch, url: \"http://u:geheim@h/\", password: hunter2, headers: { a: "
	"hunter2 }, from: [tail, push],"
	" spool: 3MiB, ca: \"${file:/run/secrets/es}\", interval: 61s, door: \":1\" }\n";

static void test_effective(void **state)
{
	static const char expected[] =
		"service:\n  name: \"a: b # c\"\n  version: 1.10\nlisten: [\":1\", unix:/run/a.sock, "
		"\"[::1]:8080\"]\nmemory: 8MiB\nexit:\n  within: 90s\n"
		"state:\n  path: /s\n  max: 1GiB\nlogs:\n  collect:\n    tail:\n      type: tail\n"
		"      paths: [\"/a/*.log\", \"$$x\", \"\"]\n      format: cri\n      poll: 250ms\n      depth: 9\n    "
		"  follow: false\n"
		"      labels: { \"a b\": \"c\\nd\", e: \"}\" }\n      rules: []\n    push:\n      type: push\n  "
		"steps:\n    - "
		"redact:\n        type: redact\n"
		"        keys: [x, y]\n    - redact:\n        type: redact\n        keys: []\n  export:\n    e:\n      "
		"type: elasticsearch\n"
		"      url: \"http://u:***@h/\"\n      password: \"***\"\n      door: \":1\"\n      ca: \"***\"\n      "
		"interval: 61s\n"
		"      headers: \"***\"\n      from: [tail, push]\n      spool: 3MiB\nhealth:\n  checks:\n";
	char *once = effective(whole);

	(void)state;
	assert_string_equal(once, expected);
	free(once);
}

/* Without the secrets, which are not in it, and the map that was one. */
static void test_effective_reads_back(void **state)
{
	char *once = effective(whole), *headers = strstr(once, "      headers: \"***\"\n"), *twice;

	(void)state;
	memset(headers, ' ', strlen("      headers: \"***\""));
	twice = effective(once);
	headers = strstr(twice, "      headers: {}\n");
	assert_non_null(headers);
	memmove(headers, headers + 18, strlen(headers + 18) + 1);
	headers = strstr(once, "      from");
	assert_non_null(strstr(twice, headers));
	assert_int_equal(strncmp(once, twice, 300), 0);
	free(once);
	free(twice);
}

static void test_schema(void **state)
{
	char *text = printed(reference_schema);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *logs, *tail, *item, *find;
	const char *form = NULL;
	int most = 0, more = 1;

	(void)state;
	assert_non_null(root);
	logs = json_object_get(json_object_get(root, "properties"), "logs");
	assert_int_equal(json_object_size(json_object_get(logs, "properties")), 3);
	assert_true(json_is_false(json_object_get(logs, "additionalProperties")));
	item = json_object_get(json_object_get(json_object_get(logs, "properties"), "collect"), "additionalProperties");
	tail = json_array_get(json_object_get(json_array_get(json_object_get(item, "anyOf"), 0), "anyOf"), 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(tail, "required"), 0)), "paths");
	assert_int_equal(json_object_size(json_object_get(tail, "properties")), 8);
	item = json_object_get(json_object_get(tail, "properties"), "rules");
	assert_int_equal(
		json_unpack(json_array_get(json_object_get(item, "anyOf"), 0), "{s:s,s:i,s:{s:b,s:{s:o}}}", "type",
			&form, "maxItems", &most, "items", "additionalProperties", &more, "properties", "find", &find),
		0);
	assert_true(strcmp(form, "array") == 0 && most == 3 && !more && json_is_object(find));
	assert_int_equal(
		json_unpack(root, "{s:{s:{s:[{s:s}]}}}", "properties", "memory", "anyOf", "pattern", &form), 0);
	assert_string_equal(form, "^([0-9]+(B|[KMGT]iB?)|.*\\$\\{.*)$");
	json_decref(root);
	free(text);
}

static void test_printing_has_a_ceiling(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 100);
	assert_int_equal(reference_yaml(sample_sections, &out), -ENOSPC);
	buffer_clear(&out);
	assert_int_equal(reference_schema(sample_sections, &out), -ENOSPC);
	buffer_done(&out);
}

static void test_files(void **state)
{
	char path[] = "/tmp/config_test_XXXXXX";
	int fd = mkstemp(path);
	struct buffer b;

	(void)state;
	assert_int_equal(write(fd, "memory: 8MiB\n", 13), 13);
	close(fd);
	buffer_init(&b, 13);
	assert_int_equal(config_file(path, &b), 0);
	assert_true(bytes_are(buffer_bytes(&b), "memory: 8MiB\n"));
	assert_int_equal(config_file(path, &b), -ENOSPC);
	assert_int_equal(config_file("/tmp", &b), -EINVAL);
	unlink(path);
	assert_int_equal(config_file(path, &b), -ENOENT);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_is_the_defaults),
		cmocka_unit_test(test_reference_lines),
		cmocka_unit_test(test_components_uncomment),
		cmocka_unit_test(test_effective),
		cmocka_unit_test(test_effective_reads_back),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_printing_has_a_ceiling),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
