#include "exporters/endpoint.h"

#include <stdio.h>
#include <string.h>

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

/* What of another signal it ends with, or NULL. */
static const char *other_path(const char *endpoint, const struct endpoint_path *path)
{
	static const char *const paths[] = { "/v1/traces", "/v1/logs", "/v1/metrics", "/v1/profiles",
		"/v1development/profiles" };

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (strcmp(paths[i], path->http) != 0 && endpoint_ends_with(endpoint, paths[i]))
			return paths[i];
	return NULL;
}

/* Host and port come before the first slash that is behind "://". */
static bool has_path(const char *endpoint)
{
	const char *host = strstr(endpoint, "://"), *end;

	host = host ? host + 3 : endpoint;
	end = host + strcspn(host, "/?#");
	return end[strspn(end, "/")];
}

bool endpoint_is_wrong(const char *endpoint, const struct endpoint_path *path, bool grpc, char *why, size_t room)
{
	if (grpc && has_path(endpoint))
		snprintf(why, room,
			"has a path; over gRPC an address is scheme, host and port, such as "
			"http://jaeger:4317");
	else if (!grpc && other_path(endpoint, path))
		snprintf(why, room,
			"ends in the path of another signal; %s go to %s, which is added to an address without it",
			path->what, path->http);
	else if (strchr(endpoint, '#'))
		snprintf(why, room, "has a # in it, which is never sent");
	else
		return false;
	return true;
}

char *endpoint_url(const char *endpoint, const struct endpoint_path *path, bool grpc)
{
	const char *query = endpoint + strcspn(endpoint, "?#");
	const char *end = grpc ? path->grpc : endpoint_ends_with(endpoint, path->http) ? "" : path->http;
	char *url;

	return asprintf(&url, "%.*s%s%s", (int)size_of_path(endpoint), endpoint, end, query) < 0 ? NULL : url;
}
