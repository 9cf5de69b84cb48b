/*
 * A page: a body that several answers share. It is made once and never changes. Each answer that sends it holds it;
 * after the last holder, its memory goes back to its lender.
 */
#ifndef OXP_HTTP_PAGE_H
#define OXP_HTTP_PAGE_H

#include "base/bytes.h"

struct http_page;

/* Nobody holds the page any more: frees the bytes. */
typedef void http_page_gone(void *context, struct bytes);

/* The caller is its first holder. */
struct http_page *http_page_new(struct bytes, http_page_gone *, void *context) __attribute__((returns_nonnull));
struct http_page *http_page_hold(struct http_page *);
void http_page_release(struct http_page *); /* NULL is fine */
struct bytes http_page_bytes(const struct http_page *);

#endif
