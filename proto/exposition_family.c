#include "proto/exposition_family.h"

#define TYPE(name) (1u << EXPOSITION_##name)
#define TEXT(text)                    \
	{                             \
		text, sizeof text - 1 \
	}

const struct bytes exposition_suffixes[EXPOSITION_SUFFIXES] = {
	[EXPOSITION_BUCKET] = TEXT("_bucket"),
	[EXPOSITION_SUM] = TEXT("_sum"),
	[EXPOSITION_COUNT] = TEXT("_count"),
	[EXPOSITION_TOTAL] = TEXT("_total"),
	[EXPOSITION_CREATED] = TEXT("_created"),
	[EXPOSITION_INFO_SUFFIX] = TEXT("_info"),
	[EXPOSITION_GSUM] = TEXT("_gsum"),
	[EXPOSITION_GCOUNT] = TEXT("_gcount"),
};

/* The types whose samples may have it. */
static const unsigned types[EXPOSITION_SUFFIXES] = {
	[EXPOSITION_BUCKET] = TYPE(HISTOGRAM) | TYPE(GAUGEHISTOGRAM),
	[EXPOSITION_SUM] = TYPE(HISTOGRAM) | TYPE(SUMMARY),
	[EXPOSITION_COUNT] = TYPE(HISTOGRAM) | TYPE(SUMMARY),
	[EXPOSITION_TOTAL] = TYPE(COUNTER),
	[EXPOSITION_CREATED] = TYPE(COUNTER) | TYPE(HISTOGRAM) | TYPE(SUMMARY),
	[EXPOSITION_INFO_SUFFIX] = TYPE(INFO),
	[EXPOSITION_GSUM] = TYPE(GAUGEHISTOGRAM),
	[EXPOSITION_GCOUNT] = TYPE(GAUGEHISTOGRAM),
};

bool exposition_suffix_find(enum exposition_type type, struct bytes rest, enum exposition_suffix *ret)
{
	*ret = EXPOSITION_NO_SUFFIX;
	if (rest.size == 0)
		return true;
	for (int i = 0; i < EXPOSITION_SUFFIXES; i++)
		if (types[i] & 1u << type && bytes_equal(rest, exposition_suffixes[i])) {
			*ret = (enum exposition_suffix)i;
			return true;
		}
	return false;
}
