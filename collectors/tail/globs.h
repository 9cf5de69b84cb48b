/*
 * Globs as people write them become globs as glob(3) and fnmatch(3) read them: {a,b} is one with each, and a folder
 * written ** is that of any depth, from none to TAIL_DEPTH folders; at the end of a glob it stands for the files in
 * them. A backslash takes a brace its meaning.
 */
#ifndef OXP_TAIL_GLOBS_H
#define OXP_TAIL_GLOBS_H

#include "config/option.h"

enum { TAIL_GLOBS_MAX = 256, TAIL_DEPTH = 8 };

/* False: they are more than TAIL_GLOBS_MAX; then there is nothing to free. An empty list, or NULL, has no items. */
bool tail_globs_expand(const struct option_list *, struct option_list *ret) MUST_CHECK;
void tail_globs_free(struct option_list *); /* fine on zeroed memory */

/* What a glob of `exclude` is held against: a path, or its last name if the glob has no slash. */
const char *tail_globs_subject(const char *exclude, const char *path);
/* The first of the globs that can match no file, by its form: it ends with a folder, or, as an exclude, it meets no
 * path of `paths`, which are expanded. NULL: there is none. */
const char *tail_globs_idle_path(const struct option_list *globs) MUST_CHECK;
const char *tail_globs_idle_exclude(const struct option_list *exclude, const struct option_list *paths) MUST_CHECK;

#endif
