/*
 * What the Pushgateway takes as a page: a whole exposition whose samples have no timestamps.
 */
#ifndef OXP_PUSH_PAGE_H
#define OXP_PUSH_PAGE_H

#include "proto/exposition_parse.h"

enum { PUSH_FAMILIES_MAX = 16384 }; /* of a page */

/* Whether the text is one; else `why` says what is wrong. Touches nothing else. */
bool push_page_check(struct bytes text, enum exposition_format, char *why, size_t room) MUST_CHECK;
/* The same of one that we wrote, whose text may have native histograms (exposition_write_native()). */
bool push_page_check_own(struct bytes text, enum exposition_format, char *why, size_t room) MUST_CHECK;

#endif
