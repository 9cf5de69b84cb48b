/*
 * Parked records for another process, which may ask while an agent runs or when none does.
 */
#ifndef OXP_STATE_PARKED_EACH_H
#define OXP_STATE_PARKED_EACH_H

#include "state/record.h"

/* Each parked record of the state in that folder, oldest first. 0 or -errno. */
int state_parked_each(const char *folder, void (*visit)(void *, const struct state_parked *), void *context) MUST_CHECK;

#endif
