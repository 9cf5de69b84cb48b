#include "base/quota.h"

void quota_init(struct quota *q, size_t most)
{
	*q = (struct quota){ .most = most };
}

void quota_join(struct quota *q, struct quota_user *user, size_t least)
{
	*user = (struct quota_user){ .quota = q };
	q->users++;
	if (q->most < least)
		q->most = least;
}

void quota_leave(struct quota_user *user)
{
	if (!user->quota)
		return;
	OXP_ASSERT(user->held == 0);
	user->quota->users--;
	user->quota = NULL;
}

void quota_change(struct quota_user *user, size_t before, size_t now)
{
	OXP_ASSERT(user->held >= before && user->quota->held >= user->held);
	user->held += now - before;
	user->quota->held += now - before;
}

size_t quota_part(const struct quota_user *user, size_t of_all)
{
	return of_all / user->quota->users;
}

bool quota_is_over(const struct quota_user *user)
{
	const struct quota *q = user->quota;

	return q->held > q->most && user->held > quota_part(user, q->most);
}
