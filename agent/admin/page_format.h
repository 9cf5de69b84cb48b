/*
 * In which format somebody wants /metrics, by the Accept of the request, as prometheus/common negotiates it
 * (expfmt, NegotiateIncludingOpenMetrics; prometheus.io "Content negotiation"). Pure.
 */
#ifndef OXP_PAGE_FORMAT_H
#define OXP_PAGE_FORMAT_H

#include "proto/exposition_parse.h"

struct page_row;

struct page_format {
	const struct page_row *row; /* type and version */
	enum exposition_format format; /* of its lines */
};

/* The format with the largest weight; of those with the same, the first of OpenMetrics 1.0.0, 0.0.1, text 1.0.0, 0.0.4.
 * Text 0.0.4 if none is named: a * stands for no format. OpenMetrics without a version is 0.0.1, text is 0.0.4. */
struct page_format page_format(const char *accept); /* NULL: the header is missing */
const char *page_format_type(const struct page_format *); /* the Content-Type */

#endif
