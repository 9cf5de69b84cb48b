/*
 * The step `rename` of metrics: gives metrics and labels other names. A histogram is renamed with all of its samples.
 * If a sample has a label of the new name already, both stay as they are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/metric_where.h"
#include "pipeline/step.h"

enum { RENAMES_MAX = 64 };

struct rename_config {
	const struct option_map *names, *fields;
};

struct step {
	const struct rename_config *config;
};

static const struct option rows[] = {
	{ OPT_MAP(struct rename_config, names), .name = "names",
		.example = "{ http_server_duration_seconds: http_request_seconds }",
		.help = "Old names and new names of metrics; x of a histogram is also its x_bucket, x_sum and "
			"x_count." },
	{ OPT_MAP(struct rename_config, fields), .name = "fields", .example = "{ http_route: path }",
		.help = "Old names and new names of labels." },
	{ .name = NULL },
};

/* Names with escapes are left alone. */
static bool name_fine(const char *name)
{
	return *name && utf8_valid(name, strlen(name)) && !strpbrk(name, "\"\\\n") &&
	       strlen(name) <= EXPOSITION_NAME_MAX;
}

static bool check_names(const struct option_map *names, char *why, size_t room)
{
	for (size_t i = 0; i < names->count; i++)
		if (!name_fine(names->pairs[i].key) || !name_fine(names->pairs[i].value)) {
			snprintf(why, room,
				"names: \"%s\" cannot become \"%s\": a name has 1 to %d bytes of UTF-8, "
				"without quotes, backslashes and line ends",
				names->pairs[i].key, names->pairs[i].value, EXPOSITION_NAME_MAX);
			return false;
		}
	return true;
}

static bool check_fields(const struct option_map *fields, char *why, size_t room)
{
	for (size_t i = 0; i < fields->count; i++)
		if (!metric_label_fine(fields->pairs[i].key, why, room) ||
			!metric_label_fine(fields->pairs[i].value, why, room))
			return false;
	return true;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct rename_config *c = config;

	snprintf(why, room, "names and fields: at least one of both, and at most %d of each", RENAMES_MAX);
	if (c->names->count + c->fields->count == 0 || c->names->count > RENAMES_MAX || c->fields->count > RENAMES_MAX)
		return false;
	return check_names(c->names, why, room) && check_fields(c->fields, why, room);
}

static int create(const void *config, struct host *host, struct step **ret)
{
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	s->config = config;
	*ret = s;
	return 0;
}

static void rename_label(struct series_edit *e, struct bytes from, struct bytes to)
{
	struct bytes value = relabel_set_get(e->labels, from);

	if (value.size == 0 || relabel_set_get(e->labels, to).size > 0)
		return;
	relabel_set_put(e->labels, from, (struct bytes){ "", 0 });
	relabel_set_put(e->labels, to, value);
	e->changed = true;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	const struct option_map *names = s->config->names, *fields = s->config->fields;
	struct series_edit *e = record->sample;

	for (size_t i = 0; i < names->count; i++)
		if (bytes_are(e->metric, names->pairs[i].key)) {
			series_edit_rename(e, bytes_of(names->pairs[i].value));
			break;
		}
	for (size_t i = 0; i < fields->count; i++)
		rename_label(e, bytes_of(fields->pairs[i].key), bytes_of(fields->pairs[i].value));
	return STEP_KEEP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_metric_rename = {
	.name = "rename",
	.summary = "Renames metrics and their labels.",
	.signals = SIGNAL_METRICS,
	.options = rows,
	.config_size = sizeof(struct rename_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
