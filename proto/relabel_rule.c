#include "proto/relabel_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

const char *const relabel_action_names[] = {
	[RELABEL_REPLACE] = "replace",
	[RELABEL_KEEP] = "keep",
	[RELABEL_DROP] = "drop",
	[RELABEL_KEEPEQUAL] = "keepequal",
	[RELABEL_DROPEQUAL] = "dropequal",
	[RELABEL_HASHMOD] = "hashmod",
	[RELABEL_LABELMAP] = "labelmap",
	[RELABEL_LABELDROP] = "labeldrop",
	[RELABEL_LABELKEEP] = "labelkeep",
	[RELABEL_LOWERCASE] = "lowercase",
	[RELABEL_UPPERCASE] = "uppercase",
	NULL,
};

#define BIT(action) (1u << (action))

enum {
	EQUALS = BIT(RELABEL_KEEPEQUAL) | BIT(RELABEL_DROPEQUAL),
	CASES = BIT(RELABEL_LOWERCASE) | BIT(RELABEL_UPPERCASE),
	NAMES = BIT(RELABEL_LABELDROP) | BIT(RELABEL_LABELKEEP), /* need nothing but a regex */
	SETS = BIT(RELABEL_REPLACE) | BIT(RELABEL_HASHMOD) | CASES, /* write the target */
};

static const char *check_regex(const struct relabel_rule *r, char *why, size_t room)
{
	struct regex *regex = NULL;
	char said[160];
	int failed = r->regex ? regex_new_anchored(r->regex, said, sizeof said, &regex) : 0;

	if (failed)
		snprintf(why, room, "is wrong: %s; expected a regular expression of PCRE2",
			failed == -ENOMEM ? "out of memory" : said);
	regex_free(regex);
	return failed ? "regex" : NULL;
}

/* What may not be set, since the action has no use for it. */
static const char *find_useless(const struct relabel_rule *r)
{
	unsigned action = BIT(r->action);

	if ((action & NAMES) && r->source_count > 0)
		return "source_labels";
	if ((action & NAMES) && r->target && *r->target)
		return "target_label";
	if ((action & EQUALS) && r->regex)
		return "regex";
	if ((action & (EQUALS | NAMES)) && r->modulus)
		return "modulus";
	if ((action & (EQUALS | NAMES)) && strcmp(r->separator, RELABEL_SEPARATOR) != 0)
		return "separator";
	if ((action & (EQUALS | NAMES | CASES)) && strcmp(r->replacement, RELABEL_REPLACEMENT) != 0)
		return "replacement";
	return NULL;
}

const char *relabel_rule_check(const struct relabel_rule *r, char *why, size_t room)
{
	const char *action = relabel_action_names[r->action], *useless = find_useless(r);

	for (size_t i = 0; i < r->source_count; i++)
		if (!*r->source[i]) {
			snprintf(why, room, "has \"\", which is not the name of a label; expected names of labels");
			return "source_labels";
		}
	if ((BIT(r->action) & (SETS | EQUALS)) && (!r->target || !*r->target)) {
		snprintf(why, room, "is %s; the action %s needs the name of a label", r->target ? "empty" : "missing",
			action);
		return "target_label";
	}
	if (r->action == RELABEL_HASHMOD && r->modulus == 0) {
		snprintf(why, room, "is missing or 0; the action hashmod needs a number above 0");
		return "modulus";
	}
	if (r->action == RELABEL_LABELMAP && !*r->replacement) {
		snprintf(why, room, "is empty; the action labelmap needs the name of a label, such as $1");
		return "replacement";
	}
	if (useless) {
		snprintf(why, room, "has no use for the action %s; leave it out", action);
		return useless;
	}
	return check_regex(r, why, room);
}

/* Templates. */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

static size_t word_size(const char *text)
{
	size_t n = 0;

	while (is_word(text[n]))
		n++;
	return n;
}

/* A number has no zero in front; what begins with a digit and is none is no group's name. */
static int group_of(const struct regex *regex, struct bytes name)
{
	bool zero = name.size > 1 && name.data[0] == '0';
	uint64_t number;
	int group = -1;

	if (!regex) /* (.*) */
		group = !zero && u64_parse(name, &number) && number <= 1 ? (int)number : -1;
	else if (!zero)
		group = regex_group(regex, name);
	return group >= 0 ? group : REGEX_GROUPS_MAX;
}

/* The group that a dollar sign at `text` begins; 0 if it is only a dollar sign. Returns the size. */
static size_t read_group(const struct regex *regex, const char *text, struct relabel_piece *ret)
{
	bool braced = text[1] == '{';
	const char *name = text + 1 + braced;
	size_t size = word_size(name);

	if (size == 0 || (braced && name[size] != '}'))
		return 0;
	*ret = (struct relabel_piece){ .group = group_of(regex, (struct bytes){ name, size }) };
	return 1 + size + 2 * (size_t)braced;
}

/* A piece for each dollar sign, and for each text between two, is enough. */
static int template_init(struct relabel_template *t, const struct regex *regex, const char *text)
{
	size_t most = 1;

	for (const char *p = text; (p = strchr(p, '$')); p++)
		most += 2;
	t->pieces = calloc(most, sizeof *t->pieces);
	if (!t->pieces)
		return -ENOMEM;
	while (*text) {
		struct relabel_piece *to = &t->pieces[t->count++];
		size_t size = *text == '$' ? read_group(regex, text, to) : 0;
		if (size == 0) {
			bool two = text[0] == '$' && text[1] == '$';
			size = *text == '$' ? 1 : strcspn(text, "$");
			*to = (struct relabel_piece){ .text = { text, size }, .group = -1 };
			size += two;
		}
		text += size;
	}
	return 0;
}

/* Steps. */

static char *copy(const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	return text ? memcpy(oxp_new(size), text, size) : NULL;
}

static void copy_rule(struct relabel_rule *to, const struct relabel_rule *from)
{
	char **names = oxp_new((from->source_count + 1) * sizeof *names);

	for (size_t i = 0; i < from->source_count; i++)
		names[i] = copy(from->source[i]);
	*to = *from;
	to->source = (const char *const *)names;
	to->separator = copy(from->separator);
	to->regex = copy(from->regex);
	to->target = copy(from->target);
	to->replacement = copy(from->replacement);
}

int relabel_step_init(struct relabel_step *s, const struct relabel_rule *rule)
{
	char why[160];
	int failed;

	*s = (struct relabel_step){ .overruns = 0 };
	copy_rule(&s->rule, rule);
	rule = &s->rule;
	failed = rule->regex ? regex_new_anchored(rule->regex, why, sizeof why, &s->regex) : 0;
	OXP_ASSERT(failed != -EINVAL);
	if (!failed && rule->action == RELABEL_REPLACE)
		failed = template_init(&s->target, s->regex, rule->target);
	if (!failed && (rule->action == RELABEL_REPLACE || rule->action == RELABEL_LABELMAP))
		failed = template_init(&s->replacement, s->regex, rule->replacement);
	return failed;
}

void relabel_step_done(struct relabel_step *s)
{
	const struct relabel_rule *r = &s->rule;

	for (size_t i = 0; i < r->source_count; i++)
		free((void *)r->source[i]);
	free((void *)r->source);
	free((void *)r->separator);
	free((void *)r->regex);
	free((void *)r->target);
	free((void *)r->replacement);
	free(s->target.pieces);
	free(s->replacement.pieces);
	regex_free(s->regex);
}
