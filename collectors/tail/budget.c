#include "collectors/tail/budget.h"

size_t tail_share_halve(struct tail_share *s)
{
	size_t half = s->left / 2;

	s->left -= half;
	return half;
}

void tail_share_give_back(struct tail_share *s, size_t half)
{
	s->left += half;
}

bool tail_budget_refuse(struct tail_budget *b)
{
	b->too_many = true;
	return false;
}

bool tail_budget_take_file(struct tail_budget *b, size_t cost, bool known)
{
	if (!known && cost > smaller(b->files.left, b->free))
		return tail_budget_refuse(b);
	b->files.left -= smaller(cost, b->files.left);
	b->free -= known ? 0 : cost;
	return true;
}

bool tail_budget_take_folder(struct tail_budget *b, size_t cost)
{
	if (cost > b->folders.left)
		return tail_budget_refuse(b);
	b->folders.left -= cost;
	return true;
}

bool tail_budget_take_rotated(struct tail_budget *b, size_t cost)
{
	if (cost > smaller(b->rotated, b->free))
		return tail_budget_refuse(b);
	b->rotated -= cost;
	b->free -= cost;
	return true;
}
