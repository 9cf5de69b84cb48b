/*
 * Attributes of OTLP on their way to labels of a meter: named by proto/otlp_metric_name.h, and each value a text. If
 * several of one list get one name, their values are joined with ;, in the order of their own names.
 */
#ifndef OXP_COLLECTORS_OTLP_LABELS_H
#define OXP_COLLECTORS_OTLP_LABELS_H

#include "proto/otlp_metric_name.h"
#include "series/meters.h"

enum { OTLP_LABELS_MAX = METER_LABELS_MAX + 1 }; /* one beyond what a meter may have, which refuses it */

/* Places are in `text`. */
struct otlp_labelled {
	struct bytes key;
	size_t name, name_size, value, value_size;
	bool joined; /* to the value of another, which has its name */
};

/* Invariant: the first `sorted` attributes are of lists that are complete. Only otlp_labels.c writes it. */
struct otlp_labels {
	struct buffer text;
	struct otlp_labelled attributes[OTLP_LABELS_MAX];
	size_t count, sorted;
	bool more; /* there were more than OTLP_LABELS_MAX: then so many are made, and the meters refuse them */
	struct meter_label labels[OTLP_LABELS_MAX];
};

void otlp_labels_init(struct otlp_labels *);
void otlp_labels_done(struct otlp_labels *); /* fine on zeroed memory */
void otlp_labels_clear(struct otlp_labels *);
/* Adds those of one list: the fields of that number in the message, but for those whose key is one of `but`, which ends
 * with NULL. False: one of them cannot be read, or there is no memory. What is beyond OTLP_LABELS_MAX is left out. */
bool otlp_labels_read(struct otlp_labels *, struct bytes message, unsigned field, const char *prefix,
	const char *const *but) MUST_CHECK;
/* Adds one, in place of an earlier one of that name. False: no memory. */
bool otlp_labels_put(struct otlp_labels *, const char *name, struct bytes value) MUST_CHECK;
/* Leaves out what is beyond so many. False: nothing was. */
bool otlp_labels_cut(struct otlp_labels *, size_t count);
/* Makes `labels`, and returns how many there are. They are valid until it is cleared. */
size_t otlp_labels_make(struct otlp_labels *) MUST_CHECK;

#endif
