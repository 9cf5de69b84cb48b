/*
 * What a span's tracestate says about sampling, and what it says once the span was sampled.
 *
 * The member `ot` of OpenTelemetry (specification 1.x, "TraceState Handling") has sub-keys between semicolons. Two
 * of them are of sampling ("TraceState: Probability Sampling"): `th`, the threshold of all samplers so far, 1 to 14
 * hex digits with zeros behind them left out; and `rv`, 14 hex digits, the trace's own randomness. Without `rv` the
 * last 56 bits of the trace id are the randomness. A span is sampled if its randomness is not below the threshold.
 */
#ifndef OXP_TRACE_STATE_H
#define OXP_TRACE_STATE_H

#include "base/bytes.h"

/* 2^56: more than any threshold and any randomness. */
#define SAMPLING_END (UINT64_C(1) << 56)

struct sampling {
	bool has_threshold;
	uint64_t threshold, randomness;
};

/* Of a span with that tracestate and id of 16 bytes. What is not valid counts as missing. */
struct sampling trace_state_sampling(struct bytes state, struct bytes trace_id);
/* The threshold of a probability from 0 to 1, with four significant digits, as SDKs are asked to round it; SAMPLING_END
 * for 0. */
uint64_t sampling_threshold(double probability);

enum { TRACE_STATE_MORE = 32 }; /* bytes that a state may grow by */
/* Writes the state with another threshold, without one from SAMPLING_END on: `ot` comes first, as a member that was
 * changed does (W3C Trace Context, "Mutating the tracestate Field"); all others stay, up to 32 members. If `ot` would
 * be longer than 256 characters, it has no threshold. Returns the size; `to` has room for the state and
 * TRACE_STATE_MORE. */
size_t trace_state_write(struct bytes state, uint64_t threshold, char *to);

#endif
