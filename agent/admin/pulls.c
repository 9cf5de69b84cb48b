#include "admin/pulls.h"

#include <stdlib.h>

#include "http/accept.h"
#include "http/head.h"
#include "series/only.h"

/* The families that the query names, as client libraries have it; NULL if it names none. */
static struct series_only *only_of(const struct http_request *request)
{
	struct bytes names[HTTP_FIELDS_MAX];
	size_t count = 0;

	for (const char *name = NULL; count < HTTP_FIELDS_MAX; count++) {
		name = http_request_query_next(request, "name[]", name);
		if (!name)
			break;
		names[count] = bytes_of(name);
	}
	return count ? series_only_new(names, count) : NULL;
}

void pulls_add(struct pulls *all, struct http_request *request)
{
	struct pull *p = oxp_new(sizeof *p);

	*p = (struct pull){ .next = all->first, .request = request };
	p->format = page_format(http_request_header(request, "Accept"));
	p->wish = (struct page_wish){ p->format.format, p->format.escaping, false, only_of(request) };
	p->gzip = http_accepts_gzip(http_request_header(request, "Accept-Encoding"));
	all->first = p;
	http_context_set(request, p);
}

void pull_free(struct pull *p)
{
	series_only_release(p->wish.only);
	free(p);
}

static bool wants(const struct pull *p, const struct page_wish *wish)
{
	return p->wish.format == wish->format && p->wish.escaping == wish->escaping &&
	       p->wish.natives == wish->natives && series_only_same(p->wish.only, wish->only);
}

static void unlink_pull(struct pulls *all, const struct pull *p)
{
	struct pull **at = &all->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

void pulls_gone(struct pulls *all, struct http_request *request)
{
	struct pull *p = http_context(request);

	if (!p)
		return;
	unlink_pull(all, p);
	pull_free(p);
}

void pulls_done(struct pulls *all)
{
	for (struct pull *p; (p = all->first);) {
		all->first = p->next;
		pull_free(p);
	}
}

void pulls_make_due(struct pulls *all)
{
	for (struct pull *p = all->first; p; p = p->next)
		p->due = true;
}

const struct pull *pulls_due(const struct pulls *all)
{
	const struct pull *oldest = NULL;

	for (const struct pull *p = all->first; p; p = p->next)
		oldest = p->due ? p : oldest;
	return oldest;
}

bool pulls_want_gzip(const struct pulls *all, const struct page_wish *wish)
{
	for (const struct pull *p = all->first; p; p = p->next)
		if (p->gzip && wants(p, wish))
			return true;
	return false;
}

struct pull *pulls_take(struct pulls *all, const struct page_wish *wish)
{
	struct pull *p = all->first;

	while (p && !wants(p, wish))
		p = p->next;
	if (!p)
		return NULL;
	unlink_pull(all, p);
	http_context_set(p->request, NULL);
	return p;
}
