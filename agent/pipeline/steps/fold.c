/*
 * The step `fold`: folds lines that repeat the one before into one line, with their count and the time of the last.
 *
 * The first line of a run stays, under its own id. `repeated` says how many lines it stands for, and the time of the
 * last. Two lines are the same if all their members are, in the same order and as they were read. Times (by name and
 * value, proto/log_time.h), the place in the file and the names in `ignore` may differ. A run stays within one stream
 * and one read, which folds a flood and holds nothing back. The other lines of a run are counted as merged. If a run
 * was sent and is read again in other pieces after a kill, it keeps the count that was sent first. The ledger counts
 * every line once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/key_list.h"
#include "pipeline/step.h"
#include "proto/log_time.h"

struct fold_config {
	const struct option_list *ignore;
};

enum { LAST_MAX = 128 }; /* bytes of a time; a longer one is not repeated */

struct step {
	struct key_set ignore;
	/* The first line of the run, in memory of the batch. If `count` is 0, there is no run. */
	struct json_line first;
	struct bytes text;
	uint64_t generation, count;
	char last[LAST_MAX]; /* time of the last line, as JSON and as edited by the steps before */
	size_t last_size;
};

static const struct option rows[] = {
	{ OPT_TEXTS(struct fold_config, ignore), .name = "ignore", .main = true, .example = "[request_id]",
		.help = "Members, besides times, in which the lines may differ." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	bool fits = key_list_fits(((const struct fold_config *)config)->ignore);

	snprintf(why, room, "%s", fits ? "" : key_list_limits);
	return fits;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	(void)host;
	*ret = oxp_new(sizeof **ret);
	key_list_add(((const struct fold_config *)config)->ignore, &(*ret)->ignore);
	return 0;
}

static struct bytes name_in(struct bytes line, const struct json_member *m)
{
	return (struct bytes){ line.data + m->name, m->name_size };
}

static struct bytes value_in(struct bytes line, const struct json_member *m)
{
	return (struct bytes){ line.data + m->value, m->value_size };
}

static bool are_same(struct bytes a, struct bytes b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static bool may_differ(const struct step *s, struct bytes name)
{
	return bytes_are(name, "oxpecker.offset") || bytes_are(name, "log.offset") || key_set_has(&s->ignore, name);
}

/* A name alone does not make a time: {"t":"login"} and {"t":"logout"} are two. */
static bool are_times(const struct json_edit *e, struct bytes name, struct bytes a, struct bytes b)
{
	struct rfc3339 t;

	return log_time_of_name(name) != LOG_TIME_NONE && log_time_read(e->scan, a, &t) &&
	       log_time_read(e->scan, b, &t);
}

/* Whether two lines are the same. *ret is the member of the second that has its time. It stays -1 if none does. */
static bool is_same_line(const struct step *s, const struct json_edit *e, int *ret)
{
	if (s->first.count != e->line.count)
		return false;
	for (size_t i = 0; i < e->line.count; i++) {
		const struct json_member *a = &s->first.members[i], *b = &e->line.members[i];
		struct bytes name = name_in(e->text, b), value = value_in(e->text, b), first = value_in(s->text, a);
		if (!are_same(name_in(s->text, a), name))
			return false;
		if (are_times(e, name, first, value))
			*ret = (int)i;
		else if (!are_same(first, value) && !may_differ(s, name))
			return false;
	}
	return true;
}

static void keep_last(struct step *s, const struct json_edit *e, int member)
{
	bool there = member >= 0 && !json_edit_gone(e, (size_t)member);
	struct bytes value = there ? json_edit_value(e, (size_t)member) : (struct bytes){ "", 0 };

	s->last_size = value.size <= LAST_MAX ? value.size : 0;
	memcpy(s->last, value.data, s->last_size);
}

static bool folds(struct step *s, struct record *record)
{
	int time = -1;

	if (s->count == 0 || s->generation != record->generation || record->edit->line.more ||
		!is_same_line(s, record->edit, &time))
		return false;
	s->count++;
	keep_last(s, record->edit, time);
	return true;
}

/* The record begins a run, unless it has more members than are indexed. */
static enum step_answer apply(struct step *s, struct record *record)
{
	const struct json_edit *e = record->edit;

	s->count = !e->line.more;
	s->text = e->text;
	s->generation = record->generation;
	s->first.count = e->line.count;
	memcpy(s->first.members, e->line.members, e->line.count * sizeof *e->line.members);
	return STEP_KEEP;
}

/* A line that already has the name, or has no room for it, goes without. The ledger has the count too. */
static void folded(struct step *s, struct record *record)
{
	static const char name[] = "oxpecker.repeated";
	enum { REST_MAX = 64 };
	char *to = json_edit_room(record->edit, LAST_MAX + REST_MAX);
	size_t size;

	if (!to || json_edit_has(record->edit, bytes_of(name)) || json_edit_has(record->edit, bytes_of("oxpecker")))
		return;
	size = (size_t)snprintf(to, LAST_MAX + REST_MAX, "{\"count\":%llu%s%.*s}", (unsigned long long)s->count,
		s->last_size ? ",\"last\":" : "", (int)s->last_size, s->last);
	if (json_edit_append(record->edit, bytes_of(name), (struct bytes){ to, size }) < 0)
		return;
}

static void ended(struct step *s, bool taken)
{
	(void)taken;
	s->count = 0;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_fold = {
	.name = "fold",
	.summary = "Makes one line of equal log lines in a row, with their count and the time of the last.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct fold_config),
	.check = check,
	.create = create,
	.folds = folds,
	.folded = folded,
	.apply = apply,
	.ended = ended,
	.destroy = destroy,
};
