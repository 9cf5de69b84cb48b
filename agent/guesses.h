/*
 * Keys and types that people write since other tools have them, and what to use here. Answered with the complaint about
 * the unknown key; nothing of it is taken.
 */
#ifndef OXP_GUESSES_H
#define OXP_GUESSES_H

#include "config/error.h"

extern const struct config_hint config_guesses[];

#endif
