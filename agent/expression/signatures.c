#include "expression/signatures.h"

#define OF_RANGE(word, number)                                                                               \
	{                                                                                                    \
		.name = word, .id = number, .result = VALUE_VECTOR, .count = 1, .arguments = { VALUE_RANGE } \
	}
#define OF_VECTOR(word, number)                                                                               \
	{                                                                                                     \
		.name = word, .id = number, .result = VALUE_VECTOR, .count = 1, .arguments = { VALUE_VECTOR } \
	}

static const struct signature functions[FUNCTIONS] = {
	OF_RANGE("rate", FUNCTION_RATE),
	OF_RANGE("increase", FUNCTION_INCREASE),
	OF_RANGE("delta", FUNCTION_DELTA),
	OF_RANGE("avg_over_time", FUNCTION_AVG_OVER_TIME),
	OF_RANGE("min_over_time", FUNCTION_MIN_OVER_TIME),
	OF_RANGE("max_over_time", FUNCTION_MAX_OVER_TIME),
	OF_RANGE("sum_over_time", FUNCTION_SUM_OVER_TIME),
	OF_RANGE("count_over_time", FUNCTION_COUNT_OVER_TIME),
	OF_RANGE("last_over_time", FUNCTION_LAST_OVER_TIME),
	{ "histogram_quantile", FUNCTION_HISTOGRAM_QUANTILE, VALUE_VECTOR, 2, { VALUE_NUMBER, VALUE_VECTOR } },
	OF_VECTOR("abs", FUNCTION_ABS),
	OF_VECTOR("ceil", FUNCTION_CEIL),
	OF_VECTOR("floor", FUNCTION_FLOOR),
	{ "clamp_min", FUNCTION_CLAMP_MIN, VALUE_VECTOR, 2, { VALUE_VECTOR, VALUE_NUMBER } },
	{ "clamp_max", FUNCTION_CLAMP_MAX, VALUE_VECTOR, 2, { VALUE_VECTOR, VALUE_NUMBER } },
	OF_VECTOR("absent", FUNCTION_ABSENT),
	{ "vector", FUNCTION_VECTOR, VALUE_VECTOR, 1, { VALUE_NUMBER } },
	{ "scalar", FUNCTION_SCALAR, VALUE_NUMBER, 1, { VALUE_VECTOR } },
	{ "time", FUNCTION_TIME, VALUE_NUMBER, 0, { VALUE_NUMBER } },
};

const struct signature *signature_find(struct bytes name)
{
	for (size_t i = 0; i < COUNT_OF(functions); i++)
		if (bytes_are(name, functions[i].name))
			return &functions[i];
	return NULL;
}

int aggregate_find(struct bytes name)
{
	static const char *const names[AGGREGATES] = { "sum", "min", "max", "avg", "count" };

	for (int i = 0; i < AGGREGATES; i++)
		if (bytes_same_word(name, bytes_of(names[i])))
			return i;
	return -1;
}
