#include "exporters/otlp_resource.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_build.h"

enum { RESOURCE = 1, ATTRIBUTES = 1 };

static void build(struct otlp_build *b, const struct resource *r)
{
	size_t resource = otlp_build_begin(b, RESOURCE);

	for (; r && r->name; r++) {
		struct otlp_value value = otlp_text(bytes_of(r->value));
		otlp_build_attribute(b, ATTRIBUTES, bytes_of(r->otel), &value);
	}
	otlp_build_end(b, resource);
}

int otlp_resource_new(const struct resource *r, struct bytes *ret)
{
	struct otlp_build b = { NULL, 0, 0 };
	char *to;

	build(&b, r);
	to = malloc(b.size);
	if (!to)
		return -ENOMEM;
	b = (struct otlp_build){ to, b.size, 0 };
	build(&b, r);
	*ret = (struct bytes){ to, b.size };
	return 0;
}
