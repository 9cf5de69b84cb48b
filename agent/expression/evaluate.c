#include "expression/evaluate.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "expression/binary.h"
#include "expression/label_set.h"
#include "expression/over_time.h"
#include "expression/quantile.h"
#include "proto/exposition_number.h"

struct evaluation {
	const struct windows *windows;
	struct wall_time wall;
	struct work *work;
};

static bool value_of(const struct evaluation *, const struct term *, struct value *ret);

static void for_series(
	const struct selector_window *of, void (*each)(void *, const struct window_series *), void *context)
{
	for (size_t b = 0; b < WINDOW_BUCKETS; b++)
		for (const struct window_series *s = of->buckets[b]; s; s = s->next)
			each(context, s);
}

/* Selectors, and functions of ranges. */

struct taking {
	const struct evaluation *e;
	const struct selector_window *of;
	enum function_id function;
	bool latest;
	struct value *to;
};

static void take_latest(const struct taking *t, const struct window_series *s, struct element *to)
{
	const struct sample *last = &s->samples[s->first + s->count - 1];

	if (s->count == 0 || t->e->windows->ms - last->ms >= WINDOW_LOOKBACK_S * 1000)
		return;
	*to = (struct element){ t->of->selector->name, s->labels, last->value };
	t->to->count++;
}

static void take_series(void *context, const struct window_series *s)
{
	const struct taking *t = context;
	struct element *to = &t->to->elements[t->to->count];
	struct stretch stretch = {
		.samples = s->samples + s->first,
		.count = s->count,
		.range = t->of->selector->range,
		.end_ms = t->e->windows->ms,
	};

	if (t->latest) {
		take_latest(t, s, to);
		return;
	}
	*to = (struct element){ .labels = s->labels };
	if (t->function == FUNCTION_LAST_OVER_TIME)
		to->name = t->of->selector->name;
	t->to->count += over_time(t->function, &stretch, &to->value);
}

static bool take_window(const struct evaluation *e, const struct term *selector, struct taking t, struct value *ret)
{
	t.e = e;
	t.of = &e->windows->window[selector->selector];
	t.to = ret;
	if (!value_vector(e->work, t.of->series, ret))
		return false;
	for_series(t.of, take_series, &t);
	return true;
}

/* Aggregates. */

static void add_to_group(enum aggregate a, double x, bool first, struct exact_sum *sum, double *extreme)
{
	exact_sum_add(sum, x);
	if (first || isnan(*extreme) || (a == AGGREGATE_MAX ? x > *extreme : x < *extreme))
		*extreme = x;
}

static double end_of_group(enum aggregate a, const struct exact_sum *sum, double extreme, size_t count)
{
	if (a == AGGREGATE_COUNT)
		return (double)count;
	if (a == AGGREGATE_MIN || a == AGGREGATE_MAX)
		return extreme;
	return exact_sum_of(sum) / (a == AGGREGATE_AVG ? (double)count : 1);
}

struct group {
	struct exact_sum sum;
	double extreme;
	size_t count;
};

static bool aggregate(const struct evaluation *e, const struct term *n, struct value *ret)
{
	struct value from;
	struct groups groups;
	struct group *group;

	if (!value_of(e, n->left, &from) || !groups_init(&groups, e->work, from.count) ||
		!value_vector(e->work, from.count, ret))
		return false;
	group = work_alloc(e->work, (from.count + 1) * sizeof *group);
	for (size_t i = 0; group && i < from.count; i++) {
		bool is_new;
		size_t at = groups_add(&groups, from.elements[i].labels, &n->labels, &is_new);
		if (at == SIZE_MAX)
			return false;
		if (is_new)
			group[at] = (struct group){ .count = 0 };
		add_to_group(n->aggregate, from.elements[i].value, is_new, &group[at].sum, &group[at].extreme);
		group[at].count++;
	}
	for (size_t i = 0; group && i < groups.count; i++)
		ret->elements[ret->count++] = (struct element){ .labels = groups.labels[i],
			.value = end_of_group(n->aggregate, &group[i].sum, group[i].extreme, group[i].count) };
	return group;
}

/* histogram_quantile() */

/* Which histogram an element is a bucket of. Its bound is NaN if it is none. */
struct part {
	size_t group;
	struct bucket bucket;
};

static double bound_of(struct bytes labels)
{
	double bound;

	return exposition_number_parse(label_set_value(labels, bytes_of("le")), &bound) ? bound : (double)NAN;
}

static bool sort_parts(const struct evaluation *e, const struct value *from, struct groups *groups, struct part *parts)
{
	static const struct bytes le = { "le", 2 };
	static const struct label_list but_le = { .others = true, .count = 1, .names = &le };

	for (size_t i = 0; i < from->count; i++) {
		bool is_new;
		parts[i].bucket = (struct bucket){ bound_of(from->elements[i].labels), from->elements[i].value };
		if (isnan(parts[i].bucket.bound))
			continue;
		parts[i].group = groups_add(groups, from->elements[i].labels, &but_le, &is_new);
		if (parts[i].group == SIZE_MAX)
			return false;
	}
	return !e->work->why;
}

/* Each bucket behind the others of its histogram, in one array; of[i] is where those of group i begin. */
static void place_parts(const struct part *parts, size_t count, struct bucket *to, size_t *of, size_t groups)
{
	size_t sum = 0, one;

	memset(of, 0, (groups + 1) * sizeof *of);
	for (size_t i = 0; i < count; i++)
		if (!isnan(parts[i].bucket.bound))
			of[parts[i].group]++;
	for (size_t g = 0; g <= groups; g++) {
		one = of[g];
		of[g] = sum;
		sum += one;
	}
	for (size_t i = 0; i < count; i++)
		if (!isnan(parts[i].bucket.bound))
			to[of[parts[i].group]++] = parts[i].bucket;
	for (size_t g = groups; g > 0; g--)
		of[g] = of[g - 1];
	of[0] = 0;
}

static bool quantiles(const struct evaluation *e, const struct term *n, struct value *ret)
{
	struct value quantile, from;
	struct groups groups;
	struct part *parts;
	struct bucket *buckets;
	size_t *of;

	if (!value_of(e, n->left, &quantile) || !value_of(e, n->right, &from) ||
		!groups_init(&groups, e->work, from.count) || !value_vector(e->work, from.count, ret))
		return false;
	parts = work_alloc(e->work, (from.count + 1) * sizeof *parts);
	buckets = work_alloc(e->work, (from.count + 1) * sizeof *buckets);
	of = work_alloc(e->work, (from.count + 2) * sizeof *of);
	if (!parts || !buckets || !of || !sort_parts(e, &from, &groups, parts))
		return false;
	place_parts(parts, from.count, buckets, of, groups.count);
	for (size_t g = 0; g < groups.count; g++)
		ret->elements[ret->count++] = (struct element){ .labels = groups.labels[g],
			.value = quantile_of_buckets(quantile.number, buckets + of[g], of[g + 1] - of[g]) };
	return true;
}

/* Other functions. */

static double edit(enum function_id f, double x, double limit)
{
	switch (f) {
	case FUNCTION_ABS:
		return fabs(x);
	case FUNCTION_CEIL:
		return ceil(x);
	case FUNCTION_FLOOR:
		return floor(x);
	case FUNCTION_CLAMP_MIN:
		return isnan(x) || isnan(limit) ? (double)NAN : x < limit ? limit : x;
	default:
		return isnan(x) || isnan(limit) ? (double)NAN : x > limit ? limit : x;
	}
}

static bool edit_each(const struct evaluation *e, const struct term *n, struct value *ret)
{
	struct value limit = { .number = 0 };

	if (!value_of(e, n->left, ret) || (n->right && !value_of(e, n->right, &limit)))
		return false;
	for (size_t i = 0; i < ret->count; i++) {
		ret->elements[i].value = edit(n->function, ret->elements[i].value, limit.number);
		ret->elements[i].name.size = 0;
	}
	return true;
}

/* The labels that a selector asks for by =, in the order of their names. */
static bool labels_asked(const struct evaluation *e, const struct term *n, struct bytes *ret)
{
	const struct selector *s = &e->windows->expression->selectors[n->selector];
	size_t room = 1;
	char *to;

	for (size_t i = 0; i < s->matcher_count; i++)
		room += LABEL_OVERHEAD + s->matchers[i].label.size + s->matchers[i].value.size;
	to = work_alloc(e->work, room);
	*ret = (struct bytes){ to, 0 };
	for (struct bytes before = { NULL, 0 }; to;) {
		const struct matcher *next = NULL;
		for (size_t i = 0; i < s->matcher_count; i++)
			if ((!before.data || bytes_compare(s->matchers[i].label, before) > 0) &&
				(!next || bytes_compare(s->matchers[i].label, next->label) < 0))
				next = &s->matchers[i];
		if (!next)
			return true;
		before = next->label;
		if (next->how == MATCHER_IS && next->value.size > 0)
			ret->size += label_set_put(to + ret->size, next->label, next->value);
	}
	return false;
}

static bool absent(const struct evaluation *e, const struct term *n, struct value *ret)
{
	struct value from;
	struct bytes labels = { NULL, 0 };

	if (!value_of(e, n->left, &from) || !value_vector(e->work, 1, ret))
		return false;
	if (n->left->what == TERM_SELECTOR && !labels_asked(e, n->left, &labels))
		return false;
	if (from.count == 0)
		ret->elements[ret->count++] = (struct element){ .labels = labels, .value = 1 };
	return true;
}

static bool change_kind(const struct evaluation *e, const struct term *n, struct value *ret)
{
	struct value from;

	if (!value_of(e, n->left, &from))
		return false;
	if (n->function == FUNCTION_SCALAR) {
		*ret = (struct value){ .number = from.count == 1 ? from.elements[0].value : (double)NAN };
		return true;
	}
	if (!value_vector(e->work, 1, ret))
		return false;
	ret->elements[ret->count++] = (struct element){ .value = from.number };
	return true;
}

static bool call(const struct evaluation *e, const struct term *n, struct value *ret)
{
	if (n->function <= FUNCTION_LAST_OVER_TIME)
		return take_window(e, n->left, (struct taking){ .function = n->function }, ret);
	switch (n->function) {
	case FUNCTION_HISTOGRAM_QUANTILE:
		return quantiles(e, n, ret);
	case FUNCTION_ABSENT:
		return absent(e, n, ret);
	case FUNCTION_VECTOR:
	case FUNCTION_SCALAR:
		return change_kind(e, n, ret);
	case FUNCTION_TIME:
		*ret = (struct value){ .number = (double)(e->wall.ns / 1000000) / 1000 };
		return true;
	default:
		return edit_each(e, n, ret);
	}
}

/* As deep as the tree, which has EXPRESSION_TERMS_MAX terms at most. */
static bool value_of(const struct evaluation *e, const struct term *n, struct value *ret)
{
	struct value left, right;

	switch (n->what) {
	case TERM_NUMBER:
		*ret = (struct value){ .number = n->number };
		return true;
	case TERM_SELECTOR:
		return take_window(e, n, (struct taking){ .latest = true }, ret);
	case TERM_CALL:
		return call(e, n, ret);
	case TERM_AGGREGATE:
		return aggregate(e, n, ret);
	default:
		return value_of(e, n->left, &left) && value_of(e, n->right, &right) &&
		       binary_apply(e->work, n, left, right, ret);
	}
}

static bool has_room(const struct windows *windows, struct work *work)
{
	return !windows->cramped ||
	       work_fail(work, "there is no room for all series of it; ask for fewer, or a shorter range");
}

bool evaluate(const struct expression *x, const struct windows *windows, struct wall_time wall, struct work *work,
	struct value *ret)
{
	struct evaluation e = { .windows = windows, .wall = wall, .work = work };

	return has_room(windows, work) && value_of(&e, x->root, ret);
}

/* Conditions. */

static void describe(char *why, const struct element *e)
{
	char number[DOUBLE_TEXT_SIZE] = "NaN";
	struct bytes rest = e->labels;
	struct label label;
	size_t at;

	if (isfinite(e->value))
		double_format(e->value, number);
	else if (!isnan(e->value))
		snprintf(number, sizeof number, "%sInf", e->value < 0 ? "-" : "+");
	at = (size_t)snprintf(why, VERDICT_WHY_MAX, "it is %s", number);
	while (at < VERDICT_WHY_MAX - 1 && label_set_next(&rest, &label))
		at += (size_t)snprintf(why + at, VERDICT_WHY_MAX - at, "%s%.*s=\"%.*s\"",
			rest.size + label.name.size + label.value.size + LABEL_OVERHEAD == e->labels.size ? " of "
													  : ", ",
			(int)label.name.size, label.name.data, (int)label.value.size, label.value.data);
	text_one_line(why);
}

static enum verdict compare_numbers(const struct term *n, double a, double b, char *why)
{
	if (isnan(a) || isnan(b))
		return VERDICT_NO_DATA;
	if (binary_holds(n->op, a, b))
		return VERDICT_YES;
	describe(why, &(struct element){ .value = a });
	return VERDICT_NO;
}

static bool has_number(const struct value *v)
{
	for (size_t i = 0; i < v->count; i++)
		if (!isnan(v->elements[i].value))
			return true;
	return false;
}

static enum verdict compare(const struct evaluation *e, const struct term *n, char *why)
{
	struct term asked = *n;
	struct value left, right, failing, holding;

	if (!value_of(e, n->left, &left) || !value_of(e, n->right, &right))
		return VERDICT_FAILED;
	if (n->kind == VALUE_NUMBER)
		return compare_numbers(n, left.number, right.number, why);
	asked.comparison = COMPARE_FAILING;
	if (!binary_apply(e->work, &asked, left, right, &failing))
		return VERDICT_FAILED;
	asked.comparison = COMPARE_FILTER;
	if (!binary_apply(e->work, &asked, left, right, &holding))
		return VERDICT_FAILED;
	if (failing.count > 0)
		describe(why, &failing.elements[0]);
	return failing.count > 0 ? VERDICT_NO : has_number(&holding) ? VERDICT_YES : VERDICT_NO_DATA;
}

static enum verdict decide(const struct evaluation *e, const struct term *root, char *why)
{
	struct value value;

	if (root->what == TERM_BINARY)
		return compare(e, root, why);
	if (!value_of(e, root, &value))
		return VERDICT_FAILED;
	if (value.count == 0)
		snprintf(why, VERDICT_WHY_MAX, "it is there");
	return value.count > 0 ? VERDICT_YES : VERDICT_NO;
}

enum verdict evaluate_condition(
	const struct expression *x, const struct windows *windows, struct wall_time wall, char why[VERDICT_WHY_MAX])
{
	struct work work;
	struct evaluation e = { .windows = windows, .wall = wall, .work = &work };
	enum verdict verdict = VERDICT_FAILED;

	OXP_ASSERT(expression_is_condition(x));
	why[0] = '\0';
	work_init(&work);
	if (has_room(windows, &work))
		verdict = decide(&e, x->root, why);
	if (verdict == VERDICT_FAILED)
		snprintf(why, VERDICT_WHY_MAX, "%s", work.why);
	work_done(&work);
	return verdict;
}
