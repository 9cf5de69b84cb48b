/*
 * Bytes that several users may hold together, for memory that is not part of `memory`.
 *
 * A user is told that it is over when all of them hold more than `most`, and it holds more than an even part of that.
 * So whatever one user holds, each of the others can hold its part, and together they stay below twice `most`, as long
 * as a user that is over gives back before it takes more.
 *
 * Invariant: held is the sum of `held` of all its users. Only quota.c writes these structs.
 */
#ifndef OXP_QUOTA_H
#define OXP_QUOTA_H

#include "base/base.h"

struct quota {
	size_t most, held;
	size_t users;
};

struct quota_user {
	struct quota *quota;
	size_t held;
};

void quota_init(struct quota *, size_t most);
/* One more user, who may need `least` bytes at a time: if that is more than `most`, it becomes `most`. */
void quota_join(struct quota *, struct quota_user *, size_t least);
void quota_leave(struct quota_user *); /* fine twice, fine on zeroed memory */
/* A part of what the user holds has changed its size. */
void quota_change(struct quota_user *, size_t before, size_t now);
/* An even part of what is given to all users. */
size_t quota_part(const struct quota_user *, size_t of_all);
bool quota_is_over(const struct quota_user *);

#endif
