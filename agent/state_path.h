/*
 * Where `state` is when the configuration does not say: the first of these that can be used.
 *
 *   $STATE_DIRECTORY                   systemd made it for us
 *   $XDG_STATE_HOME/oxpecker
 *   /var/lib/oxpecker                  if it is there, as a package or a volume has it, and we may write to it
 *   $HOME/.local/state/oxpecker        if it can be made
 *   $TMPDIR/oxpecker, /tmp/oxpecker    in a container only, where nobody else can write: for a user without a home, a
 *                                      read-only root file system, and one volume for temporary files
 *
 * The first two were set on purpose and are taken as they are. If no folder can be used, the answer is the one that can
 * be made by hand, /var/lib/oxpecker, and opening it says what is wrong.
 */
#ifndef OXP_STATE_PATH_H
#define OXP_STATE_PATH_H

#include "config/arena.h"

struct state_path_world {
	const char *root; /* what stands before /var/lib and /tmp: "", or a folder of a test */
	const char *state_directory, *xdg_state_home, *home, *tmpdir; /* NULL: not set */
	bool in_container;
};

/* In the arena. *ret_temporary: it may go with the container. */
const char *state_path_default(struct config_arena *, const struct state_path_world *, bool *ret_temporary);

#endif
