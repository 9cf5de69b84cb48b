/*
 * A client of TLS for tests that speak plain text: what is written to one end of a socket pair goes to the server over
 * TLS, and back. It lives on the test's loop.
 */
#ifndef OXP_UNIT_BRIDGE_H
#define OXP_UNIT_BRIDGE_H

#include "unit/http/certs.h"
#include "unit/http/raw.h"

enum { BRIDGE_PIECE = 8 << 10 };

/* How a client comes. */
struct manner {
	const char *priority; /* NULL: as GnuTLS has it */
	const char *protocol; /* ALPN; NULL: none */
	const char *cert; /* the name of a pair in the folder; NULL: none */
};

struct bridge {
	struct world *world;
	const struct scratch *folder;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	int plain, tcp, test; /* test: the end that the test has */
	struct loop_watch from_test, from_server;
	bool greeted, broken, over;
	int failed; /* what the handshake ended with */
	char out[BRIDGE_PIECE];
	size_t out_size, out_at;
	bool out_stuck;
};

static inline void bridge_close(struct bridge *b)
{
	loop_watch_set(&b->from_test, 0);
	loop_watch_set(&b->from_server, 0);
	if (!b->over)
		shutdown(b->plain, SHUT_WR);
	b->over = true;
}

static inline void bridge_out(struct bridge *b)
{
	ssize_t n = 1;

	if (b->out_at == b->out_size) {
		n = recv(b->plain, b->out, sizeof b->out, MSG_DONTWAIT);
		if (n == 0) {
			gnutls_bye(b->session, GNUTLS_SHUT_WR);
			shutdown(b->tcp, SHUT_WR);
			loop_watch_set(&b->from_test, 0);
			return;
		}
		if (n < 0)
			return;
		b->out_size = (size_t)n;
		b->out_at = 0;
	}
	n = gnutls_record_send(
		b->session, b->out_stuck ? NULL : b->out + b->out_at, b->out_stuck ? 0 : b->out_size - b->out_at);
	b->out_stuck = n == GNUTLS_E_AGAIN;
	if (n > 0)
		b->out_at += (size_t)n;
	else if (!b->out_stuck)
		loop_watch_set(&b->from_test, 0);
}

static inline void bridge_in(struct bridge *b)
{
	char piece[BRIDGE_PIECE];
	ssize_t n;

	do {
		n = gnutls_record_recv(b->session, piece, sizeof piece);
		if (n > 0)
			assert_int_equal(send(b->plain, piece, (size_t)n, MSG_NOSIGNAL), n);
	} while (n > 0);
	b->broken |= n < 0 && n != GNUTLS_E_AGAIN;
	if (n != GNUTLS_E_AGAIN)
		bridge_close(b);
}

static inline void bridge_greet(struct bridge *b)
{
	int failed = gnutls_handshake(b->session);

	if (failed == GNUTLS_E_AGAIN)
		return;
	b->greeted = failed == 0;
	b->failed = failed;
	if (failed)
		bridge_close(b);
	else
		loop_watch_set(&b->from_test, WATCH_READ);
}

static inline void bridge_ready(void *context, int fd, unsigned what)
{
	struct bridge *b = context;

	(void)what;
	if (!b->greeted)
		bridge_greet(b);
	else if (fd == b->plain)
		bridge_out(b);
	else
		bridge_in(b);
}

static inline void bridge_identify(struct bridge *b, const char *name)
{
	char cert[128], key[128];

	if (!name)
		return;
	snprintf(cert, sizeof cert, "%s/%s.pem", b->folder->path, name);
	snprintf(key, sizeof key, "%s/%s.key", b->folder->path, name);
	fine(gnutls_certificate_set_x509_key_file(b->credentials, cert, key, GNUTLS_X509_FMT_PEM));
}

static inline void bridge_init(
	struct bridge *b, struct world *w, const struct scratch *folder, uint16_t port, const struct manner *m)
{
	static const int room = 4 << 20;
	gnutls_datum_t protocol = { (unsigned char *)(m->protocol ? m->protocol : ""),
		m->protocol ? (unsigned)strlen(m->protocol) : 0 };
	int pair[2];

	*b = (struct bridge){ .world = w, .folder = folder, .tcp = tcp_connect(port) };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
	b->plain = pair[0];
	b->test = pair[1];
	assert_int_equal(fcntl(b->tcp, F_SETFL, O_NONBLOCK), 0);
	fine(gnutls_certificate_allocate_credentials(&b->credentials));
	bridge_identify(b, m->cert);
	fine(gnutls_init(&b->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL));
	if (m->priority)
		fine(gnutls_priority_set_direct(b->session, m->priority, NULL));
	else
		fine(gnutls_set_default_priority(b->session));
	if (m->protocol)
		fine(gnutls_alpn_set_protocols(b->session, &protocol, 1, 0));
	fine(gnutls_credentials_set(b->session, GNUTLS_CRD_CERTIFICATE, b->credentials));
	gnutls_transport_set_int(b->session, b->tcp);
	loop_watch_init(&b->from_test, w->loop, b->plain, bridge_ready, b);
	loop_watch_init(&b->from_server, w->loop, b->tcp, bridge_ready, b);
	loop_watch_set(&b->from_server, WATCH_READ);
	bridge_greet(b);
}

static inline void bridge_done(struct bridge *b)
{
	loop_watch_done(&b->from_test);
	loop_watch_done(&b->from_server);
	gnutls_deinit(b->session);
	gnutls_certificate_free_credentials(b->credentials);
	close(b->tcp);
	close(b->plain);
}

/* Until the handshake has ended, one way or the other. */
static inline bool bridge_greets(struct bridge *b)
{
	while (!b->greeted && !b->over)
		turn(b->world);
	return b->greeted;
}

#endif
