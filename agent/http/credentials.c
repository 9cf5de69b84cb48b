#include "http/credentials.h"

#include <gnutls/crypto.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { DECODED_MAX = CREDENTIAL_SIZE_MAX + 3 };

static void digest(struct bytes text, unsigned char to[CREDENTIAL_DIGEST])
{
	OXP_ASSERT(gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data, text.size, to) == 0);
}

/* What Authorization can carry: no control characters, and of a token no spaces either. */
static bool is_credential(struct bytes line)
{
	bool token = !memchr(line.data, ':', line.size);

	for (size_t i = 0; i < line.size; i++) {
		unsigned char c = (unsigned char)line.data[i];
		if (c < ' ' || c == 0x7f || (token && (c == ' ' || c > '~')))
			return false;
	}
	return line.size <= CREDENTIAL_SIZE_MAX && line.data[0] != ':';
}

static struct bytes take_line(struct bytes *text)
{
	const char *end = memchr(text->data, '\n', text->size);
	struct bytes line = { text->data, end ? (size_t)(end - text->data) : text->size };

	*text = (struct bytes){ text->data + line.size + (end != NULL), text->size - line.size - (end != NULL) };
	if (line.size > 0 && line.data[line.size - 1] == '\r')
		line.size--;
	return line;
}

const char *credentials_read(struct bytes text, struct credentials *ret)
{
	struct credentials found = { .count = 0 };

	while (text.size > 0) {
		struct bytes line = take_line(&text);
		if (line.size == 0)
			continue;
		if (found.count == CREDENTIALS_MAX)
			return "there are more than 64 credentials in it";
		if (!is_credential(line))
			return "a line is neither a bearer token nor user:password";
		digest(line, found.digests[found.count++]);
	}
	if (found.count == 0)
		return "no credential is in it";
	*ret = found;
	return NULL;
}

static bool is_any(const struct credentials *c, struct bytes text)
{
	unsigned char given[CREDENTIAL_DIGEST];
	bool any = false;

	digest(text, given);
	for (size_t i = 0; i < c->count; i++)
		any |= gnutls_memcmp(given, c->digests[i], sizeof given) == 0;
	return any;
}

/* What stands behind that scheme, without data if it is another one (RFC 9110, 11.4). */
static struct bytes behind(const char *authorization, const char *scheme)
{
	size_t size = strlen(scheme);

	if (strncasecmp(authorization, scheme, size) != 0 || authorization[size] != ' ')
		return (struct bytes){ NULL, 0 };
	return bytes_trimmed(bytes_of(authorization + size));
}

bool credentials_have(const struct credentials *c, const char *authorization)
{
	struct bytes token, basic;
	char decoded[DECODED_MAX];
	size_t size = 0;

	if (!authorization)
		return false;
	token = behind(authorization, "Bearer");
	basic = behind(authorization, "Basic");
	if (token.size > 0 && token.size <= CREDENTIAL_SIZE_MAX)
		return !memchr(token.data, ':', token.size) && is_any(c, token);
	while (basic.size > 0 && basic.data[basic.size - 1] == '=')
		basic.size--;
	if (basic.size == 0 || base64_parse(basic, decoded, sizeof decoded, &size) != basic.size)
		return false;
	return memchr(decoded, ':', size) && is_any(c, (struct bytes){ decoded, size });
}
