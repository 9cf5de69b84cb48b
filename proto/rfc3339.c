#include "proto/rfc3339.h"

#include <stdio.h>

enum { DAY = 86400, DAYS_TO_1970 = 719468, ERA_DAYS = 146097, NANO_DIGITS = 9 };

/* Days since 1970-01-01, with years that begin in March so that the leap day is the last. */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400, day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

struct civil_time civil_from_seconds(int64_t seconds)
{
	int64_t days = (seconds >= 0 ? seconds : seconds - DAY + 1) / DAY, z = days + DAYS_TO_1970;
	int64_t era = (z >= 0 ? z : z - ERA_DAYS + 1) / ERA_DAYS, day_of_era = z - era * ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (ERA_DAYS - 1)) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned from_march = (unsigned)(5 * day_of_year + 2) / 153, month = from_march + (from_march < 10 ? 3 : -9);

	return (struct civil_time){ .year = year_of_era + era * 400 + (month <= 2),
		.month = month,
		.day = (unsigned)day_of_year - (153 * from_march + 2) / 5 + 1,
		.hour = (unsigned)((seconds - days * DAY) / 3600),
		.rest = (unsigned)((seconds - days * DAY) % 3600) };
}

/* Takes `digits` digits off the front; -1 when they are not there. */
static int take_number(struct bytes *text, size_t digits)
{
	int value = 0;

	if (text->size < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (text->data[i] < '0' || text->data[i] > '9')
			return -1;
		value = value * 10 + (text->data[i] - '0');
	}
	*text = (struct bytes){ text->data + digits, text->size - digits };
	return value;
}

static bool take_one(struct bytes *text, const char *of)
{
	if (text->size == 0 || !*text->data || !strchr(of, *text->data))
		return false;
	*text = (struct bytes){ text->data + 1, text->size - 1 };
	return true;
}

static bool take_field(struct bytes *text, const char *before, int max, int *ret)
{
	if (!take_one(text, before))
		return false;
	*ret = take_number(text, 2);
	return *ret >= 0 && *ret <= max;
}

static bool take_fraction(struct bytes *text, struct rfc3339 *t)
{
	int digits = 0, digit;

	if (!take_one(text, ".,"))
		return true;
	t->strict = t->strict && text->data[-1] == '.';
	for (; (digit = take_number(text, 1)) >= 0; digits++)
		if (digits < NANO_DIGITS)
			t->nanos = t->nanos * 10 + (uint32_t)digit;
	t->strict = t->strict && digits <= NANO_DIGITS;
	for (int i = digits; i < NANO_DIGITS; i++)
		t->nanos *= 10;
	return digits > 0;
}

/* Subtracts the offset from the time that was read as if it were UTC. */
static bool take_offset(struct bytes *text, struct rfc3339 *t)
{
	bool west = text->size > 0 && *text->data == '-';
	int hours, minutes;

	t->zoned = text->size > 0;
	t->strict = t->strict && t->zoned && *text->data != 'z';
	if (!t->zoned || take_one(text, "Zz"))
		return true;
	if (!take_field(text, "+-", 23, &hours))
		return false;
	t->strict = take_one(text, ":") && t->strict;
	minutes = take_number(text, 2);
	t->seconds -= (hours * 60 + minutes) * (west ? -60 : 60);
	return minutes >= 0 && minutes <= 59;
}

static unsigned days_in(int year, int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct bytes *text, struct rfc3339 *t)
{
	int year = take_number(text, 4), month, day;

	if (year < 0 || !take_field(text, "-", 12, &month) || !take_field(text, "-", 31, &day))
		return false;
	t->seconds = month < 1 ? 0 : days_from_civil(year, (unsigned)month, (unsigned)day) * DAY;
	return month >= 1 && day >= 1 && (unsigned)day <= days_in(year, month);
}

/* Without seconds, as Elasticsearch takes it too, the minute is meant. */
static bool take_seconds(struct bytes *text, struct rfc3339 *t, int *ret)
{
	*ret = 0;
	if (text->size > 0 && *text->data == ':')
		return take_field(text, ":", 60, ret); /* 60: a leap second */
	t->strict = false;
	return text->size == 0 || !strchr(".,", *text->data);
}

static bool take_clock(struct bytes *text, struct rfc3339 *t)
{
	int hour, minute, second;

	t->strict = text->size > 0 && *text->data == 'T';
	if (!take_field(text, "Tt ", 23, &hour) || !take_field(text, ":", 59, &minute) ||
		!take_seconds(text, t, &second))
		return false;
	t->seconds += hour * 3600 + minute * 60 + second;
	t->strict = t->strict && second < 60;
	return true;
}

/* An offset can lead out of the years that can be written. */
static bool is_writable(int64_t seconds)
{
	return seconds >= days_from_civil(0, 1, 1) * DAY && seconds < days_from_civil(10000, 1, 1) * DAY;
}

bool rfc3339_read(struct bytes text, struct rfc3339 *ret)
{
	struct rfc3339 t = { 0 };

	if (!take_date(&text, &t) || !take_clock(&text, &t) || !take_fraction(&text, &t) || !take_offset(&text, &t) ||
		text.size > 0 || !is_writable(t.seconds))
		return false;
	*ret = t;
	return true;
}

size_t rfc3339_write(int64_t seconds, uint32_t nanos, char to[RFC3339_SIZE])
{
	struct civil_time c = civil_from_seconds(seconds);
	int digits = nanos % 1000 ? 9 : nanos % 1000000 ? 6 : 3;
	uint32_t fraction = digits == 9 ? nanos : digits == 6 ? nanos / 1000 : nanos / 1000000;
	int size = snprintf(to, RFC3339_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u.%0*uZ", (int)c.year % 10000, c.month % 100,
		c.day % 100, c.hour % 100, c.rest / 60 % 100, c.rest % 60, digits, fraction);

	return (size_t)size;
}
