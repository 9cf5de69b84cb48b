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

/* How many bytes the next character has, of at least one that are left; 1 where they are no UTF-8. *ret_harm: it ends a
 * line, speaks to a terminal, or has it show other text than is there (what turns text around, what has no width). */
size_t text_character(const char *text, size_t left, bool *ret_harm);

/* Spaces in place of the bytes of each of these: what somebody else wrote becomes one line that does nothing to a
 * terminal and reads as it is. */
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

/* The three bytes at p, or the one or two that are left, as four characters (RFC 4648). */
enum { BASE64_GROUP = 4 };
void base64_group(const unsigned char *p, size_t left, char to[BASE64_GROUP + 1]);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be a slip of the finger. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* Whether a Content-Type (RFC 9110, 8.3) is that type, with or without parameters. */
bool media_type_is(struct bytes content_type, const char *type);

/* host:port, the host in brackets where it is an IPv6 address; *ret_host is the caller's. False: it is no such text, or
 * there is no memory. */
bool address_split(const char *address, char **ret_host, uint16_t *ret_port) MUST_CHECK;

#endif
