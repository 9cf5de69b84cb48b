/*
 * The spans of a trace request, each with what it is in: as three messages that generated code packs, its resource
 * spans without what is in them, its scope spans in the same way, and itself. All three are fields with number 1.
 */
#ifndef OXP_TESTS_OTLP_FLAT_H
#define OXP_TESTS_OTLP_FLAT_H

#include "unit/proto/otlp_builder.h"
#include "otlp.pb-c.h"

static inline void put_packed(struct buffer *to, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *data = malloc(size + 1);

	if (!data)
		abort();
	protobuf_c_message_pack(message, data);
	put_bytes(to, 1, data, size);
	free(data);
}

static inline void flatten_scope(Otlp__ResourceSpans *outer, Otlp__ScopeSpans *inner, struct buffer *to)
{
	size_t inners = outer->n_scope_spans, spans = inner->n_spans;

	for (size_t i = 0; i < spans; i++) {
		outer->n_scope_spans = inner->n_spans = 0;
		put_packed(to, &outer->base);
		put_packed(to, &inner->base);
		outer->n_scope_spans = inners;
		inner->n_spans = spans;
		put_packed(to, &inner->spans[i]->base);
	}
}

/* The request is one that generated code can read. */
static inline void flatten(struct bytes body, struct buffer *to)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, body.size, (const uint8_t *)body.data);

	if (!r)
		abort();
	for (size_t i = 0; i < r->n_resource_spans; i++)
		for (size_t k = 0; k < r->resource_spans[i]->n_scope_spans; k++)
			flatten_scope(r->resource_spans[i], r->resource_spans[i]->scope_spans[k], to);
	otlp__traces_request__free_unpacked(r, NULL);
}

#endif
