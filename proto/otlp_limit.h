/*
 * Limits of attributes, as SDKs have them (OpenTelemetry specification, "Attribute Limits"), over what a view shows as
 * one piece: an event, a link, or a value.
 *
 * A text or bytes beyond `value_length` bytes are cut, a text between characters, also in arrays and maps at any depth.
 * Attributes of an event or link beyond `attributes` are left out, the last ones first, and added to its
 * dropped_attributes_count.
 */
#ifndef OXP_OTLP_LIMIT_H
#define OXP_OTLP_LIMIT_H

#include "proto/otlp_edit.h"

enum otlp_limited { OTLP_LIMITED_EVENT, OTLP_LIMITED_LINK, OTLP_LIMITED_VALUE };

struct otlp_limits {
	uint64_t attributes, value_length; /* UINT64_MAX: there is none */
};

/* *ret becomes what is left of the message, or stays untouched if that is all of it. What is made lives until the
 * view was written. False: no room. */
bool otlp_limit(struct otlp_edit *, const struct otlp_limits *, enum otlp_limited what, struct bytes message,
	struct bytes *ret) MUST_CHECK;

#endif
