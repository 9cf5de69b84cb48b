#include "base/hidden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
	TEXTS_MAX = 1 << 20,
	KNOWN_BY = 8, /* first bytes by which a secret is known: it may be cut anywhere behind them */
	QUERY_MIN = 8, /* in a query there are ordinary words as well */
};

static const char stars[] = "***";

void hidden_init(struct hidden *h)
{
	buffer_init(&h->texts, TEXTS_MAX);
}

void hidden_done(struct hidden *h)
{
	if (h->texts.data)
		explicit_bzero(h->texts.data, h->texts.room);
	buffer_done(&h->texts);
}

/* What was appended from `before` on is one text, or none. */
static int end_text(struct hidden *h, size_t before, int failed)
{
	if (!failed)
		failed = buffer_append(&h->texts, "", 1);
	if (failed)
		h->texts.size = before;
	return failed;
}

static int add_as_it_is(struct hidden *h, struct bytes secret)
{
	return end_text(h, h->texts.size, buffer_append(&h->texts, secret.data, secret.size));
}

/* As it stands in a string of JSON. */
static int add_escaped(struct hidden *h, struct bytes secret)
{
	size_t before = h->texts.size, size;
	int failed = json_string_append(&h->texts, secret.data, secret.size);

	if (failed)
		return end_text(h, before, failed);
	size = h->texts.size - before - 2;
	memmove(h->texts.data + before, h->texts.data + before + 1, size);
	h->texts.size = before + (size == secret.size ? 0 : size);
	return size == secret.size ? 0 : end_text(h, before, 0);
}

int hidden_add(struct hidden *h, struct bytes secret)
{
	int failed = 0;

	if (secret.size < HIDDEN_MIN)
		return 0;
	failed = add_as_it_is(h, secret);
	if (failed)
		return failed;
	return add_escaped(h, secret);
}

static int add_base64(struct hidden *h, struct bytes data)
{
	size_t before = h->texts.size;
	int failed = 0;

	for (size_t i = 0; i < data.size && !failed; i += 3) {
		char group[BASE64_GROUP + 1];
		base64_group((const unsigned char *)data.data + i, data.size - i, group);
		failed = buffer_append(&h->texts, group, BASE64_GROUP);
	}
	return end_text(h, before, failed);
}

int hidden_add_user(struct hidden *h, const char *user_password)
{
	const char *colon = strchr(user_password, ':');
	int failed = add_base64(h, bytes_of(user_password));

	return failed || !colon ? failed : hidden_add(h, bytes_of(colon + 1));
}

/* What %XX stands for, in place. */
static void unescape(char *text)
{
	size_t size = strlen(text);
	char *to = text;

	for (size_t i = 0; i < size; i++) {
		int byte = percent_byte(text + i, size - i);
		*to++ = byte >= 0 ? (char)byte : text[i];
		i += byte >= 0 ? 2 : 0;
	}
	*to = '\0';
}

static int add_userinfo(struct hidden *h, struct bytes info)
{
	const char *colon = memchr(info.data, ':', info.size);
	char *plain = strndup(info.data, info.size);
	int failed = plain ? 0 : -ENOMEM;

	if (!failed && colon)
		failed = hidden_add(h, (struct bytes){ colon + 1, info.size - (size_t)(colon + 1 - info.data) });
	if (!failed) {
		unescape(plain);
		failed = hidden_add_user(h, plain);
	}
	if (plain)
		explicit_bzero(plain, strlen(plain));
	free(plain);
	return failed;
}

static int add_query(struct hidden *h, const char *query)
{
	int failed = 0;

	for (query += strcspn(query, "="); *query && !failed; query += strcspn(query, "=")) {
		size_t size = strcspn(++query, "&#");
		if (size >= QUERY_MIN)
			failed = hidden_add(h, (struct bytes){ query, size });
		query += size;
	}
	return failed;
}

int hidden_add_url(struct hidden *h, const char *url)
{
	const char *authority = strstr(url, "://"), *at;
	int failed = 0;

	if (!authority)
		return 0;
	authority += 3;
	at = memrchr(authority, '@', strcspn(authority, "/?#"));
	if (at)
		failed = add_userinfo(h, (struct bytes){ authority, (size_t)(at - authority) });
	if (failed)
		return failed;
	return add_query(h, url + strcspn(url, "?"));
}

static size_t same_bytes(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static void cover(char *from, size_t size)
{
	memcpy(from, stars, sizeof stars - 1);
	memmove(from + sizeof stars - 1, from + size, strlen(from + size) + 1);
}

/* The text may be cut within the secret: at the end of the text, or before what was put behind it. */
static void take_out(const char *secret, char *text)
{
	size_t size = strlen(secret), known = size < KNOWN_BY ? size : KNOWN_BY;

	for (; *text; text++) {
		size_t same = same_bytes(text, secret);
		if (same >= known || (same >= HIDDEN_MIN && !text[same])) {
			cover(text, same);
			text += sizeof stars - 2;
		}
	}
}

void hidden_take_out(const struct hidden *h, char *text)
{
	for (size_t at = 0; at < h->texts.size; at += strlen(h->texts.data + at) + 1)
		take_out(h->texts.data + at, text);
}
