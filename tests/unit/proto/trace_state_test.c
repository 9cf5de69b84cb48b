/* Sampling in tracestate: thresholds as in the table of the specification, what is read, and what is written. */
#include "proto/trace_state.h"

#include <stdio.h>

#include "unit/unit.h"

static const char id[16] = "abcdefgh\xff\x01\x02\x03\x04\x05\x06\x07";

static struct bytes written(const char *state, uint64_t threshold, char *to)
{
	return (struct bytes){ to, trace_state_write(bytes_of(state), threshold, to) };
}

/* "Converting floating-point probability to threshold value", four digits. */
static void thresholds_are_rounded_as_sdks_do(void **unused)
{
	static const struct {
		double probability;
		const char *wanted;
	} rows[] = { { 1, "0" }, { 0.5, "8" }, { 1 / 3., "aaab" }, { 0.25, "c" }, { 0.2, "cccd" }, { 0.125, "e" },
		{ 0.1, "e666" }, { 0.0625, "f" }, { 0.01, "fd70a" }, { 0.001, "ffbe77" }, { 0.0001, "fff9724" },
		{ 0.00001, "ffff583a" }, { 0.000001, "ffffef39" }, { 0x1p-56, "ffffffffffff" } };

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char to[64], wanted[64];
		snprintf(wanted, sizeof wanted, "ot=th:%s", rows[i].wanted);
		assert_true(bytes_are(written("", sampling_threshold(rows[i].probability), to), wanted));
	}
	assert_int_equal(sampling_threshold(0), SAMPLING_END);
}

static void what_a_state_says_is_read(void **unused)
{
	static const struct {
		const char *state;
		bool has_threshold;
		uint64_t threshold, randomness;
	} rows[] = {
		{ "", false, 0, 0x01020304050607 },
		{ "ot=th:0", true, 0, 0x01020304050607 },
		{ "ot=th:8", true, 0x80000000000000, 0x01020304050607 },
		{ "a=b, ot=x:1;th:fd70a;rv:00000000000001 ,c=d", true, 0xfd70a000000000, 1 },
		{ "ot=th:123456789abcdef", false, 0, 0x01020304050607 },
		{ "ot=th:", false, 0, 0x01020304050607 },
		{ "ot=th:8G", false, 0, 0x01020304050607 },
		{ "ot=rv:1", false, 0, 0x01020304050607 },
		{ "other=th:8", false, 0, 0x01020304050607 },
		{ "ot", false, 0, 0x01020304050607 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sampling s = trace_state_sampling(bytes_of(rows[i].state), (struct bytes){ id, 16 });
		assert_int_equal(s.has_threshold, rows[i].has_threshold);
		if (s.has_threshold)
			assert_int_equal(s.threshold, rows[i].threshold);
		assert_int_equal(s.randomness, rows[i].randomness);
	}
}

static void a_threshold_is_written_beside_what_others_say(void **unused)
{
	static const struct {
		const char *state;
		uint64_t threshold;
		const char *wanted;
	} rows[] = {
		{ "", 0, "ot=th:0" },
		{ "a=b", 0xc0000000000000, "ot=th:c,a=b" },
		{ "a=b,ot=rv:00000000000001;th:8,c=d", 0xfd70a000000000, "ot=rv:00000000000001;th:fd70a,a=b,c=d" },
		{ "ot=th:8", SAMPLING_END, "" },
		{ "a=b , ot=th:8;x:y,, c=d", SAMPLING_END, "ot=x:y,a=b,c=d" },
		{ "", 0xffffffffffffff, "ot=th:ffffffffffffff" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char to[128];
		assert_true(bytes_are(written(rows[i].state, rows[i].threshold, to), rows[i].wanted));
	}
}

/* 32 members, and 256 characters in ours (W3C Trace Context; "TraceState Handling"). */
static void limits_are_kept(void **unused)
{
	char state[1024] = "", to[1024 + TRACE_STATE_MORE];
	struct bytes got;
	size_t commas = 0;

	(void)unused;
	for (int i = 0; i < 32; i++)
		snprintf(state + strlen(state), sizeof state - strlen(state), "%sm%d=x", i ? "," : "", i);
	got = written(state, 0, to);
	for (size_t i = 0; i < got.size; i++)
		commas += got.data[i] == ',';
	assert_int_equal(commas, 31);
	assert_memory_equal(got.data, "ot=th:0,m0=x,", 13);
	snprintf(state, sizeof state, "ot=x:%0248d", 0);
	assert_true(bytes_are(written(state, 0xfd70a000000000, to), state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds_are_rounded_as_sdks_do),
		cmocka_unit_test(what_a_state_says_is_read),
		cmocka_unit_test(a_threshold_is_written_beside_what_others_say),
		cmocka_unit_test(limits_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
