/*
 * Reads members of a JSON answer, which may come from a program that is not an agent.
 */
#ifndef OXP_CLI_MEMBER_H
#define OXP_CLI_MEMBER_H

#include <jansson.h>

/* 0 if it is missing or not a number. */
long long member_number(const json_t *object, const char *key);
/* The text as one line that does nothing to a terminal, since others wrote it (names of files, answers of servers). ""
 * if it is missing or not a text. Changes the text in the tree. */
const char *member_text(const json_t *object, const char *key);

#endif
