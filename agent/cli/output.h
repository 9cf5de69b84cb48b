/*
 * What a command prints at once.
 */
#ifndef OXP_CLI_OUTPUT_H
#define OXP_CLI_OUTPUT_H

#include "base/bytes.h"

enum { OUTPUT_MAX = 4 << 20 };

/* Prints the buffer on stdout unless `failed`, and ends it. Returns the exit status: 1 if it could not. */
int output_buffer(struct buffer *, int failed);

#endif
