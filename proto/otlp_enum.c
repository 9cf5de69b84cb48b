#include "proto/otlp_enum.h"

#include "base/base.h"

/* (opentelemetry-proto 1.x: trace.proto, logs.proto, metrics.proto.) Values count from 0; NULL ends them. */
static const struct {
	const char *field, *prefix;
	const char *words[26];
} enums[] = {
	{ "kind", "SPAN_KIND_", { "UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER" } },
	{ "code", "STATUS_CODE_", { "UNSET", "OK", "ERROR" } },
	{ "aggregationTemporality", "AGGREGATION_TEMPORALITY_", { "UNSPECIFIED", "DELTA", "CUMULATIVE" } },
	{ "severityNumber", "SEVERITY_NUMBER_",
		{ "UNSPECIFIED", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4", "INFO",
			"INFO2", "INFO3", "INFO4", "WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2", "ERROR3",
			"ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4" } },
};

static bool find_word(const char *const *words, struct bytes word, uint64_t *ret)
{
	for (uint64_t i = 0; words[i]; i++)
		if (bytes_equal(word, bytes_of(words[i]))) {
			*ret = i;
			return true;
		}
	return false;
}

bool otlp_enum_parse(const char *field, struct bytes name, uint64_t *ret)
{
	for (size_t i = 0; i < COUNT_OF(enums); i++) {
		size_t size = strlen(enums[i].prefix);
		if (strcmp(field, enums[i].field) == 0)
			return name.size > size && memcmp(name.data, enums[i].prefix, size) == 0 &&
			       find_word(enums[i].words, (struct bytes){ name.data + size, name.size - size }, ret);
	}
	return false;
}
