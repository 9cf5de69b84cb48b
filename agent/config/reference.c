#include "config/reference.h"

#include "config/print.h"
#include "config/read.h"

/* As a configuration file. Each line begins with `margin`: spaces, then a # if it is commented out. */

/* What stands in each mapping of a list. */
static void item_lines(struct printer *p, const char *margin, const struct option_item *item)
{
	for (const struct option *o = item->rows; o->name; o++) {
		const char *text = yaml_of_default(p->arena, o);
		writer_printf(&p->text, "%s#   %s: %s (%s%s%s)\n", margin, o->name, o->help ? o->help : "",
			option_words(p->arena, o), text ? "; default " : "", text ? text : "");
	}
}

static void row_line(struct printer *p, const char *margin, const struct option *o)
{
	const char *text = yaml_of_default(p->arena, o);

	writer_printf(&p->text, "%s# %s (%s)\n", margin, o->help ? o->help : "", option_words(p->arena, o));
	if (o->item)
		item_lines(p, margin, o->item);
	writer_printf(&p->text, "%s%s%s: %s\n", margin, text || o->required ? "" : "#", o->name,
		text ? text : yaml_of_example(p->arena, o));
}

static void row_lines(struct printer *p, const char *margin, const struct option *rows)
{
	for (; rows && rows->name; rows++)
		row_line(p, margin, rows);
}

static const char *margin_of(struct printer *p, unsigned depth, const char *mark)
{
	return config_printf(p->arena, "%*s%s", (int)depth * 2, "", mark);
}

static void type_lines(struct printer *p, const struct config_section *s, const struct config_type *t, unsigned depth)
{
	bool step = s->kind == SECTION_STEPS;
	const struct option *main = option_main(t->options);
	const char *margin = margin_of(p, depth, "#");

	writer_printf(&p->text, "%s %s: %s\n", margin, t->name, t->summary);
	if (main && (main->example || !option_is_list(main)))
		writer_printf(&p->text, "%s Short: `%s%s: %s`.\n", margin, step ? "- " : "", t->name,
			yaml_of_example(p->arena, main));
	writer_printf(&p->text, "%s%s%s:\n", margin, step ? "- " : "", t->name);
	margin = config_printf(p->arena, "%s%s", margin, step ? "    " : "  ");
	row_lines(p, margin, t->options);
	row_lines(p, margin, s->options);
}

static void value_lines(struct printer *p, const struct config_section *s, unsigned depth)
{
	const struct option *o = s->options;
	const char *margin = margin_of(p, depth, ""), *text = yaml_of_default(p->arena, o);

	writer_printf(&p->text, "%s# %s (%s)\n%s%s%s: %s\n", margin, s->help, option_words(p->arena, o), margin,
		text ? "" : "#", last_word(s->path), text ? text : yaml_of_example(p->arena, o));
}

static void section_lines(struct printer *p, const struct config_section *s, unsigned depth)
{
	const char *margin = margin_of(p, depth, "");

	if (s->kind == SECTION_VALUE) {
		value_lines(p, s, depth);
		return;
	}
	writer_printf(&p->text, "%s# %s\n%s%s:\n", margin, s->help, margin, last_word(s->path));
	if (s->kind == SECTION_OPTIONS)
		row_lines(p, margin_of(p, depth + 1, ""), s->options);
	else
		for (const struct config_type *t = s->types; t && t->name; t++)
			type_lines(p, s, t, depth + 1);
}

int reference_yaml(const struct config_section *sections, struct buffer *to)
{
	struct printer p = { .arena = config_arena_new() };
	const char *last = "";

	writer_init(&p.text, to);
	for (const struct config_section *s = sections; s->path; last = s->path, s++) {
		if (s > sections)
			writer_printf(&p.text, "\n");
		section_lines(&p, s, print_way(&p, s->path, last));
	}
	config_arena_free(p.arena);
	return writer_done(&p.text);
}

/* The configuration in force. */

static void field_line(
	struct printer *p, const struct config *c, const char *margin, const struct option *o, const void *target)
{
	const char *field = (const char *)target + o->offset;
	const char *text = config_is_secret(c->arena, field) ? "\"***\"" : yaml_of_field(p->arena, o, field);

	writer_printf(&p->text, "%s%s%s: %s\n", margin, text ? "" : "#", o->name, text ? text : "");
}

static void field_lines(
	struct printer *p, const struct config *c, const char *margin, const struct option *rows, const void *target)
{
	for (; rows && rows->name; rows++)
		field_line(p, c, margin, rows, target);
}

static void component_lines(struct printer *p, const struct config *c, size_t section, unsigned depth)
{
	const struct config_section *s = &c->sections[section];
	bool step = s->kind == SECTION_STEPS;
	const char *margin = margin_of(p, depth + 1, ""), *inner = margin_of(p, depth + (step ? 3 : 2), "");

	for (const struct config_component *made = c->components[section]; made; made = made->next) {
		writer_printf(&p->text, "%s%s%s:\n%stype: %s\n", margin, step ? "- " : "", made->name, inner,
			made->type->name);
		field_lines(p, c, inner, made->type->options, made->options);
		field_lines(p, c, inner, s->options, made->common);
	}
}

static void effective_value(
	struct printer *p, const struct config *c, const struct config_section *s, const char *margin)
{
	struct option named = *s->options;

	named.name = last_word(s->path);
	field_line(p, c, margin, &named, c->target);
}

static void effective_section(struct printer *p, const struct config *c, size_t section, unsigned depth)
{
	const struct config_section *s = &c->sections[section];
	const char *margin = margin_of(p, depth, "");

	if (s->kind == SECTION_VALUE) {
		effective_value(p, c, s, margin);
		return;
	}
	writer_printf(&p->text, "%s%s:\n", margin, last_word(s->path));
	if (s->kind == SECTION_OPTIONS)
		field_lines(p, c, margin_of(p, depth + 1, ""), s->options, c->target);
	else
		component_lines(p, c, section, depth);
}

int config_effective(const struct config *c, struct buffer *to)
{
	struct printer p = { .arena = config_arena_new() };
	const char *last = "";

	writer_init(&p.text, to);
	for (size_t i = 0; c->sections[i].path; last = c->sections[i++].path)
		effective_section(&p, c, i, print_way(&p, c->sections[i].path, last));
	config_arena_free(p.arena);
	return writer_done(&p.text);
}
