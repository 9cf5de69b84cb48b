/*
 * What `oxpecker state` prints on stdout, for people or as one JSON object.
 */
#ifndef OXP_CLI_STATE_PRINT_H
#define OXP_CLI_STATE_PRINT_H

#include "state/verify.h"

/* What was backed up, or restored: `did` is "wrote" or "restored". */
void cli_state_print_done(const char *did, const char *path, const struct backup_manifest *, bool as_json);
void cli_state_print_report(const char *path, const struct verify_report *, bool as_json);

#endif
