/*
 * An authority of the test, and what it signs: keys of ECDSA, made here, in files of PEM.
 */
#ifndef OXP_UNIT_CERTS_H
#define OXP_UNIT_CERTS_H

#include <gnutls/x509.h>
#include <time.h>

#include "unit/scratch.h"

struct authority {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

/* What a certificate says. */
struct says {
	const char *common_name, *dns, *uri; /* NULL: none */
	bool server; /* else it is a client's */
	bool over; /* it ran out an hour ago */
};

static inline void fine(int failed)
{
	if (failed < 0)
		fail_msg("GnuTLS: %s", gnutls_strerror(failed));
}

static inline gnutls_x509_privkey_t new_key(void)
{
	gnutls_x509_privkey_t key;

	fine(gnutls_x509_privkey_init(&key));
	fine(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	return key;
}

static inline gnutls_x509_crt_t new_crt(gnutls_x509_privkey_t key, const char *name, time_t until)
{
	static const char serial[] = { 1 };
	gnutls_x509_crt_t crt;

	fine(gnutls_x509_crt_init(&crt));
	fine(gnutls_x509_crt_set_version(crt, 3));
	fine(gnutls_x509_crt_set_key(crt, key));
	fine(gnutls_x509_crt_set_serial(crt, serial, sizeof serial));
	fine(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 7200));
	fine(gnutls_x509_crt_set_expiration_time(crt, until));
	fine(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)));
	return crt;
}

static inline void authority_init(struct authority *a, const char *name)
{
	a->key = new_key();
	a->crt = new_crt(a->key, name, time(NULL) + 3600);
	fine(gnutls_x509_crt_set_ca_status(a->crt, 1));
	fine(gnutls_x509_crt_sign2(a->crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0));
}

static inline void authority_done(struct authority *a)
{
	gnutls_x509_crt_deinit(a->crt);
	gnutls_x509_privkey_deinit(a->key);
}

/* Under another name first, as those write who replace a file. */
static inline void write_pem(const struct scratch *s, const char *name, const gnutls_datum_t *pem)
{
	int fd = openat(s->fd, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, pem->data, pem->size), pem->size);
	close(fd);
	assert_int_equal(renameat(s->fd, "new", s->fd, name), 0);
}

static inline void write_crt(const struct scratch *s, const char *name, gnutls_x509_crt_t crt)
{
	gnutls_datum_t pem;

	fine(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
	write_pem(s, name, &pem);
	gnutls_free(pem.data);
}

static inline void add_name(gnutls_x509_crt_t crt, gnutls_x509_subject_alt_name_t type, const char *name)
{
	if (name)
		fine(gnutls_x509_crt_set_subject_alt_name(crt, type, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND));
}

/* NAME.pem and NAME.key. */
static inline void authority_sign(
	const struct authority *a, const struct scratch *s, const char *name, const struct says *says)
{
	gnutls_x509_privkey_t key = new_key();
	gnutls_x509_crt_t crt =
		new_crt(key, says->common_name ? says->common_name : name, time(NULL) + (says->over ? -3600 : 3600));
	char file[64];
	gnutls_datum_t pem;

	add_name(crt, GNUTLS_SAN_DNSNAME, says->dns);
	add_name(crt, GNUTLS_SAN_URI, says->uri);
	fine(gnutls_x509_crt_set_key_purpose_oid(
		crt, says->server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0));
	fine(gnutls_x509_crt_sign2(crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0));
	snprintf(file, sizeof file, "%s.pem", name);
	write_crt(s, file, crt);
	fine(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
	snprintf(file, sizeof file, "%s.key", name);
	write_pem(s, file, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

#endif
