#include "http/unix_peers.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_unix(int fd)
{
	int domain = 0;
	socklen_t size = sizeof domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static bool is_listed(const struct unix_peers *p, uid_t user)
{
	for (size_t i = 0; i < p->users_count; i++)
		if (p->users[i] == user)
			return true;
	return user == geteuid();
}

static bool is_let_in(const struct unix_peers *p, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof peer;

	if (p->users_count == 0 || !is_unix(fd))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && is_listed(p, peer.uid))
		return true;
	if (p->refused)
		p->refused(p->context, peer.uid, peer.pid);
	return false;
}

int unix_peers_accept(const struct unix_peers *p, int listener)
{
	for (int i = 0; i < UNIX_PEERS_REFUSED; i++) {
		int peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer < 0 || is_let_in(p, peer))
			return peer;
		close(peer);
	}
	errno = EAGAIN;
	return -1;
}
