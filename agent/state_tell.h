/*
 * Tells people about the state folder: that it cannot be used, that something of an earlier run is missing, that its
 * disk fails. Something missing is counted as oxpecker_state_losses_total, too, and named on /status.
 */
#ifndef OXP_STATE_TELL_H
#define OXP_STATE_TELL_H

#include "base/log.h"
#include "state/state.h"
#include "status/counters.h"

struct state_folder {
	const char *path;
	bool temporary; /* a default that may vanish with the container */
};

/* state_open() failed, for this reason. */
void state_tell_unusable(const struct log *, const char *why, int failed);
/* It is open: tells everything that is unusual about it. */
void state_tell_found(const struct log *, struct counters *, const struct state *, const struct state_folder *);
/* Whether the embedded store is the one that was known; `known` 0: none was. */
void state_tell_store(const struct log *, struct counters *, const char *path, uint64_t known, uint64_t id);
/* -errno: the disk fails; 0: it works again. */
void state_tell_trouble(const struct log *, const char *path, const struct state *);
/* Somebody touches the files that this run has open. */
void state_tell_disturbance(const struct log *, const char *path, const struct state *, enum state_disturbance);
/* "state.db is older"; "" for none. */
const char *state_loss_name(enum state_loss);

#endif
