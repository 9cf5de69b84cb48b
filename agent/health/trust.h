/*
 * TLS of the checks that ask over HTTP: the options `ca` and `verify`. The file is looked up
 * anew for each look.
 */
#ifndef OXP_TRUST_H
#define OXP_TRUST_H

#include "base/held_file.h"
#include "component.h"
#include "config/option.h"
#include "http/call.h"

struct trust_config {
	const char *ca;
	bool verify;
};

/* The rows, for a config struct of `type` that has the above as `field`. */
#define TRUST_ROWS(type, field)                                                                                     \
	{ OPT_PATH(type, field.ca), .name = "ca", .example = "/etc/oxpecker/ca.pem",                                \
		.help = "File of the authorities that may have signed the server's certificate; if it is missing, " \
			"those of the system." },                                                                   \
	{                                                                                                           \
		OPT_BOOL(type, field.verify), .name = "verify", .text = "true",                                     \
					      .help = "Whether to check the server's certificate and name."         \
	}

struct trust {
	struct host *host;
	struct held_file ca;
	bool complained; /* the file is missing, which has been logged */
	struct http_tls tls;
};

/* 0, or -errno with the reason logged. trust_done() follows either way. */
int trust_init(struct trust *, const struct trust_config *, struct host *) MUST_CHECK;
/* Before each look. If there is no such file now, the one that was there before stays in use, which is logged. */
void trust_renew(struct trust *);
void trust_done(struct trust *);

#endif
