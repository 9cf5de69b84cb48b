/*
 * Why we cannot listen on an address, for people: which process has it, if the kernel tells, or what is in the way.
 *
 * It looks in /proc, at processes that we may look at. That takes some milliseconds; call it only if nothing else can
 * be done.
 */
#ifndef OXP_HTTP_TAKEN_H
#define OXP_HTTP_TAKEN_H

#include "base/base.h"

enum { LISTEN_WHY_MAX = 200 };

/* `failed` is what listening_open() answered, `type` SOCK_STREAM or SOCK_DGRAM. "taken by process 7 (nginx)". */
void listen_why(const char *address, int type, int failed, char to[LISTEN_WHY_MAX]);

#endif
