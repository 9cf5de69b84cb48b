#include "collectors/tail/births.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP_MS = 1000, /* a clock that is off by less was not set, but runs fast or slow, or was looked at late */
	SLACK_S = 10, /* what is called now may be as old */
	UNSEEN_S = 30 * 24 * 3600, /* nobody looked for longer; then it is not known when the clock was set */
};

/* The two ages that it was between become one. */
static void forget_oldest(struct tail_births *b)
{
	b->count--;
	memmove(b->steps, b->steps + 1, b->count * sizeof *b->steps);
}

static void add_step(struct tail_births *b, int64_t from, int64_t to, int64_t back)
{
	if (b->count == TAIL_AGES_MAX)
		forget_oldest(b);
	b->steps[b->count++] = (struct tail_age_step){ from, to, back };
}

bool tail_births_look(struct tail_births *b, struct wall_time wall, struct mono_time mono)
{
	int64_t gone = mono_since(mono, b->mono).ns, off = wall.ns - b->wall.ns - gone;
	bool set = b->wall.ns && (off > DURATION_MS(STEP_MS).ns || off < -DURATION_MS(STEP_MS).ns);

	if (set)
		add_step(b, b->wall.ns + gone, wall.ns - gone - DURATION_MS(TAIL_BIRTH_STEP_MS).ns, -off);
	b->wall = wall;
	b->mono = mono;
	return set;
}

void tail_births_saw(struct tail_births *b, int64_t birth_ns)
{
	if (birth_ns > b->newest)
		b->newest = birth_ns;
}

bool tail_births_saw_all(struct tail_births *b)
{
	int64_t now = b->wall.ns, known = now + DURATION_S(SLACK_S).ns;

	if (b->count > 0 && b->steps[b->count - 1].from > known)
		known = b->steps[b->count - 1].from;
	if (b->newest <= known)
		return false;
	add_step(b, b->newest, now - DURATION_S(UNSEEN_S).ns, b->newest - now);
	return true;
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

static int64_t minus(int64_t a, int64_t b)
{
	int64_t difference;

	return __builtin_sub_overflow(a, b, &difference) ? (b < 0 ? INT64_MAX : INT64_MIN) : difference;
}

/* What the clock shows unless it was set since it was looked at. */
static int64_t wall_of(const struct tail_births *b, struct mono_time now)
{
	return plus(b->wall.ns, mono_since(now, b->mono).ns);
}

/* The newest age that has this moment. What is yet to come was shown before the clock was set back, or by the clock of
 * another machine. */
static size_t age_of(const struct tail_births *b, struct mono_time now, int64_t at)
{
	int64_t known = plus(wall_of(b, now), DURATION_S(SLACK_S).ns), end = known;

	for (size_t age = b->count; age > 0; age--) {
		if (at >= b->steps[age - 1].to && at <= end)
			return age;
		end = b->steps[age - 1].from;
	}
	for (size_t age = b->count; age > 0 && at > known && at > end; age--)
		if (b->steps[age - 1].back > 0)
			return age - 1;
	return 0;
}

int64_t tail_births_order(const struct tail_births *b, struct mono_time now, int64_t birth_ns)
{
	int64_t order = birth_ns;

	for (size_t age = birth_ns ? age_of(b, now, birth_ns) : 0; age > 0; age--)
		if (b->steps[age - 1].back > 0)
			order = plus(order, plus(b->steps[age - 1].back, DURATION_S(UNSEEN_S).ns));
	return order;
}

struct duration tail_births_since(const struct tail_births *b, struct mono_time now, int64_t then_ns)
{
	int64_t since = minus(wall_of(b, now), then_ns);

	for (size_t age = age_of(b, now, then_ns); age < b->count; age++)
		since = plus(since, b->steps[age].back);
	return (struct duration){ since };
}

void tail_births_write(const struct tail_births *b, char to[TAIL_AGES_TEXT])
{
	size_t size = 0;

	_Static_assert(TAIL_AGES_TEXT > TAIL_AGES_MAX * 3 * sizeof "-9223372036854775808>", "all of it fits");
	to[0] = '\0';
	for (size_t i = 0; i < b->count; i++)
		size += (size_t)snprintf(to + size, TAIL_AGES_TEXT - size, "%" PRId64 ">%" PRId64 ",%" PRId64 " ",
			b->steps[i].from, b->steps[i].to, b->steps[i].back);
}

void tail_births_read(struct tail_births *b, const char *text)
{
	int64_t from, to, back;
	int size;

	b->count = 0;
	while (b->count < TAIL_AGES_MAX &&
		sscanf(text, "%19" SCNd64 ">%19" SCNd64 ",%20" SCNd64 " %n", &from, &to, &back, &size) == 3) {
		add_step(b, from, to, back);
		text += size;
	}
}
