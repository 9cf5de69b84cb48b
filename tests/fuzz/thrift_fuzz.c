/*
 * Thrift, both protocols, as a batch and as a call: what the plan lets through is written in exactly the room that it
 * named and passes the check of OTLP, with as many spans; generated code reads it. Skipping it as a struct ends, too.
 * Whatever it is, nothing reads beyond it.
 *
 * The first byte says the protocol, and whether it is a call.
 */
#include <stdint.h>
#include <stdlib.h>

#include "otlp.pb-c.h"
#include "proto/jaeger.h"
#include "proto/otlp_walk.h"

enum { GROWTH_MAX = 16, SPARE = 1024 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static void write_it(const struct jaeger_source *source, const struct otlp_made *made)
{
	struct otlp_summary sum;
	Otlp__TracesRequest *r;
	char *to = malloc(made->size + !made->size);
	size_t at;

	need(made->size <= GROWTH_MAX * source->body.size + SPARE);
	jaeger_write(source, made, to);
	need(otlp_traces_check(to, made->size, &sum, &at) == OTLP_OK && sum.spans == made->spans);
	r = otlp__traces_request__unpack(NULL, made->size, (const uint8_t *)to);
	need(r != NULL && (made->spans > 0) == (r->n_resource_spans > 0));
	otlp__traces_request__free_unpacked(r, NULL);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct thrift_field f = { .type = THRIFT_STRUCT };
	char text[OTLP_MADE_TEXT], *copy;
	struct jaeger_source source;
	struct otlp_made made;
	struct thrift t;
	size_t at;

	if (size < 1)
		return 0;
	copy = malloc(size); /* of its own, so that a byte behind it is seen */
	memcpy(copy, data + 1, size - 1);
	copy = realloc(copy, size - 1 + (size == 1));
	source =
		(struct jaeger_source){ { copy, size - 1 }, data[0] & 1 ? THRIFT_COMPACT : THRIFT_BINARY, data[0] & 2 };
	t = thrift_of(source.protocol, source.body);
	thrift_skip(&t, &f);
	need((const char *)t.at <= copy + size - 1);
	if (!jaeger_plan(&source, &made, &at)) {
		otlp_made_tell(&made, text, sizeof text);
		need((made.refused > 0) == (text[0] != '\0'));
		write_it(&source, &made);
	}
	need(at <= size - 1);
	free(copy);
	return 0;
}
