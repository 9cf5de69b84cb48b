/*
 * What is wrong with a configuration, collected up to a ceiling, each with its place, so that one look mends the
 * file.
 *
 * A source is the text as it was given: a file, or one --set. A span points into it. Errors show the line they are
 * about; before that, whoever reads an option that is secret masks it in the source, so that an excerpt shows stars.
 * A file that does not parse has no options yet: excerpts also hide what follows a key that sounds like a secret.
 * Passwords in URLs are hidden whenever text is shown.
 */
#ifndef OXP_CONFIG_ERROR_H
#define OXP_CONFIG_ERROR_H

#include "config/arena.h"

enum { CONFIG_ERRORS_MAX = 20, CONFIG_WHAT_MAX = 640 };

struct config_source {
	const char *name;	/* "oxpecker.yaml", "--set" */
	char *text;
	size_t size;
};

struct config_span {
	const struct config_source *source;	/* NULL: nowhere, such as a file that is not there */
	size_t start, end;			/* bytes of its text */
};

struct config_place {
	const char *file;
	unsigned line, column;	/* from 1, columns in characters; line 0: the file as a whole */
};

struct config_error {
	struct config_span span;
	const char *path;	/* "logs.export.elasticsearch.url", or "" */
	const char *what;
};

/* What people write in place of a key or type that there is. A word of `path` is `*` for any, or several with |
 * between: "receive.*.endpoint|address". An unknown type is looked up as if it was the component's name. */
struct config_hint {
	const char *path;	/* NULL ends the table */
	const char *use;	/* "receive.otlp.http" */
	const char *why;	/* half a sentence, or NULL */
};

struct config_errors {
	struct config_arena *arena;
	const struct config_hint *hints;	/* NULL: none */
	size_t count;		/* may be more than are kept */
	struct config_error items[CONFIG_ERRORS_MAX];
};

struct config_place config_place(struct config_span);
void config_mask(struct config_span);	/* its bytes become stars, its line ends stay */

void config_complain(struct config_errors *, struct config_span, const char *path, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* "use receive.otlp.http: the door has …", in the arena, or NULL when nobody is known to write that path. */
const char *config_hint(const struct config_errors *, const char *path);

/* "file:3:14: key.path: what is wrong", terminated, in the errors' arena; no line end. */
const char *config_error_text(const struct config_errors *, size_t i);
/* All of them, one line each; for people also with the line in question and a caret. 0, -ENOSPC or -ENOMEM. */
int config_errors_print(const struct config_errors *, bool excerpts, struct buffer *to) MUST_CHECK;

/* The text fit to be shown in a message: in quotes, control characters (C0, DEL, C1) as ?, cut after 64 bytes,
 * passwords of URLs hidden. */
const char *config_quote(struct config_arena *, const char *text);
/* A copy with the password of each scheme://user:password@host as ***. */
char *config_hide_passwords(struct config_arena *, const char *text);

/* Whether a key of that name holds a secret, as far as its name says: password, api_key. */
bool config_sounds_secret(const char *word, size_t size);
/* Whether it is, or has in it, a URL with a password that stands there as it is, not as ${…} without a default. */
bool config_shows_password(const char *text);
/* Whether it is nothing but ${NAME} and ${file:/path}: what it says is not what it will be. */
bool config_is_reference(struct bytes text);

#endif
