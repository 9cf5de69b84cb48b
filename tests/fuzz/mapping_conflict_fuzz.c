/*
 * The reason of a refused document: what is taken out of it stands within it, whatever it says.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/mapping_conflict.h"

static bool within(struct bytes part, struct bytes whole)
{
	return part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes reason = { (const char *)data, size };
	struct mapping_conflict c;

	if (!mapping_conflict_parse(bytes_of("mapper_parsing_exception"), reason, &c))
		return 0;
	if (c.field.size == 0 || !within(c.field, reason) || !within(c.sample, reason) || c.expected.size > size + 64 ||
		c.found.size > size + 64)
		abort();
	return 0;
}
