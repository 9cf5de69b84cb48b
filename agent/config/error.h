/*
 * The errors of a configuration, collected up to a ceiling, each with its line and column, so that a user can fix all
 * of them at once.
 *
 * A source is the text as it was given: a file, or one --set. A span points into it. An error shows its line. Before
 * that, the reader of a secret option masks it in the source, so that an excerpt shows stars. A file that does not
 * parse has no options yet, so an excerpt also hides the text after a key that sounds like a secret. Passwords in URLs
 * are hidden whenever text is shown.
 */
#ifndef OXP_CONFIG_ERROR_H
#define OXP_CONFIG_ERROR_H

#include "config/arena.h"

enum { CONFIG_ERRORS_MAX = 20, CONFIG_WHAT_MAX = 640 };

struct config_source {
	const char *name; /* "oxpecker.yaml", "--set" */
	char *text;
	size_t size;
};

struct config_span {
	const struct config_source *source; /* NULL: none, for example if the file does not exist */
	size_t start, end; /* bytes of its text */
};

struct config_mark {
	const char *file;
	unsigned line, column; /* from 1, columns in characters; line 0: the file as a whole */
};

struct config_error {
	struct config_span span;
	const char *path; /* "logs.export.elasticsearch.url", or "" */
	const char *what;
};

/* What people write instead of a key or type that exists. A word of `path` is `*` for any word, or several words with |
 * between them: "receive.*.endpoint|address". An unknown type is looked up as if it were the component's name. */
struct config_hint {
	const char *path; /* NULL ends the table */
	const char *use; /* "receive.otlp.http" */
	const char *why; /* half a sentence, or NULL */
};

struct config_errors {
	struct config_arena *arena;
	const struct config_hint *hints; /* NULL: none */
	size_t count; /* may be higher than what is kept */
	struct config_error items[CONFIG_ERRORS_MAX];
};

struct config_mark config_mark(struct config_span);
void config_mask(struct config_span); /* its bytes become stars, its line ends stay */

void config_complain(struct config_errors *, struct config_span, const char *path, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* "use receive.otlp.http: the door has …", in the arena; NULL if the table does not have that path. */
const char *config_hint(const struct config_errors *, const char *path);
/* All errors, one line each; `excerpts` adds the line of the file and a caret. 0, -ENOSPC or -ENOMEM. */
int config_errors_print(const struct config_errors *, bool excerpts, struct buffer *to) MUST_CHECK;

/* The text as a message may show it: in quotes, control characters (C0, DEL, C1) as ?, cut after 64 bytes, passwords of
 * URLs hidden. */
const char *config_quote(struct config_arena *, const char *text);
/* A copy with the password of each scheme://user:password@host as ***. */
char *config_hide_passwords(struct config_arena *, const char *text);

/* Whether the name of a key says that it is a secret: password, api_key. */
bool config_sounds_secret(const char *word, size_t size);
/* Whether the text contains a URL with a password in plain text, rather than as ${…} without a default. */
bool config_shows_password(const char *text);
/* Whether the text is nothing but ${NAME} and ${file:/path}, and so does not show its value. */
bool config_is_reference(struct bytes text);

#endif
