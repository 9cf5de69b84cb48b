/*
 * The steps of spans that choose what stays: `filter` keeps the spans that fit its `where`. `drop` leaves out those
 * that fit; given names, it takes these attributes out of them instead. `keep` takes all other attributes out.
 *
 * `resource.X` is the attribute X of the resource. `keep` leaves a resource alone unless it names some of its
 * attributes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/key_list.h"
#include "pipeline/span_where.h"
#include "pipeline/step.h"

struct select_config {
	const struct option_map *where;
	const struct option_list *keys;
};

struct step {
	struct span_where where;
	struct key_set keys[OTLP_LEVELS];
	bool listed; /* there are keys */
};

static const struct option filter_rows[] = {
	{ OPT_MAP(struct select_config, where), .name = "where", .required = true,
		.example = "{ name: \"!GET /health*\", duration: \">=1ms\" }", .help = SPAN_WHERE_HELP },
	{ .name = NULL },
};

static const struct option drop_rows[] = {
	{ OPT_TEXTS(struct select_config, keys), .name = "keys", .main = true, .example = "[http.user_agent]",
		.help = "Attributes to take out; without any, the span goes that `where` describes." },
	{ OPT_MAP(struct select_config, where), .name = "where",
		.example = "{ name: \"GET /health*\", status: unset|ok }", .help = SPAN_WHERE_HELP },
	{ .name = NULL },
};

static const struct option keep_rows[] = {
	{ OPT_TEXTS(struct select_config, keys), .name = "keys", .main = true, .required = true,
		.example = "[http.request.method, http.route]",
		.help = "Attributes to keep; all others are taken out." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct select_config *c = config;
	struct span_where where;
	const char *wrong = NULL;

	if (c->where && !span_where_read(&where, c->where, why, room))
		return false;
	for (size_t i = 0; c->keys && i < c->keys->count && !wrong; i++)
		wrong = *span_name_of(c->keys->items[i]).name ? NULL : key_list_limits;
	if (!wrong && c->keys && !key_list_fits(c->keys))
		wrong = key_list_limits;
	else if (!wrong && (!c->where || c->where->count == 0) && (!c->keys || c->keys->count == 0))
		wrong = c->keys ? "neither keys nor where are given: nothing would be taken out"
				: "where: at least one term";
	snprintf(why, room, "%s", wrong ? wrong : "");
	return !wrong;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct select_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	char why[256];
	bool fine = !c->where || span_where_read(&s->where, c->where, why, sizeof why);

	(void)host;
	OXP_ASSERT(fine && "check() has been asked");
	for (size_t i = 0; c->keys && i < c->keys->count; i++) {
		struct span_name name = span_name_of(c->keys->items[i]);
		int failed = key_set_add(&s->keys[name.level], name.name);
		OXP_ASSERT(!failed && "check() has been asked");
		s->listed = true;
	}
	*ret = s;
	return 0;
}

static void take_out(const struct step *s, struct otlp_view *v, bool listed)
{
	const struct key_set *keys = &s->keys[v->level];

	for (size_t i = 0; i < v->count; i++) {
		struct otlp_part *p = &v->parts[i];
		if (otlp_is_attribute(v, p) && key_set_has_plain(keys, p->key) == listed)
			otlp_part_drop(v, p);
	}
}

static enum step_answer apply_filter(struct step *s, struct record *record)
{
	return record->view->level != OTLP_SPAN || span_where_fits(&s->where, record) ? STEP_KEEP : STEP_DROP;
}

static enum step_answer apply_drop(struct step *s, struct record *record)
{
	struct otlp_view *v = record->view;

	if (v->level == OTLP_SPAN && !span_where_fits(&s->where, record))
		return STEP_KEEP;
	if (!s->listed)
		return v->level == OTLP_SPAN ? STEP_DROP : STEP_KEEP;
	if (s->keys[v->level].count > 0)
		take_out(s, v, true);
	return STEP_KEEP;
}

static enum step_answer apply_keep(struct step *s, struct record *record)
{
	struct otlp_view *v = record->view;

	if (v->level == OTLP_SPAN || s->keys[v->level].count > 0)
		take_out(s, v, false);
	return STEP_KEEP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_span_filter = {
	.name = "filter",
	.summary = "Keeps the spans that `where` describes, and leaves out all others.",
	.signals = SIGNAL_TRACES,
	.options = filter_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_filter,
	.destroy = destroy,
};

const struct step_type step_span_drop = {
	.name = "drop",
	.summary = "Leaves out the spans that `where` describes, or takes the named attributes out of them.",
	.signals = SIGNAL_TRACES,
	.options = drop_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_drop,
	.destroy = destroy,
};

const struct step_type step_span_keep = {
	.name = "keep",
	.summary = "Keeps the named attributes of spans and no others.",
	.signals = SIGNAL_TRACES,
	.options = keep_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_keep,
	.destroy = destroy,
};
