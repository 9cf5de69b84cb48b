#include "http/decline.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"

enum { WHY_SIZE = 1024, HOST_NAME_SIZE = 256 };

/* Empty parts of `path` mean nothing: an address that ends with a slash, and a path added to it, make //v1/traces. */
static bool is_path(const char *path, const char *routed)
{
	while (*routed) {
		while (path[0] == '/' && path[1] == '/')
			path++;
		if (*path++ != *routed++)
			return false;
	}
	while (*path == '/')
		path++;
	return !*path;
}

bool http_route_leads_to(const struct http_route *route, const char *path)
{
	return is_path(path, route->path) || strcmp(route->path, "*") == 0;
}

static const char *method_names(const struct http_route *route)
{
	static const char *const names[] = { [HTTP_GET] = "GET, HEAD",
		[HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",
		[HTTP_DELETE] = "DELETE",
		[HTTP_HEAD] = "HEAD" };

	return route->method < HTTP_METHOD_OTHER ? names[route->method] : "";
}

/* The answer without a handler: plain text, which no browser takes for a page. */
static void decline(struct http_request *r, unsigned status, const char *why, const char *allow)
{
	const char *headers[] = { "X-Content-Type-Options", "nosniff", allow ? "Allow" : NULL, allow, NULL };
	const struct http_server_options *o = &r->connection->server->options;
	struct buffer body;

	if (o->declined)
		o->declined(o->context, r, status, why);
	buffer_init(&body, WHY_SIZE);
	OXP_ASSERT(buffer_text(&body, why) == 0);
	http_respond(r, &(struct http_answer){ .status = status,
				.content_type = "text/plain; charset=utf-8",
				.headers = headers,
				.body = &body });
	buffer_done(&body);
}

/* Each once. */
void http_methods_of_path(const struct http_server *s, const char *path, char ret_methods[HTTP_METHODS_SIZE])
{
	size_t used = 0;

	ret_methods[0] = '\0';
	for (const struct http_route *route = s->routes; route->path; route++)
		if (http_route_leads_to(route, path) && !strstr(ret_methods, method_names(route)) &&
			used < HTTP_METHODS_SIZE)
			used += (size_t)snprintf(ret_methods + used, HTTP_METHODS_SIZE - used, "%s%s", used ? ", " : "",
				method_names(route));
}

/* What is served here: "GET, HEAD /metrics; POST /v1/traces". */
static void list_routes(const struct http_server *s, char *to, size_t room)
{
	size_t used = 0;

	for (const struct http_route *route = s->routes; route->path && used < room; route++)
		used += (size_t)snprintf(to + used, room - used, "%s%s %s", used ? "; " : "", method_names(route),
			strcmp(route->path, "*") == 0 ? "any path" : route->path);
}

void http_decline_unrouted(struct http_request *r)
{
	struct http_server *s = r->connection->server;
	char allow[HTTP_METHODS_SIZE], served[WHY_SIZE / 2] = "", why[WHY_SIZE];

	s->totals.unserved++;
	http_methods_of_path(s, r->path, allow);
	list_routes(s, served, sizeof served);
	snprintf(why, sizeof why, "%s; served here: %s\n",
		allow[0] ? "this path does not take that method" : "nothing is served at this path", served);
	decline(r, allow[0] ? 405 : 404, why, allow[0] ? allow : NULL);
}

/* Whether the peer came to a loopback address, as only this machine can. */
static bool is_local(const struct http_connection *c)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof at;

	if (getsockname(c->fd, &at.any, &size) < 0)
		return false;
	if (at.any.sa_family == AF_INET)
		return (ntohl(at.v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
	if (at.any.sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&at.v6.sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&at.v6.sin6_addr) && at.v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

/* Whether a stranger may own the request's Host and have made it lead here. Most names need no call into the kernel. */
static bool is_misled(const struct http_connection *c, const char *host)
{
	const struct http_origins *origins = &c->server->options.origins;
	char own[HOST_NAME_SIZE] = "";

	if (!http_host_is_foreign(host, own, origins) || !is_local(c))
		return false;
	return gethostname(own, sizeof own - 1) < 0 || http_host_is_foreign(host, own, origins);
}

/* NULL: the request is allowed. */
static const char *why_foreign(const struct http_request *r)
{
	const struct http_connection *c = r->connection;
	const char *site = http_request_header(r, "Sec-Fetch-Site");
	const struct http_sender sender = {
		.host = http_request_header(r, "Host"),
		.origin = http_request_header(r, "Origin"),
		.site = site,
		.mode = site ? http_request_header(r, "Sec-Fetch-Mode") : NULL, /* they come together */
		.reads = r->method == HTTP_GET || r->method == HTTP_HEAD,
	};

	if (http_origin_is_foreign(&sender, &c->server->options.origins))
		return "this request comes from a web page of another origin, according to Origin or Sec-Fetch-Site";
	if (is_misled(c, sender.host))
		return "at a loopback address, Host must be an address, localhost or another local name, because a "
		       "web page can make its own name lead here";
	return NULL;
}

static bool is_unix(const struct http_connection *c)
{
	int family = AF_UNSPEC;
	socklen_t size = sizeof family;

	return getsockopt(c->fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX;
}

/* RFC 9110, 11.6.1; over gRPC its own status 16, UNAUTHENTICATED, which clients would make of 401, too. */
static void ask_for_credentials(struct http_request *r)
{
	static const char *const headers[] = { "WWW-Authenticate", "Bearer realm=\"oxpecker\"", "WWW-Authenticate",
		"Basic realm=\"oxpecker\"", NULL };
	static const char *const trailers[] = { "grpc-status", "16", "grpc-message", "credentials are missing or wrong",
		NULL };
	const char *type = http_request_header(r, "Content-Type");
	bool grpc =
		r->connection->server->options.engine == HTTP_2 && type && strncmp(type, "application/grpc", 16) == 0;

	if (grpc)
		http_respond(r, &(struct http_answer){
					.status = 200, .content_type = "application/grpc", .trailers = trailers });
	else
		http_respond(r, &(struct http_answer){ .status = 401,
					.content_type = "text/plain; charset=utf-8",
					.headers = headers,
					.constant = bytes_of("credentials are missing or wrong\n") });
}

bool http_decline_stranger(struct http_request *r)
{
	const struct http_secure *secure = &r->connection->server->options.secure;

	if (!secure->allows || (r->route && r->route->open) || is_unix(r->connection) ||
		secure->allows(secure->context, r))
		return false;
	ask_for_credentials(r);
	return true;
}

bool http_decline_foreign(struct http_request *r)
{
	struct http_server *s = r->connection->server;
	const char *what = why_foreign(r), *option = s->options.origins.option;
	char why[WHY_SIZE];

	if (!what)
		return false;
	s->totals.foreign++;
	if (option)
		snprintf(why, sizeof why, "%s; to allow it, list its origin in `%s`: [\"https://app.example.com\"]\n",
			what, option);
	else
		snprintf(why, sizeof why, "%s; no option allows it here\n", what);
	decline(r, 403, why, NULL);
	return true;
}
