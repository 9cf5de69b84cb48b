/*
 * A certificate with its key, as a server shows it, and whom that server trusts: read from files, and const from then
 * on. With tls_pair.c and tls.c the only includer of <gnutls/…>.
 *
 * Whoever presents a certificate has to present one that `client_ca` signed, that is valid now and meant for clients,
 * and that has one of `names`, if there are any: as common name, DNS name or URI (RFC 5280, 4.2.1.6), without
 * wildcards. What is offered: TLS 1.2 and 1.3, or 1.3 alone, with forward secrecy and authenticated ciphers; neither
 * compression, renegotiation, tickets nor early data.
 */
#ifndef OXP_HTTP_TLS_PAIR_H
#define OXP_HTTP_TLS_PAIR_H

#include "base/base.h"
#include "base/clock.h"

enum { TLS_WHY_MAX = 256, TLS_FILE_MAX = 1 << 20, TLS_NAMES_MAX = 64 };

/* What a pair is made of. The texts outlive it. */
struct tls_options {
	const char *cert, *key; /* files of PEM: the certificate with those between it and its authority, and its key */
	const char *client_ca; /* file of the authorities that sign clients; NULL: nobody is asked who he is */
	const char *const *names; /* of clients that are let in */
	size_t names_count; /* 0: all that client_ca signed */
	bool optional; /* a client may have no certificate: tls_is_known() */
	bool only_13; /* TLS 1.3 */
};

struct tls_pair;
struct gnutls_session_int;

/* Reads the files, so it may block. 0; or -errno with the reason in `why`, which names the file. */
int tls_pair_load(const struct tls_options *, char why[TLS_WHY_MAX], struct tls_pair **ret) MUST_CHECK;
struct tls_pair *tls_pair_ref(struct tls_pair *); /* on the loop alone */
void tls_pair_unref(struct tls_pair *); /* NULL is fine */
struct wall_time tls_pair_ends(const struct tls_pair *); /* when its certificate runs out */
/* Has a session offer and ask what the pair says. 0 or an error of GnuTLS. */
int tls_pair_use(const struct tls_pair *, struct gnutls_session_int *) MUST_CHECK;

#endif
