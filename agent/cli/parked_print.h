/*
 * How `oxpecker parked` prints records: as a table, one in full, or as JSON.
 */
#ifndef OXP_CLI_PARKED_PRINT_H
#define OXP_CLI_PARKED_PRINT_H

#include <jansson.h>
#include <stdbool.h>

void cli_parked_print_head(bool json);
void cli_parked_print_row(const json_t *record, bool json);
void cli_parked_print_whole(const json_t *record, bool json); /* with its payload */

#endif
