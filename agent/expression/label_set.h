/*
 * The labels of a series in one piece of memory: for each label the sizes of its name and value, and these. They stand
 * in the order of their names, no name twice, no value empty; so two sets are equal if their bytes are. The metric's
 * name is not among them.
 */
#ifndef OXP_EXPRESSION_LABEL_SET_H
#define OXP_EXPRESSION_LABEL_SET_H

#include "expression/term.h"
#include "proto/exposition_parse.h"

struct label {
	struct bytes name, value;
};

/* Cuts the first label off; false: there is none. */
bool label_set_next(struct bytes *set, struct label *ret);
/* Empty if it has no such label. */
struct bytes label_set_value(struct bytes set, struct bytes name);
/* What a sample's labels take at most, and writing them there; returns the size. */
size_t label_set_room(const struct exposition_sample *);
size_t label_set_pack(const struct exposition_sample *, char *to);
/* Writes one label; `to` has room for LABEL_OVERHEAD more than its texts. Returns the size. */
enum { LABEL_OVERHEAD = 2 * sizeof(uint32_t) };
size_t label_set_put(char *to, struct bytes name, struct bytes value);
/* Writes the labels that the list keeps; never more than there are. Returns the size. */
size_t label_set_filter(struct bytes set, const struct label_list *, char *to);

#endif
