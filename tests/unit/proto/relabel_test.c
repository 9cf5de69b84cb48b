/*
 * Relabel rules: what each action does, what a rule may not say, and what is done about regular expressions and results
 * without end. What is expected is what Prometheus' model/relabel does; e2e/test_relabel.py asks that itself.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/relabel.h"

enum { RULES = 3, SOURCES = 2, SHOWN = 4096, TWICE = 7 /* doublings of 6,000 bytes are too much */ };

/* A rule as a row of a table has it: what is NULL is as in Prometheus' default. */
struct written {
	enum relabel_action action;
	const char *source[SOURCES], *separator, *regex, *target, *replacement;
	uint64_t modulus;
};

static struct relabel_rule rule_of(const struct written *w)
{
	size_t sources = 0;

	while (sources < SOURCES && w->source[sources])
		sources++;
	return (struct relabel_rule){
		.action = w->action,
		.source = w->source,
		.source_count = sources,
		.separator = w->separator ? w->separator : RELABEL_SEPARATOR,
		.regex = w->regex,
		.target = w->target,
		.replacement = w->replacement ? w->replacement : RELABEL_REPLACEMENT,
		.modulus = w->modulus,
	};
}

struct bench {
	struct relabel *rules;
	const struct relabel_label *target;
	size_t target_count;
	char shown[SHOWN]; /* what became of the sample */
};

static size_t put(struct bench *b, size_t at, const char *before, struct bytes text, bool quoted)
{
	at += (size_t)snprintf(b->shown + at, SHOWN - at, "%s%s", before, quoted ? "'" : "");
	at += (size_t)snprintf(b->shown + at, SHOWN - at, "%.*s%s", (int)text.size, text.data, quoted ? "'" : "");
	assert_true(at < SHOWN);
	return at;
}

/* name a=1 b=2; a name in quotes has ' around it, a value with escapes a backslash in front of it. */
static void show(struct bench *b, const struct exposition_sample *s)
{
	size_t at = put(b, 0, "", s->name, s->quoted);
	bool quoted = false;

	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		if (i > 0)
			assert_true(bytes_compare(s->labels[i - 1].name, l->name) < 0);
		at = put(b, at, " ", l->name, l->quoted);
		at = put(b, at, l->escaped ? "=\\" : "=", l->value, false);
		quoted = quoted || l->quoted;
	}
	assert_int_equal(s->quoted_label, quoted);
	if (s->excess)
		snprintf(b->shown, SHOWN, "excess %d", (int)s->excess);
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct bench *b = context;
	struct exposition_sample made;

	switch (relabel_apply(b->rules, sample, b->target, b->target_count, &made)) {
	case RELABEL_KEPT:
		assert_true(made.excess || made.value == sample->value);
		show(b, &made);
		break;
	case RELABEL_DROPPED:
		snprintf(b->shown, SHOWN, "dropped");
		break;
	case RELABEL_NAMELESS:
		snprintf(b->shown, SHOWN, "nameless");
		break;
	}
	return 0;
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context;
	(void)meta;
	return 0;
}

static const struct exposition_events events = { .meta = on_meta, .sample = on_sample };

static void bench_init(struct bench *b, const struct written *rules, size_t count)
{
	struct relabel_rule all[RULES];
	char why[256];

	memset(b, 0, sizeof *b);
	for (size_t i = 0; i < count; i++) {
		all[i] = rule_of(&rules[i]);
		if (relabel_rule_check(&all[i], why, sizeof why))
			fail_msg("%s", why);
	}
	assert_int_equal(relabel_new(all, count, &b->rules), 0);
	relabel_begin_page(b->rules);
}

/* What a line of text becomes. */
static const char *apply_bytes(struct bench *b, struct bytes line)
{
	struct exposition_parser p;

	exposition_init(&p, EXPOSITION_TEXT, &exposition_limits_default, &events, b);
	snprintf(b->shown, SHOWN, "none");
	assert_int_equal(exposition_feed(&p, line.data, line.size), EXPOSITION_FINE);
	if (exposition_end(&p) != EXPOSITION_FINE)
		fail_msg("%s", p.what);
	exposition_done(&p);
	return b->shown;
}

static const char *apply(struct bench *b, const char *line)
{
	return apply_bytes(b, bytes_of(line));
}

static const struct {
	struct written rules[RULES];
	size_t count;
	const char *line, *shown;
} actions[] = {
	{ { { RELABEL_REPLACE, { "a", "b" }, NULL, "(.*);(.*)", "c", "$2-${1}" } }, 1, "m{a=\"1\",b=\"2\"} 1",
		"m a=1 b=2 c=2-1" },
	{ { { RELABEL_REPLACE, { "a", "no" }, "@", NULL, "a" } }, 1, "m{a=\"1\",b=\"2\"} 1", "m a=1@ b=2" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, "2", "a", "x" } }, 1, "m{a=\"1\"} 1", "m a=1" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, "x(1)", "a", "$1" } }, 1, "m{a=\"1\"} 1", "m a=1" },
	{ { { RELABEL_REPLACE, { NULL }, NULL, NULL, "a", "" } }, 1, "m{a=\"1\",b=\"2\"} 1", "m b=2" },
	{ { { RELABEL_REPLACE, { NULL }, NULL, NULL, "a", "x" } }, 1, "m 1", "m a=x" },
	{ { { RELABEL_REPLACE, { "__name__" }, NULL, "(.*)_total", "__name__", "new_$1" } }, 1, "m_total{a=\"1\"} 1",
		"new_m a=1" },
	{ { { RELABEL_REPLACE, { "__name__" }, NULL, NULL, "__name__", "" } }, 1, "m 1", "nameless" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, "(x)(.*)", "$2", "$1" } }, 1, "m{a=\"xy\"} 1", "m a=xy y=x" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, "(x)(.*)", "$2", "$1" } }, 1, "m{a=\"x\"} 1", "m a=x" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, "(?P<one>.)(?P<two>.)?", "b", "${two}$one" } }, 1, "m{a=\"x\"} 1",
		"m a=x b=x" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, NULL, "b", "$$1 $1x ${01} $2 $- ${ $" } }, 1, "m{a=\"y\"} 1",
		"m a=y b=$1    $- ${ $" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, "(.*)\"(.*)", "b", "$2\\\n" } }, 1, "m{a=\"x\\\"y\"} 1",
		"m a=\\x\\\"y b=\\y\\\\\\n" },
	{ { { RELABEL_REPLACE, { "a" }, NULL, NULL, "k8s.pod" } }, 1, "m{a=\"1\"} 1", "m a=1 'k8s.pod'=1" },
	{ { { RELABEL_REPLACE, { "my.b" }, NULL, NULL, "__name__" } }, 1, "{\"my.m\",\"my.b\"=\"1.5\"} 1",
		"'1.5' 'my.b'=1.5" },
	{ { { RELABEL_KEEP, { "a" }, NULL, "1|2" } }, 1, "m{a=\"1\"} 1", "m a=1" },
	{ { { RELABEL_KEEP, { "a" }, NULL, "1|2" } }, 1, "m{a=\"12\"} 1", "dropped" },
	{ { { RELABEL_DROP, { "a" }, NULL, "1.*" } }, 1, "m{a=\"1\\n2\"} 1", "dropped" },
	{ { { RELABEL_DROP, { "a" }, NULL, "1.*" } }, 1, "m{a=\"21\"} 1", "m a=21" },
	{ { { RELABEL_KEEPEQUAL, { "a" }, NULL, NULL, "b" } }, 1, "m{a=\"1\",b=\"1\"} 1", "m a=1 b=1" },
	{ { { RELABEL_KEEPEQUAL, { "a" }, NULL, NULL, "b" } }, 1, "m{a=\"1\"} 1", "dropped" },
	{ { { RELABEL_DROPEQUAL, { "a" }, NULL, NULL, "b" } }, 1, "m{a=\"1\",b=\"1\"} 1", "dropped" },
	{ { { RELABEL_DROPEQUAL, { "a" }, NULL, NULL, "b" } }, 1, "m{a=\"1\"} 1", "m a=1" },
	{ { { RELABEL_HASHMOD, { "c" }, NULL, NULL, "d", NULL, 1000 } }, 1, "m{c=\"baz\"} 1", "m c=baz d=976" },
	{ { { RELABEL_HASHMOD, { "a" }, NULL, NULL, "b", NULL, 1 } }, 1, "m 1", "m b=0" },
	{ { { RELABEL_LABELMAP, { NULL }, NULL, "my_(.*)", NULL, "$1" } }, 1, "m{my_a=\"1\",my_b=\"2\",a=\"0\"} 1",
		"m a=1 b=2 my_a=1 my_b=2" },
	{ { { RELABEL_LABELMAP, { NULL }, NULL, "(a|b)", NULL, "x" } }, 1, "m{a=\"1\",b=\"2\"} 1", "m a=1 b=2 x=2" },
	{ { { RELABEL_LABELMAP, { NULL }, NULL, "a(x)?", NULL, "$1" } }, 1, "m{a=\"1\"} 1", "nameless" },
	{ { { RELABEL_LABELMAP, { NULL }, NULL, "a(x)?", NULL, "$1" }, { RELABEL_LABELDROP, { NULL }, NULL, "" } }, 2,
		"m{a=\"1\"} 1", "m a=1" },
	{ { { RELABEL_LABELDROP, { NULL }, NULL, "a|c.*" } }, 1, "m{a=\"1\",b=\"2\",cc=\"3\"} 1", "m b=2" },
	{ { { RELABEL_LABELDROP, { NULL }, NULL, ".*" } }, 1, "m{a=\"1\"} 1", "nameless" },
	{ { { RELABEL_LABELKEEP, { NULL }, NULL, "__name__|a" } }, 1, "m{a=\"1\",b=\"2\"} 1", "m a=1" },
	{ { { RELABEL_LABELKEEP, { NULL }, NULL, "a" } }, 1, "m{a=\"1\",b=\"2\"} 1", "nameless" },
	{ { { RELABEL_LOWERCASE, { "a" }, NULL, NULL, "b" } }, 1, "m{a=\"GRÖSSE ΑΒΓ 1\"} 1",
		"m a=GRÖSSE ΑΒΓ 1 b=grösse αβγ 1" },
	{ { { RELABEL_UPPERCASE, { "a" }, NULL, NULL, "a" } }, 1, "m{a=\"größe ȿ\"} 1", "m a=GRÖßE Ȿ" },
	{ { { RELABEL_LABELDROP, { NULL }, NULL, "b" }, { RELABEL_REPLACE, { "b" }, NULL, NULL, "a" },
		  { RELABEL_REPLACE, { NULL }, NULL, NULL, "b", "x" } },
		3, "m{a=\"1\",b=\"2\",c=\"\"} 1", "m b=x" },
};

static void each_action_does_what_it_does_in_prometheus(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		struct bench b;
		bench_init(&b, actions[i].rules, actions[i].count);
		if (strcmp(apply(&b, actions[i].line), actions[i].shown) != 0)
			fail_msg("row %zu: %s: %s, not %s", i, actions[i].line, b.shown, actions[i].shown);
		relabel_free(b.rules);
	}
}

/* A reader would refuse the page that it is on. */
static void a_name_that_would_have_a_zero_is_none(void **state)
{
	static const struct written rules[] = { { RELABEL_REPLACE, { "a" }, NULL, NULL, "__name__" },
		{ RELABEL_REPLACE, { "a" }, NULL, "(.*)", "$1" } };
	static const char line[] = "m{a=\"x\0\"} 1";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		struct bench b;
		bench_init(&b, &rules[i], 1);
		assert_string_equal(apply_bytes(&b, (struct bytes){ line, sizeof line - 1 }), "nameless");
		relabel_free(b.rules);
	}
}

static void what_prometheus_refuses_is_refused(void **state)
{
	static const struct {
		struct written rule;
		const char *field, *why;
	} rows[] = {
		{ { RELABEL_REPLACE, { "a" } }, "target_label",
			"is missing; the action replace needs the name of a label" },
		{ { RELABEL_LOWERCASE, { "a" }, .target = "" }, "target_label",
			"is empty; the action lowercase needs the name of a label" },
		{ { RELABEL_KEEPEQUAL, { "a" } }, "target_label",
			"is missing; the action keepequal needs the name of a label" },
		{ { RELABEL_HASHMOD, { "a" }, .target = "b" }, "modulus",
			"is missing or 0; the action hashmod needs a number above 0" },
		{ { RELABEL_LABELMAP, .replacement = "" }, "replacement",
			"is empty; the action labelmap needs the name of a label, such as $1" },
		{ { RELABEL_UPPERCASE, .target = "b", .replacement = "x" }, "replacement",
			"has no use for the action uppercase; leave it out" },
		{ { RELABEL_DROPEQUAL, .target = "b", .regex = ".*" }, "regex",
			"has no use for the action dropequal; leave it out" },
		{ { RELABEL_DROPEQUAL, .target = "b", .modulus = 1 }, "modulus",
			"has no use for the action dropequal; leave it out" },
		{ { RELABEL_LABELDROP, { "a" } }, "source_labels",
			"has no use for the action labeldrop; leave it out" },
		{ { RELABEL_LABELKEEP, .separator = "-" }, "separator",
			"has no use for the action labelkeep; leave it out" },
		{ { RELABEL_LABELKEEP, .target = "a" }, "target_label",
			"has no use for the action labelkeep; leave it out" },
		{ { RELABEL_KEEP, { "" } }, "source_labels",
			"has \"\", which is not the name of a label; expected names of labels" },
		{ { RELABEL_KEEP, .regex = "a(b" }, "regex",
			"is wrong: missing closing parenthesis at character 4; expected a regular expression of "
			"PCRE2" },
		{ { RELABEL_KEEP, .regex = "a[b" }, "regex",
			"is wrong: missing terminating ] for character class at character 4; expected a regular "
			"expression of PCRE2" },
		{ { RELABEL_KEEP, .regex = "(*LIMIT_MATCH=9)a" }, "regex",
			"is wrong: (*VERB) not recognized or malformed at character 14; expected a regular expression "
			"of "
			"PCRE2" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct relabel_rule rule = rule_of(&rows[i].rule);
		char why[256] = "";
		const char *field = relabel_rule_check(&rule, why, sizeof why);
		if (!field || strcmp(field, rows[i].field) != 0 || strcmp(why, rows[i].why) != 0)
			fail_msg("row %zu: %s: %s, not %s: %s", i, field, why, rows[i].field, rows[i].why);
	}
}

static void labels_of_the_target_are_there_first(void **state)
{
	static const struct relabel_label target[] = { { { "t", 1 }, { "a\"b", 3 } },
		{ { "exported_t", 10 }, { "2", 1 } }, { { "z", 1 }, { "", 0 } } };
	static const struct written rule = { RELABEL_REPLACE, { "t" }, NULL, NULL, "seen" };
	struct bench b;

	(void)state;
	bench_init(&b, &rule, 1);
	b.target = target;
	b.target_count = COUNT_OF(target);
	assert_string_equal(apply(&b, "m{a=\"0\"} 1"), "m a=0 exported_t=2 seen=\\a\\\"b t=\\a\\\"b");
	assert_string_equal(apply(&b, "m{t=\"0\",z=\"9\"} 1"),
		"m exported_exported_t=0 exported_t=2 exported_z=9 seen=\\a\\\"b t=\\a\\\"b");
	assert_string_equal(apply(&b, "m{t=\"\"} 1"), "m exported_t=2 seen=\\a\\\"b t=\\a\\\"b");
	relabel_free(b.rules);
}

static void a_rule_that_takes_too_long_drops_nothing(void **state)
{
	static const struct written rules[] = { { RELABEL_KEEP, { "a" }, NULL, "(x+x+)+y" },
		{ RELABEL_DROP, { "a" }, NULL, "(x+x+)+y" } };
	const char *line = "m{a=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxzy\"} 1";
	struct bench b;

	(void)state;
	bench_init(&b, rules, 2);
	for (uint64_t i = 1; i < 3 * RELABEL_OVERRUNS_MAX; i++) {
		assert_memory_equal(apply(&b, line), "m a=xx", 6);
		assert_int_equal(relabel_overruns(b.rules), 2 * i);
	}
	assert_memory_equal(apply(&b, "m{a=\"z\"} 1"), "m a=z", 6); /* left out by now, also where it would be fast */
	relabel_begin_page(b.rules);
	assert_string_equal(apply(&b, "m{a=\"z\"} 1"), "dropped"); /* by keep */
	relabel_free(b.rules);
}

/* Answers are kept, each for its own text: many more of them than there are places, short ones and long ones. */
static void a_match_is_that_of_its_text(void **state)
{
	static const struct written rule = { RELABEL_DROP, { "a" }, NULL, ".*7" };
	struct bench b;
	char line[128];

	(void)state;
	bench_init(&b, &rule, 1);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 20 * RELABEL_KNOWN; i++) {
			snprintf(line, sizeof line, "m{a=\"%0*d\"} 1", 1 + i % (RELABEL_KNOWN_TEXT + 4), i / 3);
			assert_int_equal(strcmp(apply(&b, line), "dropped") == 0, i / 3 % 10 == 7);
		}
	relabel_free(b.rules);
}

static void results_have_ceilings(void **state)
{
	static const struct written twice = { RELABEL_REPLACE, { "a", "a" }, "", NULL, "a" },
				    name = { RELABEL_REPLACE, { "a" }, NULL, NULL, "$1" },
				    more = { RELABEL_LABELMAP, { NULL }, NULL, "l(.*)", NULL, "k$1" };
	struct relabel_rule many[TWICE];
	struct bench b;
	char line[8192];
	size_t size;

	(void)state;
	snprintf(line, sizeof line, "m{a=\"%01100d\"} 1", 0);
	bench_init(&b, &name, 1);
	assert_string_equal(apply(&b, line), "excess 3");
	relabel_free(b.rules);
	snprintf(line, sizeof line, "m{a=\"%06000d\"} 1", 0);
	for (size_t i = 0; i < TWICE; i++)
		many[i] = rule_of(&twice);
	memset(&b, 0, sizeof b);
	assert_int_equal(relabel_new(many, TWICE, &b.rules), 0);
	assert_string_equal(apply(&b, line), "excess 1");
	relabel_free(b.rules);
	size = (size_t)snprintf(line, sizeof line, "m{");
	for (int i = 0; i < 100; i++)
		size += (size_t)snprintf(line + size, sizeof line - size, "l%d=\"1\",", i);
	snprintf(line + size, sizeof line - size, "} 1");
	bench_init(&b, &more, 1);
	assert_string_equal(apply(&b, line), "excess 2");
	relabel_free(b.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action_does_what_it_does_in_prometheus),
		cmocka_unit_test(a_name_that_would_have_a_zero_is_none),
		cmocka_unit_test(what_prometheus_refuses_is_refused),
		cmocka_unit_test(labels_of_the_target_are_there_first),
		cmocka_unit_test(a_rule_that_takes_too_long_drops_nothing),
		cmocka_unit_test(a_match_is_that_of_its_text),
		cmocka_unit_test(results_have_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
