#include "config/print.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "config/error.h"
#include "config/read.h"
#include "config/value.h"

enum { TEXT_MAX = 1 << 20 };

/* Text that YAML takes for nothing but itself, in a list too. */
static bool is_plain(const char *text)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-";
	size_t size = strlen(text);

	return size > 0 && !strchr("_.:-", *text) && text[size - 1] != ':' && strspn(text, fine) == size;
}

static const char *double_dollars(struct config_arena *arena, const char *text)
{
	char *doubled = config_alloc(arena, 2 * strlen(text) + 1), *to = doubled;

	for (; *text; text++) {
		if (*text == '$')
			*to++ = '$';
		*to++ = *text;
	}
	return doubled;
}

static const char *yaml_quoted(struct config_arena *arena, const char *text)
{
	struct buffer quoted;
	const char *copy = "\"…\"";

	buffer_init(&quoted, TEXT_MAX);
	if (json_string_append(&quoted, text, strlen(text)) == 0)
		copy = config_copy(arena, quoted.data, quoted.size);
	buffer_done(&quoted);
	return copy;
}

/* In what is `verbatim`, a dollar sign stands for itself. */
static const char *yaml_text(struct config_arena *arena, const char *text, bool verbatim)
{
	text = config_hide_passwords(arena, text);
	if (is_plain(text))
		return text;
	return yaml_quoted(arena, verbatim ? text : double_dollars(arena, text));
}

static const char *yaml_list(struct config_arena *arena, const struct option_list *list, bool verbatim)
{
	const char *yaml = "[";

	for (size_t i = 0; i < list->count; i++)
		yaml = config_printf(arena, "%s%s%s", yaml, i ? ", " : "", yaml_text(arena, list->items[i], verbatim));
	return config_printf(arena, "%s]", yaml);
}

static const char *yaml_map(struct config_arena *arena, const struct option_map *map)
{
	const char *yaml = "{";

	for (size_t i = 0; i < map->count; i++)
		yaml = config_printf(arena, "%s%s %s: %s", yaml, i ? "," : "",
			yaml_text(arena, map->pairs[i].key, false), yaml_text(arena, map->pairs[i].value, false));
	return config_printf(arena, "%s%s}", yaml, map->count ? " " : "");
}

static const char *yaml_number(struct config_arena *arena, const struct option *o, uint64_t number)
{
	char text[VALUE_TEXT_SIZE];

	if (o->zero && number == 0)
		return o->zero;
	if (o->kind == OPTION_SIZE)
		value_size_print(number, text);
	else if (o->kind == OPTION_DURATION)
		value_duration_print((struct duration){ (int64_t)number }, text);
	else
		snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	return config_copy(arena, text, strlen(text));
}

static const char *choice_at(const struct option *o, const void *field)
{
	unsigned n;

	memcpy(&n, field, sizeof n);
	for (unsigned i = 0; o->choices[i]; i++)
		if (i == n)
			return o->choices[i];
	return NULL;
}

static const char *yaml_of_single(struct config_arena *arena, const struct option *o, const void *field, bool verbatim)
{
	switch (o->kind) {
	case OPTION_BOOL:
		return *(const bool *)field ? "true" : "false";
	case OPTION_COUNT:
	case OPTION_SIZE:
		return yaml_number(arena, o, *(const uint64_t *)field);
	case OPTION_DURATION:
		return yaml_number(arena, o, (uint64_t)((const struct duration *)field)->ns);
	case OPTION_CHOICE:
		return choice_at(o, field);
	case OPTION_TEXT_LIST:
	case OPTION_ADDRESS_LIST:
	case OPTION_URL_LIST:
		return yaml_list(arena, *(const struct option_list *const *)field, verbatim);
	case OPTION_MAP:
		return yaml_map(arena, *(const struct option_map *const *)field);
	default:
		return *(const char *const *)field ? yaml_text(arena, *(const char *const *)field, verbatim) : NULL;
	}
}

/* One mapping, of the rows that have something. */
static const char *yaml_item(struct config_arena *arena, const struct option *rows, const char *item, bool verbatim)
{
	const char *yaml = "{", *comma = " ";

	for (; rows->name; rows++) {
		const char *text = yaml_of_single(arena, rows, item + rows->offset, verbatim);
		if (!text)
			continue;
		yaml = config_printf(arena, "%s%s%s: %s", yaml, comma, rows->name, text);
		comma = ", ";
	}
	return config_printf(arena, "%s }", yaml);
}

static const char *yaml_items(struct config_arena *arena, const struct option *o, const struct option_items *list)
{
	const char *yaml = "[", *item = list->items;

	for (size_t i = 0; i < list->count; i++, item += o->item->size)
		yaml = config_printf(
			arena, "%s%s%s", yaml, i ? ", " : "", yaml_item(arena, o->item->rows, item, o->verbatim));
	return config_printf(arena, "%s]", yaml);
}

const char *yaml_of_field(struct config_arena *arena, const struct option *o, const void *field)
{
	if (o->kind == OPTION_ITEMS)
		return yaml_items(arena, o, *(const struct option_items *const *)field);
	return yaml_of_single(arena, o, field, o->verbatim);
}

/* Through the field: the default is what the reader makes of its text. */
const char *yaml_of_default(struct config_arena *arena, const struct option *o)
{
	union {
		void *pointer;
		uint64_t number;
		struct duration d;
	} field = { 0 };
	struct option at_zero = *o;
	struct config_errors errors = { .arena = arena };

	if (!o->text)
		return NULL;
	at_zero.offset = 0;
	option_read(&(struct option_reader){ arena, &errors }, &at_zero, NULL, &field);
	return yaml_of_field(arena, &at_zero, &field);
}

const char *yaml_of_example(struct config_arena *arena, const struct option *o)
{
	static const char *const examples[OPTION_KINDS] = {
		[OPTION_TEXT] = "text",
		[OPTION_PATH] = "/path",
		[OPTION_URL] = "http://localhost:8080",
		[OPTION_ADDRESS] = "localhost:8080",
		[OPTION_BOOL] = "false",
		[OPTION_COUNT] = "1",
		[OPTION_SIZE] = "1MiB",
		[OPTION_DURATION] = "5s",
		[OPTION_TEXT_LIST] = "[]",
		[OPTION_ADDRESS_LIST] = "[\":8080\"]",
		[OPTION_URL_LIST] = "[http://localhost:8080]",
		[OPTION_MAP] = "{}",
		[OPTION_ITEMS] = "[]",
	};

	if (o->example && strncmp(o->example, "${", 2) == 0)
		return config_printf(arena, "\"%s\"", o->example); /* to be expanded, not shown */
	if (o->example)
		return option_is_list(o) || o->kind == OPTION_MAP || o->kind == OPTION_ITEMS
			       ? o->example
			       : yaml_text(arena, o->example, o->verbatim);
	return o->kind == OPTION_CHOICE ? o->choices[0] : examples[o->kind];
}

static const char *kind_words(struct config_arena *arena, const struct option *o)
{
	static const char *const words[OPTION_KINDS] = {
		[OPTION_TEXT] = "text",
		[OPTION_PATH] = "path",
		[OPTION_URL] = "URL",
		[OPTION_ADDRESS] = "address",
		[OPTION_BOOL] = "true or false",
		[OPTION_COUNT] = "number",
		[OPTION_SIZE] = "size",
		[OPTION_DURATION] = "duration",
		[OPTION_CHOICE] = "one of",
		[OPTION_TEXT_LIST] = "text or list of texts",
		[OPTION_ADDRESS_LIST] = "address or list of addresses",
		[OPTION_URL_LIST] = "URL or list of URLs",
		[OPTION_MAP] = "mapping of texts",
		[OPTION_ITEMS] = "list of mappings",
	};
	const char *text = words[o->kind];

	if (o->kind == OPTION_TEXT_LIST && o->choices)
		text = "one or more of";
	for (size_t i = 0; (o->kind == OPTION_CHOICE || o->kind == OPTION_TEXT_LIST) && o->choices && o->choices[i];
		i++)
		text = config_printf(arena, "%s%s%s", text, i ? ", " : " ", o->choices[i]);
	return o->zero ? config_printf(arena, "%s or %s", text, o->zero) : text;
}

static const char *range_words(struct config_arena *arena, const struct option *o)
{
	uint64_t scale = o->kind == OPTION_DURATION ? 1000000 : 1;
	struct option bare = { .kind = o->kind };
	const char *min = yaml_number(arena, &bare, o->min * scale);

	if (o->max)
		return config_printf(arena, ", %s to %s", min, yaml_number(arena, &bare, o->max * scale));
	return o->min ? config_printf(arena, ", at least %s", min) : "";
}

const char *option_words(struct config_arena *arena, const struct option *o)
{
	return config_printf(arena, "%s%s%s%s", kind_words(arena, o), range_words(arena, o),
		o->required ? "; required" : "", o->secret ? "; secret" : "");
}

const char *last_word(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

/* Bytes of `path` up to its last common dot with `last`. */
static size_t common_way(const char *path, const char *last)
{
	size_t common = 0;

	for (size_t i = 0; path[i] && path[i] == last[i]; i++)
		if (path[i] == '.')
			common = i + 1;
	return common;
}

unsigned print_way(struct printer *p, const char *path, const char *last)
{
	size_t common = common_way(path, last);
	unsigned depth = 0;

	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1, depth++) {
		size_t word = (size_t)(dot - path) + 1;
		if (common >= word)
			common -= word;
		else
			writer_printf(&p->text, "%*s%.*s:\n", (int)depth * 2, "", (int)word - 1, path);
	}
	return depth;
}
