/*
 * The manifest of a backup as others may have written it: as it is, and with a last line that fits. What is taken is
 * what would be written, to the byte, and its names stay in their folder.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/backup_manifest.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check_names(const struct backup_manifest *m)
{
	need(m->count > 0 && m->count <= BACKUP_FILES_MAX && strcmp(m->files[0].name, "state.db") == 0);
	for (size_t i = 0; i < m->count; i++) {
		need(strlen(m->files[i].name) < BACKUP_NAME_MAX && !strchr(m->files[i].name, '/'));
		need(m->files[i].name[0] != '.' && m->files[i].size <= BACKUP_SIZE_MAX);
		need(backup_manifest_find(m, m->files[i].name) == &m->files[i]);
	}
}

static void check(struct bytes text)
{
	struct backup_manifest *m = oxp_new(sizeof *m);
	struct buffer again;

	if (backup_manifest_read(text, m) == 0) {
		check_names(m);
		buffer_init(&again, BACKUP_MANIFEST_MAX);
		need(backup_manifest_write(m, &again) == 0 && bytes_equal(text, buffer_bytes(&again)));
		buffer_done(&again);
	}
	free(m);
}

static void check_with_end(struct bytes text)
{
	unsigned char sum[SHA256_SIZE];
	char hex[SHA256_TEXT] = "";
	struct sha256 s;
	struct buffer b;

	sha256_begin(&s);
	sha256_add(&s, text);
	sha256_end(&s, sum);
	hex_format(sum, sizeof sum, hex);
	buffer_init(&b, SIZE_MAX);
	if (buffer_append(&b, text.data, text.size) == 0 && buffer_printf(&b, "# end %s\n", hex) == 0)
		check(buffer_bytes(&b));
	buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = { (const char *)data, size };

	check(text);
	check_with_end(text);
	return 0;
}
