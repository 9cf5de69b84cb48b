/*
 * Prometheus' relabel rules, compiled once and applied to one sample after another.
 *
 * They do what metric_relabel_configs do (model/relabel of Prometheus 3.x): the labels of the target are there when
 * the first rule runs, __name__ is a label, an empty value removes one, and names may be any UTF-8. A match has a
 * ceiling of steps. A rule whose match exceeds it is left out for that sample, so that it drops nothing, and this is
 * counted; after RELABEL_OVERRUNS_MAX of them it is left out for the rest of the page.
 */
#ifndef OXP_RELABEL_H
#define OXP_RELABEL_H

#include "proto/relabel_rule.h"
#include "proto/relabel_set.h"

enum { RELABEL_RULES_MAX = 256, RELABEL_OVERRUNS_MAX = 8 };

struct relabel;

enum relabel_answer {
	RELABEL_KEPT,
	RELABEL_DROPPED,
	RELABEL_NAMELESS, /* it has no name any more, or a label without one: Prometheus would refuse the page */
};

/* Rules that relabel_rule_check() found fine. 0 or -ENOMEM. */
int relabel_new(const struct relabel_rule *, size_t count, struct relabel **ret) MUST_CHECK;
void relabel_free(struct relabel *); /* NULL is fine */

void relabel_begin_page(struct relabel *);
/* What is kept is valid until the next call, and as long as the sample and the target are. If it becomes too large, it
 * is a sample with an excess. `target` has at most RELABEL_TARGET_LABELS_MAX labels. */
enum relabel_answer relabel_apply(struct relabel *, const struct exposition_sample *,
	const struct relabel_label *target, size_t count, struct exposition_sample *ret);
/* How many times a rule was left out for a sample, since the start. */
uint64_t relabel_overruns(const struct relabel *);

#endif
