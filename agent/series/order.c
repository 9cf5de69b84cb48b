#include "series/order.h"

static bool is_before(const struct family *f, struct bytes name)
{
	return bytes_compare(family_name(f), name) < 0;
}

static void list_insert(struct order *o, struct family *f, struct family *prev, struct family *next)
{
	f->prev = prev;
	f->next = next;
	*(prev ? &prev->next : &o->first) = f;
	if (next)
		next->prev = f;
}

/* What is below the new one is split by its name. */
void order_insert(struct order *o, struct family *f)
{
	struct family **at = &o->root, *below, *prev = NULL, *next = NULL, **left = &f->left, **right = &f->right;
	struct bytes name = family_name(f);

	while (*at && (*at)->node.hash >= f->node.hash) {
		bool before = is_before(*at, name);
		*(before ? &prev : &next) = *at;
		at = before ? &(*at)->right : &(*at)->left;
	}
	below = *at;
	*at = f;
	while (below)
		if (is_before(below, name)) {
			prev = *left = below;
			left = &below->right;
			below = *left;
		} else {
			next = *right = below;
			right = &below->left;
			below = *right;
		}
	*left = *right = NULL;
	list_insert(o, f, prev, next);
}

/* Its two subtrees become one. */
void order_remove(struct order *o, struct family *f)
{
	struct family **at = &o->root, *left = f->left, *right = f->right;

	while (*at != f)
		at = is_before(*at, family_name(f)) ? &(*at)->right : &(*at)->left;
	while (left && right)
		if (left->node.hash >= right->node.hash) {
			*at = left;
			at = &left->right;
			left = *at;
		} else {
			*at = right;
			at = &right->left;
			right = *at;
		}
	*at = left ? left : right;
	*(f->prev ? &f->prev->next : &o->first) = f->next;
	if (f->next)
		f->next->prev = f->prev;
}

struct family *order_behind(const struct order *o, struct bytes name)
{
	struct family *at = o->root, *found = NULL;

	while (at)
		if (bytes_compare(family_name(at), name) > 0) {
			found = at;
			at = at->left;
		} else {
			at = at->right;
		}
	return found;
}

void order_check(const struct order *o)
{
	const struct family *prev = NULL;

	for (const struct family *f = o->first; f; f = f->next) {
		OXP_ASSERT(f->prev == prev && order_behind(o, prev ? family_name(prev) : (struct bytes){ "", 0 }) == f);
		OXP_ASSERT(!f->left || f->left->node.hash <= f->node.hash);
		OXP_ASSERT(!f->right || f->right->node.hash <= f->node.hash);
		prev = f;
	}
	OXP_ASSERT(order_behind(o, prev ? family_name(prev) : (struct bytes){ "", 0 }) == NULL);
}
