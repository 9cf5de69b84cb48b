/*
 * What JSON says that an agent, or another program at its address, has answered.
 */
#ifndef OXP_CLI_MEMBER_H
#define OXP_CLI_MEMBER_H

#include <jansson.h>

/* 0 if it is not there, or is no number. */
long long member_number(const json_t *object, const char *key);
/* What others wrote (names of files, answers of servers), on one line that does nothing to a terminal. "" if it is not
 * there, or is no text. The tree is the caller's, and its text is changed. */
const char *member_text(const json_t *object, const char *key);

#endif
