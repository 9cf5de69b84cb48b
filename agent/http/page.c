#include "http/page.h"

#include <stdlib.h>

/* Invariant: holders > 0. */
struct http_page {
	struct bytes bytes;
	size_t holders;
	http_page_gone *gone;
	void *context;
};

struct http_page *http_page_new(struct bytes bytes, http_page_gone *gone, void *context)
{
	struct http_page *p = oxp_new(sizeof *p);

	*p = (struct http_page){ .bytes = bytes, .holders = 1, .gone = gone, .context = context };
	return p;
}

struct http_page *http_page_hold(struct http_page *p)
{
	p->holders++;
	return p;
}

void http_page_release(struct http_page *p)
{
	if (!p)
		return;
	OXP_ASSERT(p->holders > 0);
	if (--p->holders > 0)
		return;
	p->gone(p->context, p->bytes);
	free(p);
}

struct bytes http_page_bytes(const struct http_page *p)
{
	return p->bytes;
}
