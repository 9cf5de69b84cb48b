/*
 * Regular expressions of PCRE2, with a limit to the work of a match: a pattern that backtracks without end costs its
 * text alone. Patterns read as those of Go and Prometheus: `$` is the very end, texts are UTF-8.
 */
#ifndef OXP_REGEX_H
#define OXP_REGEX_H

#include "base/bytes.h"

enum {
	REGEX_GROUPS_MAX = 32, /* the whole match among them */
	REGEX_STEPS_MAX = 20000, /* of one match: about a millisecond at most */
};

struct regex;

enum regex_answer { REGEX_NO, REGEX_YES, REGEX_LIMIT /* it takes too many steps */ };

/* 0; -EINVAL with the reason, for a pattern that is not one, or has too many groups; or -ENOMEM. */
int regex_new(const char *pattern, char *why, size_t room, struct regex **ret) MUST_CHECK;
/* The same for a pattern that has to match all of a text, as Prometheus reads one: ^(?s:pattern)$. */
int regex_new_anchored(const char *pattern, char *why, size_t room, struct regex **ret) MUST_CHECK;
void regex_free(struct regex *); /* NULL is fine */
/* Looks for the pattern anywhere in the text, which is valid UTF-8. If it is there, the groups are set, those that have
 * no part in it without data. */
enum regex_answer regex_find(const struct regex *, struct bytes text, struct bytes groups[REGEX_GROUPS_MAX]);
/* The number of a group by its name or number; -1: there is none. */
int regex_group(const struct regex *, struct bytes name);

#endif
