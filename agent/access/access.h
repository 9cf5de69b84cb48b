/*
 * How the agent and an HTTP peer identify themselves: the options, whether they go together, and what a request needs.
 *
 * There is one way to authenticate at a time: basic, API key or bearer token. Further headers are sent as they are
 * written. Secrets go into headers and nowhere else: not into a log line or /status, not even if the peer quotes them.
 * The TLS files are opened at the start, so a wrong path is reported then and not with the first request, and looked at
 * again for each request. If something else than a file is in the place of one, the old one stays in use.
 *
 * Tokens are renewed while the agent runs: when a peer refuses one, the files that it came from are read again.
 */
#ifndef OXP_ACCESS_H
#define OXP_ACCESS_H

#include "base/held_file.h"
#include "base/hidden.h"
#include "component.h"
#include "config/option.h"
#include "http/client.h"

enum { ACCESS_HEADERS_MAX = 32, ACCESS_FILES = 3 };

struct access_config {
	const char *user, *password, *api_key, *bearer;
	const struct option_map *headers; /* NULL: there is no such option */
	const char *ca, *cert, *key;
	bool verify;
};

/* The rows, for a config struct of `type` that has one of the above as `field`. */
#define ACCESS_ROWS(type, field)                                                                                    \
	{ OPT_TEXT(type, field.user), .name = "user", .example = "shipper",                                         \
		.help = "User name for basic authentication." },                                                    \
		{ OPT_TEXT(type, field.password), .name = "password", .secret = true,                               \
			.example = "${file:/run/secrets/password}", .help = "Password for basic authentication." }, \
		{ OPT_TEXT(type, field.api_key), .name = "api_key", .secret = true,                                 \
			.example = "${file:/run/secrets/api_key}",                                                  \
			.help = "API key in its encoded form, sent as Authorization: ApiKey." },                    \
		{ OPT_TEXT(type, field.bearer), .name = "bearer", .secret = true,                                   \
			.example = "${file:/run/secrets/token}", .help = "Token sent as Authorization: Bearer." },  \
		{ OPT_PATH(type, field.ca), .name = "ca", .example = "/etc/oxpecker/ca.pem",                        \
			.help = "File of the authorities that may have signed the server's certificate; if it is "  \
				"missing, those of the system." },                                                  \
		{ OPT_PATH(type, field.cert), .name = "cert", .example = "/etc/oxpecker/cert.pem",                  \
			.help = "File of the agent's own certificate, for a server that asks for one." },           \
		{ OPT_PATH(type, field.key), .name = "key", .example = "/etc/oxpecker/key.pem",                     \
			.help = "File of that certificate's key." },                                                \
	{                                                                                                           \
		OPT_BOOL(type, field.verify), .name = "verify", .text = "true",                                     \
					      .help = "Whether to check the server's certificate and name."         \
	}

/* One more row, for those that take further headers. */
#define ACCESS_HEADERS_ROW(type, field)                                                                        \
	{                                                                                                      \
		OPT_MAP(type, field.headers), .name = "headers", .secret = true,                               \
					      .example = "{ X-Scope-OrgID: \"${file:/run/secrets/tenant}\" }", \
					      .help = "Headers that are sent with each request, by name."      \
	}

bool access_check(const struct access_config *, char *why, size_t room);

struct access_look;

struct access {
	char *authorization; /* "Authorization: …", or NULL */
	char *user_password; /* "user:password", or NULL */
	char *headers[ACCESS_HEADERS_MAX + 1]; /* "Name: value"; ends with NULL */
	struct hidden hidden, hidden_urls; /* the secrets in these, and in the peer's addresses */
	struct held_file files[ACCESS_FILES];
	struct http_tls tls; /* borrows from these and from the configuration; access_tls() */
	struct host *host;
	const struct access_config *config;
	struct access_look *look; /* under way in the disk lane */
	bool complained, files_complained;
};

/* 0, or -errno with the reason logged. */
int access_init(struct access *, const struct access_config *, struct host *) MUST_CHECK;
void access_done(struct access *);
/* What the next call is to have. */
const struct http_tls *access_tls(struct access *);
/* Writes the headers that it is to have besides its own, at most ACCESS_LINES_MAX; returns how many. */
enum { ACCESS_LINES_MAX = ACCESS_HEADERS_MAX + 1 };
size_t access_list(const struct access *, const char **to);
/* Adds the peer's address, which may have a password in it. 0, -ENOSPC or -ENOMEM. */
int access_add_url(struct access *, const char *url) MUST_CHECK;
/* Removes our secrets from what the peer said. */
void access_hide(const struct access *, char *text);
/* The status that the peer answered. After 401 and 403 the files of our credentials are read again; the next request
 * that begins after that uses what they say. */
void access_answered(struct access *, unsigned status);

#endif
