/*
 * StatsD lines: everything that is read lies within the line, reading ends, and a name is made classic.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/exposition_parse.h"
#include "proto/statsd.h"

struct text {
	const char *data;
	size_t size;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_within(const struct text *t, struct bytes part)
{
	check(!part.data || (part.data >= t->data && part.data + part.size <= t->data + t->size));
}

static void check_name(struct bytes name)
{
	char *made = malloc(name.size + 1);
	size_t size = statsd_name_escape(name, made);

	check(size <= name.size + 1 && (size == 0) == (name.size == 0));
	check(size == 0 || exposition_name_valid((struct bytes){ made, size }, true));
	free(made);
}

static void check_tags(const struct text *t, struct bytes tags, char separator)
{
	struct statsd_tag tag;

	for (size_t count = 0; statsd_tag_next(&tags, separator, &tag); count++) {
		check(count <= t->size);
		check_within(t, tag.name);
		check_within(t, tag.value);
		check_name(tag.name);
	}
}

static void check_sample(const struct text *t, const struct statsd_sample *s)
{
	struct bytes values = s->values, value;
	bool relative;
	double number;

	check(s->rate >= STATSD_RATE_MIN && s->rate <= 1 && s->timestamp >= 0);
	check_within(t, s->container);
	check_within(t, s->external);
	check_within(t, s->cardinality);
	check_tags(t, s->tags, ':');
	for (size_t count = 0; statsd_value_next(&values, &value); count++) {
		check(count <= t->size);
		check_within(t, value);
		if (statsd_number(value, &number, &relative))
			check(isfinite(number));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + !size);
	const struct text t = { copy, size };
	struct statsd_line l;
	struct statsd_sample s;
	enum statsd_fault fault;

	if (size > 0)
		memcpy(copy, data, size);
	fault = statsd_line_read((struct bytes){ copy, size }, &l);
	if (fault == STATSD_FINE) {
		check_within(&t, l.name);
		check_within(&t, l.name_rest);
		check_name(l.name);
		check_tags(&t, l.name_tags, '=');
		for (size_t count = 0; statsd_sample_next(&l, &s, &fault); count++) {
			check(count <= size);
			if (fault == STATSD_FINE)
				check_sample(&t, &s);
		}
	}
	free(copy);
	return 0;
}
