#include "collectors/statsd_mapping.h"

#include <stdio.h>

#include "base/text.h"

/* What the * of a glob, or the groups of a regex, stand for; the first is the whole. */
struct captures {
	const struct regex *regex; /* NULL: of a glob */
	size_t count;
	struct bytes parts[REGEX_GROUPS_MAX];
};

/* Rules. */

static struct bytes take_part(struct bytes *name, bool *ret_more)
{
	const char *dot = name->size > 0 ? memchr(name->data, '.', name->size) : NULL;
	struct bytes part = { name->data, dot ? (size_t)(dot - name->data) : name->size };
	size_t whole = part.size + (dot != NULL);

	*ret_more = dot;
	*name = (struct bytes){ name->data + whole, name->size - whole };
	return part;
}

/* As many parts, each equal or a *. Of many * only the first can be referred to. */
static bool glob_fits(const char *glob, struct bytes name, struct captures *c)
{
	struct bytes match = bytes_of(glob);
	bool more = true, more_match = true;

	*c = (struct captures){ .count = 1, .parts = { name } };
	while (more && more_match) {
		struct bytes part = take_part(&name, &more), wanted = take_part(&match, &more_match);
		bool star = bytes_are(wanted, "*");
		if (!star && !bytes_equal(part, wanted))
			return false;
		if (star && c->count < REGEX_GROUPS_MAX)
			c->parts[c->count++] = part;
	}
	return more == more_match;
}

static enum regex_answer regex_fits(const struct regex *regex, struct bytes name, struct captures *c)
{
	*c = (struct captures){ .regex = regex, .count = REGEX_GROUPS_MAX };
	return regex_find(regex, name, c->parts);
}

static const struct statsd_rule *find_glob(
	const struct statsd_rules *r, struct bytes name, enum meter_kind kind, struct captures *c)
{
	for (const struct statsd_rule *rule = r->rules; rule < r->rules + r->count; rule++)
		if (!rule->regex && rule->of[kind] && glob_fits(rule->match, name, c))
			return rule;
	return NULL;
}

static const struct statsd_rule *find_regex(const struct statsd_mapping *m, struct bytes name, enum meter_kind kind,
	struct captures *c, enum regex_answer *ret)
{
	*ret = REGEX_NO;
	for (size_t i = 0; i < m->rules.count; i++) {
		const struct statsd_rule *rule = &m->rules.rules[i];
		if (!rule->regex || !rule->of[kind])
			continue;
		*ret = regex_fits(rule->regex, name, c);
		if (*ret != REGEX_NO)
			return rule;
	}
	return NULL;
}

/* Templates. */

static struct bytes capture_of(const struct captures *c, struct bytes name)
{
	uint64_t number = c->count;
	int group = c->regex ? regex_group(c->regex, name) : -1;

	if (c->regex)
		number = group < 0 ? c->count : (uint64_t)group;
	else if (!u64_parse(name, &number))
		number = c->count;
	return number < c->count ? c->parts[number] : (struct bytes){ NULL, 0 };
}

/* Of `$name` or `${name}` behind the $: the name, and how many bytes it takes. False: it is none. */
static bool read_reference(const char *text, struct bytes *ret_name, size_t *ret_size)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	bool braced = *text == '{';
	size_t size = strspn(text + braced, word);

	if (size == 0 || (braced && text[1 + size] != '}'))
		return false;
	*ret_name = (struct bytes){ text + braced, size };
	*ret_size = size + 2 * (size_t)braced;
	return true;
}

static int expand(struct statsd_mapping *m, const char *text, const struct captures *c, struct bytes *ret)
{
	size_t start = m->made.size;
	struct bytes name;
	int failed = 0;

	while (*text && !failed) {
		size_t size = strcspn(text, "$");
		failed = buffer_append(&m->made, text, size);
		text += size;
		if (failed || !*text)
			break;
		if (!read_reference(++text, &name, &size)) {
			failed = buffer_append(&m->made, "$", 1); /* $$ is one, too */
			text += *text == '$';
			continue;
		}
		name = capture_of(c, name);
		if (name.size > 0)
			failed = buffer_append(&m->made, name.data, name.size);
		text += size;
	}
	*ret = (struct bytes){ m->made.data + start, m->made.size - start };
	return failed;
}

enum statsd_fit statsd_mapping_find(
	struct statsd_mapping *m, struct bytes name, enum meter_kind kind, struct statsd_mapped *ret)
{
	enum regex_answer answer = REGEX_YES;
	struct captures c;
	const struct statsd_rule *rule = find_glob(&m->rules, name, kind, &c);
	int failed;

	if (!rule)
		rule = find_regex(m, name, kind, &c, &answer);
	if (!rule)
		return STATSD_UNMAPPED;
	if (answer == REGEX_LIMIT)
		return STATSD_EXCESS;
	if (rule->drops)
		return STATSD_DROPPED;
	buffer_clear(&m->made);
	ret->rule = rule;
	ret->label_count = rule->label_count;
	failed = expand(m, rule->metric.text, &c, &ret->name);
	for (size_t i = 0; i < rule->label_count && !failed; i++)
		failed = expand(m, rule->labels[i].text, &c, &ret->values[i]);
	return failed ? STATSD_EXCESS : STATSD_MAPPED;
}

bool statsd_mapping_read(struct statsd_mapping *m, const char *path, char *why, size_t room)
{
	*m = (struct statsd_mapping){ .made = { .size = 0 } };
	buffer_init(&m->made, STATSD_MADE_MAX);
	if (statsd_rules_read(&m->rules, path) && buffer_reserve(&m->made, STATSD_MADE_MAX))
		return true;
	document_why(&m->rules.file, why, room);
	return false;
}

void statsd_mapping_done(struct statsd_mapping *m)
{
	statsd_rules_done(&m->rules);
	buffer_done(&m->made);
}
