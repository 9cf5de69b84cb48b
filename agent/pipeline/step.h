/*
 * What a step sees of a record, which it may edit, and where and when it came: the members of a log line, a view of a
 * request of spans, or a sample of metrics (series/steps.h).
 *
 * A step type is a file in pipeline/steps/. The edits of one step are what the next one sees; the line or request is
 * written once, behind the last (pipeline/chain.h). A step of spans is shown each resource and each scope before their
 * spans, and answers DROP for these only if it cannot do its work: then all of the request is dropped.
 */
#ifndef OXP_STEP_H
#define OXP_STEP_H

#include "component.h"
#include "proto/json_edit.h"
#include "proto/otlp_edit.h"

enum {
	STEP_LINE_LONG = 64 << 10, /* what steps need for a longer line or span is part of `memory` while they do */
	STEP_LANE_LONG =
		128 << 10, /* for a longer one redacting alone can take a millisecond: it is for the CPU lane */
};

struct series_edit;
struct record {
	struct json_edit *edit; /* of a log line; NULL for spans */
	struct otlp_edit *request; /* of spans; NULL for a log line */
	struct otlp_view *view; /* what is shown of it */
	struct series_edit *sample; /* of metrics, with nothing else; else NULL */
	uint64_t generation, offset; /* where it came from; with the same line the same after a restart */
	struct mono_time now;
};

/* A step of a chain. */
struct chain_row {
	const struct step_type *type;
	struct step *step;
	uint64_t *dropped; /* records, on /metrics */
	uint64_t pending; /* dropped of the batch that is being looked at */
};

#endif
