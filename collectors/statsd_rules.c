#include "collectors/statsd_rules.h"

#include <xxhash.h>

#include "base/text.h"
#include "proto/statsd.h"

enum { WHY_MAX = 192 };

static void complain_unless_text(struct statsd_rules *r, const struct node *n)
{
	node_complain(&r->file.errors, n, "expected a text, found %s", node_kind_name(n));
}

/* The text of that key; NULL if it is not there, or is none, which was told. */
static const char *text_of(struct statsd_rules *r, const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	if (n && n->kind != NODE_TEXT) {
		complain_unless_text(r, n);
		return NULL;
	}
	return n && !n->empty ? n->text : NULL;
}

/* Which of two words it is; false if it is not there. Anything else is told. */
static bool choice_of(
	struct statsd_rules *r, const struct node *map, const char *key, const char *const words[2], unsigned *ret)
{
	const char *text = text_of(r, map, key);

	for (unsigned i = 0; text && i < 2; i++)
		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return true;
		}
	if (text)
		node_complain(&r->file.errors, node_get(map, key), "%s is neither %s nor %s",
			config_quote(r->file.arena, text), words[0], words[1]);
	return false;
}

static bool flag_of(struct statsd_rules *r, const struct node *map, const char *key)
{
	static const char *const words[] = { "false", "true" };
	unsigned ret = 0;

	return choice_of(r, map, key, words, &ret) && ret;
}

static double number_of(struct statsd_rules *r, const struct node *n, double otherwise)
{
	double number = otherwise;
	bool relative;

	if (n && (n->kind != NODE_TEXT || !statsd_number(bytes_of(n->text), &number, &relative)))
		node_complain(&r->file.errors, n, "expected a number");
	return number;
}

/* A duration of Go, such as 1m30s. */

static const struct unit {
	const char *name;
	double ns;
} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };

static const struct unit *unit_at(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (strlen(units[i].name) == size && memcmp(units[i].name, text, size) == 0)
			return &units[i];
	return NULL;
}

static bool read_duration(const char *text, struct duration *ret)
{
	double sum = 0, number;
	bool relative;

	if (!*text)
		return false;
	while (*text) {
		size_t size = strspn(text, "0123456789.");
		const struct unit *unit = unit_at(text + size);
		if (!unit || !statsd_number((struct bytes){ text, size }, &number, &relative))
			return strcmp(text, "0") == 0 && (*ret = (struct duration){ 0 }, true);
		sum += number * unit->ns;
		text += size + strlen(unit->name);
	}
	if (!(sum < 1e18))
		return false;
	*ret = (struct duration){ (int64_t)sum };
	return true;
}

static struct duration duration_of(struct statsd_rules *r, const struct node *map, const char *key)
{
	const char *text = text_of(r, map, key);
	struct duration ret = { 0 };

	if (text && !read_duration(text, &ret))
		node_complain(&r->file.errors, node_get(map, key), "%s is not a duration such as 30s or 1h30m",
			config_quote(r->file.arena, text));
	return ret;
}

/* Keys. */

static void check_keys(struct statsd_rules *r, const struct node *map, const char *const *known, size_t count)
{
	if (map->kind != NODE_MAP) {
		node_complain(&r->file.errors, map, "expected a mapping, found %s", node_kind_name(map));
		return;
	}
	for (const struct node *n = map->first; n; n = n->next) {
		size_t i = 0;
		while (i < count && strcmp(n->key, known[i]) != 0)
			i++;
		if (i == count)
			key_unknown(&r->file.errors, n, known, count);
	}
}

static void refuse_key(struct statsd_rules *r, const struct node *map, const char *key, const char *why)
{
	const struct node *n = node_get(map, key);

	if (n)
		key_complain(&r->file.errors, n, "%s", why);
}

static void read_buckets(struct statsd_rules *r, const struct node *list, struct statsd_histogram *ret)
{
	double *values;

	if (!list || list->empty)
		return;
	if (list->kind != NODE_LIST || list->count > METER_BOUNDS_MAX) {
		node_complain(&r->file.errors, list, "expected a list of at most %d numbers", METER_BOUNDS_MAX);
		return;
	}
	values = config_alloc(r->file.arena, list->count * sizeof *values);
	ret->bounds = values;
	for (const struct node *n = list->first; n; n = n->next, ret->count++) {
		values[ret->count] = number_of(r, n, 0);
		if (ret->count > 0 && values[ret->count] <= values[ret->count - 1])
			node_complain(&r->file.errors, n, "is not above the bound before it");
	}
}

/* More buckets than readers are given here are not made. */
static uint32_t most_of(struct statsd_rules *r, const struct node *n)
{
	double number = number_of(r, n, 0);

	if (number < 0 || number > UINT32_MAX || number != (double)(uint32_t)number) {
		node_complain(&r->file.errors, n, "expected a whole number of buckets");
		return 0;
	}
	return number < NATIVE_BUCKETS_MAX ? (uint32_t)number : NATIVE_BUCKETS_MAX;
}

/* A factor that is not above 0 says nothing. */
static double factor_of(struct statsd_rules *r, const struct node *n)
{
	double number = number_of(r, n, 0);

	return number > 0 ? number : 0;
}

struct statsd_histogram statsd_histogram_or(const struct statsd_histogram *a, const struct statsd_histogram *b)
{
	return (struct statsd_histogram){ a->count > 0 ? a->bounds : b->bounds, a->count > 0 ? a->count : b->count,
		a->factor > 0 ? a->factor : b->factor, a->most > 0 ? a->most : b->most };
}

/* What a rule or the defaults say of histograms; older files have `buckets` beside it. */
static void read_histogram(struct statsd_rules *r, const struct node *map, struct statsd_histogram *ret)
{
	static const char *const known[] = { "buckets", "native_histogram_bucket_factor",
		"native_histogram_max_buckets" };
	const struct node *options = node_get(map, "histogram_options");
	struct statsd_histogram old = { 0 };

	if (options) {
		check_keys(r, options, known, COUNT_OF(known));
		ret->factor = factor_of(r, node_get(options, known[1]));
		ret->most = most_of(r, node_get(options, known[2]));
		read_buckets(r, node_get(options, "buckets"), ret);
	}
	read_buckets(r, node_get(map, "buckets"), &old);
	*ret = statsd_histogram_or(ret, &old);
}

/* What observers become. Older files call them timers. */
static void check_observer(struct statsd_rules *r, const struct node *map)
{
	static const char *const keys[] = { "observer_type", "timer_type" };

	refuse_key(r, map, "summary_options", "summaries are not made here; expected histogram_options");
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const char *type = text_of(r, map, keys[i]);
		if (type && strcmp(type, "histogram") != 0)
			node_complain(&r->file.errors, node_get(map, keys[i]),
				"%s is not made here; expected histogram", config_quote(r->file.arena, type));
	}
}

static bool is_regex(struct statsd_rules *r, const struct node *map)
{
	static const char *const words[] = { "glob", "regex" };
	unsigned ret = r->regex;

	return choice_of(r, map, "match_type", words, &ret) ? ret : r->regex;
}

static void read_defaults(struct statsd_rules *r, const struct node *map)
{
	static const char *const known[] = { "observer_type", "match_type", "glob_disable_ordering", "ttl",
		"summary_options", "histogram_options", "timer_type", "buckets", "quantiles" };

	if (!map)
		return;
	check_keys(r, map, known, COUNT_OF(known));
	check_observer(r, map);
	r->regex = is_regex(r, map);
	r->ttl = duration_of(r, map, "ttl");
	read_histogram(r, map, &r->histogram);
	if (flag_of(r, map, "glob_disable_ordering"))
		key_complain(&r->file.errors, node_get(map, "glob_disable_ordering"),
			"rules are tried in their order here; expected false");
}

/* Rules. */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Parts of letters, digits, _ and -, or *, with dots between them. */
static bool is_glob(const char *text)
{
	for (bool begins = true; *text; text++) {
		bool star = *text == '*';
		if (star && (!begins || (text[1] && text[1] != '.')))
			return false;
		if (!star && *text != '.' && *text != '-' && !is_word(*text))
			return false;
		if (begins && (*text == '.' || *text == '-'))
			return false;
		begins = *text == '.';
		if (begins && !text[1])
			return false;
	}
	return true;
}

static void read_match(struct statsd_rules *r, const struct node *map, struct statsd_rule *rule)
{
	char why[WHY_MAX] = "out of memory";

	rule->match = text_of(r, map, "match");
	if (!rule->match || !*rule->match)
		node_complain(&r->file.errors, map, "match is missing; expected a name such as app.*.hits");
	else if (!is_regex(r, map) && !is_glob(rule->match))
		node_complain(&r->file.errors, node_get(map, "match"),
			"%s is not a glob; expected parts of letters, digits, _ and -, or *, with dots between them",
			config_quote(r->file.arena, rule->match));
	else if (is_regex(r, map) && regex_new(rule->match, why, sizeof why, &rule->regex))
		node_complain(&r->file.errors, node_get(map, "match"), "%s is not a regular expression: %s",
			config_quote(r->file.arena, rule->match), why);
}

/* The name that a rule makes: classic characters and references. */
static void read_name(struct statsd_rules *r, const struct node *map, struct statsd_rule *rule)
{
	const char *text = text_of(r, map, "name");
	size_t i = 0;

	rule->metric.text = text ? text : "";
	while (text && (is_word(text[i]) || text[i] == '$' || (text[i] && strchr("{}", text[i]))))
		i++;
	if (!text || !*text)
		node_complain(&r->file.errors, map, "name is missing; expected the name of a metric");
	else if (text[i] || (text[0] >= '0' && text[0] <= '9'))
		node_complain(&r->file.errors, node_get(map, "name"),
			"%s is not a name; expected letters, digits, _, and $1 or ${1} for what a * stands for",
			config_quote(r->file.arena, text));
}

static void read_kinds(struct statsd_rules *r, const struct node *map, struct statsd_rule *rule)
{
	static const char *const words[METER_KINDS] = {
		[METER_COUNTER] = "counter", [METER_GAUGE] = "gauge", [METER_HISTOGRAM] = "observer"
	};
	const char *text = text_of(r, map, "match_metric_type");
	bool any = false;

	for (unsigned i = 0; i < COUNT_OF(words); i++) {
		rule->of[i] = !text || (words[i] && strcmp(text, words[i]) == 0);
		any = any || rule->of[i];
	}
	if (!any)
		node_complain(&r->file.errors, node_get(map, "match_metric_type"),
			"%s is not one of counter, gauge, observer", config_quote(r->file.arena, text));
}

static void read_label(struct statsd_rules *r, const struct node *n, struct statsd_rule *rule)
{
	if (n->kind != NODE_TEXT)
		complain_unless_text(r, n);
	else if (!exposition_name_valid(bytes_of(n->key), true) || strncmp(n->key, "__", 2) == 0)
		key_complain(&r->file.errors, n,
			"is not the name of a label; expected letters, digits and _, not beginning with a digit or __");
	else if (rule->label_count == STATSD_RULE_LABELS_MAX)
		key_complain(&r->file.errors, n, "is one label more than %d", STATSD_RULE_LABELS_MAX);
	else
		rule->labels[rule->label_count++] = (struct statsd_template){ n->key, n->text };
}

static void read_labels(struct statsd_rules *r, const struct node *map, struct statsd_rule *rule)
{
	if (!map)
		return;
	if (map->kind != NODE_MAP)
		node_complain(&r->file.errors, map, "expected a mapping, found %s", node_kind_name(map));
	else
		for (const struct node *n = map->first; n; n = n->next)
			read_label(r, n, rule);
}

static void read_rule(struct statsd_rules *r, const struct node *map, struct statsd_rule *rule)
{
	static const char *const known[] = { "match", "name", "labels", "honor_labels", "observer_type", "match_type",
		"help", "action", "match_metric_type", "ttl", "summary_options", "histogram_options", "scale",
		"timer_type", "buckets", "quantiles" };
	static const char *const actions[] = { "map", "drop" };
	struct statsd_histogram own = { 0 };
	unsigned drops = 0;

	check_keys(r, map, known, COUNT_OF(known));
	if (map->kind != NODE_MAP)
		return;
	read_match(r, map, rule);
	read_name(r, map, rule);
	read_kinds(r, map, rule);
	read_labels(r, node_get(map, "labels"), rule);
	check_observer(r, map);
	refuse_key(r, map, "quantiles", "summaries are not made here; expected histogram_options");
	rule->drops = choice_of(r, map, "action", actions, &drops) && drops;
	rule->honor_labels = flag_of(r, map, "honor_labels");
	rule->help = text_of(r, map, "help");
	rule->ttl = duration_of(r, map, "ttl");
	rule->scale = number_of(r, node_get(map, "scale"), 1);
	read_histogram(r, map, &own);
	rule->histogram = statsd_histogram_or(&own, &r->histogram);
}

static uint64_t digest_text(uint64_t before, const char *text)
{
	return text ? XXH3_64bits_withSeed(text, strlen(text) + 1, before) : before;
}

static uint64_t digest_of(const struct statsd_rule *rule)
{
	uint64_t made = XXH3_64bits_withSeed(&rule->scale, sizeof rule->scale, rule->regex != NULL);

	made = XXH3_64bits_withSeed(rule->of, sizeof rule->of, made + rule->honor_labels);
	made = digest_text(digest_text(made, rule->match), rule->metric.text);
	for (size_t i = 0; i < rule->label_count; i++)
		made = digest_text(digest_text(made, rule->labels[i].name), rule->labels[i].text);
	return made ? made : 1;
}

static void read_rules(struct statsd_rules *r, const struct node *list)
{
	if (!list || list->empty)
		return;
	if (list->kind != NODE_LIST || list->count > STATSD_RULES_MAX) {
		node_complain(&r->file.errors, list, "expected a list of at most %d rules", STATSD_RULES_MAX);
		return;
	}
	r->rules = config_alloc(r->file.arena, list->count * sizeof *r->rules);
	for (const struct node *n = list->first; n; n = n->next) {
		read_rule(r, n, &r->rules[r->count]);
		r->rules[r->count].digest = digest_of(&r->rules[r->count]);
		r->count++;
	}
}

bool statsd_rules_read(struct statsd_rules *r, const char *path)
{
	static const char *const known[] = { "defaults", "mappings" };
	const struct node *root;

	*r = (struct statsd_rules){ .count = 0 };
	if (!document_read(&r->file, path))
		return false;
	root = r->file.tree.root;
	check_keys(r, root, known, COUNT_OF(known));
	read_defaults(r, node_get(root, "defaults"));
	read_rules(r, node_get(root, "mappings"));
	return r->file.errors.count == 0;
}

void statsd_rules_done(struct statsd_rules *r)
{
	for (size_t i = 0; i < r->count; i++)
		regex_free(r->rules[i].regex);
	r->count = 0;
	document_done(&r->file);
}
