#include "collectors/protocols.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "config/option.h"

const char *const protocols_names[] = {
	"OpenMetricsText1.0.0",
	"OpenMetricsText0.0.1",
	"PrometheusText1.0.0",
	"PrometheusText0.0.4",
	"PrometheusProto",
	NULL,
};

#define PROTOBUF_TYPE                                                                                 \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;" \
	"escaping=allow-utf-8"

/* In the order of the names. `escaping` belongs to versions that know it: names in UTF-8 are taken as they are. */
static const char *const types[] = {
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
	"application/openmetrics-text;version=0.0.1",
	"text/plain;version=1.0.0;escaping=allow-utf-8",
	"text/plain;version=0.0.4",
	PROTOBUF_TYPE,
};

enum { BY_DEFAULT = COUNT_OF(types) - 1 }; /* the first of them */

static const char *type_of(const char *name)
{
	size_t i = 0;

	while (strcmp(protocols_names[i], name) != 0)
		i++; /* the options were checked */
	return types[i];
}

static bool stands_before(const char *const *names, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(names[k], names[i]) == 0)
			return true;
	return false;
}

void protocols_accept(const struct option_list *list, char to[PROTOCOLS_ACCEPT_SIZE])
{
	const char *const *names = list->count ? list->items : protocols_names;
	size_t count = list->count ? list->count : BY_DEFAULT;
	int weight = 9, size = snprintf(to, PROTOCOLS_ACCEPT_SIZE, "Accept: ");

	for (size_t i = 0; i < count; i++)
		if (!stands_before(names, i))
			size += snprintf(to + size, PROTOCOLS_ACCEPT_SIZE - (size_t)size, "%s;q=0.%d,",
				type_of(names[i]), weight--);
	size += snprintf(to + size, PROTOCOLS_ACCEPT_SIZE - (size_t)size, "*/*;q=0.1");
	OXP_ASSERT(size < PROTOCOLS_ACCEPT_SIZE);
}
