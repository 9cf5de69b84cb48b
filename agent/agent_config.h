/*
 * What the whole configuration file says, typed: the fixed sections, and the components of each part.
 *
 * The sections' rows stand in agent_config.c, the components' in their own files; registry.c says which components
 * there are. What is read lives until agent_config_free() and does not change.
 */
#ifndef OXP_AGENT_CONFIG_H
#define OXP_AGENT_CONFIG_H

#include "access/guard.h"
#include "config/load.h"
#include "health/health.h"
#include "pipeline/pipeline.h"
#include "resource.h"

/* The parts of the file that hold components. */
enum part {
	PART_RECEIVE,
	PART_METRICS,
	PART_METRICS_STEPS,
	PART_METRICS_OUT,
	PART_LOGS,
	PART_LOGS_STEPS,
	PART_LOGS_OUT,
	PART_TRACES_STEPS,
	PART_TRACES_OUT,
	PART_CHECKS,
	PARTS
};

/* What every exporter of metrics has: how series go out. */
struct metrics_export {
	struct duration interval; /* between two rounds */
	struct duration age; /* what has waited longer is dropped; 0: nothing is */
	uint64_t queue; /* bytes that may wait */
	uint64_t samples; /* in one request */
	bool spool;
};

/* What every exporter has, whatever its type. */
struct export_config {
	const struct option_list *from; /* names of collectors; empty: the whole signal. Of metrics NULL */
	struct sender_limits limits;
	struct metrics_export metrics;
};

struct recorder_config {
	bool on;
	uint64_t size; /* 0: it is off */
	struct duration last, within, rest;
	const struct option_list *when;
	uint64_t errors;
	const char *process;
};

struct agent_config {
	const char *name; /* of the file, as the user wrote it; "built-in defaults" if there is none */
	struct {
		const char *name, *version, *environment;
	} service;
	const struct option_list *listen, *origins, *grpc_probes;
	struct guard_config access; /* of `listen` */
	bool open_probes;
	bool in_container; /* base/container.h */
	const char *control;
	struct unix_guard_config control_access;
	struct {
		const char *path;
		bool temporary; /* a default that may vanish with the container */
		uint64_t max;
	} state;
	uint64_t memory;
	struct {
		struct duration within;
	} exit;
	struct {
		struct duration snapshot, age;
		uint64_t max;
	} store;
	struct {
		struct duration within;
	} delivery;
	struct resource resource[RESOURCES_MAX + 1]; /* what is known of the host app */
	const char *resource_wrong; /* what is wrong with the variable OTEL_RESOURCE_ATTRIBUTES; NULL: nothing */
	struct {
		uint64_t series, family; /* counts */
		uint64_t bytes; /* 0: half of `memory` */
	} series;
	struct batch_limits logs_batch, traces_batch;
	struct recorder_config recorder;
	const struct config_component *components[PARTS];
	struct config *file;
	struct config_section *sections;
	struct config_type *types[PARTS];
};

const char *part_path(enum part); /* "logs.export" */
/* Whether `when` has that word. */
bool recorder_config_has(const struct recorder_config *, const char *word);

struct agent_config *agent_config_new(void) __attribute__((returns_nonnull));
void agent_config_free(struct agent_config *);
/* Reads and checks. 0, or -EINVAL with everything that is wrong in file->errors. */
int agent_config_load(struct agent_config *, const struct config_input *) MUST_CHECK;

/* The component's node in the file; NULL if it is there by default and nothing is written of it. */
const struct node *agent_config_node(const struct agent_config *, const struct config_component *, enum part);
/* Reports the complaint at the option that `what` begins with ("index: …") if that option is written, otherwise at the
 * component. */
void agent_config_complain(struct agent_config *, const struct config_component *, enum part, const char *what);

#endif
