/*
 * The manual, made from the rows: as a commented configuration file, as text for a terminal, and as a JSON Schema.
 *
 * The commented file is itself a configuration. It contains every default; options without a default and all components
 * are commented out. So loading it is the same as loading an empty file. Each function returns 0, -ENOSPC or -ENOMEM.
 */
#ifndef OXP_CONFIG_REFERENCE_H
#define OXP_CONFIG_REFERENCE_H

#include "config/load.h"

int reference_yaml(const struct config_section *, struct buffer *to) MUST_CHECK;
/* Draft 2020-12. */
int reference_schema(const struct config_section *, struct buffer *to) MUST_CHECK;

/* The configuration in force after config_load(): every option with its value, defaults included, secrets as ***. It
 * reads back to the same configuration, except for the secrets. */
int config_effective(const struct config *, struct buffer *to) MUST_CHECK;

#endif
