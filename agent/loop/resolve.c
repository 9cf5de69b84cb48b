/*
 * evdns answers in three ways: at once, from within the question (hosts file); later; or, if its base is freed, after
 * that. So a resolve that evdns still knows is only marked when it is cancelled, and freed in evdns's callback. Nothing
 * is cancelled inside evdns, because that touches the freed base. Every answer goes through a soon: done() is never
 * called from within resolve_start(), and the loop's time is fresh.
 */
#include "loop/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bytes.h"

enum { HOST_MAX = 255 };

static const char resolv_conf[] = "/etc/resolv.conf", hosts_file[] = "/etc/hosts";

struct cached {
	char host[HOST_MAX + 1];
	struct mono_time until;
	struct resolved result;
};

/*
 * Invariant: `link` is set while the resolver lists it; `asked` while evdns will call back. It is freed when neither
 * holds and its answer was given or given up.
 */
struct resolve {
	struct resolver *resolver;
	struct resolve *next, **link;
	struct loop *loop;
	struct loop_soon answer;
	struct resolved result;
	void (*done)(void *, const struct resolved *);
	void *context;
	uint16_t port;
	bool asked;
	char host[HOST_MAX + 1];
};

struct resolver {
	struct loop *loop;
	struct evdns_base *dns;
	struct resolve *first;
	size_t count;
	struct timespec conf_read, hosts_read; /* modification times */
	bool from_system;
	struct cached *cached[RESOLVE_CACHED_MAX];
};

/* What is cached. */

static struct cached **cached_find(struct resolver *r, const char *host)
{
	for (size_t i = 0; i < RESOLVE_CACHED_MAX; i++)
		if (r->cached[i] && strcmp(r->cached[i]->host, host) == 0)
			return &r->cached[i];
	return NULL;
}

void resolver_forget(struct resolver *r, const char *host)
{
	struct cached **cached = cached_find(r, host);

	if (cached) {
		free(*cached);
		*cached = NULL;
	}
}

/* A free slot, or else the slot of the one that expires first. */
static struct cached **slot_for_answer(struct resolver *r)
{
	struct cached **slot = &r->cached[0];

	for (size_t i = 0; i < RESOLVE_CACHED_MAX && *slot; i++)
		if (!r->cached[i] || r->cached[i]->until.ns < (*slot)->until.ns)
			slot = &r->cached[i];
	return slot;
}

static void cache(struct resolver *r, const char *host, const struct resolved *result)
{
	struct cached **slot;

	resolver_forget(r, host);
	slot = slot_for_answer(r);
	if (!*slot)
		*slot = oxp_new(sizeof **slot);
	snprintf((*slot)->host, sizeof(*slot)->host, "%s", host);
	(*slot)->result = *result;
	(*slot)->until = mono_after(loop_now(r->loop), DURATION_S(RESOLVE_CACHED_SECONDS));
}

static bool from_cache(struct resolve *q)
{
	struct cached **cached = cached_find(q->resolver, q->host);

	if (!cached || (*cached)->until.ns <= loop_now(q->loop).ns)
		return false;
	q->result = (*cached)->result;
	return true;
}

/* Answers. */

static void resolve_free(struct resolve *q)
{
	if (q->link) {
		*q->link = q->next;
		if (q->next)
			q->next->link = q->link;
		q->resolver->count--;
	}
	q->link = NULL;
	loop_soon_done(&q->answer);
	if (!q->asked)
		free(q);
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)a)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
}

static void give_answer(void *context)
{
	struct resolve *q = context;
	struct resolved result = q->result;
	void (*done)(void *, const struct resolved *) = q->done;
	void *to = q->context;

	for (size_t i = 0; i < result.count; i++)
		set_port(&result.addresses[i], q->port);
	resolve_free(q);
	done(to, &result);
}

static bool from_number(struct resolve *q)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&q->result.addresses[0];
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&q->result.addresses[0];

	if (inet_pton(AF_INET, q->host, &v4->sin_addr) == 1)
		v4->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, q->host, &v6->sin6_addr) == 1)
		v6->sin6_family = AF_INET6;
	else
		return false;
	q->result.count = 1;
	return true;
}

/* evdns. */

static int failure(int code)
{
	if (code == 0)
		return 0;
	return code == EVUTIL_EAI_NONAME || code == EVUTIL_EAI_NODATA ? -ENOENT : -EAGAIN;
}

static void take_addresses(struct resolved *to, const struct evutil_addrinfo *from)
{
	for (; from && to->count < RESOLVE_ADDRESSES_MAX; from = from->ai_next)
		if (from->ai_family == AF_INET || from->ai_family == AF_INET6)
			memcpy(&to->addresses[to->count++], from->ai_addr, from->ai_addrlen);
	if (to->count == 0 && !to->failed)
		to->failed = -ENOENT;
}

static void on_answer(int code, struct evutil_addrinfo *list, void *context)
{
	struct resolve *q = context;

	q->asked = false;
	q->result.failed = failure(code);
	take_addresses(&q->result, code == 0 ? list : NULL);
	if (list)
		evutil_freeaddrinfo(list);
	if (!q->link) {
		free(q); /* was given up */
		return;
	}
	if (!q->result.failed)
		cache(q->resolver, q->host, &q->result);
	loop_soon_run(&q->answer);
	loop_slice_end(q->loop);
}

static void ask(struct resolve *q)
{
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP
	};

	q->asked = true;
	evdns_getaddrinfo(q->resolver->dns, q->host, NULL, &hints, on_answer, q);
}

/* Sources. */

/* evdns would write its warnings to stderr; callers of done() know better what to report. */
static void log_nothing(int is_warning, const char *text)
{
	(void)is_warning, (void)text;
}

static struct timespec modified(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static bool same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A missing file is not an error: there are defaults, as in libc. */
static void read_system(struct resolver *r)
{
	r->conf_read = modified(resolv_conf);
	r->hosts_read = modified(hosts_file);
	evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, resolv_conf);
	if (evdns_base_count_nameservers(r->dns) == 0)
		evdns_base_nameserver_ip_add(r->dns, "127.0.0.1");
}

static int read_sources(struct resolver *r, const struct resolver_sources *sources)
{
	char timeout[32];

	snprintf(timeout, sizeof timeout, "%.3f", duration_seconds(sources->timeout));
	if (sources->timeout.ns > 0)
		evdns_base_set_option(r->dns, "timeout", timeout);
	evdns_base_load_hosts(r->dns, sources->hosts_file);
	if (sources->search)
		evdns_base_search_add(r->dns, sources->search);
	for (const char *const *server = sources->servers; server && *server; server++)
		if (evdns_base_nameserver_ip_add(r->dns, *server) != 0)
			return -EINVAL;
	return 0;
}

static void refresh(struct resolver *r)
{
	struct evdns_base *fresh;

	if (!r->from_system || r->count > 0)
		return;
	if (same(r->conf_read, modified(resolv_conf)) && same(r->hosts_read, modified(hosts_file)))
		return;
	fresh = evdns_base_new(loop_base(r->loop), 0);
	if (!fresh)
		return;
	evdns_base_free(r->dns, 1);
	r->dns = fresh;
	read_system(r);
}

static int resolver_begin(struct loop *loop, struct resolver **ret)
{
	struct resolver *r = oxp_new(sizeof *r);

	evdns_set_log_fn(log_nothing);
	r->loop = loop;
	r->dns = evdns_base_new(loop_base(loop), 0);
	if (!r->dns) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

int resolver_new(struct loop *loop, struct resolver **ret)
{
	int failed = resolver_begin(loop, ret);

	if (failed)
		return failed;
	(*ret)->from_system = true;
	read_system(*ret);
	return 0;
}

int resolver_new_from(struct loop *loop, const struct resolver_sources *sources, struct resolver **ret)
{
	struct resolver *r;
	int failed = resolver_begin(loop, &r);

	if (failed)
		return failed;
	failed = read_sources(r, sources);
	if (failed)
		resolver_free(r);
	else
		*ret = r;
	return failed;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	while (r->first)
		resolve_free(r->first);
	evdns_base_free(r->dns, 1);
	for (size_t i = 0; i < RESOLVE_CACHED_MAX; i++)
		free(r->cached[i]);
	free(r);
}

/* Questions. */

static struct resolve *resolve_new(struct resolver *r, const char *host, uint16_t port)
{
	struct resolve *q = oxp_new(sizeof *q);

	q->resolver = r;
	q->loop = r->loop;
	q->port = port;
	snprintf(q->host, sizeof q->host, "%s", host);
	q->next = r->first;
	q->link = &r->first;
	if (q->next)
		q->next->link = &q->next;
	r->first = q;
	r->count++;
	loop_soon_init(&q->answer, r->loop, give_answer, q);
	return q;
}

int resolve_start(struct resolver *r, const struct resolve_question *question, struct resolve **ret)
{
	struct resolve *q;

	if (!question->host[0] || strlen(question->host) > HOST_MAX)
		return -EINVAL;
	if (r->count >= RESOLVES_MAX)
		return -EAGAIN;
	refresh(r);
	q = resolve_new(r, question->host, question->port);
	q->done = question->done;
	q->context = question->context;
	if (from_number(q) || from_cache(q))
		loop_soon_run(&q->answer);
	else
		ask(q);
	*ret = q;
	return 0;
}

void resolve_cancel(struct resolve *q)
{
	if (q)
		resolve_free(q);
}
