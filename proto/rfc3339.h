/*
 * A moment as RFC 3339 writes it: 2026-11-23T04:45:06.123Z, or with an offset such as +01:00.
 *
 * A space in place of the T, a comma before the fraction, an offset without its colon and missing seconds pass, since
 * loggers write them; so do the z and the second 60 of RFC 3339, which servers refuse. The text is not `strict` then. A
 * text without any offset is read as UTC and is not `zoned`: the caller decides whether that will do.
 */
#ifndef OXP_RFC3339_H
#define OXP_RFC3339_H

#include "base/bytes.h"

struct rfc3339 {
	int64_t seconds; /* since 1970-01-01T00:00:00Z */
	uint32_t nanos; /* digits behind the ninth are left out */
	bool zoned; /* the offset was said */
	bool strict; /* as all read RFC 3339: with T and Z, at most nine digits of fraction, and no leap second */
};

enum { RFC3339_SIZE = sizeof "2026-11-23T04:45:06.123456789Z" };

/* For the years 0000 to 9999 of UTC. False if it is not such a text, and *ret is untouched. */
bool rfc3339_read(struct bytes text, struct rfc3339 *ret);
/* In UTC with as many groups of three digits as it takes; bytes without the closing zero. Years 0000 to 9999. */
size_t rfc3339_write(int64_t seconds, uint32_t nanos, char to[RFC3339_SIZE]);

/* The day of a moment (proleptic Gregorian), and the hour in it, in UTC. */
struct civil_time {
	int64_t year;
	unsigned month, day, hour; /* from 1, from 1, from 0 */
	unsigned rest; /* seconds in that hour */
};
struct civil_time civil_from_seconds(int64_t seconds);

#endif
