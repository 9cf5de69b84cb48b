#include "exporters/endpoint.h"

#include <stdio.h>
#include <string.h>

static const char traces[] = "/v1/traces";

/* Up to the query, without slashes at its end. */
static size_t size_of_path(const char *endpoint)
{
	size_t n = strcspn(endpoint, "?#");

	while (n > 0 && endpoint[n - 1] == '/')
		n--;
	return n;
}

bool endpoint_ends_with(const char *url, const char *end)
{
	size_t size = size_of_path(url), n = strlen(end);

	return size >= n && memcmp(url + size - n, end, n) == 0;
}

const char *endpoint_wrong(const char *endpoint)
{
	static const char *const others[] = { "/v1/logs", "/v1/metrics", "/v1/profiles", "/v1development/profiles" };

	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (endpoint_ends_with(endpoint, others[i]))
			return "ends in the path of another signal; spans go to /v1/traces, which is added to an "
			       "address without it";
	return strchr(endpoint, '#') ? "has a # in it, which is never sent" : NULL;
}

char *endpoint_url(const char *endpoint)
{
	const char *query = endpoint + strcspn(endpoint, "?#");
	char *url;

	if (asprintf(&url, "%.*s%s%s", (int)size_of_path(endpoint), endpoint,
		    endpoint_ends_with(endpoint, traces) ? "" : traces, query) < 0)
		return NULL;
	return url;
}
