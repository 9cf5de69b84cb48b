#include "proto/text_pair.h"

#include <strings.h>

enum { SLASHES_MAX = 8 };

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static bool is_name(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-' || c == '.' ||
	       (unsigned char)c >= 0x80;
}

/* Where the name that ends before the mark begins and ends; it may stand in quotes, and in brackets: user[password]. */
static struct bytes name_before(struct bytes text, size_t mark)
{
	size_t end = mark, from;

	while (end > 0 && byte_is_blank(text.data[end - 1]))
		end--;
	if (end > 0 && text.data[end - 1] == ']')
		end--;
	if (end > 0 && is_quote(text.data[end - 1]))
		end--;
	for (size_t i = 0; i < SLASHES_MAX && end > 0 && text.data[end - 1] == '\\'; i++)
		end--;
	for (from = end; from > 0 && end - from < KEY_SIZE_MAX && is_name(text.data[from - 1]);)
		from--;
	return (struct bytes){ text.data + from, end - from };
}

/* Everything in the quotes before the mark, for keys that are not a single word: "credit card". Empty: there are no
 * quotes. */
static struct bytes quoted_before(struct bytes text, struct bytes name)
{
	const char *end = name.data + name.size, *close = end, *from = end;

	while (close < text.data + text.size && *close == '\\')
		close++;
	if (close == text.data + text.size || !is_quote(*close))
		return (struct bytes){ end, 0 };
	while (from > text.data && end - from <= KEY_SIZE_MAX && from[-1] != *close)
		from--;
	return (struct bytes){ from, from > text.data ? (size_t)(end - from) : 0 };
}

/* As it is, as an option of a command, --password, or without the names of what it is in: user.password; what stands
 * before the last dot is none, as in "at password.js:12". */
static bool is_key(const struct key_set *keys, struct bytes name)
{
	const char *dot = name.size > 0 ? memrchr(name.data, '.', name.size) : NULL, *end = name.data + name.size;

	if (key_set_has(keys, name))
		return true;
	if (dot)
		return key_set_has(keys, (struct bytes){ dot + 1, (size_t)(end - dot) - 1 });
	if (name.size == 0 || *name.data != '-')
		return false;
	while (name.size > 0 && *name.data == '-')
		name = (struct bytes){ name.data + 1, name.size - 1 };
	return key_set_has(keys, name);
}

static size_t past_spaces(struct bytes text, size_t at)
{
	while (at < text.size && byte_is_blank(text.data[at]))
		at++;
	return at;
}

/* Behind the mark and what belongs to it: `=>`, `:=`, spaces. */
static size_t value_from(struct bytes text, size_t mark)
{
	size_t at = mark + 1;

	if (at < text.size &&
		((text.data[mark] == '=' && text.data[at] == '>') || (text.data[mark] == ':' && text.data[at] == '=')))
		at++;
	return past_spaces(text, at);
}

/* A value without quotes. */

static bool is_one_of(struct bytes word, const char *const *words)
{
	for (; *words; words++)
		if (word.size == strlen(*words) && strncasecmp(word.data, *words, word.size) == 0)
			return true;
	return false;
}

static size_t past_word(struct bytes text, size_t at)
{
	static const char ends[] = " \t\r\n\"',;&)]}";

	while (at < text.size && !memchr(ends, text.data[at], sizeof ends - 1))
		at++;
	return at;
}

static size_t past_line(struct bytes text, size_t at)
{
	while (at < text.size && text.data[at] != '\r' && text.data[at] != '\n')
		at++;
	return at;
}

/* HTTP schemes, of RFC 9110 11.6.2 and of those who made their own: with a word behind, and with parameters. */
static size_t past_words(struct bytes text, struct bytes name, size_t from, bool header)
{
	static const char *const cookies[] = { "cookie", "set-cookie", NULL };
	static const char *const authorization[] = { "authorization", "proxy-authorization", NULL };
	static const char *const one[] = { "basic", "bearer", "token", "apikey", "negotiate", "ntlm", "dpop", NULL };
	static const char *const many[] = { "digest", "oauth", "hawk", "signature", "vapid", "mutual", "scram-sha-1",
		"scram-sha-256", "aws4-hmac-sha256", NULL };
	size_t end = past_word(text, from), next = past_spaces(text, end);
	struct bytes word = { text.data + from, end - from };

	if ((header && is_one_of(name, cookies)) || (next > end && is_one_of(word, many)))
		return past_line(text, from);
	return is_one_of(word, one) || (header && is_one_of(name, authorization)) ? past_word(text, next) : end;
}

/* The same quote again, with as many backslashes before it as the first one has. */
static size_t quoted_end(struct bytes text, size_t from, size_t slashes)
{
	char quote = text.data[from - 1];

	for (size_t i = from, before = 0; i < text.size; i++) {
		if (text.data[i] == quote && before <= slashes)
			return i - before;
		before = text.data[i] == '\\' ? before + 1 : 0;
	}
	return text.size;
}

static struct detected value_at(struct bytes text, struct bytes name, size_t mark)
{
	size_t slashes = 0, at = value_from(text, mark);

	while (at + slashes < text.size && slashes < SLASHES_MAX && text.data[at + slashes] == '\\')
		slashes++;
	if (at + slashes < text.size && is_quote(text.data[at + slashes])) {
		size_t from = at + slashes + 1;
		return (struct detected){ from, quoted_end(text, from, slashes) };
	}
	if (at < text.size && (text.data[at] == '{' || text.data[at] == '['))
		return (struct detected){ at, text.size };
	return (struct detected){ at, past_words(text, name, at, text.data[mark] == ':') };
}

/* "::" is not a mark, because names of some languages have it, nor is "==", because conditions have it. */
static bool is_doubled(struct bytes text, size_t mark)
{
	char c = text.data[mark];

	return (mark > 0 && text.data[mark - 1] == c) || (mark + 1 < text.size && text.data[mark + 1] == c);
}

static size_t find_char(struct bytes text, size_t at, char c)
{
	const char *found = at < text.size ? memchr(text.data + at, c, text.size - at) : NULL;

	return found ? (size_t)(found - text.data) : text.size;
}

static void pass(struct text_pairs *p, size_t at)
{
	if (p->equals < at)
		p->equals = find_char(p->text, at, '=');
	if (p->colon < at)
		p->colon = find_char(p->text, at, ':');
}

void text_pairs_begin(struct text_pairs *p, const struct key_set *keys, struct bytes text)
{
	*p = (struct text_pairs){
		.keys = keys, .text = text, .equals = find_char(text, 0, '='), .colon = find_char(text, 0, ':')
	};
}

bool text_pairs_next(struct text_pairs *p, size_t at, struct detected *ret)
{
	for (pass(p, at); p->equals < p->text.size || p->colon < p->text.size; pass(p, at)) {
		size_t mark = p->equals < p->colon ? p->equals : p->colon;
		struct bytes name = name_before(p->text, mark);
		at = mark + 1;
		if (is_doubled(p->text, mark) ||
			(!is_key(p->keys, name) && !key_set_has(p->keys, quoted_before(p->text, name))))
			continue;
		*ret = value_at(p->text, name, mark);
		if (ret->from < ret->to)
			return true;
	}
	return false;
}
