#include "admin/pulls.h"

#include <stdlib.h>

#include "http/accept.h"

void pulls_add(struct pulls *all, struct http_request *request)
{
	struct pull *p = oxp_new(sizeof *p);

	*p = (struct pull){ .next = all->first, .request = request };
	p->format = page_format(http_request_header(request, "Accept"));
	p->gzip = http_accepts_gzip(http_request_header(request, "Accept-Encoding"));
	all->first = p;
	http_context_set(request, p);
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
	free(p);
}

void pulls_done(struct pulls *all)
{
	for (struct pull *p; (p = all->first);) {
		all->first = p->next;
		free(p);
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

bool pulls_want_gzip(const struct pulls *all, enum exposition_format format)
{
	for (const struct pull *p = all->first; p; p = p->next)
		if (p->gzip && p->format.format == format)
			return true;
	return false;
}

struct pull *pulls_take(struct pulls *all, enum exposition_format format)
{
	struct pull *p = all->first;

	while (p && p->format.format != format)
		p = p->next;
	if (!p)
		return NULL;
	unlink_pull(all, p);
	http_context_set(p->request, NULL);
	return p;
}
