#include "exporters/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEFT_FIRST_MS = 1000, LEFT_LAST_MS = 60000, LOOK_MS = 60000, WHY_MAX = 160 };

/*
 * Invariant: failures is 0 for a host that answers; `looking` only for one with failures.
 */
struct address {
	char *url, *base, *shown;
	unsigned failures; /* in a row */
	bool looking; /* a request is under way to see whether it works again */
	struct mono_time left_until;
	char why[WHY_MAX];
};

struct hosts {
	struct random *random;
	size_t count, next;
	struct address addresses[];
};

/* The URL without user and password, and without a query, in which a token may be. */
static char *shown_of(const char *url)
{
	const char *authority = strstr(url, "://"), *at;
	char *shown = NULL;

	OXP_ASSERT(authority);
	authority += 3;
	at = memrchr(authority, '@', strcspn(authority, "/?#"));
	at = at ? at + 1 : authority;
	if (asprintf(&shown, "%.*s%.*s", (int)(authority - url), url, (int)strcspn(at, "?"), at) < 0)
		return NULL;
	return shown;
}

static int address_init(struct address *a, const char *url, const char *path)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	if (asprintf(&a->base, "%.*s", (int)n, url) < 0) {
		a->base = NULL;
		return -ENOMEM;
	}
	if (asprintf(&a->url, "%s%s", *path ? a->base : url, path) < 0) {
		a->url = NULL;
		return -ENOMEM;
	}
	a->shown = shown_of(a->base);
	return a->shown ? 0 : -ENOMEM;
}

int hosts_new(const struct option_list *urls, const char *path, struct random *random, struct hosts **ret)
{
	struct hosts *h;
	int failed = 0;

	OXP_ASSERT(urls->count > 0 && urls->count <= HOSTS_MAX);
	h = oxp_new(sizeof *h + urls->count * sizeof h->addresses[0]);
	h->random = random;
	h->count = urls->count;
	for (size_t i = 0; i < h->count && !failed; i++)
		failed = address_init(&h->addresses[i], urls->items[i], path);
	if (failed)
		hosts_free(h);
	else
		*ret = h;
	return failed;
}

void hosts_free(struct hosts *h)
{
	for (size_t i = 0; h && i < h->count; i++) {
		free(h->addresses[i].url);
		free(h->addresses[i].base);
		free(h->addresses[i].shown);
	}
	free(h);
}

static bool is_open(const struct address *a, struct mono_time now)
{
	return a->failures == 0 || a->left_until.ns <= now.ns;
}

/* The next in turn that is open; if none is, simply the next in turn, so that each is asked once in a round. */
static size_t choose(const struct hosts *h, struct mono_time now)
{
	for (size_t i = 0; i < h->count; i++)
		if (is_open(&h->addresses[(h->next + i) % h->count], now))
			return (h->next + i) % h->count;
	return h->next;
}

size_t hosts_pick(struct hosts *h, struct mono_time now)
{
	size_t chosen = choose(h, now);
	struct address *a = &h->addresses[chosen];

	h->next = (chosen + 1) % h->count;
	if (a->failures > 0) {
		a->looking = true;
		a->left_until = mono_after(now, DURATION_MS(LOOK_MS));
	}
	return chosen;
}

const char *hosts_url(const struct hosts *h, size_t i)
{
	return h->addresses[i].url;
}

const char *hosts_base(const struct hosts *h, size_t i)
{
	return h->addresses[i].base;
}

void hosts_answered(struct hosts *h, size_t i)
{
	h->addresses[i].failures = 0;
	h->addresses[i].looking = false;
	h->addresses[i].why[0] = '\0';
}

static struct duration left_for(struct hosts *h, unsigned failures)
{
	uint64_t ms = LEFT_FIRST_MS;

	for (unsigned i = 1; i < failures && ms < LEFT_LAST_MS; i++)
		ms *= 2;
	if (ms > LEFT_LAST_MS)
		ms = LEFT_LAST_MS;
	return DURATION_MS(ms / 2 + random_below(h->random, ms / 2 + 1));
}

bool hosts_failed(struct hosts *h, size_t i, struct mono_time now, const char *why)
{
	struct address *a = &h->addresses[i];
	bool others = false;

	snprintf(a->why, sizeof a->why, "%s", why);
	if (a->looking || is_open(a, now)) { /* otherwise it is one more of those that were under way when it failed */
		a->failures++;
		a->looking = false;
		a->left_until = mono_after(now, left_for(h, a->failures));
	}
	for (size_t k = 0; k < h->count; k++)
		others = others || (k != i && is_open(&h->addresses[k], now));
	return others;
}

void hosts_report(const struct hosts *h, struct mono_time now, struct json_writer *w)
{
	json_put_array(w, "hosts");
	for (size_t i = 0; i < h->count; i++) {
		const struct address *a = &h->addresses[i];
		int64_t left = duration_ms(mono_since(a->left_until, now));
		json_put_object(w, NULL);
		json_put_string(w, "url", a->shown);
		json_put_u64(w, "failures", a->failures);
		json_put_i64(w, "left_for_ms", a->failures > 0 && !a->looking && left > 0 ? left : 0);
		json_put_string(w, "error", a->why);
		json_put_end(w);
	}
	json_put_end(w);
}
