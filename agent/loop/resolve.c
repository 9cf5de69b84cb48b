/*
 * A question goes on in steps, each a callback of its own: the hosts file slice by slice, then one name after another
 * at the servers. done() is never called from within resolve_start(), and the loop's time is fresh.
 */
#include "loop/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "loop/hosts.h"
#include "loop/lookup.h"
#include "loop/numeric.h"

enum { HOST_MAX = 255 };

static const char system_conf[] = "/etc/resolv.conf", system_hosts[] = "/etc/hosts";

struct cached {
	char host[HOST_MAX + 1];
	struct mono_time until;
	struct resolved result;
};

enum resolve_phase {
	RESOLVE_HOSTS, /* the hosts file is being read */
	RESOLVE_SERVERS, /* `lookup` asks */
	RESOLVE_ANSWERED, /* `result` is to be told */
};

/* Invariant: listed from its start until done() is called. */
struct resolve {
	struct resolver *resolver;
	struct resolve *next, **link;
	struct loop *loop;
	enum resolve_phase phase;
	struct loop_soon step;
	struct hosts_search hosts;
	struct lookup lookup;
	size_t names; /* how many of those that the search list makes of `host` were tried */
	bool unsaid; /* of one of them, the servers could not say whether there is one */
	uint32_t keep; /* seconds for which `result` is cached */
	struct resolved result;
	void (*done)(void *, const struct resolved *);
	void *context;
	uint16_t port;
	char host[HOST_MAX + 1];
};

struct resolver {
	struct loop *loop;
	struct resolv_conf conf;
	struct lookup_servers servers; /* of `conf` */
	char *hosts_file; /* NULL: none */
	struct resolve *first;
	size_t count;
	struct timespec conf_read; /* its modification time */
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

static void cache(struct resolve *q)
{
	struct resolver *r = q->resolver;
	struct cached **slot;

	resolver_forget(r, q->host);
	slot = slot_for_answer(r);
	if (!*slot)
		*slot = oxp_new(sizeof **slot);
	snprintf((*slot)->host, sizeof(*slot)->host, "%s", q->host);
	(*slot)->result = q->result;
	(*slot)->until = mono_after(loop_now(r->loop), DURATION_S(q->keep));
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
	*q->link = q->next;
	if (q->next)
		q->next->link = q->link;
	q->resolver->count--;
	loop_soon_done(&q->step);
	hosts_search_done(&q->hosts);
	lookup_done(&q->lookup);
	free(q);
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)a)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
}

/* With IPv4 first, each family in the order in which it was found. */
static void put_in_order(struct resolved *to, const struct resolved *from, uint16_t port)
{
	static const int families[] = { AF_INET, AF_INET6 };

	to->failed = from->failed;
	for (size_t f = 0; f < COUNT_OF(families); f++)
		for (size_t i = 0; i < from->count; i++)
			if (from->addresses[i].ss_family == families[f])
				to->addresses[to->count++] = from->addresses[i];
	for (size_t i = 0; i < to->count; i++)
		set_port(&to->addresses[i], port);
}

static void give_answer(struct resolve *q)
{
	struct resolved result = { 0 };
	void (*done)(void *, const struct resolved *) = q->done;
	void *to = q->context;

	put_in_order(&result, &q->result, q->port);
	resolve_free(q);
	done(to, &result);
}

static void answer_with(struct resolve *q, int failed)
{
	q->result.failed = failed;
	q->phase = RESOLVE_ANSWERED;
	loop_soon_run(&q->step);
}

static void answer_found(struct resolve *q)
{
	cache(q);
	answer_with(q, 0);
}

static bool from_number(struct resolve *q)
{
	q->result.count = numeric_parse(bytes_of(q->host), q->port, &q->result.addresses[0]);
	return q->result.count > 0;
}

/* Every host has this name, whatever its hosts file says (RFC 6761, 6.3). */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t size = strlen(host), tail = sizeof name - 1;

	if (size > 0 && host[size - 1] == '.')
		size--;
	return size >= tail && strncasecmp(host + size - tail, name, tail) == 0 &&
	       (size == tail || host[size - tail - 1] == '.');
}

static void add_address(struct resolved *to, int family, const void *bytes)
{
	struct sockaddr_storage a = { .ss_family = (sa_family_t)family };

	if (to->count == RESOLVE_ADDRESSES_MAX)
		return;
	if (family == AF_INET)
		memcpy(&((struct sockaddr_in *)&a)->sin_addr, bytes, sizeof(struct in_addr));
	else
		memcpy(&((struct sockaddr_in6 *)&a)->sin6_addr, bytes, sizeof(struct in6_addr));
	to->addresses[to->count++] = a;
}

static bool from_localhost(struct resolve *q)
{
	const struct in_addr v4 = { htonl(INADDR_LOOPBACK) };

	if (!is_localhost(q->host))
		return false;
	add_address(&q->result, AF_INET, &v4);
	add_address(&q->result, AF_INET6, &in6addr_loopback);
	return true;
}

/* The servers. */

/* The name to ask for, of those that the search list makes of the host; `i` counts them. -ENOENT: there are no more.
 * -EINVAL: this one is too long. */
static int name_write(const struct resolve *q, size_t i, char name[HOST_MAX + 1])
{
	const struct resolv_conf *conf = &q->resolver->conf;
	size_t size = strlen(q->host), dots = 0, domains = conf->search_count, as_it_is;
	bool whole = q->host[size - 1] == '.';

	for (const char *at = q->host; *at; at++)
		dots += *at == '.';
	as_it_is = whole || dots >= conf->ndots ? 0 : domains;
	if (i > domains || (whole && i > 0))
		return -ENOENT;
	if (i == as_it_is)
		size = (size_t)snprintf(name, HOST_MAX + 1, "%s", q->host);
	else
		size = (size_t)snprintf(name, HOST_MAX + 1, "%s.%s", q->host, conf->search[i - (i > as_it_is)]);
	return size <= HOST_MAX ? 0 : -EINVAL;
}

static void ask_next_name(struct resolve *q)
{
	char name[HOST_MAX + 1];
	int failed;

	q->phase = RESOLVE_SERVERS;
	do {
		failed = name_write(q, q->names++, name);
		if (failed == -ENOENT) {
			answer_with(q, q->unsaid ? -EAGAIN : -ENOENT);
			return;
		}
		if (!failed)
			failed = lookup_begin(&q->lookup, name);
	} while (failed);
}

/* Also a server that wants to be asked each time is asked once a second. */
static void keep_at_most(struct resolve *q, uint32_t ttl)
{
	ttl = ttl > 0 ? ttl : 1;
	q->keep = ttl < q->keep ? ttl : q->keep;
}

static void take_addresses(struct resolve *q)
{
	const struct dns_answer *v4 = &q->lookup.parts[LOOKUP_V4].answer, *v6 = &q->lookup.parts[LOOKUP_V6].answer;

	for (size_t i = 0; i < v4->count; i++)
		add_address(&q->result, AF_INET, v4->addresses[i]);
	for (size_t i = 0; i < v6->count; i++)
		add_address(&q->result, AF_INET6, v6->addresses[i]);
	if (v4->count > 0)
		keep_at_most(q, v4->ttl);
	if (v6->count > 0)
		keep_at_most(q, v6->ttl);
}

static void on_looked_up(void *context, enum lookup_end how)
{
	struct resolve *q = context;

	if (how == LOOKUP_FOUND) {
		take_addresses(q);
		answer_found(q);
	} else if (how == LOOKUP_SILENT) {
		answer_with(q, -EAGAIN);
	} else {
		q->unsaid = q->unsaid || how == LOOKUP_FAILED;
		ask_next_name(q);
	}
}

/* The hosts file. */

static void read_hosts(struct resolve *q)
{
	if (hosts_search_next(&q->hosts)) {
		loop_soon_run(&q->step);
		return;
	}
	hosts_search_done(&q->hosts);
	for (size_t i = 0; i < q->hosts.count && i < RESOLVE_ADDRESSES_MAX; i++)
		q->result.addresses[q->result.count++] = q->hosts.found[i];
	if (q->result.count > 0 || from_localhost(q))
		answer_found(q);
	else
		ask_next_name(q);
}

static void step(void *context)
{
	struct resolve *q = context;

	if (q->phase == RESOLVE_HOSTS)
		read_hosts(q);
	else
		give_answer(q);
}

/* Sources. */

static struct timespec modified(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static void read_system(struct resolver *r)
{
	struct timespec now = modified(system_conf);

	if (r->conf.servers_count > 0 && now.tv_sec == r->conf_read.tv_sec && now.tv_nsec == r->conf_read.tv_nsec)
		return;
	r->conf_read = now;
	resolv_conf_load(&r->conf, system_conf);
}

static int add_server(struct resolv_conf *conf, const char *address)
{
	uint16_t port;
	char *host;
	bool fine;

	if (conf->servers_count == NAME_SERVERS_MAX || !address_split(address, &host, &port))
		return -EINVAL;
	fine = numeric_parse(bytes_of(host), port, &conf->servers[conf->servers_count]);
	free(host);
	conf->servers_count += fine;
	return fine ? 0 : -EINVAL;
}

static int read_sources(struct resolver *r, const struct resolver_sources *sources)
{
	struct resolv_conf *conf = &r->conf;
	int failed = 0;

	resolv_conf_parse(conf, (struct bytes){ NULL, 0 });
	conf->servers_count = conf->search_count = 0;
	if (sources->timeout.ns > 0)
		conf->timeout = sources->timeout;
	if (sources->search)
		snprintf(conf->search[conf->search_count++], SEARCH_DOMAIN_SIZE, "%s", sources->search);
	r->hosts_file = sources->hosts_file ? oxp_strdup(sources->hosts_file) : NULL;
	for (const char *const *server = sources->servers; server && *server && !failed; server++)
		failed = add_server(conf, *server);
	return failed;
}

int resolver_new(struct loop *loop, struct resolver **ret)
{
	struct resolver *r = oxp_new(sizeof *r);

	r->loop = loop;
	r->servers.conf = &r->conf;
	r->from_system = true;
	r->hosts_file = oxp_strdup(system_hosts);
	read_system(r);
	*ret = r;
	return 0;
}

int resolver_new_from(struct loop *loop, const struct resolver_sources *sources, struct resolver **ret)
{
	struct resolver *r = oxp_new(sizeof *r);
	int failed;

	r->loop = loop;
	r->servers.conf = &r->conf;
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
	for (size_t i = 0; i < RESOLVE_CACHED_MAX; i++)
		free(r->cached[i]);
	free(r->hosts_file);
	free(r);
}

/* Questions. */

static struct resolve *resolve_new(struct resolver *r, const struct resolve_question *question)
{
	struct resolve *q = oxp_new(sizeof *q);

	q->resolver = r;
	q->loop = r->loop;
	q->port = question->port;
	q->done = question->done;
	q->context = question->context;
	snprintf(q->host, sizeof q->host, "%s", question->host);
	q->next = r->first;
	q->link = &r->first;
	if (q->next)
		q->next->link = &q->next;
	r->first = q;
	r->count++;
	q->keep = RESOLVE_CACHED_SECONDS;
	hosts_search_init(&q->hosts, NULL, NULL);
	loop_soon_init(&q->step, r->loop, step, q);
	lookup_init(&q->lookup, r->loop, &r->servers, on_looked_up, q);
	return q;
}

int resolve_start(struct resolver *r, const struct resolve_question *question, struct resolve **ret)
{
	struct resolve *q;

	if (!question->host[0] || strlen(question->host) > HOST_MAX)
		return -EINVAL;
	if (r->count >= RESOLVES_MAX)
		return -EAGAIN;
	if (r->from_system)
		read_system(r);
	q = resolve_new(r, question);
	if (from_number(q) || from_cache(q))
		q->phase = RESOLVE_ANSWERED;
	else
		hosts_search_init(&q->hosts, r->hosts_file, q->host);
	loop_soon_run(&q->step);
	*ret = q;
	return 0;
}

void resolve_cancel(struct resolve *q)
{
	if (q)
		resolve_free(q);
}
