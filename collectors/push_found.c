#include "collectors/push_found.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/push_page.h"
#include "component.h"

enum { NUMBER_BITS = 62 }; /* a larger number was not given by us */

struct part {
	struct push_part_key key;
	struct push_part_value value;
	struct sums_place place;
	uint64_t size; /* bytes behind the key */
};

struct reading {
	struct push_file *file;
	const struct push_visit *by_kind[PUSH_WORKER + 1];
	struct part *parts; /* in order: of sums, which have no owner; then owner by owner, itself and its pages */
	size_t count, room;
	struct buffer record;
	uint64_t sum; /* the number of the one that counts; 0: none */
	size_t pages, damaged;
	size_t no_room; /* pages that stay in the file, for a start with more memory */
};

/* Parts of one page, or of a sum; or an owner. */
struct run {
	struct part *first;
	size_t count;
};

/* Pass one: what there is. */

static bool is_fine(const struct push_part_key *k, uint64_t size)
{
	bool owner = k->kind == PUSH_PART_GROUP || k->kind == PUSH_PART_WORKER;

	if ((k->owner | k->number | k->at | k->total) >> NUMBER_BITS)
		return false;
	if (owner)
		return k->owner > 0 && k->number == 0;
	return (k->kind == PUSH_PART_PAGE || k->kind == PUSH_PART_SUM) && k->number > 0 &&
	       (k->owner > 0) == (k->kind == PUSH_PART_PAGE) && k->format > EXPOSITION_UNKNOWN &&
	       k->format <= EXPOSITION_PROTOBUF && k->replaces <= 1 && (k->total == 0 || k->at + size <= k->total);
}

static bool on_record(void *context, const struct sums_record *record)
{
	struct reading *r = context;
	struct part part = { .place = record->place }, *all = NULL;

	if (record->key.size >= sizeof part.key && record->value.size == sizeof part.value) {
		memcpy(&part.key, record->key.data, sizeof part.key);
		memcpy(&part.value, record->value.data, sizeof part.value);
		part.size = record->key.size - sizeof part.key;
		if (is_fine(&part.key, part.size) && r->count < PUSH_PARTS_MAX)
			all = oxp_grow(r->parts, &r->room, r->count + 1, sizeof *all);
	}
	if (!all) {
		r->damaged++;
		return false;
	}
	r->parts = all;
	all[r->count++] = part;
	push_file_number_seen(r->file, part.key.owner);
	push_file_number_seen(r->file, part.key.number);
	push_file_number_seen(r->file, part.value.marked >> NUMBER_BITS ? 0 : part.value.marked);
	return true;
}

static int by_order(const void *a, const void *b)
{
	const struct push_part_key *x = &((const struct part *)a)->key, *y = &((const struct part *)b)->key;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Pass two: what it is. */

static struct run run_at(const struct reading *r, size_t at)
{
	struct run run = { &r->parts[at], 0 };

	while (at + run.count < r->count && run.first[run.count].key.owner == run.first->key.owner &&
		run.first[run.count].key.number == run.first->key.number)
		run.count++;
	return run;
}

static void drop(struct reading *r, const struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->first[i].place.file)
			sums_file_remove(r->file->file, &run->first[i].place, sizeof run->first[i].value);
}

/* Whether it has all parts, each once. */
static bool is_whole(const struct run *run)
{
	const struct push_part_key *k = &run->first->key;
	uint64_t at = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct part *p = &run->first[i];
		if (p->key.at != at || p->key.kind != k->kind || p->key.total != k->total ||
			p->key.format != k->format || p->key.replaces != k->replaces)
			return false;
		at += p->size;
	}
	return at == k->total;
}

static bool read_part(struct reading *r, const struct part *p, struct bytes *ret)
{
	struct bytes key;

	if (sums_file_key(r->file->file, &p->place, &r->record, &key) < 0)
		return false;
	*ret = (struct bytes){ key.data + sizeof p->key, p->size };
	return true;
}

static struct push_saved *saved_of(const struct run *run)
{
	struct push_saved *s = oxp_new(sizeof *s);
	struct sums_place *parts = oxp_grow(NULL, &s->room, run->count, sizeof *parts);

	if (!parts) {
		free(s);
		return NULL;
	}
	s->owner = run->first->key.owner;
	s->number = run->first->key.number;
	s->marked = run->first->value.marked;
	s->format = (enum exposition_format)run->first->key.format;
	s->replaces = run->first->key.replaces;
	s->parts = parts;
	s->count = run->count;
	for (size_t i = 0; i < run->count; i++)
		parts[i] = run->first[i].place;
	return s;
}

/* Sums. */

/* One that has its end. Parts between may be missing: the others count. */
static bool has_end(const struct run *run)
{
	return run->first[run->count - 1].key.total > 0;
}

static void choose_sum(struct reading *r)
{
	for (size_t at = 0; at < r->count && r->parts[at].key.owner == 0;) {
		struct run run = run_at(r, at);
		if (has_end(&run))
			r->sum = run.first->key.number;
		at += run.count;
	}
}

static void take_sum(struct reading *r, struct run *run)
{
	const struct push_visit *v = r->by_kind[PUSH_WORKER];
	char why[EXPOSITION_WHAT_MAX];
	struct push_saved *saved = saved_of(run);
	struct bytes text;

	for (size_t i = 0; i < run->count; i++) {
		if (read_part(r, &run->first[i], &text) &&
			push_page_check_own(text, (enum exposition_format)run->first[i].key.format, why, sizeof why))
			v->sum(v->context, text);
		else
			r->damaged++;
	}
	if (saved) {
		r->pages++;
		push_file_adopt_page(r->file, saved, (struct bytes){ NULL, 0 });
	} else {
		drop(r, run);
	}
	v->sum_ended(v->context, saved);
}

/* Returns where the owners begin. */
static size_t read_sums(struct reading *r)
{
	size_t at = 0;

	choose_sum(r);
	while (at < r->count && r->parts[at].key.owner == 0) {
		struct run run = run_at(r, at);
		if (run.first->key.number == r->sum)
			take_sum(r, &run);
		else
			drop(r, &run);
		at += run.count;
	}
	return at;
}

/* Pages. */

/* A page in memory of its own. 0; -ENOMEM; -EBADMSG: it is none. */
static int read_page(struct reading *r, const struct run *run, bool of_worker, struct push_found *found)
{
	size_t size = run->first->key.total, at = 0;
	char why[EXPOSITION_WHAT_MAX], *to;
	struct bytes part;

	found->batch = host_batch_new(r->file->host, SIGNAL_METRICS);
	to = found->batch ? batch_block(found->batch, size) : NULL;
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < run->count; i++) {
		if (!read_part(r, &run->first[i], &part))
			return -EBADMSG;
		memcpy(to + at, part.data, part.size);
		at += part.size;
	}
	found->text = (struct bytes){ to, size };
	if (of_worker ? push_page_check_own(found->text, found->format, why, sizeof why)
		      : push_page_check(found->text, found->format, why, sizeof why))
		return 0;
	return -EBADMSG;
}

/* What a group had is there for the next start: later pages of it are applied behind this one. A worker may be dead by
 * then, and what it had would not be in any sum. */
static void leave_out(struct reading *r, const struct run *run, const struct push_visit *v, int failed)
{
	if (failed == -ENOMEM && v == r->by_kind[PUSH_GROUP]) {
		r->no_room++;
		return;
	}
	r->damaged++;
	drop(r, run);
}

static void take_page(struct reading *r, const struct run *run, const struct push_visit *v)
{
	struct push_found found = { .format = (enum exposition_format)run->first->key.format,
		.replaces = run->first->key.replaces,
		.marked = run->first->value.marked > 0 };
	int failed = read_page(r, run, v == r->by_kind[PUSH_WORKER], &found);
	struct push_saved *saved = NULL;

	if (!failed) {
		saved = saved_of(run);
		failed = saved ? 0 : -ENOMEM;
	}
	if (failed) {
		leave_out(r, run, v, failed);
		batch_free(found.batch);
		return;
	}
	found.saved = saved;
	push_file_adopt_page(r->file, saved, found.text);
	v->page(v->context, &found);
	r->pages += !found.saved;
	push_file_remove(r->file, found.saved);
	batch_free(found.batch);
}

/* What the sum has counts no more. What is not whole was not answered, or was about to go. */
static bool counts(const struct reading *r, const struct run *run)
{
	uint64_t marked = run->first->value.marked;

	return run->first->key.kind == PUSH_PART_PAGE && is_whole(run) && !(marked > 0 && marked < r->sum);
}

static bool take_owner(struct reading *r, const struct run *run, const struct push_visit **ret)
{
	const struct part *p = run->first;
	struct push_owner owner = { .place = p->place,
		.id = p->key.owner,
		.kind = (enum push_owner_kind)p->key.kind,
		.pushed = { p->value.pushed },
		.failed = { p->value.failed } };

	if (run->count != 1 || (p->key.kind != PUSH_PART_GROUP && p->key.kind != PUSH_PART_WORKER))
		return false; /* pages without an owner */
	if (!read_part(r, p, &owner.identity)) {
		r->damaged++;
		return false;
	}
	*ret = r->by_kind[owner.kind];
	return (*ret)->owner((*ret)->context, &owner);
}

/* Returns where the next owner begins. */
static size_t read_owner(struct reading *r, size_t at)
{
	uint64_t id = r->parts[at].key.owner;
	struct run run = run_at(r, at);
	const struct push_visit *v = NULL;
	bool wanted = take_owner(r, &run, &v);

	if (!wanted)
		drop(r, &run);
	for (at += run.count; at < r->count && r->parts[at].key.owner == id; at += run.count) {
		run = run_at(r, at);
		if (wanted && counts(r, &run))
			take_page(r, &run, v);
		else
			drop(r, &run);
	}
	if (wanted)
		v->ended(v->context);
	return at;
}

void push_file_restore(struct push_file *f, const struct push_visit *groups, const struct push_visit *workers)
{
	struct reading r = { .file = f, .by_kind = { [PUSH_GROUP] = groups, [PUSH_WORKER] = workers } };
	size_t damaged = 0, at;
	int failed;

	if (!f->file)
		return;
	buffer_init(&r.record, SUMS_RECORD_MAX);
	failed = sums_file_load(f->file, &(struct sums_visit){ on_record, &r }, &damaged);
	r.damaged += damaged;
	if (r.count > 0)
		qsort(r.parts, r.count, sizeof *r.parts, by_order);
	at = read_sums(&r);
	while (at < r.count)
		at = read_owner(&r, at);
	buffer_done(&r.record);
	free(r.parts);
	if (r.no_room > 0)
		host_log(f->host, LOG_LEVEL_WARN,
			"no room within `memory` for %zu pages that groups were pushed in the last run: they stay in "
			"%s for the next start; raise `memory`",
			r.no_room, f->name);
	push_file_found(f, r.pages, r.damaged, failed);
}
