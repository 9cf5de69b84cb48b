/*
 * Who may connect to a listener, and over what: the options, the same for each listener, and what its server needs.
 *
 * With `cert` and `key` TCP is spoken over TLS; with `client_ca` a client has to present a certificate; with `auth` a
 * request has to have one of the credentials in a file. On Unix sockets all is in the clear, and no request is looked
 * at: who may connect there is a matter of the file and of the user (unix_guard.h).
 */
#ifndef OXP_GUARD_H
#define OXP_GUARD_H

#include "access/allowed.h"
#include "access/unix_guard.h"
#include "base/json_writer.h"
#include "component.h"
#include "config/option.h"
#include "http/server.h"

enum guard_tls { GUARD_TLS_12, GUARD_TLS_13 };
extern const char *const guard_tls_words[];

struct guard_config {
	const char *cert, *key, *client_ca;
	const struct option_list *client_names;
	enum guard_tls tls_min;
	const char *auth;
	struct unix_guard_config local;
};

/* The rows, for a config struct of `type` that has one of the above as `field`. */
#define GUARD_ROWS(type, field)                                                                                        \
	{ OPT_PATH(type, field.cert), .name = "cert", .example = "/etc/oxpecker/tls.crt",                              \
		.help = "File of the certificate that is shown, with those between it and its authority: TCP is then " \
			"spoken over TLS. Read again when it changes." },                                              \
		{ OPT_PATH(type, field.key), .name = "key", .example = "/etc/oxpecker/tls.key",                        \
			.help = "File of that certificate's key." },                                                   \
		{ OPT_PATH(type, field.client_ca), .name = "client_ca", .example = "/etc/oxpecker/clients.pem",        \
			.help = "File of the authorities that sign clients: each has to present a certificate." },     \
		{ OPT_TEXTS(type, field.client_names), .name = "client_names",                                         \
			.example = "[prometheus.monitoring.svc, \"spiffe://cluster.local/ns/shop/sa/app\"]",           \
			.help = "Names of clients that are let in, as DNS name, URI or common name; if there are "     \
				"none, all that client_ca signed." },                                                  \
		{ OPT_CHOICE(type, field.tls_min, guard_tls_words), .name = "tls_min", .text = "1.2",                  \
			.help = "Oldest version of TLS that is spoken." },                                             \
		UNIX_GUARD_ROWS(type, field.local, "0660"),                                                            \
	{                                                                                                              \
		OPT_PATH(type, field.auth), .name = "auth", .example = "/run/secrets/auth",                            \
					    .help = "File of who may ask over TCP, one a line: a bearer token, or "    \
						    "user:password for basic "                                         \
						    "authentication. Read again when it changes."                      \
	}

/* Whether they go together; if not, the reason is written into `why`. */
bool guard_check(const struct guard_config *, char *why, size_t room);

/* What the guard of a listener lives on. */
struct guard_world {
	struct loop *loop;
	struct lane *disk;
	/* How many handshakes ended so; TLS_NONE: well. */
	uint64_t *ends[TLS_FAULTS];
	uint64_t *denied; /* requests */
	uint64_t *refused; /* connections to Unix sockets */
	void (*tell)(void *context, enum log_level, const char *text);
	void *context;
};

struct guard {
	struct guard_world world;
	const char *cert;
	bool asks; /* for certificates of clients */
	struct tls_keys *keys; /* NULL: it speaks in the clear */
	struct unix_guard local;
	struct unix_peers peers; /* of Unix sockets */
	struct allowed allowed; /* its path is NULL if no credentials are asked for */
	bool some_open; /* routes are open, so a certificate is asked for at the others */
};

#define GUARD_HANDSHAKES "tls_handshakes_total"
#define GUARD_HANDSHAKES_HELP "TLS handshakes that ended well."
#define GUARD_FAILED "tls_handshakes_failed_total"
#define GUARD_FAILED_HELP                                                                                           \
	"TLS handshakes that failed: the peer spoke plain text, had no version or cipher in common (protocol), no " \
	"certificate that is let in (client), declined ours, left, or took too long (late)."

#define GUARD_DENIED "refused_unauthorized_total"
#define GUARD_DENIED_HELP "Requests answered 401, over gRPC UNAUTHENTICATED: their credentials were missing or wrong."

/* Reads the files. `some_open`: routes of its servers may be open, also to peers without a certificate. 0; or -errno,
 * told. Not to be moved afterwards. */
int guard_init(struct guard *, const struct guard_config *, const struct guard_world *, bool some_open) MUST_CHECK;
/* The same for a component, none of whose routes are. */
int guard_init_host(struct guard *, const struct guard_config *, struct host *) MUST_CHECK;
/* Behind the servers that it guards; fine on zeroed memory. */
void guard_done(struct guard *);
/* Sets what the server has to know. */
void guard_serve(struct guard *, struct http_server_options *);
/* What of the files is not in use, as members of an object of /status: `troubles`, if there are any. */
void guard_report(const struct guard *, struct json_writer *);

#endif
