/*
 * In which format somebody wants /metrics, by the Accept of the request, as prometheus/common negotiates it
 * (expfmt, NegotiateIncludingOpenMetrics; prometheus.io "Content negotiation"). Pure.
 */
#ifndef OXP_PAGE_FORMAT_H
#define OXP_PAGE_FORMAT_H

#include "proto/exposition_write.h"

enum { PAGE_TYPE_SIZE = 160 };

struct page_row;

struct page_format {
	const struct page_row *row; /* type and version */
	enum exposition_format format; /* of its families */
	enum exposition_escaping escaping;
};

/* The format with the largest weight; of those with the same, the first of protobuf (delimited), OpenMetrics 1.0.0,
 * 0.0.1, text 1.0.0, 0.0.4. Text 0.0.4 if none is named: a * stands for no format. OpenMetrics without a version is
 * 0.0.1, text is 0.0.4. Without `escaping`, or if it is unknown, names get underscores. */
struct page_format page_format(const char *accept); /* NULL: the header is missing */
void page_format_type(const struct page_format *, char to[PAGE_TYPE_SIZE]); /* the Content-Type */
const char *page_escaping_name(enum exposition_escaping);

#endif
