#include "config/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/writer.h"

enum { QUOTE_MAX = 64, EXCERPT_MAX = 120 };

static bool continues(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static const char *line_start(struct config_span s)
{
	const char *text = s.source->text, *newline = memrchr(text, '\n', s.start);

	return newline ? newline + 1 : text;
}

static unsigned characters(const char *from, const char *to)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += !continues(*from);
	return n;
}

struct config_mark config_mark(struct config_span s)
{
	struct config_mark mark = { .line = 1 };

	if (!s.source)
		return (struct config_mark){ .file = "" };
	for (const char *p = s.source->text, *end = p + s.start; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		mark.line++;
	mark.file = s.source->name;
	mark.column = characters(line_start(s), s.source->text + s.start) + 1;
	return mark;
}

void config_mask(struct config_span s)
{
	if (!s.source)
		return;
	for (size_t i = s.start; i < s.end; i++)
		if (s.source->text[i] != '\n')
			s.source->text[i] = '*';
}

void config_complain(struct config_errors *e, struct config_span span, const char *path, const char *format, ...)
{
	char what[CONFIG_WHAT_MAX];
	va_list args;

	if (e->count++ >= CONFIG_ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	e->items[e->count - 1] = (struct config_error){
		.span = span,
		.path = config_copy(e->arena, path, strlen(path)),
		.what = config_copy(e->arena, what, strlen(what)),
	};
}

/* Whether `word` is one of those in `words`, which are separated by | and end at a dot. */
static bool is_among(const char *words, struct bytes word)
{
	size_t n = strcspn(words, "|.");

	while (words[n] == '|' && (n != word.size || strncmp(words, word.data, n) != 0)) {
		words += n + 1;
		n = strcspn(words, "|.");
	}
	return n == word.size && strncmp(words, word.data, n) == 0;
}

static bool path_matches(const char *pattern, const char *path)
{
	bool same = true;

	while (same && *pattern && *path) {
		size_t n = strcspn(path, "."), left = strcspn(pattern, ".");
		same = (left == 1 && *pattern == '*') || is_among(pattern, (struct bytes){ path, n });
		path += n + (path[n] == '.');
		pattern += left + (pattern[left] == '.');
	}
	return same && !*pattern && !*path;
}

const char *config_hint(const struct config_errors *e, const char *path)
{
	const struct config_hint *h = e->hints;

	while (h && h->path && !path_matches(h->path, path))
		h++;
	if (!h || !h->path)
		return NULL;
	return config_printf(e->arena, "use %s%s%s", h->use, h->why ? ": " : "", h->why ? h->why : "");
}

/* "file:3:14: key.path: what is wrong", in the errors' arena; no line end. */
static const char *error_text(const struct config_errors *e, size_t i)
{
	const struct config_error *error = &e->items[i];
	const char *colon = *error->path ? ": " : "";
	struct config_mark mark = config_mark(error->span);

	if (!error->span.source)
		return config_printf(e->arena, "%s%s%s", error->path, colon, error->what);
	return config_printf(
		e->arena, "%s:%u:%u: %s%s%s", mark.file, mark.line, mark.column, error->path, colon, error->what);
}

bool config_sounds_secret(const char *word, size_t size)
{
	static const char *const sounds[] = { "pass", "pwd", "secret", "token", "key", "auth", "cred", "cookie", "salt",
		"bearer" };

	for (size_t i = 0; i + 2 < size; i++)
		for (size_t k = 0; k < COUNT_OF(sounds); k++)
			if (i + strlen(sounds[k]) <= size && strncasecmp(word + i, sounds[k], strlen(sounds[k])) == 0)
				return true;
	return false;
}

/* Stars for all that follows a key that sounds like a secret, up to `end`. */
static void hide_secrets(char *line, char *end)
{
	char *word = line;

	for (char *p = line; p < end; p++) {
		if ((*p == ':' || *p == '=') && config_sounds_secret(word, (size_t)(p - word))) {
			memset(p + 1, '*', (size_t)(end - p) - 1);
			return;
		}
		if (strchr(" \t,{[:", *p))
			word = p + 1;
	}
}

/* The line of the error, cut to fit a terminal, and a caret below. Tabs stay, so that the caret is below the
 * right character. */
static void print_excerpt(const struct config_errors *e, const struct config_error *error, struct writer *to)
{
	const char *start, *end, *at;
	char *line;

	if (!error->span.source)
		return;
	start = line_start(error->span);
	at = error->span.source->text + error->span.start;
	end = start + strcspn(start, "\r\n");
	if (at - start >= EXCERPT_MAX || end == start)
		return;
	if (end - start > EXCERPT_MAX)
		end = start + EXCERPT_MAX;
	while (end > start && continues(*end))
		end--;
	line = config_copy(e->arena, start, (size_t)(end - start));
	hide_secrets(line, line + (end - start));
	writer_printf(to, "    %s\n    ", config_hide_passwords(e->arena, line));
	for (const char *p = start; p < at; p++)
		if (!continues(*p))
			writer_text(to, *p == '\t' ? "\t" : " ");
	writer_text(to, "^\n");
}

int config_errors_print(const struct config_errors *e, bool excerpts, struct buffer *to)
{
	size_t shown = e->count < CONFIG_ERRORS_MAX ? e->count : CONFIG_ERRORS_MAX;
	struct writer w;

	writer_init(&w, to);
	for (size_t i = 0; i < shown; i++) {
		writer_printf(&w, "%s\n", error_text(e, i));
		if (excerpts)
			print_excerpt(e, &e->items[i], &w);
	}
	if (e->count > shown)
		writer_printf(&w, "%zu more\n", e->count - shown);
	return writer_done(&w);
}

/* Where the password of a URL begins and ends behind its slashes; false if it has none. It reaches up to the last @,
 * because people do not escape slashes in passwords: better hide too much than too little. */
static bool find_password(const char *p, const char **ret_start, const char **ret_end)
{
	size_t size = strcspn(p, " \t\r\n\"'");
	const char *colon = memchr(p, ':', size), *at = memrchr(p, '@', size);

	if (!colon || !at || colon > at)
		return false;
	*ret_start = colon + 1;
	*ret_end = at;
	return true;
}

static bool has_default(struct bytes inside)
{
	const char *colon = memmem(inside.data, inside.size, ":-", 2);

	return colon && memcmp(inside.data, "{file:", 6) != 0 && colon + 2 < inside.data + inside.size;
}

bool config_is_reference(struct bytes text)
{
	const char *p = text.data, *end = text.data + text.size;

	while (p < end) {
		const char *close = *p == '$' && p + 1 < end && p[1] == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
		if (!close || has_default((struct bytes){ p + 1, (size_t)(close - p) - 1 }))
			return false;
		p = close + 1;
	}
	return true;
}

bool config_shows_password(const char *text)
{
	const char *start, *end;

	for (; (text = strstr(text, "://")); text += 3)
		if (find_password(text + 3, &start, &end) &&
			!config_is_reference((struct bytes){ start, (size_t)(end - start) }))
			return true;
	return false;
}

char *config_hide_passwords(struct config_arena *arena, const char *text)
{
	static const char stars[] = "***";
	const char *slashes, *start, *end;
	char *shown = config_alloc(arena, strlen(text) * 2 + sizeof stars), *to = shown;

	while ((slashes = strstr(text, "://"))) {
		slashes += 3;
		if (!find_password(slashes, &start, &end))
			start = end = slashes;
		to = mempcpy(to, text, (size_t)(start - text));
		if (start > slashes)
			to = mempcpy(to, stars, 3);
		text = end;
	}
	memcpy(to, text, strlen(text) + 1);
	return shown;
}

const char *config_quote(struct config_arena *arena, const char *text)
{
	char *shown = config_hide_passwords(arena, text);
	size_t size = strlen(shown), cut = size > QUOTE_MAX ? QUOTE_MAX : size;

	while (cut > 0 && continues(shown[cut]))
		cut--;
	shown[cut] = '\0';
	for (unsigned char *p = (unsigned char *)shown; *p; p++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			*p = p[1] = '?';
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	return config_printf(arena, "\"%s%s\"", shown, cut < size ? "…" : "");
}
