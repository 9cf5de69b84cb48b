/*
 * Names and their values in text that is not JSON, or is JSON inside a string: `password=x`, `Password: "x y"`,
 * `{"password":"x"`, `'password' => 'x'`, `--password=x`, `user[password]=x`. A value is found whichever of these forms
 * it has. Where it ends is a guess, and rather takes too much:
 *
 *	quoted      at the same quote, or at the end of the text
 *	{ or [      at the end of the text
 *	otherwise   at a space, a quote, or one of , ; & ) ] }; with the word behind Basic, Bearer and their kin; at the
 *	            end of the line behind Digest and others that have parameters, and of the headers of cookies
 */
#ifndef OXP_TEXT_PAIR_H
#define OXP_TEXT_PAIR_H

#include "proto/detect.h"
#include "proto/key_set.h"

/* A search in progress: the next marks are remembered, so each is looked for once. */
struct text_pairs {
	const struct key_set *keys;
	struct bytes text;
	size_t equals, colon; /* the first of each that was not passed yet; the text's size if there are no more */
};

/* Not zero if one of the eight bytes is that character. */
static inline uint64_t text_word_has(const char *at, unsigned char c)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t word;

	memcpy(&word, at, sizeof word);
	word ^= ones * c;
	return (word - ones) & ~word & ones << 7;
}

/* Whether there is any of the marks that stand between a name and its value: = and : The last word overlaps the one
 * before it. */
static inline bool text_has_pair_mark(struct bytes text)
{
	uint64_t has = 0;

	if (text.size < sizeof has) {
		for (size_t i = 0; i < text.size; i++)
			has |= text.data[i] == '=' || text.data[i] == ':';
		return has;
	}
	for (size_t i = 0; i + sizeof has < text.size; i += sizeof has)
		has |= text_word_has(text.data + i, '=') | text_word_has(text.data + i, ':');
	return has | text_word_has(text.data + text.size - sizeof has, '=') |
	       text_word_has(text.data + text.size - sizeof has, ':');
}

void text_pairs_begin(struct text_pairs *, const struct key_set *, struct bytes text);
/* The first value that begins at `at` or later; `at` never goes back. */
bool text_pairs_next(struct text_pairs *, size_t at, struct detected *ret);

#endif
