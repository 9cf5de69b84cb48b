/*
 * `where` of a step of spans: what a span has to be like. All of it has to be true.
 *
 *	name         the span's name
 *	kind         internal, server, client, producer, consumer or unspecified
 *	status       ok, error or unset
 *	duration     as in >=500ms
 *	scope        the name of the instrumentation scope
 *	resource.X   the attribute X of the resource
 *	X            the span's attribute X; attributes.X if X is one of the words above
 *
 * Each is held against a pattern (proto/pattern.h).
 */
#ifndef OXP_SPAN_WHERE_H
#define OXP_SPAN_WHERE_H

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/pattern.h"

enum { WHERE_MAX = 32 };
#define SPAN_WHERE_HELP                                                                                  \
	"What a span has to be like, all of it: name, kind, status, duration, scope, resource.X for an " \
	"attribute of the resource, or the name of an attribute of the span; " PATTERN_HELP

enum span_where_what { WHERE_NAME, WHERE_KIND, WHERE_STATUS, WHERE_DURATION, WHERE_SCOPE, WHERE_ATTRIBUTE };

struct span_where_term {
	enum span_where_what what;
	enum otlp_level level; /* of an attribute */
	struct bytes key;
	struct pattern pattern;
};

struct span_where {
	size_t count;
	struct span_where_term terms[WHERE_MAX];
};

/* False, and why, if it cannot be read. */
bool span_where_read(struct span_where *, const struct option_map *, char *why, size_t room);
/* For the span that is shown. */
bool span_where_fits(const struct span_where *, const struct record *);
uint64_t span_duration_ns(const struct otlp_view *span); /* 0 if it ends before it starts */

/* A name of an attribute in options: resource.X is X of the resource, everything else is of the span. */
struct span_name {
	enum otlp_level level;
	const char *name;
};
struct span_name span_name_of(const char *option);

#endif
