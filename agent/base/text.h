/*
 * Text helpers that more than one place needs: UTF-8, JSON strings, numbers, hex.
 */
#ifndef OXP_TEXT_H
#define OXP_TEXT_H

#include "base/bytes.h"

/* Whether the bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). Fast on ASCII. */
bool utf8_valid(const char *data, size_t size);

/* Appends the bytes as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD, one for each bad byte; control
 * characters are escaped. 0, -ENOSPC or -ENOMEM. */
int json_string_append(struct buffer *, const char *data, size_t size) MUST_CHECK;

/* A space in place of each control character, those of two bytes in UTF-8 (U+0080 to U+009F) too: what somebody else
 * wrote becomes one line that does nothing to a terminal. */
void text_one_line(char *text);
/* The same for text of several lines, that may have zeros in it: its line feeds stay. */
void text_plain(char *text, size_t size);

/* Writes the decimal digits, no terminator; returns how many. */
enum { U64_DIGITS_MAX = 20 };
size_t u64_format(uint64_t value, char *to);
/* All of the text must be digits and fit. */
bool u64_parse(struct bytes text, uint64_t *ret);

/* Permissions in octal, such as 0660; nothing above 0777. */
bool mode_parse(const char *text, unsigned *ret);

/* Two lower-case digits a byte, no terminator. */
void hex_format(const void *bytes, size_t size, char *to);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be a slip of the finger. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* Whether a Content-Type (RFC 9110, 8.3) is that type, with or without parameters. */
bool media_type_is(struct bytes content_type, const char *type);

/* host:port, the host in brackets where it is an IPv6 address; *ret_host is the caller's. False: it is no such text, or
 * there is no memory. */
bool address_split(const char *address, char **ret_host, uint16_t *ret_port) MUST_CHECK;

#endif
