/*
 * Whole configurations: what is read, and what is said of what is wrong, word for word.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/config/sample.h"

struct loaded {
	struct sample sample;
	struct config *config;
	struct buffer said; /* the errors, terminated */
	int failed;
};

static void load_input(struct loaded *l, const struct config_input *input)
{
	memset(l, 0, sizeof *l);
	l->config = config_new(sample_sections, &l->sample);
	l->config->errors.hints = sample_hints;
	buffer_init(&l->said, 1 << 20);
	l->failed = config_load(l->config, input);
	assert_int_equal(config_errors_print(&l->config->errors, false, &l->said), 0);
	assert_int_equal(buffer_append(&l->said, "", 1), 0);
	assert_int_equal(l->failed, l->config->errors.count ? -EINVAL : 0);
}

static void load_bytes(struct loaded *l, struct bytes text, const char *const *sets)
{
	load_input(l, &(struct config_input){ "f.yaml", text, sets, &sample_world });
}

static void load(struct loaded *l, const char *text)
{
	load_bytes(l, bytes_of(text), NULL);
}

static void load_fine(struct loaded *l, const char *text)
{
	load(l, text);
	assert_string_equal(l->said.data, "");
}

static void unload(struct loaded *l)
{
	config_free(l->config);
	buffer_done(&l->said);
}

static void assert_list(const struct option_list *list, const char *joined)
{
	char text[256] = "";

	for (size_t i = 0; i < list->count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s|", list->items[i]);
	assert_string_equal(text, joined);
}

static void test_defaults(void **state)
{
	struct loaded l;

	(void)state;
	load_fine(&l, "");
	assert_null(l.sample.service.name);
	assert_list(l.sample.listen, ":9464|");
	assert_int_equal(l.sample.memory, 32 << 20);
	assert_int_equal(l.sample.exit.within.ns, DURATION_S(25).ns);
	assert_string_equal(l.sample.state.path, "/var/lib/oxpecker");
	assert_int_equal(l.sample.state.max, 1 << 30);
	assert_null(config_components(l.config, "logs.collect"));
	assert_null(config_components(l.config, "no.such"));
	unload(&l);
}

static void test_fixed_sections(void **state)
{
	struct loaded l;

	(void)state;
	load_fine(&l, "\xef\xbb\xbf---\nservice: { name: no, version: 1.10 }\r\nlisten: [\":1\", "
		      "unix:/run/a.sock]\r\nmemory: 64MiB\n"
		      "exit:\nstate: /tmp/s\nlogs:\n");
	assert_string_equal(l.sample.service.name, "no");
	assert_string_equal(l.sample.service.version, "1.10");
	assert_list(l.sample.listen, ":1|unix:/run/a.sock|");
	assert_int_equal(l.sample.memory, 64 << 20);
	assert_int_equal(l.sample.exit.within.ns, DURATION_S(25).ns);
	assert_string_equal(l.sample.state.path, "/tmp/s");
	assert_int_equal(l.sample.state.max, 1 << 30);
	unload(&l);
}

static void test_components(void **state)
{
	struct loaded l;
	struct config_component *c;
	const struct sample_tail *tail;

	(void)state;
	load_fine(&l, "logs:\n  collect:\n    tail: /var/log/*.log\n    audit:\n      type: tail\n      paths: [a, b]\n"
		      "      format: cri\n      poll: 250ms\n      depth: 7\n      follow: off\n      labels: { part: "
		      "nginx, n: 1 }\n"
		      "    push:\n");
	c = config_components(l.config, "logs.collect");
	tail = c->options;
	assert_string_equal(c->name, "tail");
	assert_string_equal(c->type->type, "the tail");
	assert_list(tail->paths, "/var/log/*.log|");
	assert_int_equal(tail->poll.ns, 0);
	assert_true(tail->follow);
	assert_int_equal(tail->labels->count, 0);
	c = c->next;
	tail = c->options;
	assert_string_equal(c->name, "audit");
	assert_int_equal(c->mark.line, 4);
	assert_int_equal(c->mark.column, 5);
	assert_list(tail->paths, "a|b|");
	assert_int_equal(tail->format, SAMPLE_CRI);
	assert_int_equal(tail->poll.ns, DURATION_MS(250).ns);
	assert_int_equal(tail->depth, 7);
	assert_false(tail->follow);
	assert_int_equal(tail->labels->count, 2);
	assert_string_equal(tail->labels->pairs[1].key, "n");
	assert_string_equal(tail->labels->pairs[1].value, "1");
	assert_string_equal(c->next->name, "push");
	assert_null(c->next->options);
	assert_null(c->next->next);
	unload(&l);
}

static void test_common_options_and_schemes(void **state)
{
	struct loaded l;
	struct config_component *c;

	(void)state;
	load_fine(&l, "logs: { export: { elasticsearch: { url: 'http://e:9200', from: tail, spool: 2MiB } } }\n"
		      "health:\n  checks:\n    redis: redis://redis:6379\n    api: https://a/h\n    web: { url: "
		      "'http://b/' }\n"
		      "    odd: { type: redis, url: 'http://c' }\n");
	c = config_components(l.config, "logs.export");
	assert_list(((struct sample_common *)c->common)->from, "tail|");
	assert_int_equal(((struct sample_common *)c->common)->spool, 2 << 20);
	assert_string_equal(((struct sample_elastic *)c->options)->url, "http://e:9200");
	c = config_components(l.config, "health.checks");
	assert_string_equal(c->type->name, "redis");
	assert_string_equal(c->next->type->name, "http");
	assert_string_equal(c->next->next->type->name, "http");
	assert_string_equal(c->next->next->next->type->name, "redis");
	assert_null(c->common);
	unload(&l);
}

static void test_steps(void **state)
{
	struct loaded l;
	struct config_component *c;

	(void)state;
	load_fine(&l, "logs:\n  steps:\n    - redact: { keys: [password] }\n    - redact: x\n    - redact\n");
	c = config_components(l.config, "logs.steps");
	assert_list(((struct sample_redact *)c->options)->keys, "password|");
	assert_list(((struct sample_redact *)c->next->options)->keys, "x|");
	assert_list(((struct sample_redact *)c->next->next->options)->keys, "");
	assert_null(c->next->next->next);
	unload(&l);
}

static void test_expansion(void **state)
{
	struct loaded l;
	const struct sample_elastic *e;

	(void)state;
	load_fine(&l, "service: { name: '${NONE:-a b}$$${EMPTY:-c}${EMPTY}', version: \"${LOOP}\" }\n"
		      "logs: { export: { elasticsearch: { url: 'http://${HOST}:9200', password: "
		      "'${file:/run/secrets/es}' } } }\n");
	assert_string_equal(l.sample.service.name, "a b$c");
	assert_string_equal(l.sample.service.version, "${LOOP}: [x]"); /* not looked at again */
	e = config_components(l.config, "logs.export")->options;
	assert_string_equal(e->url, "http://elasticsearch:9200");
	assert_string_equal(e->password, "hunter2\n"); /* one line end is cut */
	unload(&l);
	load_fine(&l, "service:\n  name: ${EMPTY}\nstate: ${EMPTY}\n"); /* nothing is as if the key was not there */
	assert_null(l.sample.service.name);
	assert_string_equal(l.sample.state.path, "/var/lib/oxpecker");
	unload(&l);
}

/* A renewed secret: the same value, expanded anew from what is in the file by then. */
static int renewed(void *context, const char *path, struct buffer *to)
{
	const char *const *text = context;

	assert_string_equal(path, "/run/secrets/es");
	return *text ? buffer_text(to, *text) : -ENOENT;
}

static const char *with_credentials(void *context, const char *name)
{
	return strcmp(name, "CREDENTIALS_DIRECTORY") == 0 ? "/run/secrets" : sample_world.variable(context, name);
}

static void test_a_name_without_a_folder_is_a_credential(void **state)
{
	const struct config_world world = { .variable = with_credentials, .file = sample_world.file };
	struct loaded l;

	(void)state;
	load_input(&l, &(struct config_input){ "f.yaml",
			       bytes_of("service: { name: '${file:es}', version: '${file:/run/secrets/es}' }\n"), NULL,
			       &world });
	assert_string_equal(l.said.data, "");
	assert_string_equal(l.sample.service.name, "hunter2\n");
	assert_string_equal(l.sample.service.version, "hunter2\n");
	unload(&l);
	load_input(
		&l, &(struct config_input){ "f.yaml", bytes_of("service: { name: '${file:none}' }\n"), NULL, &world });
	assert_string_equal(l.said.data, "f.yaml:1:18: service.name: \"/run/secrets/none\" is not there\n");
	unload(&l);
	load(&l, "service: { name: '${file:es}' }\n"); /* nobody hands any over */
	assert_string_equal(l.said.data, "f.yaml:1:18: service.name: \"es\" is not there\n");
	unload(&l);
}

static void test_a_text_of_a_file_is_read_again(void **state)
{
	const char *now = "tr0ub4dor\n";
	const struct config_world world = { .context = &now, .variable = sample_world.variable, .file = renewed };
	const struct sample_elastic *e;
	struct buffer text;
	struct loaded l;

	(void)state;
	buffer_init(&text, 100);
	load_fine(&l, "logs: { export: { elasticsearch: { url: 'http://${HOST}', password: "
		      "'<${file:/run/secrets/es}>' } } }\n");
	e = config_components(l.config, "logs.export")->options;
	assert_int_equal(tree_text_now(&l.config->tree, e->password, &world, &text), 0);
	assert_int_equal(tree_text_now(&l.config->tree, e->url, &world, &text), 0); /* from no file: as it is */
	assert_memory_equal(text.data, "<tr0ub4dor>http://elasticsearch", text.size);
	assert_string_equal(e->password, "<hunter2\n>");
	now = NULL;
	assert_int_equal(tree_text_now(&l.config->tree, e->password, &world, &text), -EINVAL);
	assert_int_equal(l.config->errors.count, 0);
	buffer_done(&text);
	unload(&l);
}

/* libfyaml leaks on the first text and is kept from it; the sanitizer would tell. */
static void test_quotes(void **state)
{
	struct loaded l;

	(void)state;
	load_fine(&l, "service: { name: 'a''''b''''''''''''''c', version: \"x\n\n  y''z\" }\nstate: \"\\u00e9\\t\"\n");
	assert_string_equal(l.sample.service.name, "a''b'''''''c");
	assert_string_equal(l.sample.service.version, "x\ny''z");
	assert_string_equal(l.sample.state.path, "é\t");
	unload(&l);
	load(&l, "service: { name: 'a\n  b' }\n");
	assert_string_equal(l.said.data,
		"f.yaml:1:18: service.name: a text in single quotes over several lines; write it in "
		"double quotes\n");
	unload(&l);
}

static const struct {
	const char *text, *said;
} wrong[] = {
	/* Keys. */
	{ "servce: {}\n", "f.yaml:1:1: servce: unknown key; did you mean \"service\"?\n" },
	{ "service:\n  nam: x\n", "f.yaml:2:3: service.nam: unknown key; did you mean \"name\"?\n" },
	{ "logs:\n  colect: {}\n", "f.yaml:2:3: logs.colect: unknown key; did you mean \"collect\"?\n" },
	{ "logs: { collect: { tail: { paths: a, fromat: json } } }\n",
		"f.yaml:1:38: logs.collect.tail.fromat: unknown key; did you mean \"format\"?\n" },
	{ "logs: { export: { elasticsearch: { url: 'http://a', spol: 1MiB } } }\n",
		"f.yaml:1:53: logs.export.elasticsearch.spol: unknown key; did you mean \"spool\"?\n" },
	{ "zzzzzzzz: 1\n",
		"f.yaml:1:1: zzzzzzzz: unknown key; known keys: service, listen, memory, exit, state, logs, health\n" },
	{ "memory: 8MiB\nexit: { within: 2s }\nmemory: 9MiB\n",
		"f.yaml:3:1: memory: written twice; the first is at 1:1\n" },
	{ "logs: 5\n", "f.yaml:1:7: logs: a value; expected a mapping\n" },
	/* Kinds. */
	{ "memory: 33554432\n",
		"f.yaml:1:9: memory: \"33554432\" has no unit; did you mean 32MiB? Expected a size such as 64KiB, "
		"32MiB or 1GiB\n" },
	{ "memory: 32MB\n",
		"f.yaml:1:9: memory: \"32MB\" has an unknown unit; did you mean 32MiB? Expected a size such as "
		"64KiB, 32MiB or 1GiB\n" },
	{ "memory: 512 KB\n", /* less than the least is no guess */
		"f.yaml:1:9: memory: \"512 KB\" has an unknown unit; expected a size such as 64KiB, 32MiB or 1GiB\n" },
	{ "listen: [9464, /run/a.sock, 'http://127.0.0.1:80/x']\n",
		"f.yaml:1:10: listen[0]: \"9464\" has no port; did you mean :9464? Expected an address or a list of "
		"them: host:port, :port or unix:/path\n"
		"f.yaml:1:16: listen[1]: \"/run/a.sock\" has no port; did you mean unix:/run/a.sock? Expected an "
		"address or a list of them: host:port, :port or unix:/path\n"
		"f.yaml:1:29: listen[2]: \"http://127.0.0.1:80/x\" has a host that is neither a name nor an "
		"address; did you mean 127.0.0.1:80? Expected an address or a list of them: host:port, :port or "
		"unix:/path\n" },
	{ "memory: ${EVIL}\n", /* does nothing to a terminal */
		"f.yaml:1:9: memory: \"a?[2J???1m\xc2\xa0\" does not begin with a number; expected a size such as "
		"64KiB, 32MiB or 1GiB\n" },
	{ "memory: ${file:/run/secrets/es}\n",
		"f.yaml:1:9: memory: the value does not begin with a number; expected a size such as 64KiB, 32MiB or "
		"1GiB\n" },
	{ "memory: lots\n", "f.yaml:1:9: memory: \"lots\" does not begin with a number; expected a size such as 64KiB, "
			    "32MiB or 1GiB\n" },
	{ "memory: 99999999999TiB\n",
		"f.yaml:1:9: memory: \"99999999999TiB\" is too large; expected a size such as 64KiB, 32MiB or 1GiB\n" },
	{ "memory: 1KiB\n", "f.yaml:1:9: memory: \"1KiB\" is out of range (4MiB to 1TiB); expected a size such as "
			    "64KiB, 32MiB or 1GiB\n" },
	{ "memory: [1MiB]\n", "f.yaml:1:9: memory: a list; expected a size such as 64KiB, 32MiB or 1GiB\n" },
	{ "exit: { within: 5 }\n",
		"f.yaml:1:17: exit.within: \"5\" has no unit; did you mean 5s? Expected a duration such as 250ms, "
		"5s, 2m or 1h\n" },
	{ "exit: { within: 5ms }\n",
		"f.yaml:1:17: exit.within: \"5ms\" is too small (minimum 1s); expected a duration such as "
		"250ms, 5s, 2m or 1h\n" },
	{ "exit: 5s\n", "f.yaml:1:7: exit: a value; expected a mapping of options\n" },
	{ "listen: localhost\n",
		"f.yaml:1:9: listen: \"localhost\" has no port; expected an address or a list of them: host:port, "
		":port or unix:/path\n" },
	{ "listen: [\":1\", \":65536\", unix:x, 'a b:1', {a: 1}]\n",
		"f.yaml:1:16: listen[1]: \":65536\" has no port between 0 and 65535; expected an address or a list of "
		"them: host:port, :port or unix:/path\n"
		"f.yaml:1:26: listen[2]: \"unix:x\" has no absolute path after unix:; expected an address or a list of "
		"them: host:port, :port or unix:/path\n"
		"f.yaml:1:34: listen[3]: \"a b:1\" has a host that is neither a name nor an address; expected an "
		"address or a list of them: host:port, :port or unix:/path\n"
		"f.yaml:1:43: listen[4]: a mapping within a list of values\n" },
	{ "logs:\n  collect:\n    tail:\n      paths: a\n      format: jsn\n      depth: 1.5\n      follow: maybe\n    "
	  "  poll: 5\n"
	  "      labels: x\n",
		"f.yaml:5:15: logs.collect.tail.format: \"jsn\" is unknown; did you mean \"json\"? Expected one of "
		"auto, json, cri\n"
		"f.yaml:6:14: logs.collect.tail.depth: \"1.5\" is not a whole number; expected a whole number\n"
		"f.yaml:7:15: logs.collect.tail.follow: \"maybe\" is neither true nor false; expected true or false\n"
		"f.yaml:8:13: logs.collect.tail.poll: \"5\" has no unit; did you mean 5s? Expected a duration "
		"such as 250ms, 5s, 2m or "
		"1h, or auto\n"
		"f.yaml:9:15: logs.collect.tail.labels: a value; expected a mapping of texts\n" },
	{ "logs: { collect: { tail: { paths: a, depth: 0, labels: { a: [] } } } }\n",
		"f.yaml:1:45: logs.collect.tail.depth: \"0\" is out of range (1 to 64); expected a whole number\n"
		"f.yaml:1:61: logs.collect.tail.labels.a: a list; expected text\n" },
	{ "logs: { export: { elasticsearch: { url: 'e:9200', ca: '', door: 5 } } }\n",
		"f.yaml:1:41: logs.export.elasticsearch.url: \"e:9200\" has the wrong scheme; did you mean "
		"http://e:9200? Expected a URL such as http://localhost:9200, the scheme one of http, https\n"
		"f.yaml:1:55: logs.export.elasticsearch.ca: \"\" is empty; expected a path\n"
		"f.yaml:1:65: logs.export.elasticsearch.door: \"5\" has no port; did you mean :5? Expected an "
		"address: host:port, :port or unix:/path\n" },
	{ "logs: { export: { elasticsearch: 'http://u:geheim@' } }\n", NULL },
	/* Components. */
	{ "logs: { collect: { tail: } }\n",
		"f.yaml:1:20: logs.collect.tail: \"paths\" is missing; expected text or a list of texts\n" },
	{ "logs: { collect: { tial: a } }\n",
		"f.yaml:1:20: logs.collect.tial: unknown collector \"tial\"; did you mean \"tail\"? Available: tail, "
		"push\n" },
	{ "logs: { collect: { a: { type: tial } } }\n",
		"f.yaml:1:31: logs.collect.a.type: unknown collector \"tial\"; did you mean \"tail\"? Available: tail, "
		"push\n" },
	{ "logs: { export: { loki: { url: 'http://a' } } }\n",
		"f.yaml:1:19: logs.export.loki: unknown exporter \"loki\"; available: elasticsearch; if this is a "
		"name of your own, add `type`\n" },
	{ "logs: { export: { a: { type: loki } } }\n",
		"f.yaml:1:30: logs.export.a.type: unknown exporter \"loki\"; available: elasticsearch\n" },
	/* What people write in place of what there is. */
	{ "spans: { x: 1 }\n", "f.yaml:1:1: spans: unknown key; use logs.collect: lines are all there is\n" },
	{ "logs: { export: { a: { type: elasticsearch, url: 'http://a', hosts: x } } }\n",
		"f.yaml:1:62: logs.export.a.hosts: unknown key; use url\n" },
	{ "logs: { collect: { file: x, b: { type: files } } }\n",
		"f.yaml:1:20: logs.collect.file: unknown collector \"file\"; use logs.collect.tail: it follows files\n"
		"f.yaml:1:40: logs.collect.b.type: unknown collector \"files\"; use logs.collect.tail: it follows "
		"files\n" },
	{ "logs: { export: { elasticsearch: { url: 'http://a', hos: 1, hostss: 1 } } }\n",
		"f.yaml:1:53: logs.export.elasticsearch.hos: unknown key; known keys: url, password, door, ca, "
		"interval, headers, from, spool, type\n"
		"f.yaml:1:61: logs.export.elasticsearch.hostss: unknown key; known keys: url, password, door, ca, "
		"interval, headers, from, spool, type\n" },
	{ "logs: { collect: { a: { type: [] } } }\n",
		"f.yaml:1:31: logs.collect.a.type: a list; expected one of tail, push\n" },
	{ "logs: { collect: { push: x, 'a b': { type: push } } }\n",
		"f.yaml:1:26: logs.collect.push: a value; expected a mapping of options\n"
		"f.yaml:1:29: logs.collect.a b: not a name; expected 1 to 63 letters, digits, _ and -\n" },
	{ "logs: { collect: [tail] }\n",
		"f.yaml:1:18: logs.collect: a list; expected a mapping of names to components\n" },
	{ "health: { checks: { db: 'mysql://x' } }\n",
		"f.yaml:1:21: health.checks.db: unknown check \"db\"; available: http, redis; if this is a name of "
		"your own, begin its address with a scheme, one of http, https, redis, rediss, or add `type`\n" },
	{ "logs: { steps: { redact: x } }\n", "f.yaml:1:16: logs.steps: a mapping; expected a list of steps\n" },
	{ "logs: { steps: [ { redact: x, redact2: y }, [] ] }\n",
		"f.yaml:1:18: logs.steps[0]: a mapping; expected one step: a name, or `name: {…}`\n"
		"f.yaml:1:45: logs.steps[1]: a list; expected one step: a name, or `name: {…}`\n" },
	/* Expansion. */
	{ "service: { name: 'é${NONE}' }\n",
		"f.yaml:1:18: service.name: \"NONE\" is not set in the environment; write ${NAME:-default} "
		"if it may be missing\n" },
	{ "service: { name: '${file:/run/secrets/none}' }\n",
		"f.yaml:1:18: service.name: \"/run/secrets/none\" is not there\n" },
	{ "service: { name: '${file:/run/secrets/huge}' }\n",
		"f.yaml:1:18: service.name: \"/run/secrets/huge\" is larger than 64 KiB\n" },
	{ "service: { name: '${file:/run/secrets/zero}' }\n",
		"f.yaml:1:18: service.name: \"/run/secrets/zero\" contains a zero byte\n" },
	{ "service: { name: a$HOST }\n", "f.yaml:1:18: service.name: \"$\" is a lone dollar sign; write ${NAME} for a "
					 "variable, $$ for a dollar sign\n" },
	{ "service: { name: \"${HOST\" }\n", "f.yaml:1:18: service.name: \"${\" has no }\n" },
	{ "service: { name: '${HOST:+x}' }\n",
		"f.yaml:1:18: service.name: \"HOST:+x\" is not ${NAME}, ${NAME:-default} or ${file:/path}\n" },
	{ "logs: { export: { elasticsearch: { url: 'http://h:1', password: 'a${my secret}' } } }\n",
		"f.yaml:1:65: logs.export.elasticsearch.password: \"what stands in ${}\" is not ${NAME}, "
		"${NAME:-default} or ${file:/path}\n" },
	{ "service: { name: ${HOST} }\n",
		"f.yaml:1:19: missing comma in flow mapping; within [ ] and { }, ${…} needs quotes\n" },
	/* What YAML has and a configuration has not. */
	{ "a: &x 1\nb: *x\n",
		"f.yaml:1:4: a: an anchor (&name); anchors are not supported\n"
		"f.yaml:2:4: b: an alias (*name); aliases are not supported: write the value out, or put the text "
		"in quotes\n" },
	{ "memory: !!str 8MiB\n", "f.yaml:1:9: memory: a tag (!name); tags are not supported: a value has the type "
				  "of its option\n" },
	{ "%YAML 1.1\n---\na: 1\n", "f.yaml:1:1: a %directive; directives are not supported\n" },
	{ "memory: 8MiB\n---\nmemory: 9MiB\n", "f.yaml:2:1: a second document; expected only one\n" },
	{ "exit:\n\twithin: 5s\n", "f.yaml:2:1: a tab in the indentation; YAML allows only spaces\n" },
	{ "[a]: b\n", "f.yaml:1:1: a key must be text, not a list or a mapping\n" },
	{ "- a\n", "f.yaml:1:1: a list at the top; expected a mapping of sections\n" },
	{ "just text\n", "f.yaml:1:1: a value at the top; expected a mapping of sections\n" },
	{ "a: [1, 2\n", "f.yaml:2:1: flow sequence without a closing bracket\n" },
	{ "é: é: b\n", "f.yaml:1:5: invalid nested block mapping on the same line\n" },
	{ "a: \"\\0\"\n", "f.yaml:1:4: a: a zero byte; text cannot hold it\n" },
	{ "a: \x01\n", "f.yaml:1:4: a control character; expected plain UTF-8 text\n" },
	{ "a: \xc2\x9b\n", "f.yaml:1:4: a control character; expected plain UTF-8 text\n" },
	{ "a: \xe2\x80\xa8\n", "f.yaml:1:4: a control character; expected plain UTF-8 text\n" },
	{ "a: b\r", "f.yaml:1:5: a control character; expected plain UTF-8 text\n" },
	{ "a: \xff\n", "f.yaml:1:1: not UTF-8 text\n" },
	{ "\xff\xfe"
	  "a",
		"f.yaml:1:1: not UTF-8 text\n" },
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct loaded l;
		load(&l, wrong[i].text);
		assert_int_equal(l.failed, -EINVAL);
		if (wrong[i].said)
			assert_string_equal(l.said.data, wrong[i].said);
		assert_null(strstr(l.said.data, "geheim"));
		unload(&l);
	}
}

static void test_set(void **state)
{
	static const char *const sets[] = { "logs.export.elasticsearch.url=http://x:1", "listen=[\":1\", \":2\"]",
		"memory=8MiB", "service={name: n}", "service.version=1.0 ", "logs.collect.push=", NULL };
	struct loaded l;
	struct config_component *c;

	(void)state;
	load_bytes(
		&l, bytes_of("memory: 9MiB\nservice:\nlogs: { export: { elasticsearch: { interval: 1s } } }\n"), sets);
	assert_string_equal(l.said.data, "");
	assert_list(l.sample.listen, ":1|:2|");
	assert_int_equal(l.sample.memory, 8 << 20);
	assert_string_equal(l.sample.service.name, "n");
	assert_string_equal(l.sample.service.version, "1.0");
	c = config_components(l.config, "logs.export");
	assert_string_equal(((struct sample_elastic *)c->options)->url, "http://x:1");
	assert_int_equal(((struct sample_elastic *)c->options)->interval.ns, DURATION_S(1).ns);
	assert_string_equal(config_components(l.config, "logs.collect")->name, "push");
	unload(&l);
}

static const struct {
	const char *set, *said;
} wrong_sets[] = {
	{ "memory", "--set:1:1: not an assignment; expected section.key=value\n" },
	{ "=1", "--set:1:1: not an assignment; expected section.key=value\n" },
	{ "a..b=1", "--set:1:1: not an assignment; expected section.key=value\n" },
	{ ".a=1", "--set:1:1: not an assignment; expected section.key=value\n" },
	{ "a.=1", "--set:1:1: not an assignment; expected section.key=value\n" },
	{ "memory=8", "--set:1:8: memory: \"8\" has no unit; expected a size such as 64KiB, 32MiB or 1GiB\n" },
	{ "memry=8MiB", "--set:1:1: memry: unknown key; did you mean \"memory\"?\n" },
	{ "listen=[a", "--set:1:8: flow sequence without a closing bracket\n" },
	{ "memory=*a", "--set:1:8: an alias (*name); aliases are not supported: write the value out, or put the "
		       "text in quotes\n" },
	{ "state.max=1MiB", "--set:1:7: state: a value at f.yaml:1:8; write a mapping there to set \"max\" in it\n" },
	{ "exit.within=", NULL },
};

static void test_wrong_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong_sets); i++) {
		struct loaded l;
		load_bytes(&l, bytes_of("state: /s\n"), (const char *[]){ wrong_sets[i].set, NULL });
		assert_string_equal(l.said.data, wrong_sets[i].said ? wrong_sets[i].said : "");
		unload(&l);
	}
}

#define EXPOSED                                                                                                  \
	"every process can read a secret on the command line; use ${file:/path}, or ${NAME} for an environment " \
	"variable\n"
#define ELASTIC "logs.export.elasticsearch"

/* What is a secret, or has one in it, is not written in the command line; what stands for it may be. */
static const struct {
	const char *set, *said;
} secret_sets[] = {
	{ ELASTIC "={url: 'http://h:1', password: hunter2}", "--set:1:57: " ELASTIC ".password: " EXPOSED },
	{ ELASTIC "={url: 'http://h:1', password: 'x${HOST}'}", "--set:1:57: " ELASTIC ".password: " EXPOSED },
	{ ELASTIC "={url: 'http://h:1', password: '${HOST:-hunter2}'}", "--set:1:57: " ELASTIC ".password: " EXPOSED },
	{ ELASTIC "={url: 'http://h:1', password: '${HOST}'}", NULL },
	{ ELASTIC "={url: 'http://h:1', password: '${HOST:-}'}", NULL },
	{ ELASTIC "={url: 'http://h:1', password: '${file:/run/secrets/es}'}", NULL },
	{ ELASTIC "={url: 'http://h:1', password: '${HOST}${file:/run/secrets/es}'}", NULL },
	{ ELASTIC ".url=http://u:hunter2@h:1", "--set:1:31: " ELASTIC ".url: " EXPOSED },
	{ ELASTIC ".url=http://u:hunter2$$@h:1", "--set:1:31: " ELASTIC ".url: " EXPOSED },
	{ ELASTIC ".url=http://u:hun${HOST}@h:1", "--set:1:31: " ELASTIC ".url: " EXPOSED },
	{ ELASTIC ".url=http://u:${HOST}@h:1", NULL },
	{ ELASTIC ".url=http://u:${HOST}${file:/run/secrets/none}@h:1",
		"--set:1:31: " ELASTIC ".url: \"/run/secrets/none\" is not there\n" },
	{ ELASTIC ".url=http://u@h:1", NULL },
};

static void test_secrets_are_not_set_in_the_command_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(secret_sets); i++) {
		struct loaded l;
		load_bytes(&l, bytes_of(""), (const char *[]){ secret_sets[i].set, NULL });
		assert_string_equal(l.said.data, secret_sets[i].said ? secret_sets[i].said : "");
		unload(&l);
	}
}

/* Ceilings. */

static char *repeat(const char *text, size_t times)
{
	size_t size = strlen(text);
	char *all = malloc(size * times + 1);

	assert_non_null(all);
	for (size_t i = 0; i < times; i++)
		memcpy(all + i * size, text, size);
	all[size * times] = '\0';
	return all;
}

static void assert_said(const struct loaded *l, const char *what)
{
	if (!strstr(l->said.data, what))
		fail_msg("not said: %s, but: %s", what, l->said.data);
}

static void assert_repeated(const char *text, size_t times, const char *said)
{
	struct loaded l;
	char *all = repeat(text, times);

	load(&l, all);
	assert_said(&l, said);
	unload(&l);
	free(all);
}

static void test_ceilings(void **state)
{
	(void)state;
	assert_repeated("[", 10000, "f.yaml:1:33: [0][0]");
	assert_repeated("{a: ", 10000, "nested deeper than 32\n");
	assert_repeated("- ", 10000, "nested deeper than 32\n");
	assert_repeated("# a comment\n", 100000, "f.yaml:1:1: larger than 1 MiB\n");
	assert_repeated("- a\n", 70000, "more than 65536 values\n");
	assert_repeated("- *a\n", 70000, "f.yaml:20:3: an alias");
	assert_repeated("[", 16385, "f.yaml:1:16385: more than 16384 opening brackets\n");
	assert_repeated("\n", 102, "f.yaml:101:1: more than 100 blank lines in a row\n");
	assert_repeated("\n", 1000000, "f.yaml:101:1: more than 100 blank lines in a row\n");
	assert_repeated("- &a b\n", 50, "f.yaml:20:3: an anchor");
}

static void test_many_keys(void **state)
{
	struct loaded l;
	struct buffer text;

	(void)state;
	buffer_init(&text, 1 << 20);
	for (int i = 0; i < 1025; i++)
		assert_int_equal(buffer_printf(&text, "k%d: 1\n", i), 0);
	load_bytes(&l, buffer_bytes(&text), NULL);
	assert_string_equal(l.said.data, "f.yaml:1025:1: more than 1024 keys in one mapping\n");
	unload(&l);
	buffer_done(&text);
}

/* Ten references to ten references to …: refused at the first anchor and the first alias, and nothing grows. */
static void test_billion_laughs(void **state)
{
	struct loaded l;

	(void)state;
	load(&l, "a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n");
	assert_int_equal(l.config->errors.count, 9);
	assert_said(&l, "f.yaml:1:4: a: an anchor");
	assert_true(l.config->tree.nodes < 20);
	unload(&l);
}

/* Each value within its ceiling, all together beyond theirs; and one beyond its own. */
static void test_expansion_ceilings(void **state)
{
	struct loaded l;
	char *all;

	(void)state;
	all = repeat("  - ${LONG}\n", 600);
	memcpy(all, "a:\n # x", 7);
	load(&l, all);
	assert_string_equal(l.said.data, "f.yaml:515:5: a[512]: all ${…} together are longer than 4 MiB after "
					 "expansion\n");
	unload(&l);
	free(all);
	load(&l, "a: ${LONG}${LONG}${LONG}${LONG}${LONG}${LONG}${LONG}${LONG}${LONG}\n");
	assert_string_equal(l.said.data, "f.yaml:1:4: a: is longer than 64 KiB after expansion\n");
	unload(&l);
}

static void test_errors_have_a_ceiling(void **state)
{
	struct loaded l;
	struct buffer text;

	(void)state;
	buffer_init(&text, 1 << 20);
	assert_int_equal(buffer_text(&text, "service:\n"), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buffer_printf(&text, "  unknown%d: 1\n", i), 0);
	load_bytes(&l, buffer_bytes(&text), NULL);
	assert_int_equal(l.config->errors.count, 100);
	assert_non_null(strstr(l.said.data, "f.yaml:21:3: service.unknown19: unknown key; known keys: "));
	assert_non_null(strstr(l.said.data, "\n80 more\n"));
	unload(&l);
	buffer_done(&text);
}

/* Excerpts. */

static void assert_excerpt(const char *text, const char *printed)
{
	struct loaded l;
	struct buffer out;

	load(&l, text);
	buffer_init(&out, 1 << 20);
	assert_int_equal(config_errors_print(&l.config->errors, true, &out), 0);
	assert_int_equal(buffer_append(&out, "", 1), 0);
	assert_string_equal(out.data, printed);
	buffer_done(&out);
	unload(&l);
}

static void test_excerpts(void **state)
{
	(void)state;
	assert_excerpt("exit:\n  within: 5\n",
		"f.yaml:2:11: exit.within: \"5\" has no unit; did you mean 5s? Expected a duration such as 250ms, "
		"5s, 2m or 1h\n"
		"      within: 5\n              ^\n");
	assert_excerpt(
		"é: é: b\n", "f.yaml:1:5: invalid nested block mapping on the same line\n    é: é: b\n        ^\n");
	assert_excerpt("service:\n", "");
}

/* Secrets, written in every way that brings an error beside them or about them. */

static const char *const with_secrets[] = {
	"logs: { export: { elasticsearch: { url: 'http://a', password: hunter2, wrong: x } } }\n",
	"logs: { export: { elasticsearch: { password: [hunter2, {a: hunter2}] } } }\n",
	"logs:\n  export:\n    elasticsearch:\n      headers: hunter2\n",
	"logs: { export: { elasticsearch: { headers: { a: hunter2, b: [] } } } }\n",
	"logs: { export: { elasticsearch: { url: 'ftp://u:hunter2@a' } } }\n",
	"logs: { export: { elasticsearch: { url: 'ftp://u:hun/hunter2@a' } } }\n",
	"logs: { export: { elasticsearch: { url: 'ftp://${file:/run/secrets/es}' } } }\n",
	"logs: { export: { elasticsearch: { interval: '${file:/run/secrets/es}' } } }\n",
	"logs: { collect: { tail: { paths: a, format: '${file:/run/secrets/es}' } } }\n",
	"logs: { collect: { a: { type: '${file:/run/secrets/es}' } } }\n",
	"password: hunter2: x\n",
	"a: { password: hunter2, password: hunter2 }\n",
	"apiKey: !!str hunter2\n",
	"passwrod: hunter2\n",
	"health: { checks: { db: 'mysql://u:hunter2@h' } }\n",
};

static void test_secrets_are_not_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(with_secrets); i++) {
		struct loaded l;
		load(&l, with_secrets[i]);
		assert_int_equal(l.failed, -EINVAL);
		assert_int_equal(config_errors_print(&l.config->errors, true, &l.said), 0);
		assert_null(memmem(l.said.data, l.said.size, "hunter2", 7));
		unload(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_fixed_sections),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_common_options_and_schemes),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_expansion),
		cmocka_unit_test(test_a_name_without_a_folder_is_a_credential),
		cmocka_unit_test(test_a_text_of_a_file_is_read_again),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_wrong_sets),
		cmocka_unit_test(test_secrets_are_not_set_in_the_command_line),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_billion_laughs),
		cmocka_unit_test(test_expansion_ceilings),
		cmocka_unit_test(test_errors_have_a_ceiling),
		cmocka_unit_test(test_excerpts),
		cmocka_unit_test(test_secrets_are_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
