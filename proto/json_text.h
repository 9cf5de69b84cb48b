/*
 * Writes text as a JSON string, in runs between the characters that must be escaped: for whole messages. For a few
 * bytes, or text without padding, json_string_append() (base/text.h) writes the same.
 */
#ifndef OXP_JSON_TEXT_H
#define OXP_JSON_TEXT_H

#include "proto/json_line.h"

/* Appends it with its quotes. JSON_LINE_PADDING readable bytes follow the text. 0; or -ENOSPC or -ENOMEM, and some of
 * it may have been appended. */
int json_text_append(const struct json_scan *, struct buffer *, const char *text, size_t size) MUST_CHECK;

#endif
