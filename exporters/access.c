#include "exporters/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of a header's value: printable, without spaces; a line end would begin another header. */
static bool is_token(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static const char *what_is_wrong(const struct access_config *c)
{
	if (!!c->user + !!c->api_key + !!c->bearer > 1)
		return "user, api_key and bearer are three ways to authenticate: one of them, please";
	if (c->password && !c->user)
		return "password without user";
	if (c->user && strchr(c->user, ':'))
		return "user: basic authentication has no colon in a user name";
	if (c->api_key && (!*c->api_key || !is_token(c->api_key)))
		return "api_key is empty, or has a space or a line end in it; the encoded form is meant";
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

static int look_at_files(const struct access_config *c, struct host *host)
{
	const struct {
		const char *option, *path;
	} files[] = { { "ca", c->ca }, { "cert", c->cert }, { "key", c->key } };

	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (files[i].path && access(files[i].path, R_OK) < 0) {
			int failed = -errno;
			host_log(
				host, LOG_LEVEL_ERROR, "%s: %s: %s", files[i].option, files[i].path, strerror(-failed));
			return failed;
		}
	return 0;
}

static int write_authorization(struct access *a, const char *scheme, const char *token)
{
	if (asprintf(&a->authorization, "Authorization: %s %s", scheme, token) >= 0)
		return 0;
	a->authorization = NULL;
	return -ENOMEM;
}

static int write_credentials(struct access *a, const struct access_config *c)
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

int access_init(struct access *a, const struct access_config *c, struct host *host)
{
	int failed = look_at_files(c, host);

	*a = (struct access){ .tls = { c->ca, c->cert, c->key, !c->verify } };
	if (!c->verify)
		host_log(host, LOG_LEVEL_WARN, "verify: false: whoever answers is taken for the peer");
	if (!failed)
		failed = write_credentials(a, c);
	return failed;
}

void access_done(struct access *a)
{
	free(a->authorization);
	free(a->user_password);
	a->authorization = a->user_password = NULL;
}
