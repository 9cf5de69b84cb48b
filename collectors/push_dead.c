#include "collectors/push_dead.h"

#include <errno.h>
#include <stdlib.h>

#include "base/writer.h"
#include "proto/exposition_write.h"
#include "proto/native_histogram.h"

enum { AT_ONCE = 200 /* series, in a callback */, NATIVE_COST = 10 /* series */, AGAIN_S = 2, HELP_MAX = 2048 };

struct push_kept {
	struct push_kept *next;
	struct push_saved *page;
	struct push_owner *owner; /* NULL: it lives on */
	size_t bytes;
};

void push_dead_init(struct push_dead *d, struct host *host, uint64_t seed, struct push_file *file)
{
	*d = (struct push_dead){ .file = file };
	push_sum_init(&d->sum, host, seed);
	buffer_init(&d->part, PUSH_PART_MAX);
	buffer_init(&d->head, PUSH_PART_MAX);
}

static void let_go(struct push_dead *d, struct push_saved *page, struct push_owner *owner)
{
	push_file_remove(d->file, page);
	if (owner)
		push_file_disown(d->file, owner);
	free(owner);
}

void push_dead_keep(struct push_dead *d, struct push_saved *page, struct push_owner *owner, size_t bytes)
{
	bool there = page && page->state == PUSH_SAVED;
	struct push_kept *k;

	if (there && d->kept_count >= PUSH_DEAD_KEPT_MAX)
		push_file_left_out(d->file, -ENOSPC);
	if (!there || d->kept_count >= PUSH_DEAD_KEPT_MAX) {
		let_go(d, page, owner);
		push_file_owe_sum(d->file, true); /* which alone has it */
		return;
	}
	k = oxp_new(sizeof *k);
	*k = (struct push_kept){ d->kept, page, owner, bytes };
	push_file_mark(d->file, page);
	d->kept = k;
	d->kept_count++;
	d->kept_bytes += bytes;
}

void push_dead_keep_anew(struct push_dead *d, struct push_saved *page, size_t bytes)
{
	push_dead_keep(d, page, NULL, bytes);
	d->begun_anew = true;
}

bool push_dead_owes(const struct push_dead *d)
{
	return d->begun_anew;
}

static bool is_lost(const struct push_dead *d)
{
	return d->file && d->file->losses != d->losses;
}

static bool is_owed(const struct push_dead *d)
{
	return d->file && d->file->owes_sum;
}

bool push_dead_due(const struct push_dead *d, struct mono_time now)
{
	size_t bytes = d->saved ? d->saved->at : 0;

	if (now.ns < d->not_before.ns)
		return false;
	return d->begun_anew || is_owed(d) || is_lost(d) || d->kept_count >= PUSH_DEAD_PAGES_MAX ||
	       d->kept_bytes >= (bytes > PUSH_DEAD_BYTES_LEAST ? bytes : PUSH_DEAD_BYTES_LEAST);
}

/* Text. */

static void put_name(struct writer *w, struct bytes name, bool quoted)
{
	writer_text(w, quoted ? "\"" : "");
	writer_bytes(w, name);
	writer_text(w, quoted ? "\"" : "");
}

/* A name in quotes stands between the braces. */
static int put_head(struct buffer *to, struct bytes key)
{
	struct exposition_label labels[EXPOSITION_LABELS_MAX + 1];
	struct exposition_sample sample;
	struct writer w;

	push_key_sample(key, labels, &sample);
	buffer_clear(to);
	writer_init(&w, to);
	if (!sample.quoted)
		writer_bytes(&w, sample.name);
	writer_text(&w, "{");
	if (sample.quoted)
		put_name(&w, sample.name, true);
	for (size_t i = 0; i < sample.label_count; i++) {
		writer_text(&w, i > 0 || sample.quoted ? "," : "");
		put_name(&w, labels[i].name, labels[i].quoted);
		writer_text(&w, "=");
		put_name(&w, labels[i].value, true);
	}
	writer_text(&w, "}");
	return writer_done(&w);
}

/* A name in quotes as text has it, whichever format it is of. */
static int put_family_name(struct buffer *to, const struct push_family_total *f)
{
	bool quoted = f->first->quoted && !exposition_name_valid(f->name, false);
	char *at;

	buffer_clear(to);
	if (!quoted)
		return buffer_append(to, f->name.data, f->name.size);
	at = buffer_reserve(to, 2 * f->name.size + 2);
	if (!at)
		return -ENOMEM; /* names are short */
	*at = '"';
	to->size = 1 + exposition_value_copy(f->name, at + 1);
	return buffer_append(to, "\"", 1);
}

static int put_family(struct push_dead *d, const struct push_family_total *f)
{
	int failed = put_family_name(&d->head, f);
	struct bytes name = buffer_bytes(&d->head), text;
	char help[HELP_MAX];

	if (!failed && f->format && f->help.size <= HELP_MAX) {
		text = (struct bytes){ help, exposition_unescape(f->help, f->format, help) };
		failed = exposition_write_help(&d->part, name, text, EXPOSITION_TEXT);
	}
	if (!failed)
		failed = exposition_write_type(&d->part, name, f->type, EXPOSITION_TEXT);
	return failed;
}

/* Of two samples of one series the values add up: the second is what the first rounds off. */
static int put_total(struct push_dead *d, const struct push_total *t)
{
	struct exposition_line line = { .value = t->high };
	int failed = d->family == t->family ? 0 : put_family(d, t->family);

	if (!failed)
		failed = put_head(&d->head, t->item.key);
	line.head = buffer_bytes(&d->head);
	if (!failed)
		failed = exposition_write_sample(&d->part, &line, EXPOSITION_TEXT);
	line.value = t->low;
	if (!failed && t->low != 0)
		failed = exposition_write_sample(&d->part, &line, EXPOSITION_TEXT);
	return failed;
}

/* With no sum: that is one of the totals. */
static int put_native(struct push_dead *d, const struct push_native *n)
{
	char made[NATIVE_WRITTEN_MAX];
	struct otlp_build b = { made, sizeof made, 0 };
	struct exposition_line line = { .value = 0 };
	int failed = d->family == n->family ? 0 : put_family(d, n->family);

	native_histogram_write(&n->all, &b);
	OXP_ASSERT(b.size <= sizeof made);
	if (!failed)
		failed = put_head(&d->head, n->key);
	line.head = buffer_bytes(&d->head);
	line.native = (struct bytes){ made, b.size };
	if (!failed)
		failed = exposition_write_native(&d->part, &line);
	return failed;
}

/* Writing the sum. */

static void clear_part(struct push_dead *d)
{
	buffer_clear(&d->part);
	d->family = NULL;
}

static bool is_over(struct push_dead *d)
{
	clear_part(d);
	buffer_give_back(&d->part, 0);
	buffer_give_back(&d->head, 0);
	d->making = NULL;
	d->at = NULL;
	d->native = NULL;
	d->totals_done = false;
	return false;
}

static void free_kept(struct push_dead *d)
{
	for (struct push_kept *k = d->kept, *next; k; k = next) {
		next = k->next;
		let_go(d, k->page, k->owner);
		free(k);
	}
	d->kept = NULL;
	d->kept_count = d->kept_bytes = 0;
	d->begun_anew = false;
}

/* What they have could not be saved any other way while they fill the file for good. */
static void make_room(struct push_dead *d)
{
	for (size_t i = 0; i < d->kept_count; i++)
		push_file_left_out(d->file, -ENOSPC);
	free_kept(d);
	push_file_owe_sum(d->file, true);
}

static bool give_up(struct push_dead *d, int failed, struct mono_time now)
{
	push_file_remove(d->file, d->making);
	if (failed == -ENOSPC && d->kept_bytes >= PUSH_DEAD_KEPT_BYTES)
		make_room(d);
	d->not_before = mono_after(now, DURATION_S(AGAIN_S));
	return is_over(d);
}

/* It has all that the kept pages have. */
static bool end(struct push_dead *d)
{
	push_file_remove(d->file, d->saved);
	d->saved = d->making;
	free_kept(d);
	push_file_owe_sum(d->file, false);
	return is_over(d);
}

static int put_part(struct push_dead *d, bool last)
{
	int failed = push_file_sum_put(d->file, d->making, buffer_bytes(&d->part), last);

	clear_part(d);
	return failed;
}

/* What is written next: a total, or behind them a native histogram. */
struct next {
	const struct push_total *total;
	const struct push_native *native;
};

/* False: that was all. */
static bool find_next(const struct push_dead *d, struct next *ret)
{
	const struct push_native *n = d->native ? d->native->next : d->sum.native;

	*ret = (struct next){ .total = d->totals_done ? NULL : push_sum_next(&d->sum, d->at) };
	if (ret->total)
		return true;
	while (n && (n->broken || !n->family->first))
		n = n->next;
	ret->native = n;
	return n;
}

static void be_behind(struct push_dead *d, const struct next *next)
{
	if (next->total)
		d->at = next->total;
	else
		d->native = next->native;
	d->totals_done = next->native;
}

/* 0; -ENOSPC: the part is full; -errno. One that is larger than a part is left out. */
static int put_next(struct push_dead *d, const struct next *next)
{
	size_t before = d->part.size;
	int failed = next->total ? put_total(d, next->total) : put_native(d, next->native);

	if (failed) {
		d->part.size = before;
		if (failed == -ENOSPC && before == 0) {
			push_file_left_out(d->file, -E2BIG);
			failed = 0;
		}
	} else {
		d->family = next->total ? next->total->family : next->native->family;
	}
	if (!failed)
		be_behind(d, next);
	return failed;
}

static bool begin(struct push_dead *d)
{
	d->losses = d->file ? d->file->losses : 0;
	d->at = NULL;
	d->native = NULL;
	d->totals_done = false;
	if (d->sum.series > 0)
		d->making = push_file_sum(d->file);
	return d->making;
}

bool push_dead_some(struct push_dead *d, struct mono_time now)
{
	struct next next;

	if (!d->making && !begin(d))
		return end(d);
	if (is_lost(d))
		return give_up(d, -ESTALE, now);
	for (int i = 0; i < AT_ONCE; i += next.native ? NATIVE_COST : 1) {
		bool more = find_next(d, &next);
		int failed = more ? put_next(d, &next) : put_part(d, true);
		if (!more)
			return failed ? give_up(d, failed, now) : end(d);
		if (failed == -ENOSPC) {
			failed = put_part(d, false);
			return !failed || give_up(d, failed, now);
		}
		if (failed)
			return give_up(d, failed, now);
	}
	return true;
}

/* Reading it. */

static void on_point(void *context, const struct push_point *p)
{
	struct push_dead *d = context;

	if (p->lasting && (p->native ? push_sum_add_native(&d->sum, p) : push_sum_add(&d->sum, p)) == PUSH_NO_MEMORY)
		push_file_left_out(d->file, -ENOMEM);
}

static void on_help(void *context, struct bytes family, const struct exposition_meta *m)
{
	struct push_dead *d = context;

	push_sum_help(&d->sum, family, m->text, m->format);
}

void push_dead_add(struct push_dead *d, const struct push_modes *modes, struct bytes text)
{
	struct push_walk w = { .modes = modes, .worker = "", .point = on_point, .help = on_help, .context = d };

	push_walk_begin(&w, text, EXPOSITION_TEXT, d->sum.seed);
	while (push_walk_some(&w, text.size))
		;
	push_walk_done(&w);
}

void push_dead_added(struct push_dead *d, struct push_saved *saved)
{
	d->saved = saved;
}

void push_dead_done(struct push_dead *d)
{
	push_file_remove(d->file, d->making);
	push_file_remove(d->file, d->saved);
	free_kept(d);
	push_sum_done(&d->sum);
	buffer_done(&d->part);
	buffer_done(&d->head);
}
