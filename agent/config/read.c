#include "config/read.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/value.h"

static const char *const expectations[OPTION_KINDS] = {
	[OPTION_TEXT] = "text",
	[OPTION_PATH] = "a path",
	[OPTION_URL] = "a URL",
	[OPTION_ADDRESS] = "an address: host:port, :port or unix:/path",
	[OPTION_BOOL] = "true or false",
	[OPTION_COUNT] = "a whole number",
	[OPTION_SIZE] = "a size such as 64KiB, 32MiB or 1GiB",
	[OPTION_DURATION] = "a duration such as 250ms, 5s, 2m or 1h",
	[OPTION_CHOICE] = "one of",
	[OPTION_TEXT_LIST] = "text or a list of texts",
	[OPTION_ADDRESS_LIST] = "an address or a list of them: host:port, :port or unix:/path",
	[OPTION_URL_LIST] = "a URL",
	[OPTION_MAP] = "a mapping of texts",
	[OPTION_ITEMS] = "a list of mappings",
};

bool option_is_list(const struct option *o)
{
	return o->kind == OPTION_TEXT_LIST || o->kind == OPTION_ADDRESS_LIST || o->kind == OPTION_URL_LIST;
}

static const char *join_words(struct config_arena *arena, const char *before, const char *const *words)
{
	for (const char *comma = " "; *words; words++, comma = ", ")
		before = config_printf(arena, "%s%s%s", before, comma, *words);
	return before;
}

/* "a URL such as http://jaeger:4318, the scheme one of http, https" */
static const char *expected_url(struct config_arena *arena, const struct option *o)
{
	const char *example = o->example ? o->example : "http://localhost:9200";
	const char *list = o->kind == OPTION_URL_LIST ? " or a list of them" : "", *text;

	example += strspn(example, "[");
	text = config_printf(arena, "a URL such as %.*s%s", (int)strcspn(example, "],"), example, list);
	return o->choices ? join_words(arena, config_printf(arena, "%s, the scheme one of", text), o->choices) : text;
}

/* "a duration such as 250ms, 5s, 2m or 1h" */
static const char *expected(struct config_arena *arena, const struct option *o)
{
	const char *text = expectations[o->kind];

	if (o->kind == OPTION_CHOICE)
		return join_words(arena, text, o->choices);
	if (o->kind == OPTION_TEXT_LIST && o->choices)
		return join_words(arena, "one or more of", o->choices);
	if (o->kind == OPTION_URL || o->kind == OPTION_URL_LIST)
		return expected_url(arena, o);
	return o->zero ? config_printf(arena, "%s, or %s", text, o->zero) : text;
}

/* Numbers within their range. */

static void print_number(const struct option *o, uint64_t number, char to[VALUE_TEXT_SIZE])
{
	if (o->kind == OPTION_SIZE)
		value_size_print(number, to);
	else if (o->kind == OPTION_DURATION)
		value_duration_print(DURATION_MS(number), to);
	else
		snprintf(to, VALUE_TEXT_SIZE, "%llu", (unsigned long long)number);
}

static const char *check_range(struct config_arena *arena, const struct option *o, bool below, bool above)
{
	char min[VALUE_TEXT_SIZE], max[VALUE_TEXT_SIZE];

	if (!below && !above)
		return NULL;
	print_number(o, o->min, min);
	print_number(o, o->max, max);
	if (o->max == 0)
		return config_printf(arena, "is too small (minimum %s)", min);
	return config_printf(arena, "is out of range (%s to %s)", min, max);
}

static const char *parse_number(const struct option *o, const char *text, uint64_t *ret)
{
	return o->kind == OPTION_SIZE ? value_size(text, ret) : value_count(text, ret);
}

static const char *read_number(struct config_arena *arena, const struct option *o, const char *text, uint64_t *field)
{
	uint64_t number = 0;
	bool zero = o->zero && strcmp(text, o->zero) == 0;
	const char *wrong = zero ? NULL : parse_number(o, text, &number);

	if (!wrong && !zero)
		wrong = check_range(arena, o, number < o->min, o->max && number > o->max);
	if (!wrong)
		*field = number;
	return wrong;
}

static const char *read_duration(
	struct config_arena *arena, const struct option *o, const char *text, struct duration *field)
{
	struct duration d = { 0 };
	bool zero = o->zero && strcmp(text, o->zero) == 0;
	const char *wrong = zero ? NULL : value_duration(text, &d);
	uint64_t ns = (uint64_t)d.ns;

	if (!wrong && !zero) /* by division, because a bound in ns may overflow */
		wrong = check_range(arena, o, ns / 1000000 < o->min, o->max && (ns + 999999) / 1000000 > o->max);
	if (!wrong)
		*field = d;
	return wrong;
}

static const char *find_choice(struct config_arena *arena, const struct option *o, const char *text, unsigned *ret)
{
	const char *near;
	unsigned n = 0;

	for (; o->choices[n]; n++)
		if ((o->any_case ? strcasecmp : strcmp)(o->choices[n], text) == 0) {
			*ret = n;
			return NULL;
		}
	near = nearest_word(text, o->choices, n);
	return near ? config_printf(arena, "is unknown; did you mean \"%s\"?", near) : "is unknown";
}

static const char *read_choice(struct config_arena *arena, const struct option *o, const char *text, void *field)
{
	unsigned n;
	const char *wrong = find_choice(arena, o, text, &n);

	if (!wrong)
		memcpy(field, &n, sizeof n);
	return wrong;
}

/* Reads one text into a field that is not a list. Returns what is wrong, or NULL. */
static const char *read_scalar(struct config_arena *arena, const struct option *o, const char *text, void *field)
{
	const char *wrong = NULL;
	unsigned choice;

	switch (o->kind) {
	case OPTION_TEXT_LIST:
		wrong = o->choices ? find_choice(arena, o, text, &choice) : NULL;
		break;
	case OPTION_BOOL:
		return value_bool(text, field);
	case OPTION_COUNT:
	case OPTION_SIZE:
		return read_number(arena, o, text, field);
	case OPTION_DURATION:
		return read_duration(arena, o, text, field);
	case OPTION_CHOICE:
		return read_choice(arena, o, text, field);
	case OPTION_PATH:
		wrong = *text ? NULL : "is empty";
		break;
	case OPTION_URL:
	case OPTION_URL_LIST:
		wrong = value_url(text, o->choices);
		break;
	case OPTION_ADDRESS:
		wrong = value_address(text);
		break;
	case OPTION_ADDRESS_LIST:
		wrong = value_own_address(text);
		break;
	default:
		break;
	}
	if (!wrong)
		*(const char **)field = text;
	return wrong;
}

/* What a person wrote. */

static bool is_secret(const struct option *o, const struct node *n)
{
	return o->secret || n->secret;
}

/* What the user probably meant. */

static const char *guess_number(struct config_arena *arena, const struct option *o, const char *text)
{
	char shown[VALUE_TEXT_SIZE];
	uint64_t number;
	struct duration d;

	if (o->kind == OPTION_SIZE && value_size_guess(text, &number))
		value_size_print(number, shown);
	else if (o->kind == OPTION_DURATION && value_duration_guess(text, &d))
		value_duration_print(d, shown);
	else
		return NULL;
	return config_copy(arena, shown, strlen(shown));
}

/* A port alone, a path, or a URL instead of an address. */
static const char *guess_address(struct config_arena *arena, const char *text)
{
	const char *slashes = strstr(text, "://");

	if (slashes)
		return config_copy(arena, slashes + 3, strcspn(slashes + 3, "/?#"));
	return config_printf(arena, "%s%s", *text == '/' ? "unix:" : ":", text);
}

/* What reads as this option, or NULL. */
static const char *guess(struct config_arena *arena, const struct option *o, const char *text)
{
	union {
		uint64_t number;
		struct duration d;
		const char *text;
	} field = { 0 };
	const char *meant = NULL;

	if (o->kind == OPTION_SIZE || o->kind == OPTION_DURATION)
		meant = guess_number(arena, o, text);
	else if (o->kind == OPTION_ADDRESS || o->kind == OPTION_ADDRESS_LIST)
		meant = guess_address(arena, text);
	else if (o->kind == OPTION_URL || o->kind == OPTION_URL_LIST)
		meant = config_printf(arena, "http://%s", text);
	return meant && !read_scalar(arena, o, meant, &field) ? config_hide_passwords(arena, meant) : NULL;
}

static void refuse_text(const struct option_reader *r, const struct option *o, const struct node *n, const char *wrong)
{
	bool secret = is_secret(o, n);
	const char *meant = secret ? NULL : guess(r->arena, o, n->text);

	if (meant)
		wrong = config_printf(r->arena, "%s; did you mean %s?", wrong, meant);
	node_complain(r->errors, n, "%s %s%s %s", secret ? "the value" : config_quote(r->arena, n->text), wrong,
		wrong[strlen(wrong) - 1] == '?' ? " Expected" : "; expected", expected(r->arena, o));
}

static bool read_text(const struct option_reader *r, const struct option *o, const struct node *n, void *field)
{
	const char *wrong = read_scalar(r->arena, o, n->text, field);

	if (wrong)
		refuse_text(r, o, n, wrong);
	return !wrong;
}

static void refuse_kind(const struct option_reader *r, const struct option *o, const struct node *n)
{
	node_complain(r->errors, n, "%s; expected %s", node_kind_name(n), expected(r->arena, o));
}

static const struct option_list *list_of(struct config_arena *arena, const char **items, size_t count)
{
	struct option_list *list = config_alloc(arena, sizeof *list);

	*list = (struct option_list){ count, items };
	return list;
}

static void read_list(const struct option_reader *r, const struct option *o, const struct node *n, void *field)
{
	bool single = n->kind == NODE_TEXT;
	const char **items = config_alloc(r->arena, (single ? 1 : n->count) * sizeof *items);
	size_t count = 0;

	if (n->kind == NODE_MAP) {
		refuse_kind(r, o, n);
		return;
	}
	if (o->required && !single && n->count == 0)
		node_complain(r->errors, n, "an empty list; expected %s", expected(r->arena, o));
	for (const struct node *item = single ? n : n->first; item; item = single ? NULL : item->next)
		if (item->kind != NODE_TEXT)
			node_complain(r->errors, item, "%s within a list of values", node_kind_name(item));
		else
			count += read_text(r, o, item, &items[count]);
	*(const struct option_list **)field = list_of(r->arena, items, count);
}

static void read_map(const struct option_reader *r, const struct option *o, const struct node *n, void *field)
{
	struct option_pair *pairs = config_alloc(r->arena, n->count * sizeof *pairs);
	struct option_map *map = config_alloc(r->arena, sizeof *map);

	map->pairs = pairs;
	if (n->kind != NODE_MAP)
		refuse_kind(r, o, n);
	else
		for (const struct node *item = n->first; item; item = item->next)
			if (item->kind != NODE_TEXT)
				node_complain(r->errors, item, "%s; expected text", node_kind_name(item));
			else
				pairs[map->count++] = (struct option_pair){ item->key, item->text };
	*(const struct option_map **)field = map;
}

static bool is_empty(const struct node *n)
{
	return n->kind == NODE_TEXT && n->empty;
}

static void read_item(const struct option_reader *r, const struct option_item *item, const struct node *n, void *to)
{
	size_t before = r->errors->count;
	char why[CONFIG_WHAT_MAX / 2];
	const char *row;
	const struct node *at;

	if (n->kind != NODE_MAP) {
		node_complain(r->errors, n, "%s; expected a mapping", node_kind_name(n));
		return;
	}
	for (const struct node *child = n->first; child; child = child->next)
		if (is_empty(child))
			key_complain(r->errors, child, "has no value; write \"\" for an empty text");
	options_read(r, &(struct option_set){ item->rows, to }, 1, n, n);
	if (r->errors->count > before || !item->check)
		return;
	row = item->check(to, why, sizeof why);
	at = row ? node_get(n, row) : NULL;
	if (at)
		node_complain(r->errors, at, "%s", why);
	else if (row)
		node_complain(r->errors, n, "\"%s\" %s", row, why);
}

static void read_items(const struct option_reader *r, const struct option *o, const struct node *n, void *field)
{
	const struct option_item *item = o->item;
	struct option_items *list = config_alloc(r->arena, sizeof *list);
	char *to;

	*(const struct option_items **)field = list;
	if (n->kind != NODE_LIST) {
		refuse_kind(r, o, n);
		return;
	}
	if (n->count > item->max) {
		node_complain(r->errors, n, "%zu of them, and %zu are the most", n->count, item->max);
		return;
	}
	list->items = to = config_alloc(r->arena, n->count * item->size + 1);
	for (const struct node *child = n->first; child; child = child->next, to += item->size)
		read_item(r, item, child, to);
	list->count = n->count;
}

static bool any_secret(const struct option *o, const struct node *value)
{
	bool secret = o->secret;

	for (const struct node *n = value; n; n = node_after(value, n))
		secret = secret || n->secret;
	return secret;
}

static void mask_all(const struct node *value)
{
	for (const struct node *n = value; n; n = node_after(value, n))
		if (n->kind == NODE_TEXT)
			config_mask(n->span);
}

/* Whether everybody on the machine can read a secret of it, in the list of processes. */
static bool is_exposed(const struct option *o, const struct node *n)
{
	const char *written = n->written ? n->written : n->text;

	if (!n->bare || n->kind != NODE_TEXT)
		return false;
	return o->secret ? !config_is_reference(bytes_of(written)) : config_shows_password(written);
}

static bool refuse_exposed(const struct option_reader *r, const struct option *o, const struct node *value)
{
	for (const struct node *n = value; n; n = node_after(value, n)) {
		if (!is_exposed(o, n))
			continue;
		node_complain(r->errors, n,
			"every process can read a secret on the command line; use ${file:/path}, or ${NAME} for an "
			"environment variable");
		return true;
	}
	return false;
}

static void read_value(const struct option_reader *r, const struct option *o, const struct node *value, void *target)
{
	void *field = (char *)target + o->offset;

	if (any_secret(o, value))
		config_secret(r->arena, field);
	if (o->secret)
		mask_all(value);
	if (refuse_exposed(r, o, value))
		return;
	if (o->kind == OPTION_MAP)
		read_map(r, o, value, field);
	else if (o->kind == OPTION_ITEMS)
		read_items(r, o, value, field);
	else if (option_is_list(o))
		read_list(r, o, value, field);
	else if (value->kind == NODE_TEXT)
		read_text(r, o, value, field);
	else
		refuse_kind(r, o, value);
}

/* Defaults. */

static const struct option_list *default_list(struct config_arena *arena, const char *text)
{
	const char **items = config_alloc(arena, (strlen(text) / 2 + 1) * sizeof *items);
	size_t count = 0;

	for (size_t n; *(text += strspn(text, " ")); text += n) {
		n = strcspn(text, " ");
		items[count++] = config_copy(arena, text, n);
	}
	return list_of(arena, items, count);
}

static void read_default(const struct option_reader *r, const struct option *o, void *target)
{
	void *field = (char *)target + o->offset;

	if (option_is_list(o))
		*(const struct option_list **)field = default_list(r->arena, o->text ? o->text : "");
	else if (o->kind == OPTION_MAP)
		*(const struct option_map **)field = config_alloc(r->arena, sizeof(struct option_map));
	else if (o->kind == OPTION_ITEMS)
		*(const struct option_items **)field = config_alloc(r->arena, sizeof(struct option_items));
	else if (o->text)
		OXP_ASSERT(!read_scalar(r->arena, o, o->text, field));
}

/* A mapping. */

struct reading {
	const struct option_reader *reader;
	const struct option_set *sets;
	size_t count;
	const char *names[OPTION_ROWS_MAX];
	const struct option *rows[OPTION_ROWS_MAX];
	void *targets[OPTION_ROWS_MAX];
	bool written[OPTION_ROWS_MAX];
};

static void gather(struct reading *g, const struct option_set *set)
{
	for (const struct option *o = set->rows; o && o->name; o++) {
		OXP_ASSERT(g->count < OPTION_ROWS_MAX);
		g->names[g->count] = o->name;
		g->rows[g->count] = o;
		g->targets[g->count++] = set->target;
		read_default(g->reader, o, set->target);
	}
}

static size_t find_row(const struct reading *g, const char *name)
{
	size_t i = 0;

	while (i < g->count && strcmp(g->names[i], name) != 0)
		i++;
	return i;
}

static size_t find_main(const struct reading *g)
{
	size_t i = 0;

	while (i < g->count && !g->rows[i]->main)
		i++;
	return i;
}

static void read_row(struct reading *g, size_t i, const struct node *value)
{
	if (is_empty(value))
		return;
	g->written[i] = true;
	read_value(g->reader, g->rows[i], value, g->targets[i]);
}

static void unknown_key(const struct reading *g, const struct node *n)
{
	key_unknown(g->reader->errors, n, g->names, g->count);
}

static void read_mapping(struct reading *g, const struct node *map)
{
	for (const struct node *n = map->first; n; n = n->next) {
		size_t i = find_row(g, n->key);
		if (i < g->count)
			read_row(g, i, n);
		else
			unknown_key(g, n);
	}
}

static void read_main(struct reading *g, const struct node *value)
{
	size_t i = find_main(g);

	if (i < g->count)
		read_row(g, i, value);
	else
		node_complain(g->reader->errors, value, "%s; expected a mapping of options", node_kind_name(value));
}

/* Where one address is given, another that is only a default is not opened beside it. */
static void drop_defaults(const struct reading *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct option *o = g->rows[i];
		size_t other = o->unless ? find_row(g, o->unless) : g->count;
		if (other < g->count && g->written[other] && !g->written[i])
			*(const struct option_list **)((char *)g->targets[i] + o->offset) =
				default_list(g->reader->arena, "");
	}
}

static void check_required(const struct reading *g, const struct node *where)
{
	for (size_t i = 0; i < g->count; i++) {
		if (!g->rows[i]->required || g->written[i])
			continue;
		if (where->key)
			key_complain(g->reader->errors, where, "\"%s\" is missing; expected %s", g->names[i],
				expected(g->reader->arena, g->rows[i]));
		else
			node_complain(g->reader->errors, where, "\"%s\" is missing; expected %s", g->names[i],
				expected(g->reader->arena, g->rows[i]));
	}
}

void options_read(const struct option_reader *r, const struct option_set *sets, size_t count, const struct node *node,
	const struct node *where)
{
	struct reading g = { .reader = r };

	for (size_t i = 0; i < count; i++)
		gather(&g, &sets[i]);
	if (node && node->kind == NODE_MAP)
		read_mapping(&g, node);
	else if (node && !is_empty(node))
		read_main(&g, node);
	drop_defaults(&g);
	check_required(&g, where);
}

void option_read(const struct option_reader *r, const struct option *o, const struct node *value, void *target)
{
	read_default(r, o, target);
	if (value && !is_empty(value))
		read_value(r, o, value, target);
}

const struct option *option_main(const struct option *rows)
{
	for (; rows && rows->name; rows++)
		if (rows->main)
			return rows;
	return NULL;
}
