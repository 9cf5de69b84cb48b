#include "proto/exposition_family.h"

#define TYPE(name) (1u << EXPOSITION_##name)

static const struct {
	const char *text;
	unsigned types;
} suffixes[] = {
	{ "_bucket", TYPE(HISTOGRAM) | TYPE(GAUGEHISTOGRAM) },
	{ "_sum", TYPE(HISTOGRAM) | TYPE(SUMMARY) },
	{ "_count", TYPE(HISTOGRAM) | TYPE(SUMMARY) },
	{ "_total", TYPE(COUNTER) },
	{ "_created", TYPE(COUNTER) | TYPE(HISTOGRAM) | TYPE(SUMMARY) },
	{ "_info", TYPE(INFO) },
	{ "_gsum", TYPE(GAUGEHISTOGRAM) },
	{ "_gcount", TYPE(GAUGEHISTOGRAM) },
};

bool exposition_suffix_valid(enum exposition_type type, struct bytes suffix)
{
	if (suffix.size == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (suffixes[i].types & 1u << type && bytes_are(suffix, suffixes[i].text))
			return true;
	return false;
}
