#include "collectors/tail/asking.h"

enum {
	ASKED_AT_ONCE = 1024, /* files */
	GONE_FEW = 256, /* up to this many are asked at every tick whether they have grown */
};

void tail_asking_init(struct tail_asking *a, const struct tail_asking_parts *parts)
{
	a->with = *parts;
}

/* A file that cannot be read does not hold up the end. */
static bool is_untold(const struct tail_asking *a, const struct tail_file *f)
{
	bool ends = a->with.core->life != TAIL_LIVES;

	if (ends && f->trouble)
		return false;
	return tail_file_trait(f)->gone || f->linked || f->silent || (ends && a->with.machine->watch_failed);
}

/* Asks some files of a list, which go to its end, and returns how many are left. Not while a scan goes through the
 * list. */
static size_t ask_some(struct tail_asking *a, struct tail_file_list *list, size_t left)
{
	struct tail_file *f;

	if (a->with.look->phase == TAIL_SCAN_ANSWERED)
		return TAILQ_EMPTY(list) ? 0 : left;
	for (int i = 0; i < ASKED_AT_ONCE && left > 0 && (f = TAILQ_FIRST(list)); i++, left--) {
		tail_table_pass(a->with.table, f);
		if (is_untold(a, f) && !f->ready && tail_file_grew(f))
			tail_ready_add(a->with.ready, f);
	}
	return TAILQ_EMPTY(list) ? 0 : left;
}

static size_t count_named(const struct tail_asking *a)
{
	return a->with.table->count - a->with.table->gone_count;
}

void tail_asking_go_on(struct tail_asking *a, bool stranger)
{
	if (stranger && a->with.machine->linked)
		a->named = count_named(a);
	if (stranger || a->with.table->gone_count <= GONE_FEW)
		a->gone = a->with.table->gone_count;
	a->named = ask_some(a, &a->with.table->named, a->named);
	a->gone = ask_some(a, &a->with.table->gone, a->gone);
}

void tail_asking_named(struct tail_asking *a)
{
	(void)ask_some(a, &a->with.table->named, count_named(a));
}

bool tail_asking_has_more(const struct tail_asking *a)
{
	return a->named + a->gone > 0;
}

bool tail_asking_none_grew(struct tail_asking *a)
{
	if (!a->last_round) {
		a->named = count_named(a);
		a->gone = a->with.table->gone_count;
	}
	a->last_round = true;
	if (a->named > 0)
		a->named = ask_some(a, &a->with.table->named, a->named);
	else
		a->gone = ask_some(a, &a->with.table->gone, a->gone);
	if (tail_asking_has_more(a) && tail_ready_is_empty(a->with.ready))
		return false;
	a->last_round = false;
	return tail_ready_is_empty(a->with.ready);
}
