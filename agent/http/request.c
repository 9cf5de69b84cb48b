#include "http/request.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "http/head.h"

struct target {
	char *scheme, *user, *password, *host, *port, *path, *query;
};

static void target_free(struct target *t)
{
	curl_free(t->scheme);
	curl_free(t->user);
	curl_free(t->password);
	curl_free(t->host);
	curl_free(t->port);
	curl_free(t->path);
	curl_free(t->query);
}

/* Absent parts are NULL. */
static bool target_read(const char *url, struct target *t)
{
	CURLU *parts = curl_url();
	bool fine = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;

	if (fine) {
		curl_url_get(parts, CURLUPART_SCHEME, &t->scheme, 0);
		curl_url_get(parts, CURLUPART_USER, &t->user, 0);
		curl_url_get(parts, CURLUPART_PASSWORD, &t->password, 0);
		curl_url_get(parts, CURLUPART_HOST, &t->host, 0);
		curl_url_get(parts, CURLUPART_PORT, &t->port, CURLU_NO_DEFAULT_PORT);
		curl_url_get(parts, CURLUPART_PATH, &t->path, 0);
		curl_url_get(parts, CURLUPART_QUERY, &t->query, 0);
	}
	curl_url_cleanup(parts);
	return fine && t->scheme && t->host && t->path;
}

/* Whether it is visible ASCII. */
static bool is_plain(const char *text)
{
	for (; text && *text; text++)
		if (*text <= ' ' || *text >= 0x7f)
			return false;
	return true;
}

static bool is_ours(const struct target *t)
{
	return strcasecmp(t->scheme, "http") == 0 && !t->user && !t->password && is_plain(t->host) &&
	       is_plain(t->path) && is_plain(t->query);
}

/* For each of these libcurl has a value of its own, or rules. Accept replaces that of libcurl, and ours. */
static bool is_libcurls(struct bytes name)
{
	static const char *const names[] = { "Accept-Encoding", "Connection", "Content-Length", "Cookie", "Expect",
		"Host", "Transfer-Encoding", "Upgrade", "User-Agent" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (bytes_same_word(name, bytes_of(names[i])))
			return true;
	return false;
}

static struct bytes name_of(const char *header)
{
	const char *colon = strchr(header, ':');

	return (struct bytes){ header, colon ? (size_t)(colon - header) : 0 };
}

static bool write_header(const char *header, struct buffer *to)
{
	struct bytes name = name_of(header);

	if (!http_is_token(name) || is_libcurls(name) || !http_is_value(bytes_of(header)))
		return false;
	/* libcurl leaves out one without a value */
	return bytes_trimmed(bytes_of(header + name.size + 1)).size == 0 || buffer_printf(to, "%s\r\n", header) == 0;
}

static bool has_accept(const char *const *headers)
{
	for (; headers && *headers; headers++)
		if (bytes_same_word(name_of(*headers), bytes_of("Accept")))
			return true;
	return false;
}

static bool write_line(const struct target *t, const struct http_call_options *o, struct buffer *to)
{
	return buffer_printf(to, "%s %s%s%s HTTP/1.1\r\n", o->method, t->path, t->query ? "?" : "",
		       t->query ? t->query : "") == 0 &&
	       buffer_printf(to, "Host: %s%s%s\r\n", t->host, t->port ? ":" : "", t->port ? t->port : "") == 0 &&
	       buffer_text(to, "User-Agent: oxpecker/" OXP_VERSION "\r\n") == 0 &&
	       buffer_text(to, has_accept(o->headers) ? "" : "Accept: */*\r\n") == 0 &&
	       buffer_text(to, "Accept-Encoding: identity\r\n") == 0;
}

static bool has_body(const struct http_call_options *o)
{
	return o->body_size > 0 || strcmp(o->method, "POST") == 0 || strcmp(o->method, "PUT") == 0;
}

static bool write_all(const struct target *t, const struct http_call_options *o, struct buffer *to)
{
	if (!is_ours(t) || !write_line(t, o, to))
		return false;
	for (const char *const *h = o->headers; h && *h; h++)
		if (!write_header(*h, to))
			return false;
	if (has_body(o) && buffer_printf(to, "Content-Length: %llu\r\n", (unsigned long long)o->body_size) < 0)
		return false;
	return buffer_text(to, "\r\n") == 0;
}

bool request_write(const struct http_call_options *o, struct buffer *to)
{
	struct target t = { 0 };
	bool fine = !o->user_password && target_read(o->url, &t) && write_all(&t, o, to);

	target_free(&t);
	return fine;
}
