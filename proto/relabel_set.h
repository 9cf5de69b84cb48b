/*
 * The labels of one sample while rules change them: plain texts, the metric's name among them as __name__.
 *
 * It has the order of Prometheus' labels.Builder, which decides where two labels become one: first those that the
 * sample came with and that were not set since, by name; behind them, those that were set, in the order of that. An
 * empty value is none.
 */
#ifndef OXP_RELABEL_SET_H
#define OXP_RELABEL_SET_H

#include "proto/exposition_parse.h"

enum {
	RELABEL_TARGET_LABELS_MAX = 16,
	RELABEL_LABELS_MAX = EXPOSITION_LABELS_MAX + RELABEL_TARGET_LABELS_MAX,
	RELABEL_TEXT_MAX = 256 << 10, /* of all texts that are made for a sample */
};

/* A label of the target, as plain text. */
struct relabel_label {
	struct bytes name, value;
};

struct relabel_item {
	struct bytes name, value;
	const struct exposition_label *written; /* the same as it came, and is shown; NULL: it is made */
};

/*
 * Invariant: no name twice, no value empty. Bytes are those of the sample, of the target, of rules, or in `text`. Once
 * `excess` is set, the rest means nothing.
 */
struct relabel_set {
	const struct exposition_sample *sample;
	size_t count, base; /* the first `base` are the sample's, or its target's */
	size_t used; /* of `text` */
	enum exposition_excess excess;
	char *text;
	struct relabel_item items[RELABEL_LABELS_MAX + 1];
	struct exposition_label labels[RELABEL_LABELS_MAX + 1]; /* the result */
};

void relabel_set_init(struct relabel_set *);
void relabel_set_done(struct relabel_set *);

/* Takes the labels of a sample, and those of its target: one of the same name becomes exported_NAME. */
void relabel_set_take(
	struct relabel_set *, const struct exposition_sample *, const struct relabel_label *target, size_t count);
struct bytes relabel_set_get(const struct relabel_set *, struct bytes name); /* "" if it is not there */
void relabel_set_put(struct relabel_set *, struct bytes name, struct bytes value);
void relabel_set_remove(struct relabel_set *, size_t i);

/* Room for `more` bytes in `text`; NULL beyond RELABEL_TEXT_MAX, which is an excess. What is written there counts once
 * it is kept. */
char *relabel_set_room(struct relabel_set *, size_t more);
struct bytes relabel_set_keep(struct relabel_set *, char *from, size_t size);

/* Writes them as a sample. False: it has no name, or a label that has none, or a name has a zero in it. */
bool relabel_set_write(struct relabel_set *, struct exposition_sample *ret) MUST_CHECK;

#endif
