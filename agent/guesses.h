/*
 * Keys and types that people write because other tools have them, and what to use here instead. The complaint about the
 * unknown key says it; the value is not used.
 */
#ifndef OXP_GUESSES_H
#define OXP_GUESSES_H

#include "config/error.h"

extern const struct config_hint config_guesses[];

#endif
