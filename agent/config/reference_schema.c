/*
 * reference_schema(): the rows as a JSON Schema, for editors and for programs that generate configurations.
 *
 * If a value is text with a form, the pattern also allows ${…}, because its value is not known yet. The schema is made
 * from const tables on the command line, so without memory the program aborts, as with oxp_new().
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "config/arena.h"
#include "config/read.h"
#include "config/reference.h"

#define EXPANSION "|.*\\$\\{.*"

static const char url_pattern[] = "^([a-z][a-z0-9+.-]*:.+" EXPANSION ")$";
static const char address_pattern[] = "^(.*:[0-9]{1,5}|unix:/.*" EXPANSION ")$";
static const char bool_pattern[] = "^(true|false|yes|no|on|off" EXPANSION ")$";

static void set(json_t *object, const char *key, json_t *value)
{
	int failed = json_object_set_new(object, key, value);

	OXP_ASSERT(!failed);
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		set(object, key, json_string(text));
}

static json_t *text_schema(void)
{
	return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

static json_t *pattern_schema(const char *pattern)
{
	return json_pack("{s:s,s:s}", "type", "string", "pattern", pattern);
}

/* One of two spellings: the value alone, or a list of it. */
static json_t *list_schema(json_t *item)
{
	return json_pack("{s:[O,{s:s,s:o}]}", "anyOf", item, "type", "array", "items", item);
}

static json_t *unit_schema(struct config_arena *arena, const struct option *o, const char *units)
{
	return pattern_schema(config_printf(
		arena, "^([0-9]+%s%s%s" EXPANSION ")$", units, o->zero ? "|" : "", o->zero ? o->zero : ""));
}

static json_t *count_schema(struct config_arena *arena, const struct option *o)
{
	json_t *schema = unit_schema(arena, o, "");

	set(schema, "type", json_pack("[s,s]", "integer", "string"));
	if (o->min)
		set(schema, "minimum", json_integer((json_int_t)o->min));
	if (o->max && o->max <= INT64_MAX)
		set(schema, "maximum", json_integer((json_int_t)o->max));
	return schema;
}

static json_t *choice_schema(struct config_arena *arena, const struct option *o)
{
	const char *words = "";

	for (size_t i = 0; o->choices[i]; i++)
		words = config_printf(arena, "%s%s%s", words, i ? "|" : "", o->choices[i]);
	return o->any_case ? text_schema() : pattern_schema(config_printf(arena, "^(%s" EXPANSION ")$", words));
}

static json_t *object_schema(struct config_arena *, const struct option *rows, const struct option *more);

static json_t *kind_schema(struct config_arena *arena, const struct option *o)
{
	switch (o->kind) {
	case OPTION_URL:
		return pattern_schema(url_pattern);
	case OPTION_ADDRESS:
		return pattern_schema(address_pattern);
	case OPTION_BOOL:
		return json_pack("{s:[s,s],s:s}", "type", "boolean", "string", "pattern", bool_pattern);
	case OPTION_COUNT:
		return count_schema(arena, o);
	case OPTION_SIZE:
		return unit_schema(arena, o, "(B|[KMGT]iB?)");
	case OPTION_DURATION:
		return unit_schema(arena, o, "(ms|s|m|h)");
	case OPTION_CHOICE:
		return choice_schema(arena, o);
	case OPTION_TEXT_LIST:
		return list_schema(o->choices ? choice_schema(arena, o) : text_schema());
	case OPTION_ADDRESS_LIST:
		return list_schema(pattern_schema(address_pattern));
	case OPTION_URL_LIST:
		return list_schema(pattern_schema(url_pattern));
	case OPTION_MAP:
		return json_pack("{s:s,s:o}", "type", "object", "additionalProperties", text_schema());
	case OPTION_ITEMS:
		return json_pack("{s:s,s:i,s:o}", "type", "array", "maxItems", (int)o->item->max, "items",
			object_schema(arena, o->item->rows, NULL));
	default:
		return text_schema();
	}
}

/* A key with an empty value means the default, so null is allowed everywhere. */
static json_t *option_schema(struct config_arena *arena, const struct option *o)
{
	json_t *schema = json_pack("{s:[o,{s:s}]}", "anyOf", kind_schema(arena, o), "type", "null");

	set_text(schema, "description", o->help);
	set_text(schema, "default", o->text);
	if (o->secret)
		set(schema, "writeOnly", json_true());
	return schema;
}

static void add_rows(struct config_arena *arena, const struct option *rows, json_t *properties, json_t *required)
{
	for (; rows && rows->name; rows++) {
		set(properties, rows->name, option_schema(arena, rows));
		if (rows->required)
			json_array_append_new(required, json_string(rows->name));
	}
}

static json_t *object_schema(struct config_arena *arena, const struct option *rows, const struct option *more)
{
	json_t *properties = json_object(), *required = json_array();

	add_rows(arena, rows, properties, required);
	add_rows(arena, more, properties, required);
	return json_pack("{s:s,s:o,s:o,s:b}", "type", "object", "properties", properties, "required", required,
		"additionalProperties", 0);
}

/* What is allowed instead of the mapping: the main option's value, or nothing if no option is required. */
static json_t *with_short_form(struct config_arena *arena, json_t *object, const struct option *rows)
{
	const struct option *main = option_main(rows);

	if (main)
		return json_pack("{s:[o,o]}", "anyOf", object, option_schema(arena, main));
	return json_pack("{s:[o,{s:s}]}", "anyOf", object, "type", "null");
}

static json_t *type_schema(struct config_arena *arena, const struct config_section *s, const struct config_type *t)
{
	json_t *object = object_schema(arena, t->options, s->options);

	set(json_object_get(object, "properties"), "type", json_pack("{s:s}", "type", "string"));
	set_text(object, "description", t->summary);
	return with_short_form(arena, object, t->options);
}

static json_t *components_schema(struct config_arena *arena, const struct config_section *s)
{
	json_t *types = json_array(), *any;

	for (const struct config_type *t = s->types; t && t->name; t++)
		json_array_append_new(types, type_schema(arena, s, t));
	any = json_array_size(types) ? json_pack("{s:o}", "anyOf", types) : json_false();
	if (json_array_size(types) == 0)
		json_decref(types);
	if (s->kind == SECTION_COMPONENTS)
		return json_pack("{s:[s,s],s:o}", "type", "object", "null", "additionalProperties", any);
	return json_pack("{s:[s,s],s:{s:[{s:s},{s:s,s:i,s:o}]}}", "type", "array", "null", "items", "anyOf", "type",
		"string", "type", "object", "maxProperties", 1, "additionalProperties", any);
}

static json_t *section_schema(struct config_arena *arena, const struct config_section *s)
{
	json_t *schema;

	if (s->kind == SECTION_VALUE)
		schema = option_schema(arena, s->options);
	else if (s->kind == SECTION_OPTIONS)
		schema = with_short_form(arena, object_schema(arena, s->options, NULL), s->options);
	else
		schema = components_schema(arena, s);
	set_text(schema, "description", s->help);
	return schema;
}

/* The schema of the next mapping on the path, made if it is missing. Borrowed. */
static json_t *way_schema(json_t *from, const char *word)
{
	json_t *properties = json_object_get(from, "properties"), *found = json_object_get(properties, word);

	if (found)
		return found;
	set(properties, word,
		json_pack("{s:[s,s],s:{},s:b}", "type", "object", "null", "properties", "additionalProperties", 0));
	return json_object_get(properties, word);
}

static void put_section(struct config_arena *arena, json_t *root, const struct config_section *s)
{
	const char *path = s->path, *dot;

	for (; (dot = strchr(path, '.')); path = dot + 1)
		root = way_schema(root, config_copy(arena, path, (size_t)(dot - path)));
	set(json_object_get(root, "properties"), path, section_schema(arena, s));
}

static int dump(const json_t *root, struct buffer *to)
{
	char *text = json_dumps(root, JSON_INDENT(2));
	int failed = text ? buffer_printf(to, "%s\n", text) : -ENOMEM;

	free(text);
	return failed;
}

int reference_schema(const struct config_section *sections, struct buffer *to)
{
	struct config_arena *arena = config_arena_new();
	json_t *root = json_pack("{s:s,s:s,s:{},s:b}", "$schema", "https://json-schema.org/draft/2020-12/schema",
		"type", "object", "properties", "additionalProperties", 0);
	int failed;

	for (; sections->path; sections++)
		put_section(arena, root, sections);
	failed = dump(root, to);
	json_decref(root);
	config_arena_free(arena);
	return failed;
}
