/*
 * What stands in the fields of a native histogram as a page has it (metrics.proto), for those who send it on.
 */
#ifndef OXP_NATIVE_FIELDS_H
#define OXP_NATIVE_FIELDS_H

#include "proto/otlp_build.h"

/* When it began, in ms since 1970; 0: nobody says. */
int64_t native_fields_created(struct bytes native);

struct native_exemplar {
	struct wire labels; /* for native_exemplar_label() */
	double value;
	int64_t at_ms; /* 0: nobody says */
};

/* The next one, of `native` from wire_of() on. False: there is none. */
bool native_exemplar_next(struct wire *native, struct native_exemplar *ret) MUST_CHECK;
bool native_exemplar_label(struct wire *labels, struct bytes *ret_name, struct bytes *ret_value) MUST_CHECK;

/* As a message of remote write, prometheus.Histogram of 1.0 or io.prometheus.write.v2.Histogram, in a field. `start_ms`
 * is of 2.0 alone; 0: it is not told. It takes 64 bytes more than `native` at most. */
struct native_sample {
	struct bytes native;
	double sum;
	int64_t at_ms, start_ms;
};
void native_sample_write(const struct native_sample *, unsigned field, struct otlp_build *to);

#endif
