/*
 * The formats that a target is asked for, by the names that Prometheus has for them (scrape_protocols).
 */
#ifndef OXP_COLLECTORS_PROTOCOLS_H
#define OXP_COLLECTORS_PROTOCOLS_H

#include <stddef.h>

struct option_list;

enum { PROTOCOLS_ACCEPT_SIZE = 512 };

extern const char *const protocols_names[]; /* ends with NULL */

/* The header Accept for these, the best first; none: those of text, in the order of protocols_names. A name that stands
 * twice counts once. */
void protocols_accept(const struct option_list *, char to[PROTOCOLS_ACCEPT_SIZE]);

#endif
