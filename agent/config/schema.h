/*
 * What a whole configuration file may say: its sections, and the types of components that a section may name.
 *
 * The core fills these tables from its own rows and from the registry; config/ knows no component by name. Reader,
 * reference, JSON Schema and effective configuration are all driven by them. A path is either a section or the way
 * to one.
 */
#ifndef OXP_CONFIG_SCHEMA_H
#define OXP_CONFIG_SCHEMA_H

#include "config/option.h"

enum section_kind {
	SECTION_OPTIONS, /* a mapping of options: `state: {max: 1GiB}` */
	SECTION_VALUE, /* one option, the only row: `memory: 32MiB` */
	SECTION_COMPONENTS, /* a mapping of named components: `tail: {…}`, `audit: {type: tail, …}` */
	SECTION_STEPS, /* a list of components, in their order: `- redact: {…}` */
};

struct config_type {
	const char *name; /* NULL ends the table */
	const char *summary; /* one sentence */
	const struct option *options; /* NULL: none */
	size_t config_size;
	const char *const *schemes; /* of the main option's URL, that select it; NULL: none */
	const void *type; /* struct collector_type and the like; handed through */
};

struct config_section {
	const char *path; /* "logs.export"; NULL ends the table. Sections of one parent stand together */
	const char *help; /* one sentence */
	enum section_kind kind;
	/* OPTIONS and VALUE: rows into the struct of the whole configuration. COMPONENTS and STEPS: what every
	 * component of the section has, into a struct of `common_size`; NULL: nothing. */
	const struct option *options;
	size_t common_size;
	const struct config_type *types;
	const char *noun; /* of one component: "exporter" */
};

#endif
