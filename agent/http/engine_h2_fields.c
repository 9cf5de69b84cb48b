#include "http/engine_h2_fields.h"

#include <stdio.h>

#include "base/text.h"

void h2_fields_init(struct h2_fields *f)
{
	f->count = f->names_size = 0;
}

/* Breaking the ceilings aborts: answers are made here. */
void h2_fields_add(struct h2_fields *f, const char *name, const char *value)
{
	size_t size = strlen(name);
	char *to = f->names + f->names_size;

	OXP_ASSERT(f->count < H2_FIELDS_MAX && size <= H2_NAMES_SIZE - f->names_size && "too many fields");
	for (size_t i = 0; i < size; i++)
		to[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	f->names_size += size;
	f->pairs[f->count++] =
		(nghttp2_nv){ (uint8_t *)to, (uint8_t *)value, size, strlen(value), NGHTTP2_NV_FLAG_NONE };
}

void h2_fields_status(struct h2_fields *f, unsigned status)
{
	snprintf(f->status, sizeof f->status, "%u", status % 1000);
	h2_fields_add(f, ":status", f->status);
}

void h2_fields_length(struct h2_fields *f, size_t length)
{
	f->length[u64_format(length, f->length)] = '\0';
	h2_fields_add(f, "content-length", f->length);
}

void h2_fields_add_all(struct h2_fields *f, const char *const *pairs)
{
	for (; pairs && pairs[0]; pairs += 2)
		h2_fields_add(f, pairs[0], pairs[1]);
}

void h2_fields_pack(const char *const *pairs, struct buffer *to)
{
	for (; pairs && *pairs; pairs++)
		OXP_ASSERT(buffer_append(to, *pairs, strlen(*pairs) + 1) == 0 && "trailers above H2_TRAILERS_MAX");
}

void h2_fields_add_packed(struct h2_fields *f, struct bytes packed)
{
	const char *name = packed.data, *end = name + packed.size;

	while (name < end) {
		const char *value = name + strlen(name) + 1;
		h2_fields_add(f, name, value);
		name = value + strlen(value) + 1;
	}
}
