/*
 * What the program does if it was started to look at something (helped.h). It may block, and it may be
 * killed at any time. It is the first to go if the container runs out of memory, and goes with the agent.
 */
#ifndef OXP_HELPER_H
#define OXP_HELPER_H

#include "base/base.h"

/* Bytes of data that it may take beyond what the program begins with, unless it becomes a command. A login over TLS
 * takes 1.5 MiB with all authorities of a system; sanitizers take many times as much. */
#ifdef __SANITIZE_ADDRESS__
enum { HELPER_MEMORY_MAX = 256 << 20 };
#else
enum { HELPER_MEMORY_MAX = 6 << 20 };
#endif
#define HELPER_NAME "oxpecker-look" /* as it is called in a list of processes */

/* Whether the program was started for that. */
bool helper_is_meant(const char *const *argv);
/* Looks, and returns the exit status: 0 if all is fine, or 1, and why has been printed. */
int helper_run(const char *const *argv) MUST_CHECK;

#endif
