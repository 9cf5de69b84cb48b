/*
 * The head of a request of HTTP/1.1 as the client writes it without libcurl, which is the same as libcurl's.
 */
#ifndef OXP_HTTP_REQUEST_H
#define OXP_HTTP_REQUEST_H

#include "http/call.h"

enum { REQUEST_HEAD_MAX = 64 << 10 };

/* Appends it. False if that is for libcurl: the URL is not http:// or has a user or letters that need coding, there is
 * a password, or a header that libcurl has rules for, or more than `to` takes. */
bool request_write(const struct http_call_options *, struct buffer *to) MUST_CHECK;

#endif
