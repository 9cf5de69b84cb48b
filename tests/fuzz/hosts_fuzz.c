/*
 * A hosts file: the bytes behind a NUL, searched for the name before it. The same is found wherever the slices that are
 * read end, so comments are put before the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loop/hosts.h"

static void search(int fd, const char *name, struct hosts_search *s)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	hosts_search_init(s, path, name);
	if (s->fd < 0)
		abort();
	while (hosts_search_next(s))
		if (s->count > HOSTS_FOUND_MAX)
			abort();
	hosts_search_done(s);
}

/* The comments are lines, since one that is longer than a slice is something else. */
static void write_file(int fd, size_t comments, const uint8_t *data, size_t size)
{
	char before[HOSTS_SLICE];

	for (size_t i = 0; i < comments; i++)
		before[i] = i % 128 == 127 || i + 1 == comments ? '\n' : '#';
	if (ftruncate(fd, 0) < 0 || pwrite(fd, before, comments, 0) != (ssize_t)comments ||
		pwrite(fd, data, size, (off_t)comments) != (ssize_t)size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	size_t name_size = end ? (size_t)(end - data) : 0;
	struct hosts_search whole, sliced;
	char name[256];
	int fd;

	if (name_size == 0 || name_size >= sizeof name || size > HOSTS_SLICE / 2)
		return 0;
	memcpy(name, data, name_size + 1);
	size -= name_size + 1;
	fd = memfd_create("hosts", MFD_CLOEXEC);
	if (fd < 0)
		abort();
	write_file(fd, 0, end + 1, size);
	search(fd, name, &whole);
	write_file(fd, HOSTS_SLICE - size / 2, end + 1, size);
	search(fd, name, &sliced);
	close(fd);
	if (whole.count != sliced.count || memcmp(whole.found, sliced.found, whole.count * sizeof whole.found[0]) != 0)
		abort();
	return 0;
}
