#include "http/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

static void set_v4(struct link_to *to, struct in_addr at, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to->at;

	*to = (struct link_to){ .size = sizeof *v4 };
	v4->sin_family = AF_INET;
	v4->sin_addr = at;
	v4->sin_port = htons(port);
}

static void set_v6(struct link_to *to, const struct in6_addr *at, uint32_t scope, uint16_t port)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to->at;

	*to = (struct link_to){ .size = sizeof *v6 };
	v6->sin6_family = AF_INET6;
	v6->sin6_addr = *at;
	v6->sin6_scope_id = scope;
	v6->sin6_port = htons(port);
}

void link_to_address(struct link_to *to, const struct sockaddr_storage *at, uint16_t port)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;

	if (at->ss_family == AF_INET6)
		set_v6(to, &v6->sin6_addr, v6->sin6_scope_id, port);
	else
		set_v4(to, ((const struct sockaddr_in *)at)->sin_addr, port);
}

bool link_to_number(struct link_to *to, const char *host, uint16_t port)
{
	size_t size = strlen(host);
	char digits[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1) {
		set_v4(to, v4, port);
		return true;
	}
	if (size < 2 || size - 2 >= sizeof digits || host[0] != '[')
		return false;
	memcpy(digits, host + 1, size - 2);
	digits[size - 2] = '\0';
	if (inet_pton(AF_INET6, digits, &v6) != 1)
		return false;
	set_v6(to, &v6, 0, port);
	return true;
}

bool link_to_unix(struct link_to *to, const char *path)
{
	struct sockaddr_un *at = (struct sockaddr_un *)&to->at;
	size_t size = strlen(path) + 1;

	if (size > sizeof at->sun_path)
		return false;
	*to = (struct link_to){ .size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size) };
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, path, size);
	return true;
}

void links_init(struct links *links, struct loop *loop, size_t kept_max)
{
	*links = (struct links){ .loop = loop, .max = kept_max };
}

void links_done(struct links *links)
{
	while (links->kept) {
		struct link *l = links->kept;
		links->kept = l->next;
		link_free(&l);
	}
	links->count = 0;
}

static void unlist(struct link *l)
{
	struct link **at = &l->links->kept;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->next = NULL;
	l->links->count--;
}

static void on_ready(void *context, int fd, unsigned what)
{
	struct link *l = context;

	(void)fd;
	if (l->ready) {
		l->ready(l->context, what);
	} else if (l->rest ? !l->rest(l) : what & WATCH_READ) {
		unlist(l);
		link_free(&l);
	}
}

/* Whether the peer has said nothing since, its end least of all. */
static bool is_quiet(const struct link *l)
{
	char byte;

	return recv(link_fd(l), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool leads_to(const struct link *l, const struct link_to *to)
{
	return l->to.protocol == to->protocol && l->to.size == to->size && memcmp(&l->to.at, &to->at, to->size) == 0;
}

static bool may_be_used(struct link *l)
{
	return mono_since(loop_now(l->links->loop), l->since).ns < DURATION_S(LINK_IDLE_S).ns &&
	       (l->rest ? l->rest(l) : is_quiet(l));
}

struct link *link_take(struct links *links, const struct link_to *to, link_ready *ready, void *context)
{
	struct link *next;

	for (struct link *l = links->kept; l; l = next) {
		next = l->next;
		if (!leads_to(l, to))
			continue;
		unlist(l);
		if (may_be_used(l)) {
			l->ready = ready;
			l->context = context;
			l->used = true;
			return l;
		}
		link_free(&l);
	}
	return NULL;
}

static int open_to(const struct link_to *to)
{
	int fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, failed;

	if (fd < 0)
		return -errno;
	if (to->at.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)&to->at, to->size) == 0 || errno == EINPROGRESS)
		return fd;
	failed = -errno;
	close(fd);
	return failed;
}

int link_new(struct links *links, const struct link_to *to, link_ready *ready, void *context, struct link **ret)
{
	int fd = open_to(to);
	struct link *l;

	if (fd < 0)
		return fd;
	l = oxp_new(sizeof *l);
	*l = (struct link){ .links = links, .to = *to, .ready = ready, .context = context };
	loop_watch_init(&l->watch, links->loop, fd, on_ready, l);
	loop_watch_set(&l->watch, WATCH_READ | WATCH_WRITE | WATCH_EDGE);
	*ret = l;
	return 0;
}

int link_error(const struct link *l)
{
	int error = 0;
	socklen_t size = sizeof error;

	return getsockopt(link_fd(l), SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

static struct link *oldest(const struct links *links)
{
	struct link *l = links->kept;

	while (l->next)
		l = l->next;
	return l;
}

void link_keep(struct link **kept)
{
	struct link *l = *kept, *over;
	struct links *links = l->links;

	if (!l->rest && !is_quiet(l)) { /* and no edge will tell of it again */
		link_free(kept);
		return;
	}
	*kept = NULL;
	l->ready = NULL;
	l->since = loop_now(links->loop);
	l->next = links->kept;
	links->kept = l;
	if (++links->count > links->max) {
		over = oldest(links);
		unlist(over);
		link_free(&over);
	}
}

void link_free(struct link **l)
{
	int fd;

	if (!*l)
		return;
	fd = link_fd(*l);
	if ((*l)->forget)
		(*l)->forget((*l)->session);
	loop_watch_done(&(*l)->watch);
	close(fd);
	free(*l);
	*l = NULL;
}
