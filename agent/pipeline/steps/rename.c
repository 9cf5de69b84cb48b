/*
 * The step `rename`: gives members of the first level other names.
 *
 * If a line already has the new name, however it is spelt, or has a member that cannot stand beside it, both keep their
 * names, so nothing is lost. An @timestamp that holds no time gives way. Members beyond the 128th keep their names.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/option.h"
#include "pipeline/step.h"
#include "proto/log_time.h"

enum { RENAMES_MAX = 64, NAME_SIZE_MAX = 4096 };

struct rename_config {
	const struct option_map *fields;
};

struct step {
	struct buffer names[RENAMES_MAX]; /* the new names as JSON */
	const struct option_map *fields;
};

static const struct option rows[] = {
	{ OPT_MAP(struct rename_config, fields), .name = "fields", .required = true, .example = "{ msg: message }",
		.help = "Old names and new names." },
	{ .name = NULL },
};

static void destroy(struct step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < RENAMES_MAX; i++)
		buffer_done(&s->names[i]);
	free(s);
}

static int quote_names(struct step *s)
{
	int failed = s->fields->count > RENAMES_MAX ? -ENOSPC : 0;

	for (size_t i = 0; i < s->fields->count && !failed; i++) {
		const char *name = s->fields->pairs[i].value;
		buffer_init(&s->names[i], NAME_SIZE_MAX);
		failed = json_string_append(&s->names[i], name, strlen(name));
	}
	return failed;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct rename_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	int failed;

	s->fields = c->fields;
	failed = quote_names(s);
	if (failed) {
		host_log(host, LOG_LEVEL_ERROR, "fields: at most %d, each name shorter than 4KiB", RENAMES_MAX);
		destroy(s);
		return failed;
	}
	*ret = s;
	return 0;
}

/* For member i. */
static bool is_free(struct json_edit *e, struct bytes name, int i)
{
	if (json_edit_presence(e, name, i) <= JSON_BESIDE)
		return true;
	return bytes_are(name, "@timestamp") && log_time_make_way(e);
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct json_edit *e = record->edit;

	for (size_t i = 0; i < s->fields->count; i++) {
		const struct option_pair *pair = &s->fields->pairs[i];
		int at = json_edit_find(e, bytes_of(pair->key));
		if (at >= 0 && is_free(e, bytes_of(pair->value), at))
			json_edit_rename(e, (size_t)at, json_inner(buffer_bytes(&s->names[i])));
	}
	return STEP_KEEP;
}

const struct step_type step_rename = {
	.name = "rename",
	.summary = "Renames members of log lines.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct rename_config),
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
