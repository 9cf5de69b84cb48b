/*
 * The components there are. A new one is one file and one row here.
 */
#ifndef OXP_REGISTRY_H
#define OXP_REGISTRY_H

#include "component.h"

/* Each list ends with NULL. */
extern const struct collector_type *const registry_collectors[];
extern const struct exporter_type *const registry_exporters[];
extern const struct check_type *const registry_checks[];
extern const struct step_type *const registry_steps[];

#endif
