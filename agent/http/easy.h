/*
 * libcurl's handle of one call: everything that is set once, and what it knows of the answer. Callbacks and body are
 * its user's.
 */
#ifndef OXP_HTTP_EASY_H
#define OXP_HTTP_EASY_H

#include <curl/curl.h>

#include "http/answer.h"

struct easy {
	CURL *curl;
	struct curl_slist *headers, *pin; /* libcurl borrows both */
};

/* 0 or -ENOMEM. `ca_file`: authorities, if the options name none; NULL: the system's. */
int easy_init(struct easy *, const struct http_call_options *, const char *ca_file) MUST_CHECK;
void easy_done(struct easy *); /* fine on zeroed memory, and after a failed easy_init() */
/* Connects to that address ("::address:port") instead of the host of the URL. Connections are kept for each. */
void easy_pin(struct easy *, const char *address);
/* The body comes in chunks: from the next turn on, it is read a little at a time. */
void easy_read_chunks(struct easy *);
void easy_head(const struct easy *, struct answer_head *ret);
bool easy_is_connected(const struct easy *);
int easy_errno(const struct easy *); /* of the last connection that failed; 0: unknown */

/* In the words of libcurl a file is called by its path. */
void easy_name_files(const struct http_tls *, char error[CURL_ERROR_SIZE]);

/* Host (without brackets) and port of an http or https URL. 0, -EINVAL for any other, or -ENOMEM. */
int easy_read_url(const char *url, char **ret_host, uint16_t *ret_port) MUST_CHECK;

#endif
