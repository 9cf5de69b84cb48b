#include "http/easy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"
#include "base/trim.h"

enum {
	UPLOAD_MIN = 16 << 10,
	UPLOAD_MAX = TRIM_LARGE / 2, /* allocated for each call; below TRIM_LARGE, the heap gives it to the next one */
	READ_SIZE = 16 << 10,
	CHUNKS_READ_SIZE = 4 << 10, /* within extensions libcurl reads a hundred times before anything can stop it */
	CERTIFICATES_MAX = 16 << 10, /* bytes of the certificates that a server shows */
	CA_CACHED_S = 10, /* certificates of authorities that a `ca` names: a large file takes 30 ms to read */
	CHAIN_MAX = 8, /* certificates between its own and a trusted one */
	SET_MAX_CERT_LIST = 51, /* of openssl/ssl.h, SSL_CTRL_SET_MAX_CERT_LIST */
	REUSES_HTTP2 = 0x080000, /* version of libcurl */
};

static bool add_header(struct easy *e, const char *header)
{
	struct curl_slist *longer = curl_slist_append(e->headers, header);

	if (longer)
		e->headers = longer;
	return longer;
}

/* `Expect:` without a value keeps libcurl from waiting a second for "100 Continue". */
static int set_headers(struct easy *e, const char *const *headers)
{
	if (!add_header(e, "Expect:") || !add_header(e, "Accept-Encoding: identity"))
		return -ENOMEM;
	for (; headers && *headers; headers++)
		if (!add_header(e, *headers))
			return -ENOMEM;
	curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
	return 0;
}

static bool has_body(const struct http_call_options *o)
{
	return o->body_size > 0 || strcmp(o->method, "POST") == 0 || strcmp(o->method, "PUT") == 0;
}

static void set_body(CURL *easy, const struct http_call_options *o)
{
	uint64_t size = o->body_size;

	if (!has_body(o))
		return;
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE,
		size < UPLOAD_MIN   ? (long)UPLOAD_MIN
		: size > UPLOAD_MAX ? (long)UPLOAD_MAX
				    : (long)size);
}

/*
 * libcurl caches a bundle of certificates for a day, unless it also looks into a folder of them. Debian's does, so it
 * would read 144 certificates for each connection: 30 ms. The bundle has all that are in the folder.
 */
static void set_trust(CURL *easy, const char *ca_file)
{
	const char *bundle = curl_version_info(CURLVERSION_NOW)->cainfo;

	if (ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
	if (ca_file || (bundle && access(bundle, R_OK) == 0))
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

/* No redirect is followed, so a call to http: stays one. */
static bool uses_tls(const struct http_call_options *o)
{
	return strncasecmp(o->url, "http:", 5) != 0;
}

/*
 * libcurl before 8.0 breaks a connection without TLS when it is used for HTTP/2 a second time (its issue 10634).
 */
static void set_version(CURL *easy, const struct http_call_options *o)
{
	bool tls = uses_tls(o);
	long version = !o->http2 ? CURL_HTTP_VERSION_1_1
		       : tls     ? CURL_HTTP_VERSION_2TLS
				 : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
	if (o->http2) /* with Content-Length libcurl would end before the trailers; the stream has an end of its own */
		curl_easy_setopt(easy, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);
	if (o->http2 && !tls && curl_version_info(CURLVERSION_NOW)->version_num < REUSES_HTTP2)
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

/* The timeouts are the loop's; libcurl's own would end a long connecting at 300 s. */
static void set_policy(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_SIZE);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "oxpecker/" OXP_VERSION);
}

static void set_target(CURL *easy, const struct http_call_options *o)
{
	bool head_only = strcmp(o->method, "HEAD") == 0;

	curl_easy_setopt(easy, CURLOPT_URL, o->url);
	if (o->unix_path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, o->unix_path);
	if (head_only)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(o->method, "GET") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, o->method);
	if (o->user_password) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERPWD, o->user_password);
	}
}

static void set_given(CURL *easy, const struct http_tls *tls)
{
	if (tls->ca.path) {
		set_trust(easy, tls->ca.path);
		/* meanwhile a file that was renewed is not seen; without this, for a day */
		curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHED_S);
	}
	if (tls->cert.path)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert.path);
	if (tls->key.path)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key.path);
	if (tls->trust_anyone) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void name_file(const struct http_file *file, char *error)
{
	size_t size = file->path ? strlen(file->path) : 0;
	char *at = size ? strstr(error, file->path) : NULL, rest[CURL_ERROR_SIZE];

	if (!at || (at[size] >= '0' && at[size] <= '9')) /* another one */
		return;
	snprintf(rest, sizeof rest, "%s%s", file->name, at + size);
	snprintf(at, CURL_ERROR_SIZE - (size_t)(at - error), "%s", rest);
}

void easy_name_files(const struct http_tls *tls, char error[CURL_ERROR_SIZE])
{
	if (!tls)
		return;
	name_file(&tls->ca, error);
	name_file(&tls->cert, error);
	name_file(&tls->key, error);
}

/* A group of 8,192 bits, which the peer would choose, keeps OpenSSL busy for a second in one call. */
static void set_key_exchange(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:!DHE");
	curl_easy_setopt(easy, CURLOPT_SSL_EC_CURVES, "X25519:P-256:P-384:P-521");
}

/*
 * A server chooses how many certificates it shows, and OpenSSL reads all of them in one call, a tenth of a millisecond
 * for each, before it looks at who signed them. libcurl has no option to limit that, so we call these two functions of
 * OpenSSL. They are missing if libcurl uses another TLS library: GnuTLS takes 16 certificates at most.
 */
extern long SSL_CTX_ctrl(void *ctx, int what, long number, void *pointer) __attribute__((weak));
extern void SSL_CTX_set_verify_depth(void *ctx, int depth) __attribute__((weak));

static CURLcode set_chain(CURL *easy, void *ctx, void *context)
{
	(void)easy, (void)context;
	SSL_CTX_ctrl(ctx, SET_MAX_CERT_LIST, CERTIFICATES_MAX, NULL);
	SSL_CTX_set_verify_depth(ctx, CHAIN_MAX);
	return CURLE_OK;
}

static void set_certificates(CURL *easy)
{
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

	if (SSL_CTX_ctrl && SSL_CTX_set_verify_depth && tls && strncmp(tls, "OpenSSL", 7) == 0)
		curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_chain);
}

static void set_tls(CURL *easy, const struct http_call_options *o, const char *ca_file)
{
	set_trust(easy, ca_file);
	set_key_exchange(easy);
	set_certificates(easy);
	if (o->tls)
		set_given(easy, o->tls);
}

int easy_init(struct easy *e, const struct http_call_options *o, const char *ca_file)
{
	e->curl = curl_easy_init();
	if (!e->curl)
		return -ENOMEM;
	set_policy(e->curl);
	set_version(e->curl, o);
	if (uses_tls(o))
		set_tls(e->curl, o, ca_file);
	set_target(e->curl, o);
	set_body(e->curl, o);
	return set_headers(e, o->headers);
}

void easy_done(struct easy *e)
{
	if (e->curl)
		curl_easy_cleanup(e->curl);
	curl_slist_free_all(e->headers);
	curl_slist_free_all(e->pin);
	*e = (struct easy){ 0 };
}

void easy_pin(struct easy *e, const char *address)
{
	curl_slist_free_all(e->pin);
	e->pin = curl_slist_append(NULL, address);
	curl_easy_setopt(e->curl, CURLOPT_CONNECT_TO, e->pin);
}

/* libcurl looks at this size when it begins to read. Its buffer stays as large as it was. */
void easy_read_chunks(struct easy *e)
{
	curl_easy_setopt(e->curl, CURLOPT_BUFFERSIZE, (long)CHUNKS_READ_SIZE);
}

void easy_head(const struct easy *e, struct answer_head *ret)
{
	curl_off_t size = -1;
	const char *type = NULL;
	long status = 0;

	curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(e->curl, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(e->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	*ret = (struct answer_head){ (unsigned)status, type ? type : "", size };
}

bool easy_is_connected(const struct easy *e)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(e->curl, CURLINFO_CONNECT_TIME_T, &connected);
	return connected > 0;
}

int easy_errno(const struct easy *e)
{
	long error = 0;

	curl_easy_getinfo(e->curl, CURLINFO_OS_ERRNO, &error);
	return (int)error;
}

int easy_read_url(const char *url, char **ret_host, uint16_t *ret_port)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	uint64_t number;
	int failed = -EINVAL;

	if (!parts)
		return -ENOMEM;
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) && u64_parse(bytes_of(port), &number)) {
		*ret_host = oxp_strdup(host);
		*ret_port = (uint16_t)number;
		failed = 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return failed;
}
