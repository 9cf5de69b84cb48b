/*
 * Who waits for a page of /metrics, and which one. Those that want the same page share it.
 *
 * Invariant: each has its request, until it is taken or gone; what is due is due in the round under way.
 */
#ifndef OXP_PULLS_H
#define OXP_PULLS_H

#include "admin/page_format.h"
#include "http/server.h"

struct series_only;

/* Which page. Nobody's is changed while a page is made for it. */
struct page_wish {
	enum exposition_format format;
	enum exposition_escaping escaping;
	bool natives; /* as series_cursor.natives */
	struct series_only *only; /* which families; NULL: all */
};

struct pull {
	struct pull *next;
	struct http_request *request;
	struct page_format format;
	struct page_wish wish;
	bool gzip; /* is wanted */
	bool due; /* was there when the round had collected */
};

struct pulls {
	struct pull *first; /* the newest first */
};

void pulls_add(struct pulls *, struct http_request *);
void pulls_gone(struct pulls *, struct http_request *); /* its peer */
void pulls_done(struct pulls *);
/* All that wait are due from now on. */
void pulls_make_due(struct pulls *);
/* The oldest that is due; NULL if none is. */
const struct pull *pulls_due(const struct pulls *);
/* Whether somebody who wants this page wants it packed. */
bool pulls_want_gzip(const struct pulls *, const struct page_wish *);
/* One that wants this page, which the caller answers and then frees; its request has no context any more. NULL if there
 * is none. */
struct pull *pulls_take(struct pulls *, const struct page_wish *);
void pull_free(struct pull *);

#endif
