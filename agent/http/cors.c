#include "http/cors.h"

#include "http/decline.h"
#include "http/engine.h"

/* Longer than browsers keep it. A page whose origin is no longer listed is refused all the same when it sends. */
static const char max_age[] = "7200";

static bool begins_with(struct bytes name, const char *word)
{
	size_t size = strlen(word);

	return name.size >= size && bytes_same_word((struct bytes){ name.data, size }, bytes_of(word));
}

/* Headers that pages cannot set (Fetch standard, "forbidden request-header"), of which some are believed here because
 * of that. */
static bool is_browsers_own(struct bytes name)
{
	static const char *const first[] = { "sec-", "proxy-", "access-control-" };
	static const char *const whole[] = { "host", "origin", "cookie", "connection", "keep-alive", "te", "trailer",
		"expect", "upgrade", "via", "content-length", "transfer-encoding" };

	for (size_t i = 0; i < COUNT_OF(first); i++)
		if (begins_with(name, first[i]))
			return true;
	for (size_t i = 0; i < COUNT_OF(whole); i++)
		if (bytes_same_word(name, bytes_of(whole[i])))
			return true;
	return false;
}

static void add_name(struct bytes name, char *names, size_t *used)
{
	static const char between[] = ", ";
	size_t gap = *used ? strlen(between) : 0;

	if (!http_is_token(name) || is_browsers_own(name) || gap + name.size > HTTP_CORS_NAMES_MAX - *used)
		return;
	memcpy(names + *used, between, gap);
	memcpy(names + *used + gap, name.data, name.size);
	*used += gap + name.size;
}

void http_cors_names(struct bytes asked, char ret_names[HTTP_CORS_NAMES_MAX + 1])
{
	size_t used = 0;

	while (asked.size > 0) {
		const char *comma = memchr(asked.data, ',', asked.size);
		size_t size = comma ? (size_t)(comma - asked.data) : asked.size;
		add_name(bytes_trimmed((struct bytes){ asked.data, size }), ret_names, &used);
		size += comma != NULL;
		asked = (struct bytes){ asked.data + size, asked.size - size };
	}
	ret_names[used] = '\0';
}

/* Any text is let in by `*`, but no origin has blanks or characters that are not ASCII (RFC 6454, 6.2). */
static bool may_be_written(const char *origin)
{
	size_t size = strlen(origin);

	for (size_t i = 0; i < size; i++)
		if (origin[i] <= ' ' || origin[i] > '~')
			return false;
	return size > 0 && size <= HTTP_CORS_ORIGIN_MAX;
}

/* The listed origin that the request comes from; NULL if it comes from none. */
static const char *listed_origin(const struct http_request *r)
{
	const struct http_origins *origins = &r->connection->server->options.origins;
	const char *origin = origins->count ? http_request_header(r, "Origin") : NULL;

	return origin && http_origin_is_listed(origin, origins) && may_be_written(origin) ? origin : NULL;
}

/* Vary also if the page gets nothing: what one page is answered must not be kept for another. */
void http_cors_add(const struct http_request *r, struct http_pairs *pairs)
{
	const char *origin = listed_origin(r);

	if (r->connection->server->options.origins.count)
		http_pairs_add(pairs, "Vary", "Origin");
	if (!origin)
		return;
	http_pairs_add(pairs, "Access-Control-Allow-Origin", origin);
	http_pairs_add(pairs, "Access-Control-Expose-Headers", "Retry-After");
}

static bool is_preflight(const struct http_request *r)
{
	return strcmp(r->text + r->head->method.at, "OPTIONS") == 0 &&
	       http_request_header(r, "Access-Control-Request-Method") && listed_origin(r);
}

bool http_cors_preflight(struct http_request *r)
{
	const char *asked;
	char methods[HTTP_METHODS_SIZE], names[HTTP_CORS_NAMES_MAX + 1];
	const char *headers[] = { "Access-Control-Allow-Methods", methods, "Access-Control-Max-Age", max_age,
		"Access-Control-Allow-Headers", names, NULL };

	if (!is_preflight(r))
		return false;
	http_methods_of_path(r->connection->server, r->path, methods);
	if (!methods[0])
		return false;
	asked = http_request_header(r, "Access-Control-Request-Headers");
	http_cors_names(bytes_of(asked ? asked : ""), names);
	if (!names[0])
		headers[4] = NULL;
	http_respond(r, &(struct http_answer){ .status = 204, .headers = headers });
	return true;
}
