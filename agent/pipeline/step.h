/*
 * What a step sees of a log record: the line's members, which it may edit, and where and when it came.
 *
 * A step type is a file in pipeline/steps/. The edits of one step are what the next one sees; the line is written once,
 * behind the last (pipeline/chain.h).
 */
#ifndef OXP_STEP_H
#define OXP_STEP_H

#include "component.h"
#include "proto/json_edit.h"

struct record {
	struct json_edit *edit;
	uint64_t generation, offset; /* where it came from; with the same line the same after a restart */
	struct mono_time now;
};

#endif
