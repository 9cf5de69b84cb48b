/*
 * Names and their values in text that is no JSON, or is some inside a string: `password=x`, `Password: "x y"`,
 * `{"password":"x"`, `'password' => 'x'`. What a line says of a name of the set is found, however it says it; where a
 * value ends is a guess that rather takes too much:
 *
 *	quoted      at the same quote, or at the end of the text
 *	{ or [      at the end of the text
 *	otherwise   at a space, a quote, or one of , ; & ) ] }, with the word behind Basic, Bearer or Digest
 */
#ifndef OXP_TEXT_PAIR_H
#define OXP_TEXT_PAIR_H

#include "proto/detect.h"
#include "proto/key_set.h"

/* The first value that begins at `at` or later. */
bool text_pair_next(const struct key_set *, struct bytes text, size_t at, struct detected *ret);

#endif
