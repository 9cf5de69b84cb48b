/*
 * The step `add` of metrics: adds labels that are not there yet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/metric_where.h"
#include "pipeline/step.h"

enum { FIELDS_MAX = 32, FIELD_SIZE_MAX = 4 << 10 };

struct add_config {
	const struct option_map *fields;
};

/* UTF-8, whatever the environment has in it. The values are the step's own. */
struct field {
	struct bytes name, value;
};

struct step {
	struct field fields[FIELDS_MAX];
	size_t count;
};

static const struct option rows[] = {
	{ OPT_MAP(struct add_config, fields), .name = "fields", .required = true, .example = "{ team: payments }",
		.help = "Names of labels and their values. A label that is there already is left as it is." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct option_map *fields = ((const struct add_config *)config)->fields;
	bool fits = fields->count <= FIELDS_MAX;

	snprintf(why, room, "fields: at most %d, each with a value of 1 byte to 4KiB", FIELDS_MAX);
	for (size_t i = 0; i < fields->count && fits; i++)
		fits = *fields->pairs[i].value && strlen(fields->pairs[i].value) <= FIELD_SIZE_MAX;
	for (size_t i = 0; i < fields->count && fits; i++)
		fits = metric_label_fine(fields->pairs[i].key, why, room);
	return fits;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct option_map *fields = ((const struct add_config *)config)->fields;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	OXP_ASSERT(fields->count <= FIELDS_MAX && "check() has been asked");
	for (; s->count < fields->count; s->count++) {
		const char *text = fields->pairs[s->count].value;
		size_t size = strlen(text);
		char *to = oxp_new(utf8_mend(text, size, NULL) + 1);
		s->fields[s->count] =
			(struct field){ bytes_of(fields->pairs[s->count].key), { to, utf8_mend(text, size, to) } };
	}
	*ret = s;
	return 0;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct series_edit *e = record->sample;

	for (const struct field *f = s->fields; f < s->fields + s->count; f++) {
		if (relabel_set_get(e->labels, f->name).size > 0)
			continue;
		relabel_set_put(e->labels, f->name, f->value);
		e->changed = true;
	}
	return STEP_KEEP;
}

static void destroy(struct step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		free((char *)s->fields[i].value.data);
	free(s);
}

const struct step_type step_metric_add = {
	.name = "add",
	.summary = "Adds labels that samples do not have.",
	.signals = SIGNAL_METRICS,
	.options = rows,
	.config_size = sizeof(struct add_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
