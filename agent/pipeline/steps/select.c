/*
 * The steps `drop` and `keep`: choose which members of the first level stay. `drop` does so in the lines that fit its
 * `where`; without names, it leaves these lines out.
 *
 * Names are exact. If a name stands twice in a line, both members go. `drop` also drops members beyond the 128th by
 * name. `keep` keeps none of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/key_list.h"
#include "pipeline/log_where.h"
#include "pipeline/step.h"
#include "proto/redact.h"

enum { REST_MAX = 16 << 20, REST_KEPT = 32 << 10, STEP = 4 << 10 };

struct select_config {
	const struct option_list *keys;
	const struct option_map *where; /* of `drop` */
};

struct step {
	struct log_where where;
	bool listed; /* there are keys */
	struct redact redact; /* without detectors, on the first level only */
	struct buffer out;
};

static const struct option drop_rows[] = {
	{ OPT_TEXTS(struct select_config, keys), .name = "keys", .main = true, .example = "[pid]",
		.help = "Members to take out; without any, the line goes that `where` describes." },
	{ OPT_MAP(struct select_config, where), .name = "where", .example = "{ path: \"/health*\", level: debug|info }",
		.help = LOG_WHERE_HELP },
	{ .name = NULL },
};

static const struct option keep_rows[] = {
	{ OPT_TEXTS(struct select_config, keys), .name = "keys", .main = true, .required = true,
		.example = "[time, level, msg]", .help = "Members to keep; all others are taken out." },
	{ .name = NULL },
};

static void destroy(struct step *s)
{
	if (!s)
		return;
	redact_done(&s->redact);
	buffer_done(&s->out);
	log_where_done(&s->where);
	free(s);
}

static bool has_where(const struct select_config *c)
{
	return c->where && c->where->count > 0;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct select_config *c = config;
	struct log_where where = { .count = 0 };
	const char *wrong = NULL;

	if (has_where(c) && !log_where_read(&where, c->where, why, room))
		return false;
	if (!key_list_fits(c->keys))
		wrong = key_list_limits;
	else if (c->keys->count == 0 && !has_where(c))
		wrong = "neither keys nor where are given: nothing would be taken out";
	snprintf(why, room, "%s", wrong ? wrong : "");
	return !wrong;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct select_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	char why[256];
	bool fine = !has_where(c) || log_where_read(&s->where, c->where, why, sizeof why);

	(void)host;
	OXP_ASSERT(fine && "check() has been asked");
	s->listed = c->keys->count > 0;
	redact_init(&s->redact, json_scan_best(), REST_MAX);
	s->redact.with = REDACT_REMOVE;
	s->redact.shallow = true;
	buffer_init(&s->out, REST_MAX);
	key_list_add(c->keys, &s->redact.keys);
	*ret = s;
	return 0;
}

static void drop_where(struct step *s, struct json_edit *e, bool listed)
{
	for (size_t i = 0; i < e->count; i++)
		if (!json_edit_gone(e, i) && key_set_has(&s->redact.keys, json_edit_name(e, i)) == listed)
			json_edit_drop(e, i);
}

/* s->out becomes what is left of them, which is no more than there is. */
static bool drop_of_rest(struct step *s, struct json_edit *e)
{
	enum redacted found;
	char *to;

	buffer_clear(&s->out);
	(void)!buffer_reserve_step(&s->out, e->rest.size, STEP);
	found = redact_json(&s->redact, e->rest, &s->out);
	if (found != REDACT_FOUND)
		return found == REDACT_NOTHING;
	to = json_edit_room(e, s->out.size);
	if (!to)
		return false;
	if (s->out.size > 0) /* else no member is left, and the buffer may have no memory */
		memcpy(to, s->out.data, s->out.size);
	json_edit_rest(e, (struct bytes){ to, s->out.size });
	return true;
}

static enum step_answer apply_drop(struct step *s, struct record *record)
{
	bool fine;

	if (!log_where_fits(&s->where, record->edit))
		return STEP_KEEP;
	if (!s->listed)
		return STEP_DROP;
	drop_where(s, record->edit, true);
	fine = record->edit->rest.size == 0 || drop_of_rest(s, record->edit);
	buffer_give_back(&s->out, REST_KEPT);
	return fine ? STEP_KEEP : STEP_DROP;
}

static enum step_answer apply_keep(struct step *s, struct record *record)
{
	drop_where(s, record->edit, false);
	if (record->edit->rest.size > 0)
		json_edit_rest(record->edit, (struct bytes){ NULL, 0 });
	return STEP_KEEP;
}

const struct step_type step_drop = {
	.name = "drop",
	.summary = "Leaves out log lines, or the named members of them.",
	.signals = SIGNAL_LOGS,
	.options = drop_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_drop,
	.destroy = destroy,
};

const struct step_type step_keep = {
	.name = "keep",
	.summary = "Keeps the named members of log lines and no others.",
	.signals = SIGNAL_LOGS,
	.options = keep_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_keep,
	.destroy = destroy,
};
