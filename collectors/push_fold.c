#include "collectors/push_fold.h"

enum { PIECE = 8 << 10 /* of a page, in a callback */, AT_ONCE = 500 /* series */, NATIVES_AT_ONCE = 10 };

void push_fold_begin(struct push_fold *f)
{
	f->stage = f->ended ? FOLD_READ_OLD : FOLD_READ_NEW;
	f->walking = f->failed = f->partial = false;
	f->at = NULL;
	f->native = NULL;
	f->kept = f->lost = 0;
	push_sum_init(&f->fresh, f->host, f->seed);
	push_sum_init(&f->before, f->host, f->seed);
}

static struct push_sum *read_to(struct push_fold *f)
{
	return f->stage == FOLD_READ_NEW ? &f->fresh : &f->before;
}

/* What exceeds a ceiling here, or clashes within its own page, is in no sum either. */
static void on_point(void *context, const struct push_point *p)
{
	struct push_fold *f = context;

	enum push_added added = !p->lasting ? PUSH_ADDED
				: p->native ? push_sum_add_native(read_to(f), p)
					    : push_sum_add(read_to(f), p);

	f->failed |= added == PUSH_NO_MEMORY;
	f->partial |= f->stage == FOLD_READ_NEW && (added == PUSH_CEILING || added == PUSH_CLASH);
}

static void on_help(void *context, struct bytes family, const struct exposition_meta *m)
{
	push_sum_help(read_to(context), family, m->text, m->format);
}

static void read_some(struct push_fold *f)
{
	const struct push_text *from = f->stage == FOLD_READ_NEW ? &f->new : &f->old;

	if (!f->walking) {
		f->walking = true;
		f->walk = (struct push_walk){
			.modes = f->modes, .worker = "", .page = 1, .point = on_point, .help = on_help, .context = f
		};
		push_walk_begin(&f->walk, from->text, from->format, f->seed);
	}
	if (push_walk_some(&f->walk, PIECE))
		return;
	f->failed |= f->walk.failed;
	push_walk_done(&f->walk);
	f->walking = false;
	f->stage++;
}

static void compare(struct push_fold *f, const struct push_total *old)
{
	const struct push_total *new = f->ended ? NULL : push_sum_find(&f->fresh, old->item.key);
	bool fell = new ? old->grows &&push_total_value(new) < push_total_value(old) : !f->partial;

	if (fell && !f->ended && !push_sum_mark(&f->before, old->group))
		f->failed = true;
}

static bool is_kept(const struct push_fold *f, uint64_t group)
{
	return f->ended || push_sum_marked(&f->before, group);
}

static void reserve(struct push_fold *f, const struct push_total *old)
{
	struct push_point p = push_total_point(old, 0);
	enum push_added added;

	if (!is_kept(f, old->group))
		return;
	p.value = p.rest = 0;
	added = push_sum_add(f->dead, &p);
	if (added == PUSH_NO_MEMORY)
		f->failed = true;
	f->lost += added == PUSH_CLASH || added == PUSH_CEILING;
}

static void add(struct push_fold *f, const struct push_total *old)
{
	struct push_point p = push_total_point(old, 0);
	const struct push_family_total *family = old->family;

	if (!is_kept(f, old->group))
		return;
	OXP_ASSERT(push_sum_add(f->dead, &p) != PUSH_NO_MEMORY);
	f->kept++;
	if (family->format)
		push_sum_help(f->dead, family->name, family->help, family->format);
}

static void reserve_native(struct push_fold *f, const struct push_native *old)
{
	struct push_point p = push_native_point(old, 0);
	enum push_added added = push_sum_reserve_native(f->dead, &p);

	if (added == PUSH_NO_MEMORY)
		f->failed = true;
	f->lost += added == PUSH_CLASH || added == PUSH_CEILING;
}

static void add_native(struct push_fold *f, const struct push_native *old)
{
	struct push_point p = push_native_point(old, 0);

	OXP_ASSERT(push_sum_add_native(f->dead, &p) != PUSH_NO_MEMORY);
	f->kept++;
}

/* Native histograms go with their group, which says whether the process began anew. */
static void go_through_natives(struct push_fold *f, void (*see)(struct push_fold *, const struct push_native *))
{
	for (int i = 0; i < NATIVES_AT_ONCE && !f->failed; i++) {
		f->native = f->native ? f->native->next : f->before.native;
		if (!f->native) {
			f->stage++;
			return;
		}
		if (!f->native->broken && is_kept(f, f->native->group))
			see(f, f->native);
	}
}

static void go_through_some(struct push_fold *f, void (*see)(struct push_fold *, const struct push_total *))
{
	for (int i = 0; i < AT_ONCE && !f->failed; i++) {
		f->at = push_sum_next(&f->before, f->at);
		if (!f->at) {
			f->stage++;
			return;
		}
		see(f, f->at);
	}
}

enum push_progress push_fold_some(struct push_fold *f)
{
	static void (*const sees[FOLD_DONE])(struct push_fold *,
		const struct push_total *) = { [FOLD_COMPARE] = compare, [FOLD_RESERVE] = reserve, [FOLD_ADD] = add };

	if (f->stage < FOLD_COMPARE)
		read_some(f);
	else if (f->stage == FOLD_RESERVE_NATIVES || f->stage == FOLD_ADD_NATIVES)
		go_through_natives(f, f->stage == FOLD_ADD_NATIVES ? add_native : reserve_native);
	else if (f->stage < FOLD_DONE)
		go_through_some(f, sees[f->stage]);
	if (f->failed)
		return PUSH_STUCK;
	return f->stage == FOLD_DONE ? PUSH_DONE : PUSH_MORE;
}

void push_fold_done(struct push_fold *f)
{
	if (f->walking)
		push_walk_done(&f->walk);
	f->walking = false;
	push_sum_done(&f->fresh);
	push_sum_done(&f->before);
}
