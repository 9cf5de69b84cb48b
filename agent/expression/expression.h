/*
 * Expressions over metrics: a subset of PromQL (prometheus.io, "Query language basics", "Operators", "Functions"), with
 * the values that Prometheus 3 computes.
 *
 *   selectors     name{label="…", other=~"…"} and their ranges, name{…}[5m]; the name of the metric stands there
 *   functions     rate increase delta; avg, min, max, sum, count and last_over_time; histogram_quantile of classic
 *                 buckets; abs ceil floor clamp_min clamp_max; absent vector scalar time
 *   aggregates    sum min max avg count, each with by (…) or without (…)
 *   operators     or · and unless · == != > < >= <= with and without bool · + - · * / % · ^, with on (…) or
 *                 ignoring (…)
 *   not part      offset, @, subqueries, group_left and group_right, native histograms, texts as values
 *
 * An expression is parsed once, and then asked as often as one likes (evaluate.h), of samples that were kept for its
 * selectors (windows.h).
 */
#ifndef OXP_EXPRESSION_H
#define OXP_EXPRESSION_H

#include "expression/term.h"

enum { EXPRESSION_WHY_MAX = 256 };

/*
 * Only parse.c writes it. Invariant: every text, list and term that a term points to is part of this one.
 */
struct expression {
	char *text, *strings; /* a copy of its text; what stood in quotes */
	size_t strings_size;
	const struct term *root;
	struct term terms[EXPRESSION_TERMS_MAX];
	struct selector selectors[EXPRESSION_SELECTORS_MAX];
	struct matcher matchers[EXPRESSION_MATCHERS_MAX];
	struct bytes names[EXPRESSION_NAMES_MAX];
	size_t term_count, selector_count, matcher_count, name_count;
};

/* 0; -EINVAL with the place and the reason, for what is no such expression, or exceeds a ceiling; or -ENOMEM. */
int expression_new(const char *text, struct expression **ret, char why[EXPRESSION_WHY_MAX]) MUST_CHECK;
void expression_free(struct expression *); /* NULL is fine */

/* Whether it ends in a yes or a no, so that it can be a condition: a comparison, or absent(…). */
bool expression_is_condition(const struct expression *);

#endif
