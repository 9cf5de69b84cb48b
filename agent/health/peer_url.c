#include "health/peer_url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hidden.h"
#include "base/text.h"

/* Ends the text at the first of these bytes, and returns what is behind it; NULL: there is none. */
static char *cut(char *text, const char *at)
{
	char *end = strpbrk(text, at);

	if (!end)
		return NULL;
	*end = '\0';
	return end + 1;
}

static bool decode(char *text)
{
	char *to = text;

	for (size_t left = strlen(text); left > 0;) {
		int byte = percent_byte(text, left);
		size_t size = byte >= 0 ? 3 : 1;
		if (byte == 0)
			return false;
		*to++ = byte > 0 ? (char)byte : *text;
		text += size;
		left -= size;
	}
	*to = '\0';
	return true;
}

/* host, host:port or [v6]:port. */
static void read_host(struct peer_url *u, char *at, char *none)
{
	char *port;

	u->host = *at == '[' ? at + 1 : at;
	port = *at == '[' ? cut(u->host, "]") : at;
	port = port ? cut(port, ":") : NULL;
	u->port = port ? port : none;
}

/* Up to the last @: people do not escape what stands in passwords. */
static char *read_login(struct peer_url *u, char *at, char *none)
{
	char *host = strrchr(at, '@'), *password;

	u->user = u->password = none;
	if (!host)
		return at;
	*host = '\0';
	u->user = at;
	password = cut(at, ":");
	u->password = password ? password : none;
	return host + 1;
}

bool peer_url_read(const char *url, struct peer_url *ret)
{
	char *slashes, *rest, *none;

	*ret = (struct peer_url){ .text = oxp_strdup(url) };
	slashes = strstr(ret->text, "://");
	if (!slashes)
		return false;
	none = slashes;
	*slashes = '\0';
	ret->scheme = ret->text;
	rest = read_login(ret, slashes + 3, none);
	(void)cut(rest, "?#");
	ret->path = cut(rest, "/");
	ret->path = ret->path ? ret->path : none;
	read_host(ret, rest, none);
	return *ret->host && decode(ret->user) && decode(ret->password) && decode(ret->host) && decode(ret->path);
}

const char *peer_url_query(const char *url)
{
	const char *host = strrchr(url, '@'), *query = strchr(host ? host : url, '?');

	return query ? query + 1 : NULL;
}

void peer_url_done(struct peer_url *u)
{
	free(u->text);
	*u = (struct peer_url){ 0 };
}

/* As it is written, and decoded. */
static int add_raw(struct hidden *h, const char *from, size_t size)
{
	char *raw = strndup(from, size);
	int failed = raw ? hidden_add(h, bytes_of(raw)) : -ENOMEM;

	if (!failed && decode(raw))
		failed = hidden_add(h, bytes_of(raw));
	free(raw);
	return failed;
}

void peer_url_hide(const char *url, char *text)
{
	const char *slashes = strstr(url, "://"), *end = slashes ? strrchr(url, '@') : NULL;
	const char *start = end ? memchr(slashes + 3, ':', (size_t)(end - slashes - 3)) : NULL;
	const char *query = strstr(url, "password=");
	struct hidden h;
	int failed = 0;

	hidden_init(&h);
	if (start)
		failed = add_raw(&h, start + 1, (size_t)(end - start - 1));
	if (!failed && query)
		failed = add_raw(&h, query + 9, strcspn(query + 9, "&#"));
	if (failed)
		*text = '\0';
	else
		hidden_take_out(&h, text);
	hidden_done(&h);
}
