#include "http/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum { RECORD_MAX = 16 << 10, RECORD_HEAD = 5, ALERT = 21, ALERT_SIZE = 2, FATAL = 2 }; /* RFC 8446, 5.1 and 6 */

const char *const tls_faults[] = {
	[TLS_NONE] = "none",
	[TLS_PLAIN] = "plain",
	[TLS_PROTOCOL] = "protocol",
	[TLS_CLIENT] = "client",
	[TLS_DECLINED] = "declined",
	[TLS_LEFT] = "left",
	[TLS_LATE] = "late",
	[TLS_FAULTS] = NULL,
};

/*
 * Invariant: `stuck` is set while the library holds a record that the kernel did not take; `why` is set once the
 * handshake has failed.
 */
struct tls {
	gnutls_session_t session;
	struct tls_pair *pair;
	int fd;
	bool begun; /* a byte has come; `first` is it */
	unsigned char first;
	bool greeted, stuck, broken;
	bool is_alert; /* what comes next is one in the clear */
	int alert; /* that was fatal; -1: none */
	enum tls_fault fault;
	char why[TLS_WHY_MAX];
};

/* What the library calls. errno tells it the rest. */

/* OpenSSL sends its alerts in the clear where GnuTLS expects them encrypted: it would say that something cannot be
 * decrypted (TLS 1.3), or that there is no certificate (1.2). The library reads a record's head by itself. */
static void note_alert(struct tls *t, const unsigned char *bytes, size_t size)
{
	if (t->is_alert && size == ALERT_SIZE && bytes[0] == FATAL)
		t->alert = bytes[1];
	t->is_alert = size == RECORD_HEAD && bytes[0] == ALERT && bytes[3] == 0 && bytes[4] == ALERT_SIZE;
}

static ssize_t pull(gnutls_transport_ptr_t context, void *to, size_t room)
{
	struct tls *t = context;
	ssize_t n = recv(t->fd, to, room, MSG_DONTWAIT);

	if (n > 0 && !t->begun) {
		t->begun = true;
		t->first = *(unsigned char *)to;
	}
	if (n > 0 && !t->greeted)
		note_alert(t, to, (size_t)n);
	return n;
}

static ssize_t push_parts(gnutls_transport_ptr_t context, const giovec_t *parts, int count)
{
	const struct tls *t = context;
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };

	return sendmsg(t->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Life. */

static int propose(gnutls_session_t session, enum tls_speaks speaks)
{
	static const gnutls_datum_t protocols[] = { { (unsigned char *)"http/1.1", 8 }, { (unsigned char *)"h2", 2 } };

	if (speaks == TLS_ANYTHING)
		return 0;
	return gnutls_alpn_set_protocols(session, &protocols[speaks == TLS_HTTP_2], 1, GNUTLS_ALPN_MANDATORY);
}

int tls_new(struct tls_pair *pair, int fd, enum tls_speaks speaks, struct tls **ret)
{
	struct tls *t = oxp_new(sizeof *t);

	t->fd = fd;
	t->alert = -1;
	t->pair = tls_pair_ref(pair);
	if (gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) != 0 ||
		tls_pair_use(pair, t->session) != 0 || propose(t->session, speaks) != 0) {
		tls_free(t);
		return -ENOMEM;
	}
	gnutls_handshake_set_max_packet_length(t->session, TLS_MESSAGE_MAX);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_vec_push_function(t->session, push_parts);
	*ret = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	if (t->session)
		gnutls_deinit(t->session);
	tls_pair_unref(t->pair);
	free(t);
}

/* The handshake. */

static void say_plain(const struct tls *t)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
				   "Content-Length: 32\r\n\r\nthis port speaks TLS: use https\n";

	_Static_assert(sizeof "this port speaks TLS: use https\n" - 1 == 32, "Content-Length");
	if (send(t->fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* it is closed in any case */
}

static bool is_letter(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static enum tls_fault fault_of(const struct tls *t, int failed)
{
	if (t->alert >= 0 || failed == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return TLS_DECLINED;
	switch (failed) {
	case GNUTLS_E_CERTIFICATE_ERROR:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		return TLS_CLIENT;
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return TLS_LEFT;
	default:
		return t->begun && is_letter(t->first) ? TLS_PLAIN : TLS_PROTOCOL;
	}
}

static void note_why(struct tls *t, int failed)
{
	const char *alert =
		failed == GNUTLS_E_FATAL_ALERT_RECEIVED ? gnutls_alert_get_name(gnutls_alert_get(t->session)) : NULL;

	if (t->fault == TLS_PLAIN)
		snprintf(t->why, sizeof t->why, "it does not speak TLS");
	else if (t->fault == TLS_CLIENT && failed == GNUTLS_E_CERTIFICATE_ERROR)
		snprintf(t->why, sizeof t->why, "its certificate is not one that is let in");
	else if (alert)
		snprintf(t->why, sizeof t->why, "the peer said: %s", alert);
	else
		snprintf(t->why, sizeof t->why, "%s", gnutls_strerror(failed));
}

static enum tls_step broken(struct tls *t, int failed)
{
	t->broken = true;
	t->fault = fault_of(t, failed);
	note_why(t, failed);
	if (t->fault == TLS_PLAIN)
		say_plain(t);
	else if (t->fault == TLS_PROTOCOL || t->fault == TLS_CLIENT)
		(void)!gnutls_alert_send_appropriate(t->session, failed);
	return TLS_BROKEN;
}

enum tls_step tls_greet(struct tls *t)
{
	int failed;

	do {
		failed = gnutls_handshake(t->session);
	} while (failed == GNUTLS_E_INTERRUPTED);
	if (failed == 0) {
		t->greeted = true;
		return TLS_DONE;
	}
	/* What we have to say then fits into an empty socket, but for a chain of 60 KiB. */
	if (failed == GNUTLS_E_AGAIN && gnutls_record_get_direction(t->session) == 0)
		return TLS_WAITS;
	return broken(t, failed);
}

bool tls_is_known(const struct tls *t)
{
	unsigned count = 0;

	return gnutls_certificate_get_peers(t->session, &count) && count > 0;
}

enum tls_fault tls_fault(const struct tls *t)
{
	return t->fault;
}

const char *tls_why(const struct tls *t)
{
	return t->why;
}

/* What goes over it. */

static ssize_t reset(struct tls *t)
{
	t->broken = true;
	errno = ECONNRESET;
	return -1;
}

ssize_t tls_recv(struct tls *t, void *to, size_t room)
{
	size_t got = 0, records = 0;
	ssize_t n = 1;

	if (t->broken)
		return reset(t);
	while (got < room && records++ < TLS_RECORDS_MAX &&
		(n = gnutls_record_recv(t->session, (char *)to + got, room - got)) > 0)
		got += (size_t)n;
	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
		errno = EAGAIN;
	else if (n < 0 && n != GNUTLS_E_PREMATURE_TERMINATION)
		n = reset(t);
	if (got > 0)
		return (ssize_t)got;
	return n == GNUTLS_E_PREMATURE_TERMINATION ? 0 : n < 0 ? -1 : n;
}

bool tls_pending(const struct tls *t)
{
	return gnutls_record_check_pending(t->session) > 0;
}

/* The bytes behind the first `skip` of all parts, as many as a record takes: in place if they stand together, else in
 * `copy`. */
static struct bytes record_of(const struct iovec *parts, size_t count, size_t skip, char copy[RECORD_MAX])
{
	size_t size = 0;

	for (size_t i = 0; i < count && size < RECORD_MAX; i++) {
		size_t left = parts[i].iov_len > skip ? parts[i].iov_len - skip : 0, n;
		const char *from = left ? (const char *)parts[i].iov_base + skip : NULL;
		skip -= parts[i].iov_len - left;
		n = smaller(left, RECORD_MAX - size);
		if (size == 0 && left >= RECORD_MAX)
			return (struct bytes){ from, RECORD_MAX };
		if (n > 0)
			memcpy(copy + size, from, n);
		size += n;
	}
	return (struct bytes){ copy, size };
}

ssize_t tls_send(struct tls *t, const struct iovec *parts, size_t count)
{
	char copy[RECORD_MAX];
	size_t sent = 0;
	ssize_t n = 0;

	while (!t->broken && sent < TLS_SEND_MAX) {
		struct bytes record = t->stuck ? (struct bytes){ NULL, 0 } : record_of(parts, count, sent, copy);
		if (!t->stuck && record.size == 0)
			return (ssize_t)sent;
		n = gnutls_record_send(t->session, record.data, record.size);
		t->stuck = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	if (sent > 0)
		return (ssize_t)sent;
	if (!t->stuck)
		return reset(t);
	errno = EAGAIN;
	return -1;
}

void tls_bye(struct tls *t)
{
	if (t && t->greeted && !t->broken && !t->stuck)
		(void)!gnutls_bye(t->session, GNUTLS_SHUT_WR);
	if (t)
		t->broken = true; /* nothing goes behind it */
}
