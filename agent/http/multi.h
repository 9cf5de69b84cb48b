/*
 * libcurl's multi interface under the loop. libcurl says through two callbacks which sockets to watch and when to call
 * it; curl_multi_socket_action() does the rest. The callbacks of a handle run inside libcurl (`inside`), where no
 * handle may be added or removed. A user who wants to do so makes a note of it, and does it in returned().
 */
#ifndef OXP_HTTP_MULTI_H
#define OXP_HTTP_MULTI_H

#include <curl/curl.h>

#include "http/stall.h"
#include "http/turn.h"
#include "loop/loop.h"

struct multi_options {
	struct loop *loop;
	size_t connections_max; /* kept open in all */
	/* libcurl has returned. May add and remove handles. */
	void (*returned)(void *context);
	/* The transfer of that handle has ended. Called once a turn at most, since it may cost something. May add and
	 * remove handles. */
	void (*finished)(void *context, CURL *, CURLcode);
	/* Whether that handle was told to speak HTTP/2. Called inside libcurl. */
	bool (*is_http2)(CURL *);
	void *context;
};

struct multi {
	struct multi_options options;
	CURLM *curl;
	struct turn turn; /* libcurl's latest */
	struct stall stall;
	bool inside;
	struct loop_timer timer;
	struct loop_soon soon;
};

int multi_init(struct multi *, const struct multi_options *) MUST_CHECK; /* 0 or -ENOMEM */
void multi_done(struct multi *); /* after all handles; fine on zeroed memory and after a failed multi_init() */
bool multi_add(struct multi *, CURL *) MUST_CHECK; /* false: out of memory */
void multi_remove(struct multi *, CURL *);
/* Goes on with a handle that has paused. */
void multi_resume(struct multi *, CURL *);

#endif
