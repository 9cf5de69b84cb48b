#include "expression/binary.h"

#include <math.h>

#include "expression/label_set.h"

bool binary_holds(enum operator op, double a, double b)
{
	switch (op) {
	case OP_EQUAL:
		return a == b;
	case OP_UNEQUAL:
		return a != b;
	case OP_ABOVE:
		return a > b;
	case OP_BELOW:
		return a < b;
	case OP_AT_LEAST:
		return a >= b;
	default:
		return a <= b;
	}
}

static double compute(enum operator op, double a, double b)
{
	switch (op) {
	case OP_ADD:
		return a + b;
	case OP_SUBTRACT:
		return a - b;
	case OP_MULTIPLY:
		return a * b;
	case OP_DIVIDE:
		return a / b;
	case OP_MODULO:
		return fmod(a, b);
	default:
		return pow(a, b);
	}
}

/* What becomes of an element; false: a comparison leaves it out. `kept` is the operand that stays if it holds. */
static bool apply(const struct term *n, double a, double b, struct element *e, double kept)
{
	bool yes;

	if (!operator_compares(n->op)) {
		e->value = compute(n->op, a, b);
		e->name.size = 0;
		return true;
	}
	yes = binary_holds(n->op, a, b);
	e->value = kept;
	if (n->comparison == COMPARE_FAILING)
		return !yes && !isnan(a) && !isnan(b);
	if (n->comparison == COMPARE_FILTER)
		return yes;
	e->value = yes ? 1 : 0;
	e->name.size = 0;
	return true;
}

static bool with_number(struct work *w, const struct term *n, const struct value *v, double number, struct value *ret)
{
	bool left = n->left->kind == VALUE_VECTOR;

	if (!value_vector(w, v->count, ret))
		return false;
	for (size_t i = 0; i < v->count; i++) {
		struct element *e = &ret->elements[ret->count];
		double x = v->elements[i].value;
		*e = v->elements[i];
		ret->count += apply(n, left ? x : number, left ? number : x, e, x);
	}
	return true;
}

/* The elements of one side, found by what they match by. */
struct side {
	struct groups groups;
	const struct element **of_group;
	bool *matched;
};

static bool index_side(struct work *w, const struct term *n, const struct value *v, struct side *ret, bool once)
{
	if (!groups_init(&ret->groups, w, v->count))
		return false;
	ret->of_group = work_alloc(w, (v->count + 1) * sizeof(void *));
	ret->matched = work_alloc(w, v->count + 1);
	if (!ret->of_group || !ret->matched)
		return false;
	memset(ret->matched, 0, v->count + 1);
	for (size_t i = 0; i < v->count; i++) {
		bool is_new;
		size_t group = groups_add(&ret->groups, v->elements[i].labels, &n->labels, &is_new);
		if (group == SIZE_MAX)
			return false;
		if (!is_new && once)
			return work_fail(w, "several series on the right side have the labels that it matches by");
		ret->of_group[group] = &v->elements[i];
	}
	return true;
}

static bool with_vector(struct work *w, const struct term *n, const struct value *a, struct side *b, struct value *ret)
{
	if (!value_vector(w, a->count, ret))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		struct element *e = &ret->elements[ret->count];
		size_t group = groups_find(&b->groups, a->elements[i].labels, &n->labels);
		char *labels;
		if (w->why)
			return false;
		if (group == SIZE_MAX)
			continue;
		if (b->matched[group])
			return work_fail(w, "several series on the left side match one on the right");
		b->matched[group] = true;
		*e = a->elements[i];
		labels = work_alloc(w, e->labels.size);
		if (!labels)
			return false;
		e->labels = (struct bytes){ labels, label_set_filter(e->labels, &n->labels, labels) };
		if (!n->labels.others)
			e->name.size = 0;
		ret->count += apply(n, e->value, b->of_group[group]->value, e, e->value);
	}
	return true;
}

/* and, unless: of the left those whose labels are on the right, or are not. or: all of the left, and of the right those
 * whose labels are not on the left. */
static bool of_sets(
	struct work *w, const struct term *n, const struct value *a, const struct value *b, struct value *ret)
{
	const struct value *from = n->op == OP_OR ? b : a, *other = n->op == OP_OR ? a : b;
	struct side side;

	if (!value_vector(w, a->count + b->count, ret) || !index_side(w, n, other, &side, false))
		return false;
	for (size_t i = 0; n->op == OP_OR && i < a->count; i++)
		ret->elements[ret->count++] = a->elements[i];
	for (size_t i = 0; i < from->count; i++) {
		bool there = groups_find(&side.groups, from->elements[i].labels, &n->labels) != SIZE_MAX;
		if (w->why)
			return false;
		if (there == (n->op == OP_AND))
			ret->elements[ret->count++] = from->elements[i];
	}
	return true;
}

bool binary_apply(struct work *w, const struct term *n, struct value left, struct value right, struct value *ret)
{
	struct element alone = { .value = 0 };
	struct side side;

	if (operator_is_set(n->op))
		return of_sets(w, n, &left, &right, ret);
	if (left.kind == VALUE_NUMBER && right.kind == VALUE_NUMBER) {
		apply(n, left.number, right.number, &alone, left.number);
		*ret = (struct value){ .kind = VALUE_NUMBER, .number = alone.value };
		return true;
	}
	if (right.kind == VALUE_NUMBER)
		return with_number(w, n, &left, right.number, ret);
	if (left.kind == VALUE_NUMBER)
		return with_number(w, n, &right, left.number, ret);
	return index_side(w, n, &right, &side, true) && with_vector(w, n, &left, &side, ret);
}
