/*
 * One relabel rule as Prometheus writes it (prometheus.io, "relabel_config"; model/relabel of 3.x, with names in
 * UTF-8), what Prometheus refuses in one, and the form that it is applied in.
 *
 * Regular expressions are those of PCRE2, anchored at both ends. What RE2, which Prometheus uses, has as well means
 * the same there, with two exceptions: \s matches a vertical tab, too, and \v is any vertical blank. Beyond RE2 there
 * are back-references, look-around and possessive repetition.
 */
#ifndef OXP_RELABEL_RULE_H
#define OXP_RELABEL_RULE_H

#include "proto/regex.h"

enum relabel_action {
	RELABEL_REPLACE,
	RELABEL_KEEP,
	RELABEL_DROP,
	RELABEL_KEEPEQUAL,
	RELABEL_DROPEQUAL,
	RELABEL_HASHMOD,
	RELABEL_LABELMAP,
	RELABEL_LABELDROP,
	RELABEL_LABELKEEP,
	RELABEL_LOWERCASE,
	RELABEL_UPPERCASE,
	RELABEL_ACTIONS
};

extern const char *const relabel_action_names[RELABEL_ACTIONS + 1]; /* ends with NULL */

#define RELABEL_SEPARATOR ";"
#define RELABEL_REPLACEMENT "$1"

struct relabel_rule {
	const char *const *source; /* labels; __name__ is the metric's name */
	size_t source_count;
	const char *separator;
	const char *regex; /* NULL: (.*) */
	uint64_t modulus; /* 0: none */
	const char *target; /* NULL: none */
	const char *replacement;
	enum relabel_action action;
};

/* NULL: it is fine. Otherwise the field that is wrong, as it is called in YAML, and the reason. */
const char *relabel_rule_check(const struct relabel_rule *, char *why, size_t room);

/* A text with $1, ${1} and $name, as Go's regexp.Expand reads it, cut into pieces. */
struct relabel_piece {
	struct bytes text; /* of group -1 */
	int group; /* REGEX_GROUPS_MAX: none of that name, so nothing */
};
struct relabel_template {
	size_t count;
	struct relabel_piece *pieces;
};

/* A rule, compiled. Its texts are its own. */
struct relabel_step {
	struct relabel_rule rule;
	struct regex *regex; /* NULL: (.*) */
	struct relabel_template target, replacement; /* of replace; and the latter of labelmap */
	unsigned overruns; /* matches of this page that took too many steps */
};

/* The rule passed relabel_rule_check(). 0 or -ENOMEM; relabel_step_done() either way. */
int relabel_step_init(struct relabel_step *, const struct relabel_rule *) MUST_CHECK;
void relabel_step_done(struct relabel_step *); /* fine on zeroed memory */

#endif
