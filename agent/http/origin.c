#include "http/origin.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

enum { NAME_MAX_SIZE = 253 }; /* RFC 1035, 2.3.4, as text */

/* host[:port]; port 0: none is written, or the scheme's own. */
struct authority {
	struct bytes host;
	uint64_t port;
};

static bool is_word(const char *text, const char *word)
{
	return text && strcasecmp(text, word) == 0;
}

/* `own_port` is the default port. False: it is not a host with or without a port. */
static bool read_authority(struct bytes text, uint64_t own_port, struct authority *ret)
{
	const char *bracket = text.size && text.data[0] == '[' ? memchr(text.data, ']', text.size) : NULL;
	size_t behind = bracket ? (size_t)(bracket - text.data) : 0;
	const char *colon = text.size > behind ? memchr(text.data + behind, ':', text.size - behind) : NULL;

	*ret = (struct authority){ .host = { text.data, colon ? (size_t)(colon - text.data) : text.size } };
	if (colon && !u64_parse((struct bytes){ colon + 1, text.size - ret->host.size - 1 }, &ret->port))
		return false;
	if (ret->port == own_port)
		ret->port = 0;
	return ret->host.size > 0;
}

static uint64_t port_of_scheme(struct bytes scheme)
{
	return bytes_same_word(scheme, bytes_of("https")) ? 443 : bytes_same_word(scheme, bytes_of("http")) ? 80 : 0;
}

/* The authority of scheme://host[:port], and the scheme's own port. */
static bool read_origin(const char *origin, struct authority *ret, uint64_t *ret_own_port)
{
	const char *behind = strstr(origin, "://");

	if (!behind || behind == origin)
		return false;
	*ret_own_port = port_of_scheme((struct bytes){ origin, (size_t)(behind - origin) });
	return read_authority(bytes_of(behind + 3), *ret_own_port, ret);
}

/* Whether that origin and that Host are one server. */
static bool is_at(const char *origin, const char *host)
{
	struct authority of_origin, of_host;
	uint64_t own_port;

	return read_origin(origin, &of_origin, &own_port) && read_authority(bytes_of(host), own_port, &of_host) &&
	       bytes_same_word(of_origin.host, of_host.host) && of_origin.port == of_host.port;
}

/* Whether two origins are the same one. */
static bool same_origin(const char *a, const char *b)
{
	struct authority of_a, of_b;
	uint64_t port_a, port_b;

	if (strcasecmp(a, b) == 0)
		return true;
	return read_origin(a, &of_a, &port_a) && read_origin(b, &of_b, &port_b) && port_a == port_b &&
	       bytes_same_word((struct bytes){ a, (size_t)(of_a.host.data - a) },
		       (struct bytes){ b, (size_t)(of_b.host.data - b) }) &&
	       bytes_same_word(of_a.host, of_b.host) && of_a.port == of_b.port;
}

const char *http_origin_wrong(const char *text)
{
	struct authority authority;
	uint64_t own_port;

	if (strcmp(text, "*") == 0 || strcmp(text, "null") == 0)
		return NULL;
	if (!read_origin(text, &authority, &own_port))
		return "is not an origin; expected scheme://host or scheme://host:port, null, or *";
	if (strpbrk(authority.host.data, "/?#@*, "))
		return "has more than a scheme, a host and a port";
	return NULL;
}

static bool lets_all_in(const struct http_origins *origins)
{
	for (size_t i = 0; i < origins->count; i++)
		if (strcmp(origins->items[i], "*") == 0)
			return true;
	return false;
}

static bool is_listed(const char *origin, const struct http_origins *origins)
{
	for (size_t i = 0; i < origins->count; i++)
		if (same_origin(origins->items[i], origin))
			return true;
	return false;
}

bool http_origin_is_listed(const char *origin, const struct http_origins *origins)
{
	return lets_all_in(origins) || is_listed(origin, origins);
}

static bool is_other(const struct http_sender *s)
{
	if (s->site)
		return !is_word(s->site, "same-origin") && !is_word(s->site, "none");
	return s->origin && !(s->host && is_at(s->origin, s->host));
}

bool http_origin_is_foreign(const struct http_sender *s, const struct http_origins *origins)
{
	if (!is_other(s) || (s->reads && !s->origin && is_word(s->mode, "navigate")))
		return false;
	return !lets_all_in(origins) && !(s->origin && is_listed(s->origin, origins));
}

static bool is_address(struct bytes host)
{
	char text[NAME_MAX_SIZE + 1];
	struct in_addr v4;

	if (host.data[0] == '[')
		return host.data[host.size - 1] == ']';
	memcpy(text, host.data, host.size);
	text[host.size] = '\0';
	return inet_aton(text, &v4) == 1;
}

/* Reserved (RFC 6761, RFC 6762, ICANN's resolution of July 2024 on internal), or what a cluster gives its own. */
static bool is_private(struct bytes host)
{
	static const char *const last[] = { "localhost", "local", "internal", "test", "svc" };
	const char *dot = memrchr(host.data, '.', host.size);
	struct bytes label = { dot + 1, host.size - (size_t)(dot + 1 - host.data) };

	for (size_t i = 0; i < COUNT_OF(last); i++)
		if (bytes_same_word(label, bytes_of(last[i])))
			return true;
	return false;
}

static bool host_is_listed(const char *host, const struct http_origins *origins)
{
	for (size_t i = 0; i < origins->count; i++)
		if (is_at(origins->items[i], host))
			return true;
	return lets_all_in(origins);
}

bool http_host_is_foreign(const char *host, const char *own, const struct http_origins *origins)
{
	struct authority a;

	if (!host || !*host)
		return false;
	if (!read_authority(bytes_of(host), 0, &a) || a.host.size > NAME_MAX_SIZE)
		return !host_is_listed(host, origins);
	a.host.size -= a.host.size > 1 && a.host.data[a.host.size - 1] == '.';
	if (!memchr(a.host.data, '.', a.host.size) || is_address(a.host) || is_private(a.host))
		return false;
	return !bytes_same_word(a.host, bytes_of(own)) && !host_is_listed(host, origins);
}
