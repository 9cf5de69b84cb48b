#include "health/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/library.h"

struct openssl {
	__typeof__(TLS_client_method) *method;
	__typeof__(SSL_CTX_new) *context_new;
	__typeof__(SSL_CTX_free) *context_free;
	__typeof__(SSL_CTX_ctrl) *context_ctrl;
	__typeof__(SSL_CTX_set_verify) *set_verify;
	__typeof__(SSL_CTX_set_default_verify_paths) *trust_system;
	__typeof__(SSL_CTX_load_verify_locations) *trust;
	__typeof__(SSL_new) *new;
	__typeof__(SSL_free) *free;
	__typeof__(SSL_set_fd) *set_fd;
	__typeof__(SSL_set1_host) *set_host;
	__typeof__(SSL_ctrl) *ctrl;
	__typeof__(SSL_connect) *connect;
	__typeof__(SSL_read) *read;
	__typeof__(SSL_write) *write;
	__typeof__(SSL_get_verify_result) *verify_result;
};

struct dial {
	int fd;
	struct openssl openssl;
	SSL_CTX *context;
	SSL *ssl; /* NULL: no TLS */
};

static int load(struct openssl *o, char *why, size_t room)
{
	const struct library_function functions[] = { { "TLS_client_method", &o->method },
		{ "SSL_CTX_new", &o->context_new }, { "SSL_CTX_free", &o->context_free },
		{ "SSL_CTX_ctrl", &o->context_ctrl }, { "SSL_CTX_set_verify", &o->set_verify },
		{ "SSL_CTX_set_default_verify_paths", &o->trust_system },
		{ "SSL_CTX_load_verify_locations", &o->trust }, { "SSL_new", &o->new }, { "SSL_free", &o->free },
		{ "SSL_set_fd", &o->set_fd }, { "SSL_set1_host", &o->set_host }, { "SSL_ctrl", &o->ctrl },
		{ "SSL_connect", &o->connect }, { "SSL_read", &o->read }, { "SSL_write", &o->write },
		{ "SSL_get_verify_result", &o->verify_result } };

	return library_load("libssl.so.3", functions, COUNT_OF(functions), why, room);
}

/* One address after another, until there is a connection. Returns the descriptor, or -1 and why. */
static int connect_to(const struct dial_options *o, char *why, size_t room)
{
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
	struct addrinfo *found;
	int failed = getaddrinfo(o->host, o->port, &wanted, &found), fd = -1;

	if (failed) {
		snprintf(why, room, "%s", gai_strerror(failed));
		return -1;
	}
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		snprintf(why, room, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

static bool trust(struct dial *d, const struct dial_options *o, char *why, size_t room)
{
	const struct openssl *s = &d->openssl;
	int fine = *o->ca ? s->trust(d->context, o->ca, NULL) : s->trust_system(d->context);

	if (fine == 1)
		return true;
	snprintf(why, room, "cannot read the authorities%s%s", *o->ca ? " in " : "", o->ca);
	return false;
}

static bool is_numeric(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool begin_tls(struct dial *d, const struct dial_options *o, char *why, size_t room)
{
	const struct openssl *s = &d->openssl;
	union {
		const char *given;
		void *taken;
	} name = { .given = o->host };

	s->context_ctrl(d->context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
	s->set_verify(d->context, o->trust_anyone ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	d->ssl = s->new (d->context);
	if (!d->ssl || s->set_fd(d->ssl, d->fd) != 1 || s->set_host(d->ssl, o->host) != 1) {
		snprintf(why, room, "out of memory");
		return false;
	}
	if (!is_numeric(o->host)) /* RFC 6066, 3: names alone */
		s->ctrl(d->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.taken);
	if (s->connect(d->ssl) == 1)
		return true;
	if (s->verify_result(d->ssl) != X509_V_OK)
		snprintf(why, room, "the server's certificate is not trusted (%ld)", s->verify_result(d->ssl));
	else
		snprintf(why, room, "the TLS handshake failed");
	return false;
}

struct dial *dial_new(const struct dial_options *o, char *why, size_t room)
{
	struct dial *d = oxp_new(sizeof *d);

	d->fd = connect_to(o, why, room);
	if (d->fd >= 0 && !o->tls)
		return d;
	if (d->fd >= 0 && load(&d->openssl, why, room) == 0) {
		d->context = d->openssl.context_new(d->openssl.method());
		if (!d->context)
			snprintf(why, room, "out of memory");
		else if ((o->trust_anyone || trust(d, o, why, room)) && begin_tls(d, o, why, room))
			return d;
	}
	dial_free(d);
	return NULL;
}

void dial_free(struct dial *d)
{
	if (!d)
		return;
	if (d->ssl)
		d->openssl.free(d->ssl);
	if (d->context)
		d->openssl.context_free(d->context);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

bool dial_write(struct dial *d, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = d->ssl ? d->openssl.write(d->ssl, data, (int)size) : write(d->fd, data, size);
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

bool dial_read_line(struct dial *d, char *to, size_t room)
{
	for (size_t size = 0; size < room; size++) {
		ssize_t n = d->ssl ? d->openssl.read(d->ssl, to + size, 1) : read(d->fd, to + size, 1);
		if (n <= 0)
			return false;
		if (to[size] != '\n')
			continue;
		size -= size > 0 && to[size - 1] == '\r';
		to[size] = '\0';
		return true;
	}
	return false;
}
