#include "exporters/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/head.h"
#include "loop/lane.h"

/* The texts that may come from files that change. */
static const size_t texts[] = { offsetof(struct access_config, user), offsetof(struct access_config, password),
	offsetof(struct access_config, api_key), offsetof(struct access_config, bearer) };
enum { TEXTS = COUNT_OF(texts), TEXT_MAX = (64 << 10) + 1 };

/* Reading them again. */
struct access_look {
	struct job job;
	struct access *access; /* NULL: gone meanwhile */
	struct host *host;
	struct access_config config; /* the configuration as it was; then as it is now, with its texts in `read` */
	struct buffer read[TEXTS + ACCESS_HEADERS_MAX];
	struct option_map headers; /* the same of these: `pairs` */
	struct option_pair pairs[ACCESS_HEADERS_MAX];
	int failed;
};

/* Whether it can be the value of a header: printable, without spaces. A line end would begin another header. */
static bool is_token(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* Whether it can be the name of a header (RFC 9110, 5.1) that is not ours to set. */
static bool is_free_name(const char *name)
{
	static const char *const ours[] = { "Host", "Content-Type", "Content-Length", "Content-Encoding", "TE",
		"Transfer-Encoding", "Connection", "Expect", "Accept-Encoding", "grpc-timeout", "grpc-encoding",
		"grpc-accept-encoding" };

	if (!http_is_token(bytes_of(name)))
		return false;
	for (size_t i = 0; i < COUNT_OF(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return false;
	return true;
}

/* Printable; libcurl leaves a header without a value out. */
static bool is_header_value(const char *text)
{
	if (!*text || *text == ' ' || text[strlen(text) - 1] == ' ')
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static const char *what_is_wrong_with_headers(const struct access_config *c)
{
	const struct option_map *h = c->headers;

	if (h && h->count > ACCESS_HEADERS_MAX)
		return "headers has more than 32 of them";
	for (size_t i = 0; h && i < h->count; i++) {
		if (!is_free_name(h->pairs[i].key))
			return "headers has a name that cannot be one, or that is set by the agent itself";
		if (!is_header_value(h->pairs[i].value))
			return "headers has a value that is empty, begins or ends with a space, or has a line end in "
			       "it";
		if ((c->user || c->api_key || c->bearer) && strcasecmp(h->pairs[i].key, "Authorization") == 0)
			return "headers has Authorization beside user, api_key or bearer: give one of them";
	}
	return NULL;
}

static const char *what_is_wrong(const struct access_config *c)
{
	const char *wrong = what_is_wrong_with_headers(c);

	if (wrong)
		return wrong;
	if (!!c->user + !!c->api_key + !!c->bearer > 1)
		return "user, api_key and bearer are three ways to authenticate: give one of them";
	if (c->password && !c->user)
		return "password without user";
	if (c->user && strchr(c->user, ':'))
		return "user: basic authentication has no colon in a user name";
	if (c->api_key && (!*c->api_key || !is_token(c->api_key)))
		return "api_key is empty, or has a space or a line end in it; expected its encoded form";
	if (c->bearer && (!*c->bearer || !is_token(c->bearer)))
		return "bearer is empty, or has a space or a line end in it";
	if (!c->cert != !c->key)
		return "cert and key go together";
	return c->ca && !c->verify ? "ca says whom to trust, verify: false to trust anyone" : NULL;
}

bool access_check(const struct access_config *c, char *why, size_t room)
{
	const char *wrong = what_is_wrong(c);

	if (wrong)
		snprintf(why, room, "%s", wrong);
	return !wrong;
}

/* The files of TLS. */

static const char *const file_options[ACCESS_FILES] = { "ca", "cert", "key" };

static const char *file_name(const struct access_config *c, size_t i)
{
	const char *const names[ACCESS_FILES] = { c->ca, c->cert, c->key };

	return names[i];
}

/* 0, or -errno with the reason logged. */
static int renew_file(struct access *a, size_t i)
{
	const char *name = file_name(a->config, i);
	bool begins = a->files[i].fd < 0;
	int failed = name ? held_file_renew(&a->files[i], name) : 0;

	if (!failed && name && begins && access(a->files[i].path, R_OK) < 0)
		failed = -errno;
	if (failed && (begins || !a->files_complained))
		host_log(a->host, begins ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s: %s: %s%s", file_options[i], name,
			held_file_why(failed), begins ? "" : "; the file that was there before stays in use");
	return failed;
}

static int open_files(struct access *a)
{
	struct http_file *const files[ACCESS_FILES] = { &a->tls.ca, &a->tls.cert, &a->tls.key };

	for (size_t i = 0; i < ACCESS_FILES; i++) {
		const char *name = file_name(a->config, i);
		int failed = renew_file(a, i);
		if (failed)
			return failed;
		*files[i] = (struct http_file){ name ? a->files[i].path : NULL, name };
	}
	return 0;
}

const struct http_tls *access_tls(struct access *a)
{
	bool failed = false;

	for (size_t i = 0; i < ACCESS_FILES; i++)
		failed |= renew_file(a, i) != 0;
	a->files_complained = failed;
	return &a->tls;
}

static int write_authorization(struct access *a, const char *scheme, const char *token)
{
	if (asprintf(&a->authorization, "Authorization: %s %s", scheme, token) >= 0)
		return 0;
	a->authorization = NULL;
	return -ENOMEM;
}

static int write_headers(struct access *a, const struct access_config *c)
{
	for (size_t i = 0; c->headers && i < c->headers->count; i++)
		if (asprintf(&a->headers[i], "%s: %s", c->headers->pairs[i].key, c->headers->pairs[i].value) < 0) {
			a->headers[i] = NULL;
			return -ENOMEM;
		}
	return 0;
}

static int hide_credentials(struct access *a, const struct access_config *c)
{
	const char *token = c->api_key ? c->api_key : c->bearer;
	int failed = 0;

	for (size_t i = 0; c->headers && i < c->headers->count && !failed; i++)
		failed = hidden_add(&a->hidden, bytes_of(c->headers->pairs[i].value));
	if (failed)
		return failed;
	if (token)
		return hidden_add(&a->hidden, bytes_of(token));
	return a->user_password ? hidden_add_user(&a->hidden, a->user_password) : 0;
}

static int write_header(struct access *a, const struct access_config *c)
{
	if (c->api_key)
		return write_authorization(a, "ApiKey", c->api_key);
	if (c->bearer)
		return write_authorization(a, "Bearer", c->bearer);
	if (!c->user)
		return 0;
	if (asprintf(&a->user_password, "%s:%s", c->user, c->password ? c->password : "") >= 0)
		return 0;
	a->user_password = NULL;
	return -ENOMEM;
}

static int write_credentials(struct access *a, const struct access_config *c)
{
	int failed = write_header(a, c);

	hidden_init(&a->hidden);
	if (!failed)
		failed = write_headers(a, c);
	if (failed)
		return failed;
	return hide_credentials(a, c);
}

int access_init(struct access *a, const struct access_config *c, struct host *host)
{
	int failed;

	*a = (struct access){ .tls = { .trust_anyone = !c->verify }, .host = host, .config = c };
	for (size_t i = 0; i < ACCESS_FILES; i++)
		held_file_init(&a->files[i]);
	hidden_init(&a->hidden);
	hidden_init(&a->hidden_urls);
	failed = open_files(a);
	if (!c->verify)
		host_log(host, LOG_LEVEL_WARN, "verify is false: whoever answers is trusted");
	if (!failed)
		failed = write_credentials(a, c);
	return failed;
}

static void forget_credentials(struct access *a)
{
	free(a->authorization);
	free(a->user_password);
	for (size_t i = 0; a->headers[i]; i++) {
		free(a->headers[i]);
		a->headers[i] = NULL;
	}
	hidden_done(&a->hidden);
	a->authorization = a->user_password = NULL;
}

void access_done(struct access *a)
{
	forget_credentials(a);
	hidden_done(&a->hidden_urls);
	for (size_t i = 0; i < ACCESS_FILES; i++)
		held_file_done(&a->files[i]);
	if (a->look)
		a->look->access = NULL;
	a->look = NULL;
}

int access_add_url(struct access *a, const char *url)
{
	return hidden_add_url(&a->hidden_urls, url);
}

void access_hide(const struct access *a, char *text)
{
	hidden_take_out(&a->hidden, text);
	hidden_take_out(&a->hidden_urls, text);
}

/* Reading again. */

static const char **text_of(struct access_config *c, size_t i)
{
	return (const char **)((char *)c + texts[i]);
}

static void read_text_again(struct access_look *look, const char **text, struct buffer *to)
{
	if (!look->failed)
		look->failed = host_text_now(look->host, *text, to);
	if (!look->failed)
		look->failed = buffer_append(to, "", 1);
	if (!look->failed)
		*text = to->data;
}

/* In the disk lane. */
static void read_again(struct job *job)
{
	struct access_look *look = CONTAINER_OF(job, struct access_look, job);

	for (size_t i = 0; i < TEXTS; i++)
		if (*text_of(&look->config, i))
			read_text_again(look, text_of(&look->config, i), &look->read[i]);
	for (size_t i = 0; i < look->headers.count; i++)
		read_text_again(look, &look->pairs[i].value, &look->read[TEXTS + i]);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_headers(const struct access *a, const struct access *b)
{
	size_t i = 0;

	while (a->headers[i] && same(a->headers[i], b->headers[i]))
		i++;
	return !a->headers[i] && !b->headers[i];
}

static void take_over(struct access *a, struct access *fresh)
{
	if (same(a->authorization, fresh->authorization) && same(a->user_password, fresh->user_password) &&
		same_headers(a, fresh))
		return;
	forget_credentials(a);
	a->authorization = fresh->authorization;
	a->user_password = fresh->user_password;
	a->hidden = fresh->hidden;
	memcpy(a->headers, fresh->headers, sizeof a->headers);
	memset(fresh->headers, 0, sizeof fresh->headers);
	fresh->authorization = fresh->user_password = NULL;
	hidden_init(&fresh->hidden);
	host_log(a->host, LOG_LEVEL_INFO, "the configuration's files have new credentials, which are used now");
}

static void take_what_was_read(struct access *a, const struct access_look *look)
{
	struct access fresh = { .look = NULL };
	const char *wrong = look->failed ? "cannot be read" : what_is_wrong(&look->config);

	if (wrong && !a->complained)
		host_log(a->host, LOG_LEVEL_WARN, "the old credentials stay in use; those in the files: %s", wrong);
	a->complained = wrong;
	if (!wrong && write_credentials(&fresh, &look->config) == 0)
		take_over(a, &fresh);
	forget_credentials(&fresh);
}

static void look_free(struct access_look *look)
{
	for (size_t i = 0; i < COUNT_OF(look->read); i++) {
		if (look->read[i].data)
			explicit_bzero(look->read[i].data, look->read[i].room);
		buffer_done(&look->read[i]);
	}
	free(look);
}

/* Back on the loop. */
static void on_read_again(struct job *job)
{
	struct access_look *look = CONTAINER_OF(job, struct access_look, job);
	struct access *a = look->access;

	if (a) {
		a->look = NULL;
		take_what_was_read(a, look);
	}
	look_free(look);
}

static void copy_headers(struct access_look *look, const struct option_map *from)
{
	look->headers = (struct option_map){ from ? from->count : 0, look->pairs };
	for (size_t i = 0; i < look->headers.count; i++)
		look->pairs[i] = from->pairs[i];
	look->config.headers = &look->headers;
}

void access_answered(struct access *a, unsigned status)
{
	struct access_look *look;

	if ((status != 401 && status != 403) || a->look)
		return;
	look = oxp_new(sizeof *look);
	*look = (struct access_look){
		.job = { .work = read_again, .done = on_read_again }, .access = a, .host = a->host, .config = *a->config
	};
	copy_headers(look, a->config->headers);
	for (size_t i = 0; i < COUNT_OF(look->read); i++)
		buffer_init(&look->read[i], TEXT_MAX);
	if (lane_run(host_disk_lane(a->host), &look->job) == 0)
		a->look = look;
	else
		look_free(look); /* the next refusal asks again */
}
