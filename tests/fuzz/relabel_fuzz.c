/*
 * Relabel rules and a page: whatever both are, what the rules make of a sample is in order and within its ceilings, and
 * its texts read back as what they were.
 *
 * Input: lines of rules, each `ACTION SOURCES|SEPARATOR|REGEX|TARGET|REPLACEMENT|MODULUS`, an empty line, and a page.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/relabel.h"

enum { RULES_MAX = 8, FIELDS = 6, SOURCES = 2 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_label(const struct exposition_label *l)
{
	check(l->name.size > 0 && l->name.size <= 2 * EXPOSITION_NAME_MAX && l->value.size > 0);
	check(l->quoted || exposition_name_valid(l->name, true));
	check(!memchr(l->name.data, '\0', l->name.size));
	check(utf8_valid(l->name.data, l->name.size) && utf8_valid(l->value.data, l->value.size));
	for (size_t i = 0; i < l->value.size && !l->escaped; i++)
		check(l->value.data[i] != '"' && l->value.data[i] != '\n' && l->value.data[i] != '\\');
}

static void check_sample(const struct exposition_sample *s)
{
	check(s->name.size > 0 && s->label_count <= RELABEL_LABELS_MAX);
	check(s->quoted || exposition_name_valid(s->name, false));
	check(!memchr(s->name.data, '\0', s->name.size));
	for (size_t i = 0; i < s->label_count; i++) {
		check_label(&s->labels[i]);
		check(i == 0 || s->quoted_label || bytes_compare(s->labels[i - 1].name, s->labels[i].name) < 0);
	}
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	static const struct relabel_label target[] = { { { "job", 3 }, { "a\"b", 3 } }, { { "a", 1 }, { "1", 1 } } };
	struct exposition_sample made;

	if (relabel_apply(context, sample, target, COUNT_OF(target), &made) == RELABEL_KEPT && !made.excess)
		check_sample(&made);
	return 0;
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context;
	(void)meta;
	return 0;
}

static const struct exposition_events events = { .meta = on_meta, .sample = on_sample };

struct rule {
	struct relabel_rule rule;
	const char *source[SOURCES];
};

/* Cuts the line, which is terminated. */
static void read_rule(struct rule *r, char *line)
{
	char *field[FIELDS] = { line + 1 }, *comma;
	unsigned action = (unsigned)(line[0] - 'a');

	for (size_t i = 1; i < FIELDS; i++) {
		char *bar = strchr(field[i - 1], '|');
		field[i] = bar ? bar + 1 : field[i - 1] + strlen(field[i - 1]);
		if (bar)
			*bar = '\0';
	}
	r->source[1] = NULL;
	r->source[0] = *field[0] ? field[0] : NULL;
	comma = strchr(field[0], ',');
	if (comma) {
		*comma = '\0';
		r->source[1] = comma + 1;
	}
	r->rule = (struct relabel_rule){ .source = r->source,
		.source_count = r->source[1]   ? 2
				: r->source[0] ? 1
					       : 0,
		.separator = field[1],
		.regex = *field[2] ? field[2] : NULL,
		.target = field[3],
		.replacement = field[4],
		.modulus = strtoull(field[5], NULL, 10),
		.action = action < RELABEL_ACTIONS ? (enum relabel_action)action : RELABEL_REPLACE };
}

static void apply(const struct relabel_rule *rules, size_t count, struct bytes page)
{
	struct exposition_parser p;
	struct relabel *r;

	if (relabel_new(rules, count, &r))
		return;
	relabel_begin_page(r);
	exposition_init(&p, EXPOSITION_TEXT, &exposition_limits_default, &events, r);
	if (exposition_feed(&p, page.data, page.size) == EXPOSITION_FINE)
		(void)!exposition_end(&p);
	exposition_done(&p);
	relabel_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line = text, why[256];
	struct rule rules[RULES_MAX];
	struct relabel_rule fine[RULES_MAX];
	size_t count = 0;

	memcpy(text, data, size);
	text[size] = '\0';
	for (char *end; count < RULES_MAX && (end = strchr(line, '\n')) && end > line; line = end + 1) {
		*end = '\0';
		if (!utf8_valid(line, (size_t)(end - line)))
			continue;
		read_rule(&rules[count], line);
		if (!relabel_rule_check(&rules[count].rule, why, sizeof why)) {
			fine[count] = rules[count].rule;
			count++;
		}
	}
	line += *line == '\n';
	apply(fine, count, (struct bytes){ line, size - (size_t)(line - text) });
	free(text);
	return 0;
}
