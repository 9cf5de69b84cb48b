#include "http/tls_pair.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/small_file.h"

enum { CHAIN_MAX = 16, NAME_MAX_BYTES = 1 << 10 };

#define OFFERED                                                                                                        \
	":+AEAD:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+ECDHE-ECDSA:+ECDHE-RSA:+GROUP-X25519:"                   \
	"+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256:+SIGN-RSA-PSS-RSAE-SHA256:" \
	"+SIGN-RSA-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA384:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-SHA384:" \
	"+SIGN-EDDSA-ED25519:+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-SHA512:+COMP-NULL:+CTYPE-X509:"                       \
	"%SERVER_PRECEDENCE:%SAFE_RENEGOTIATION"
static const char offered[] = "NONE:+VERS-TLS1.3:+VERS-TLS1.2" OFFERED;
static const char offered_13[] = "NONE:+VERS-TLS1.3" OFFERED;

struct tls_pair {
	const struct tls_options *options;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	struct wall_time ends;
	size_t users;
};

/* Files. */

static int read_file(const char *name, struct buffer *to)
{
	buffer_init(to, TLS_FILE_MAX);
	return small_file_read(name, to);
}

/* A key leaves no copy behind. */
static void forget(struct buffer *b)
{
	if (b->data)
		gnutls_memset(b->data, 0, b->room);
	buffer_done(b);
}

static gnutls_datum_t datum_of(const struct buffer *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->data, (unsigned)b->size };
}

/* Clients. */

static bool is_same_name(gnutls_x509_subject_alt_name_t type, const char *name, size_t size, const char *allowed)
{
	if (strlen(allowed) != size)
		return false;
	return (type == GNUTLS_SAN_DNSNAME ? strncasecmp(name, allowed, size) : memcmp(name, allowed, size)) == 0;
}

static bool is_listed(const struct tls_options *o, gnutls_x509_subject_alt_name_t type, const char *name, size_t size)
{
	for (size_t i = 0; i < o->names_count; i++)
		if (is_same_name(type, name, size, o->names[i]))
			return true;
	return false;
}

static bool has_listed_common_name(const struct tls_options *o, gnutls_x509_crt_t crt)
{
	char name[NAME_MAX_BYTES];
	size_t size = sizeof name;

	return gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) == 0 &&
	       is_listed(o, GNUTLS_SAN_URI, name, size);
}

static bool has_listed_name(const struct tls_options *o, gnutls_x509_crt_t crt)
{
	char name[NAME_MAX_BYTES];

	for (unsigned i = 0; i < TLS_NAMES_MAX; i++) {
		size_t size = sizeof name;
		int type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &size, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if ((type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_URI) &&
			is_listed(o, (gnutls_x509_subject_alt_name_t)type, name, size))
			return true;
	}
	return has_listed_common_name(o, crt);
}

static bool is_let_in(const struct tls_options *o, gnutls_session_t session)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	gnutls_x509_crt_t crt;
	bool fine;

	if (!chain || count == 0 || count > CHAIN_MAX || gnutls_x509_crt_init(&crt) < 0)
		return false;
	fine = gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
	       (o->names_count == 0 || has_listed_name(o, crt));
	gnutls_x509_crt_deinit(crt);
	return fine;
}

/* Called by GnuTLS in the middle of the handshake. */
static int verify(gnutls_session_t session)
{
	const struct tls_pair *pair = gnutls_session_get_ptr(session);
	unsigned count = 0;
	gnutls_typed_vdata_st purpose = { GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0 };
	unsigned status = 0;

	if (!pair->options->client_ca || (pair->options->optional && !gnutls_certificate_get_peers(session, &count)))
		return 0;
	if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status != 0)
		return GNUTLS_E_CERTIFICATE_ERROR;
	return is_let_in(pair->options, session) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* Life. */

static int complain(char why[TLS_WHY_MAX], const char *file, const char *reason)
{
	snprintf(why, TLS_WHY_MAX, "%s: %s", file, reason);
	return -EINVAL;
}

static int load_authorities(struct tls_pair *p, char why[TLS_WHY_MAX])
{
	const char *name = p->options->client_ca;
	struct buffer text;
	gnutls_datum_t pem;
	int failed = read_file(name, &text), count;

	if (failed) {
		buffer_done(&text);
		return complain(why, name, small_file_why(failed));
	}
	pem = datum_of(&text);
	count = gnutls_certificate_set_x509_trust_mem(p->credentials, &pem, GNUTLS_X509_FMT_PEM);
	buffer_done(&text);
	return count > 0 ? 0 : complain(why, name, count < 0 ? gnutls_strerror(count) : "no certificate is in it");
}

static int note_end(struct tls_pair *p, const struct buffer *cert)
{
	gnutls_datum_t pem = datum_of(cert);
	gnutls_x509_crt_t crt;
	int failed = gnutls_x509_crt_init(&crt);

	if (failed)
		return failed;
	failed = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
	p->ends.ns = failed ? 0 : (int64_t)gnutls_x509_crt_get_expiration_time(crt) * 1000000000;
	gnutls_x509_crt_deinit(crt);
	return failed;
}

static int set_pair(struct tls_pair *p, const struct buffer *cert, const struct buffer *key, char why[TLS_WHY_MAX])
{
	gnutls_datum_t cert_pem = datum_of(cert), key_pem = datum_of(key);
	int failed = note_end(p, cert);

	if (failed)
		return complain(why, p->options->cert, gnutls_strerror(failed));
	failed =
		gnutls_certificate_set_x509_key_mem2(p->credentials, &cert_pem, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (failed == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return complain(why, p->options->key, "the key does not belong to the certificate");
	return failed < 0 ? complain(why, p->options->key, gnutls_strerror(failed)) : 0;
}

static int load_pair(struct tls_pair *p, char why[TLS_WHY_MAX])
{
	struct buffer cert, key;
	int failed_cert = read_file(p->options->cert, &cert), failed_key = read_file(p->options->key, &key), failed;

	if (failed_cert)
		failed = complain(why, p->options->cert, small_file_why(failed_cert));
	else if (failed_key)
		failed = complain(why, p->options->key, small_file_why(failed_key));
	else
		failed = set_pair(p, &cert, &key, why);
	buffer_done(&cert);
	forget(&key);
	return failed;
}

static int load(struct tls_pair *p, char why[TLS_WHY_MAX])
{
	const char *at;
	int failed = gnutls_certificate_allocate_credentials(&p->credentials);

	if (!failed)
		failed = gnutls_priority_init(&p->priority, p->options->only_13 ? offered_13 : offered, &at);
	if (failed)
		return complain(why, p->options->cert, gnutls_strerror(failed));
	failed = load_pair(p, why);
	if (failed || !p->options->client_ca)
		return failed;
	gnutls_certificate_set_verify_function(p->credentials, verify);
	return load_authorities(p, why);
}

static void pair_free(struct tls_pair *p)
{
	if (p->credentials)
		gnutls_certificate_free_credentials(p->credentials);
	if (p->priority)
		gnutls_priority_deinit(p->priority);
	free(p);
}

int tls_pair_load(const struct tls_options *o, char why[TLS_WHY_MAX], struct tls_pair **ret)
{
	struct tls_pair *p = oxp_new(sizeof *p);
	int failed;

	p->options = o;
	p->users = 1;
	failed = load(p, why);
	if (failed)
		pair_free(p);
	else
		*ret = p;
	return failed;
}

struct tls_pair *tls_pair_ref(struct tls_pair *p)
{
	p->users++;
	return p;
}

void tls_pair_unref(struct tls_pair *p)
{
	if (p && --p->users == 0)
		pair_free(p);
}

struct wall_time tls_pair_ends(const struct tls_pair *p)
{
	return p->ends;
}

static gnutls_certificate_request_t request_of(const struct tls_options *o)
{
	if (!o->client_ca)
		return GNUTLS_CERT_IGNORE;
	return o->optional ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_REQUIRE;
}

int tls_pair_use(const struct tls_pair *p, struct gnutls_session_int *session)
{
	int failed = gnutls_priority_set(session, p->priority);

	if (!failed)
		failed = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, p->credentials);
	gnutls_session_set_ptr(session, (void *)p);
	gnutls_certificate_server_set_request(session, request_of(p->options));
	return failed;
}
