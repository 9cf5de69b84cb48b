/*
 * A moment as RFC 3339 writes it: 2026-11-23T04:45:06.123Z, or with an offset such as +01:00.
 *
 * Read to whole seconds, which is all that a date in an index name needs. A space in place of the T and an offset
 * without its colon pass, since loggers write both; what says no offset at all does not, as nobody knows when it was.
 */
#ifndef OXP_RFC3339_H
#define OXP_RFC3339_H

#include "base/bytes.h"

/* Seconds since 1970-01-01T00:00:00Z, for the years 0000 to 9999. *ret is untouched when it is no such text. */
bool rfc3339_seconds(struct bytes text, int64_t *ret);

/* The day of a moment (proleptic Gregorian), and the hour in it, in UTC. */
struct civil_time {
	int64_t year;
	unsigned month, day, hour; /* from 1, from 1, from 0 */
};
struct civil_time civil_from_seconds(int64_t seconds);

#endif
