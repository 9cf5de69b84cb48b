/*
 * Text becomes a JSON string, in runs between what must be escaped: for whole messages. For a few bytes, or what has no
 * padding behind it, there is json_string_append() (base/text.h), which says the same.
 */
#ifndef OXP_JSON_TEXT_H
#define OXP_JSON_TEXT_H

#include "proto/json_line.h"

/* Appends it with its quotes. JSON_LINE_PADDING readable bytes stand behind the text. 0, -ENOSPC or -ENOMEM; then some
 * of it may have been appended. */
int json_text_append(const struct json_scan *, struct buffer *, const char *text, size_t size) MUST_CHECK;

#endif
