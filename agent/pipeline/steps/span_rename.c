/*
 * The step `rename` of spans: gives attributes other names. `resource.X` is the attribute X of the resource. If the new
 * name is taken, both attributes stay as they are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/span_where.h"
#include "pipeline/step.h"

enum { RENAMES_MAX = 64 };

struct rename_config {
	const struct option_map *fields;
};

struct pair {
	enum otlp_level level;
	struct bytes from, to;
};

struct step {
	size_t count;
	struct pair pairs[RENAMES_MAX];
};

static const struct option rows[] = {
	{ OPT_MAP(struct rename_config, fields), .name = "fields", .required = true,
		.example = "{ http.url: url.full, resource.host: resource.host.name }",
		.help = "Old names and new names of attributes." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct option_map *fields = ((const struct rename_config *)config)->fields;

	snprintf(why, room, "fields: at most %d", RENAMES_MAX);
	if (fields->count > RENAMES_MAX)
		return false;
	for (size_t i = 0; i < fields->count; i++) {
		struct span_name from = span_name_of(fields->pairs[i].key), to = span_name_of(fields->pairs[i].value);
		snprintf(why, room, "fields: %s cannot become %s: %s", fields->pairs[i].key, fields->pairs[i].value,
			from.level != to.level ? "one is of the resource and one of the span"
					       : "a name is empty, or not UTF-8");
		if (from.level != to.level || !*from.name || !*to.name || !utf8_valid(to.name, strlen(to.name)))
			return false;
	}
	return true;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct option_map *fields = ((const struct rename_config *)config)->fields;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	OXP_ASSERT(fields->count <= RENAMES_MAX && "check() has been asked");
	for (; s->count < fields->count; s->count++) {
		struct span_name from = span_name_of(fields->pairs[s->count].key);
		s->pairs[s->count] = (struct pair){ .level = from.level,
			.from = bytes_of(from.name),
			.to = bytes_of(span_name_of(fields->pairs[s->count].value).name) };
	}
	*ret = s;
	return 0;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct otlp_view *v = record->view;

	for (const struct pair *pair = s->pairs; pair < s->pairs + s->count; pair++) {
		struct otlp_part *part = pair->level == v->level ? otlp_view_find(v, pair->from) : NULL;
		if (part && !otlp_view_find(v, pair->to))
			otlp_part_rename(v, part, pair->to);
	}
	return STEP_KEEP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_span_rename = {
	.name = "rename",
	.summary = "Renames attributes of spans and of their resource.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct rename_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
