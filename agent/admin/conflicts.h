/*
 * Mapping conflicts: which fields destinations refuse documents for, as a section of the report.
 *
 * One row for each destination, field and expected type, CONFLICTS_MAX of them; once all are taken, further ones are
 * counted together. A row keeps what was found last and a sample of it.
 */
#ifndef OXP_CONFLICTS_H
#define OXP_CONFLICTS_H

#include "base/json_writer.h"
#include "proto/mapping_conflict.h"

enum { CONFLICTS_MAX = 64, CONFLICT_FIELD_MAX = 128, CONFLICT_TEXT_MAX = 64 };

struct conflict {
	const char *destination; /* a host's name: it lives as long */
	char field[CONFLICT_FIELD_MAX], expected[CONFLICT_TEXT_MAX], found[CONFLICT_TEXT_MAX];
	char sample[CONFLICT_TEXT_MAX];
	uint64_t count;
};

struct conflicts {
	struct conflict *rows; /* CONFLICTS_MAX, once there is one */
	size_t count;
	uint64_t others;
};

void conflicts_add(struct conflicts *, const char *destination, const struct mapping_conflict *);
void conflicts_done(struct conflicts *);
/* A section of the report. */
void conflicts_report(void *conflicts, const char *name, struct json_writer *);

#endif
