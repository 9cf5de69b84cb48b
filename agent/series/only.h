/*
 * The families that a reader asks for by name, with name[]= in the query of /metrics: those with that name, as in
 * client_golang; beside them counters without the _total of their name, as OpenMetrics calls them, and histograms and
 * summaries by the names of their samples, as in client_python.
 */
#ifndef OXP_SERIES_ONLY_H
#define OXP_SERIES_ONLY_H

#include "proto/exposition_parse.h"

struct series_only;

/* The caller is its first holder. NULL is fine for the others. */
struct series_only *series_only_new(const struct bytes *names, size_t count) __attribute__((returns_nonnull));
struct series_only *series_only_hold(struct series_only *);
void series_only_release(struct series_only *);
/* Whether they ask for the same. NULL asks for all. */
bool series_only_same(const struct series_only *, const struct series_only *);
/* Whether it has the family; NULL has all. */
bool series_only_has(const struct series_only *, struct bytes family, enum exposition_type);
/* The first name behind this one that a family it asks for may have; without data if there is none. */
struct bytes series_only_behind(const struct series_only *, struct bytes name);

#endif
