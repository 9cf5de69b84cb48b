/*
 * The fields of an answer, as nghttp2 takes them: names in lower case (RFC 9113, 8.2). For engine_h2.c only.
 */
#ifndef OXP_ENGINE_H2_FIELDS_H
#define OXP_ENGINE_H2_FIELDS_H

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"

enum { H2_FIELDS_MAX = 24, H2_NAMES_SIZE = 512, H2_TRAILERS_MAX = 16 << 10 };

/* Invariant: values are borrowed, names are in `names`. */
struct h2_fields {
	nghttp2_nv pairs[H2_FIELDS_MAX];
	size_t count, names_size;
	char names[H2_NAMES_SIZE];
	char status[8], length[24];
};

void h2_fields_init(struct h2_fields *);
void h2_fields_status(struct h2_fields *, unsigned status);
void h2_fields_length(struct h2_fields *, size_t length);
void h2_fields_add(struct h2_fields *, const char *name, const char *value);
void h2_fields_add_all(struct h2_fields *, const char *const *pairs); /* ends with NULL; may be NULL */

/* Pairs that are kept until the body is out: name, zero, value, zero. */
void h2_fields_pack(const char *const *pairs, struct buffer *to);
void h2_fields_add_packed(struct h2_fields *, struct bytes packed);

#endif
