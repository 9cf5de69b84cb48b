/*
 * Turns globs as people write them into globs that glob(3) and fnmatch(3) understand. {a,b} becomes one glob for each
 * alternative. A folder written ** becomes none to TAIL_DEPTH folders; at the end of a glob it stands for the files in
 * them. A backslash before a brace makes it an ordinary character.
 */
#ifndef OXP_TAIL_GLOBS_H
#define OXP_TAIL_GLOBS_H

#include "config/option.h"

enum { TAIL_GLOBS_MAX = 256, TAIL_DEPTH = 8 };

/* False: there would be more than TAIL_GLOBS_MAX, and there is nothing to free. The list may be empty or NULL. */
bool tail_globs_expand(const struct option_list *, struct option_list *ret) MUST_CHECK;
void tail_globs_free(struct option_list *); /* fine on zeroed memory */

/* Expanded. `exclude` may be NULL. It is asked with the whole path, as `paths` is, or with the name if it has no slash.
 */
struct tail_globs {
	const struct option_list *paths, *exclude;
};

/* Whether a file of this path is one to follow: a glob matches it, and none of those left out does. */
bool tail_matches(const struct tail_globs *, const char *path);
bool tail_excludes(const struct tail_globs *, const char *path);

/* The first glob whose form shows that it can match no file: it ends with a folder or, as an exclude, overlaps with
 * none of `paths`, which are expanded. NULL: there is none. */
const char *tail_globs_idle_path(const struct option_list *globs) MUST_CHECK;
const char *tail_globs_idle_exclude(const struct option_list *exclude, const struct option_list *paths) MUST_CHECK;

#endif
