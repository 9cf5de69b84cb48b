/*
 * Text helpers that more than one file needs: UTF-8, JSON strings, numbers, hex.
 */
#ifndef OXP_TEXT_H
#define OXP_TEXT_H

#include <stdio.h>

#include "base/bytes.h"

/* Whether the bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). Fast on ASCII. */
bool utf8_valid(const char *data, size_t size);

/* Writes the text, and U+FFFD (three bytes) for each byte that is not part of valid UTF-8, as json_string_append()
 * does. Returns the size of the result; if `to` is NULL, nothing is written. */
size_t utf8_mend(const char *data, size_t size, char *to);

/* Writes the form that a quote, a backslash or a control character has in a JSON string, and returns its size. */
enum { JSON_ESCAPE_MAX = 6 };
size_t json_escape(unsigned char c, char to[JSON_ESCAPE_MAX]);
/* Appends the bytes as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD, one for each bad byte; control
 * characters are escaped. 0, -ENOSPC or -ENOMEM. */
int json_string_append(struct buffer *, const char *data, size_t size) MUST_CHECK;

/* Makes text from outside one line that is safe on a terminal and reads as it is: control characters (U+0080 to U+009F
 * too), characters that change the direction of text (U+202E) and invisible ones become spaces; each byte that is not
 * UTF-8 becomes ?. */
void text_one_line(char *text);
/* The same, except for what json_string_append() escapes or replaces itself. */
void text_for_json(char *text);

/* Writes text from outside as one line that is safe on a terminal, with ? where text_one_line() has spaces. Returns the
 * number of characters. */
size_t text_put(FILE *, struct bytes);
/* The same for valid JSON, which stays the same JSON: in its strings DEL and C1 are escaped; line ends between tokens
 * stay if `lines`, and become spaces otherwise. */
void text_put_json(FILE *, struct bytes, bool lines);

/* Writes the decimal digits, no terminator; returns how many. */
enum { U64_DIGITS_MAX = 20 };
size_t u64_format(uint64_t value, char *to);
/* Writes a finite number in the fewest digits that read back as the same one, with a zero behind them. */
enum { DOUBLE_TEXT_SIZE = 32 };
void double_format(double value, char to[DOUBLE_TEXT_SIZE]);
/* All of the text must be digits and fit. */
bool u64_parse(struct bytes text, uint64_t *ret);

/* Permissions in octal, such as 0660; nothing above 0777. */
bool mode_parse(const char *text, unsigned *ret);

/* Two lower-case digits a byte, no terminator. */
void hex_format(const void *bytes, size_t size, char *to);

/* The value of a digit of hex, in either case, or -1. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False if the text is not two digits for each of the bytes. */
bool hex_parse(struct bytes text, void *bytes, size_t size);

/* The byte that the %XX at p stands for (RFC 3986, 2.1), or -1. */
static inline int percent_byte(const char *p, size_t left)
{
	int high = left > 2 && p[0] == '%' ? hex_digit(p[1]) : -1, low = high >= 0 ? hex_digit(p[2]) : -1;

	return low >= 0 ? high << 4 | low : -1;
}

/* The three bytes at p, or the one or two that are left, as four characters (RFC 4648). */
enum { BASE64_GROUP = 4 };
void base64_group(const unsigned char *p, size_t left, char to[BASE64_GROUP + 1]);
/* Reads either alphabet up to the first character of neither, such as padding, or to a byte that finds no room. Returns
 * how many characters that were, and how many bytes they made. */
size_t base64_parse(struct bytes text, char *to, size_t room, size_t *ret_size);

/* The candidate nearest to `word` by edit distance, or NULL if none is near enough for a typing error. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* Whether a Content-Type (RFC 9110, 8.3) is that type, with or without parameters. */
bool media_type_is(struct bytes content_type, const char *type);

/* host:port, with an IPv6 address in brackets. The caller frees *ret_host. False if the text is anything else, or there
 * is no memory. */
bool address_split(const char *address, char **ret_host, uint16_t *ret_port) MUST_CHECK;

#endif
