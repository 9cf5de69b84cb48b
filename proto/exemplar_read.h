/*
 * An exemplar as a page of OpenMetrics has it, `{trace_id="a"} 1.5 1e9` (OpenMetrics 1.0, "Exemplars").
 */
#ifndef OXP_EXEMPLAR_READ_H
#define OXP_EXEMPLAR_READ_H

#include "proto/exposition_parse.h"

enum { EXEMPLAR_LABELS_MAX = EXPOSITION_EXEMPLAR_CHARACTERS };

struct exemplar_label {
	struct bytes name, value; /* without escapes; they point into `text` */
};

struct exemplar_read {
	struct exemplar_label labels[EXEMPLAR_LABELS_MAX]; /* in the order of their names, without empty values */
	size_t count;
	double value;
	bool has_time;
	int64_t at_ms;
	char text[EXPOSITION_EXEMPLAR_MAX];
	size_t size; /* of the text */
};

/* False: there is none, or it cannot be read. */
bool exemplar_read(struct bytes text, struct exemplar_read *ret) MUST_CHECK;

#endif
