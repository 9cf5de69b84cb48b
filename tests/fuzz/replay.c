/*
 * Runs a fuzz target over every file of a corpus folder, so that what was once found stays found in the default run.
 * An empty or missing folder is a failure: a replay of nothing proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data;
	long size;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET))
		return 1;
	data = malloc(size ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
		return 1;
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	fclose(file);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	int count = 0;

	if (!folder)
		return fprintf(stderr, "replay: no corpus folder\n"), 2;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.') {
			if (replay(argv[1], entry->d_name))
				return fprintf(stderr, "replay: cannot read %s\n", entry->d_name), 2;
			count++;
		}
	closedir(folder);
	printf("%d inputs replayed\n", count);
	return count > 0 ? 0 : 2;
}
