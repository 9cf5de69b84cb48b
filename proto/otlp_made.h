/*
 * What became of spans that came in another form than OTLP, and were written as an OTLP request (jaeger.h, zipkin.h).
 */
#ifndef OXP_OTLP_MADE_H
#define OXP_OTLP_MADE_H

#include "base/bytes.h"

struct otlp_made {
	uint64_t spans; /* taken */
	uint64_t refused, refused_bytes;
	/* Of the first refused span: what is wrong, its number in the request from 1 on, its name in the body. */
	const char *why;
	uint64_t number;
	struct bytes name;
	size_t size; /* of the request that is made of those that are taken; 0: none are */
};

/* Span `number` is left out. */
static inline void otlp_made_refuse(struct otlp_made *m, const char *why, struct bytes name, size_t bytes)
{
	if (m->refused++ == 0) {
		m->why = why;
		m->number = m->spans + 1;
		m->name = name;
	}
	m->refused_bytes += bytes;
}

/* Which spans were refused and why, for their sender: one line of valid UTF-8, cut to `room`; "" if none was. */
enum { OTLP_MADE_TEXT = 256 }; /* a `room` of at least this cuts no name */
void otlp_made_tell(const struct otlp_made *, char *to, size_t room);

#endif
