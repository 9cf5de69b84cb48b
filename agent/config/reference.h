/*
 * The manual that the rows are: as a commented configuration file, and as a JSON Schema.
 *
 * The commented file is a configuration: every default stands in it as it is, what has no default and every
 * component is commented out, so loading it is the same as loading nothing. Each returns 0, -ENOSPC or -ENOMEM.
 */
#ifndef OXP_CONFIG_REFERENCE_H
#define OXP_CONFIG_REFERENCE_H

#include "config/load.h"

int reference_yaml(const struct config_section *, struct buffer *to) MUST_CHECK;
/* Draft 2020-12. */
int reference_schema(const struct config_section *, struct buffer *to) MUST_CHECK;

/* What is in force after config_load(): every option with its value, defaults too, secrets as ***. Reads back as the
 * same configuration but for the secrets. */
int config_effective(const struct config *, struct buffer *to) MUST_CHECK;

#endif
