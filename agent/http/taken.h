/*
 * Why an address cannot be listened on, for people: who has it, where the kernel tells, and what is in the way.
 *
 * Looked up in /proc, of processes that we may look at; it takes some milliseconds and is for the moment in which
 * nothing else can be done.
 */
#ifndef OXP_HTTP_TAKEN_H
#define OXP_HTTP_TAKEN_H

#include "base/base.h"

enum { LISTEN_WHY_MAX = 200 };

/* `failed` is what listening_open() answered, `type` SOCK_STREAM or SOCK_DGRAM. "taken by process 7 (nginx)". */
void listen_why(const char *address, int type, int failed, char to[LISTEN_WHY_MAX]);

#endif
