/*
 * Samples as OTLP: what is read of a page, and what is left out of it. That the messages are right is shown by
 * e2e/test_metrics_out.py, which reads them with OpenTelemetry's own classes.
 */
#include "unit/unit.h"

#include <errno.h>

#include "proto/otlp_samples.h"
#include "proto/otlp_wire.h"

static const char resource[] = { 0x0a, 0x00 };

/* How many metrics there are; names are joined in `names`. */
static size_t metrics_of(const char *item, int wanted, char *names, size_t room, uint64_t left_out)
{
	uint64_t got;
	struct bytes scope;
	struct wire_field f;
	struct buffer to;
	struct wire w;
	size_t count = 0, size = 0;

	*names = '\0';
	buffer_init(&to, SIZE_MAX);
	assert_int_equal(
		otlp_samples_build((struct bytes){ resource, sizeof resource }, bytes_of(item), &to, &got), wanted);
	assert_int_equal(got, left_out);
	scope = to.size ? wire_last(wire_last(buffer_bytes(&to), 1, NULL), 2, NULL) : (struct bytes){ "", 0 };
	for (w = wire_of(scope); wire_next(&w, &f) > 0;)
		if (f.number == 2) {
			struct bytes name = wire_last(f.bytes, 1, NULL);
			assert_true(size + name.size + 2 < room);
			memcpy(names + size, name.data, name.size);
			memcpy(names + size + name.size, " ", 2);
			size += name.size + 1;
			count++;
		}
	buffer_done(&to);
	return count;
}

/* Native histograms: of two observations, of floats, of two that lie further apart than OTLP's buckets reach. */
#define ONE "native:CAIoADGdl4zPCLpbJTgASgQIAhABUgECYgQIAhABagEC"
#define FLOATS "native:IQAAAAAAAPA/YgQIABABcggAAAAAAADwPw=="
#define FAR "native:CAIoEGIECAAQAWIICP7///8HEAFqAgIA"

static const struct {
	const char *item, *names;
	int answer;
	uint64_t left_out;
} rows[] = {
	{ "5 values\n# TYPE a gauge\na 1\na{x=\"1\"} 2\n# TYPE b counter\nb_total 1\nb_created 1\n", "a b_total ", 0 },
	{ "5 values\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_created 1\n# TYPE g gauge\ng 1\n", "h g ", 0 },
	{ "5 values\n# TYPE h histogram\nh_created 1\n", "", 0 },
	/* What its family does not have is a gauge of its own. */
	{ "5 values\n# TYPE h summary\nh{quantile=\"0.5\"} 1\nother 2\n# TYPE i info\ni_info 1\n", "h other i_info ",
		0 },
	{ "5 values\nloose 1\n", "loose ", 0 },
	{ "5 gone\na NaN\n", "", 0 },
	/* Exponential ones are metrics of their own, without the classic buckets that they have, too. */
	{ "5 values\n# TYPE h histogram\nh{a=\"1\"} {sum:7," ONE "}\nh_created{a=\"1\"} 5\nh{a=\"2\"} {sum:7," ONE
	  "}\n",
		"h ", 0 },
	{ "5 values\n# TYPE h histogram\nh {sum:7," ONE "}\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n"
	  "h_sum 7\nh_bucket{a=\"1\",le=\"+Inf\"} 1\nh_count{a=\"1\"} 1\nh{b=\"1\"} {sum:7," ONE "}\n",
		"h h h ", 0 },
	{ "5 values\n# TYPE h histogram\nh {sum:7," FLOATS "}\n", "", 0, 1 },
	{ "5 values\n# TYPE h histogram\nh {sum:7," FAR "}\n", "", 0, 1 },
	{ "5 values\n# TYPE h histogram\nh {sum:7,native:AAAA}\n", "", 0, 1 },
	{ "5 values\nh {sum:7," FLOATS "}\n", "", 0, 1 },
	/* Of those that OTLP does not have, classic buckets are told, if there are any. */
	{ "5 values\n# TYPE h histogram\nh {sum:7," FLOATS "}\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n"
	  "h{a=\"1\"} {sum:7," FAR "}\nh_created{a=\"1\"} 5\nh{a=\"2\"} {sum:7," ONE "}\nh{a=\"3\"} {sum:7," FAR
	  "}\nh_sum{a=\"3\"} 7\n",
		"h h h ", 0, 1 },
	{ "5 values\nh {sum:7," ONE "}\n", "h ", 0 },
	{ "5 values\n", "", 0 },
	{ "5 values\n# TYPE a gauge\na 1\na\n", "a ", -EBADMSG },
	{ "nothing", "", -EBADMSG },
	{ "", "", -EBADMSG },
};

static void a_metric_is_what_a_family_is(void **state)
{
	char names[200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)metrics_of(rows[i].item, rows[i].answer, names, sizeof names, rows[i].left_out);
		assert_string_equal(names, rows[i].names);
	}
}

/* Values that are no counts, bounds that are written in two ways, and as many exemplars as buckets. */
static void odd_buckets_do_no_harm(void **state)
{
	struct buffer item;
	char names[50];

	(void)state;
	buffer_init(&item, SIZE_MAX);
	assert_int_equal(
		buffer_text(&item, "5 values\n# TYPE h histogram\nh_bucket{le=\"1\"} NaN\nh_bucket{le=\"1.0\"} 1e300\n"
				   "h_bucket{le=\"-Inf\"} -5\nh_bucket{le=\"nonsense\"} 1\nh_bucket 2\n"),
		0);
	for (int i = 2; i < 3000; i++)
		assert_int_equal(
			buffer_printf(&item, "h_bucket{le=\"%d\"} %d # {a=\"b\",c=\"d\",e=\"f\"} 1\n", i, 3000 - i), 0);
	assert_int_equal(buffer_append(&item, "", 1), 0);
	/* 1,021 of the last row have a place beside three; two are no buckets. */
	assert_int_equal(metrics_of(item.data, 0, names, sizeof names, 2998 - 1021 + 2), 1);
	buffer_done(&item);
}

static void there_is_a_ceiling(void **state)
{
	static const char item[] = "5 values\n# TYPE a gauge\na{x=\"1\"} 1\n";
	struct buffer to;
	uint64_t left_out;

	(void)state;
	buffer_init(&to, 20);
	assert_int_equal(otlp_samples_build((struct bytes){ resource, 2 }, bytes_of(item), &to, &left_out), -ENOSPC);
	assert_int_equal(to.size, 0);
	buffer_done(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_metric_is_what_a_family_is),
		cmocka_unit_test(odd_buckets_do_no_harm),
		cmocka_unit_test(there_is_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
