/*
 * Which field of the mapping a document was refused for: the reason texts of Elasticsearch 7.10 and 8 and OpenSearch 2
 * and 3, taken apart.
 *
 * The texts are for people, and none is promised to stay the same (Elasticsearch and OpenSearch, DocumentParser,
 * FieldMapper, ObjectMapper, MapperService); a text that is not known here is not a conflict and is shown as it came.
 * They may be cut short.
 */
#ifndef OXP_MAPPING_CONFLICT_H
#define OXP_MAPPING_CONFLICT_H

#include "base/bytes.h"

/* Slices of the reason, or constants; `sample` is empty if the text shows none. */
struct mapping_conflict {
	struct bytes field;
	struct bytes expected; /* "long", "object" */
	struct bytes found; /* "text", "a concrete value", "a value that does not fit" */
	struct bytes sample; /* of the value, as the destination shows it */
};

/* Of one bulk item's error.type and error.reason. */
bool mapping_conflict_parse(struct bytes type, struct bytes reason, struct mapping_conflict *ret);

#endif
