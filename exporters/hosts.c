#include "exporters/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEFT_FIRST_MS = 1000, LEFT_LAST_MS = 60000, LOOK_MS = 60000, WHY_MAX = 160 };

/*
 * Invariant: failures is 0 for a host that answers; `looking` only for one with failures.
 */
struct place {
	char *url, *base, *shown;
	unsigned failures; /* in a row */
	bool looking; /* a request is there to see whether it is better */
	struct mono_time left_until;
	char why[WHY_MAX];
};

struct hosts {
	struct random *random;
	size_t count, next;
	struct place places[];
};

/* The URL without user and password. */
static char *shown_of(const char *url)
{
	const char *authority = strstr(url, "://"), *at;
	char *shown = NULL;

	OXP_ASSERT(authority);
	authority += 3;
	at = memrchr(authority, '@', strcspn(authority, "/?#"));
	if (asprintf(&shown, "%.*s%s", (int)(authority - url), url, at ? at + 1 : authority) < 0)
		return NULL;
	return shown;
}

static int place_init(struct place *p, const char *url, const char *path)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	if (asprintf(&p->base, "%.*s", (int)n, url) < 0) {
		p->base = NULL;
		return -ENOMEM;
	}
	if (asprintf(&p->url, "%s%s", p->base, path) < 0) {
		p->url = NULL;
		return -ENOMEM;
	}
	p->shown = shown_of(p->base);
	return p->shown ? 0 : -ENOMEM;
}

int hosts_new(const struct option_list *urls, const char *path, struct random *random, struct hosts **ret)
{
	struct hosts *h;
	int failed = 0;

	OXP_ASSERT(urls->count > 0 && urls->count <= HOSTS_MAX);
	h = oxp_new(sizeof *h + urls->count * sizeof h->places[0]);
	h->random = random;
	h->count = urls->count;
	for (size_t i = 0; i < h->count && !failed; i++)
		failed = place_init(&h->places[i], urls->items[i], path);
	if (failed)
		hosts_free(h);
	else
		*ret = h;
	return failed;
}

void hosts_free(struct hosts *h)
{
	for (size_t i = 0; h && i < h->count; i++) {
		free(h->places[i].url);
		free(h->places[i].base);
		free(h->places[i].shown);
	}
	free(h);
}

static bool is_open(const struct place *p, struct mono_time now)
{
	return p->failures == 0 || p->left_until.ns <= now.ns;
}

/* The next in turn that is open; else the next in turn, so that a round has asked each. */
static size_t choose(const struct hosts *h, struct mono_time now)
{
	for (size_t i = 0; i < h->count; i++)
		if (is_open(&h->places[(h->next + i) % h->count], now))
			return (h->next + i) % h->count;
	return h->next;
}

size_t hosts_pick(struct hosts *h, struct mono_time now)
{
	size_t chosen = choose(h, now);
	struct place *p = &h->places[chosen];

	h->next = (chosen + 1) % h->count;
	if (p->failures > 0) {
		p->looking = true;
		p->left_until = mono_after(now, DURATION_MS(LOOK_MS));
	}
	return chosen;
}

const char *hosts_url(const struct hosts *h, size_t i)
{
	return h->places[i].url;
}

const char *hosts_base(const struct hosts *h, size_t i)
{
	return h->places[i].base;
}

void hosts_answered(struct hosts *h, size_t i)
{
	h->places[i].failures = 0;
	h->places[i].looking = false;
	h->places[i].why[0] = '\0';
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
	struct place *p = &h->places[i];
	bool others = false;

	snprintf(p->why, sizeof p->why, "%s", why);
	if (p->looking || is_open(p, now)) { /* else one more of those that were under way when it failed */
		p->failures++;
		p->looking = false;
		p->left_until = mono_after(now, left_for(h, p->failures));
	}
	for (size_t k = 0; k < h->count; k++)
		others = others || (k != i && is_open(&h->places[k], now));
	return others;
}

void hosts_report(const struct hosts *h, struct mono_time now, struct json_writer *w)
{
	json_put_array(w, "hosts");
	for (size_t i = 0; i < h->count; i++) {
		const struct place *p = &h->places[i];
		int64_t left = duration_ms(mono_since(p->left_until, now));
		json_put_object(w, NULL);
		json_put_string(w, "url", p->shown);
		json_put_u64(w, "failures", p->failures);
		json_put_i64(w, "left_for_ms", p->failures > 0 && !p->looking && left > 0 ? left : 0);
		json_put_string(w, "error", p->why);
		json_put_end(w);
	}
	json_put_end(w);
}
