/*
 * Renames a member of a JSON line and leaves all other bytes as they are.
 *
 * For a record that a destination refused because of that member: under a name that it has no mapping for, it is
 * accepted. It is named as destinations name it: `a.b` is the member `a.b`, or `b` within `a`, or within each object of
 * an array `a`. It stays in its object, so the new name begins like the old one. Names are compared as they are
 * written; a name with escapes in it never matches.
 */
#ifndef OXP_JSON_RENAME_H
#define OXP_JSON_RENAME_H

#include "base/bytes.h"

/* Appends the line with `from` called `to`. 1; 0 and nothing appended if it has no such member; -EEXIST if it has one
 * called `to`; -EXDEV if that would be in another object; -EBADMSG if it is not a JSON object; -ENOSPC or -ENOMEM. */
int json_rename(struct bytes line, const char *from, const char *to, struct buffer *ret) MUST_CHECK;

#endif
