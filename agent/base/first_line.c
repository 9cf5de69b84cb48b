#include "base/first_line.h"

#include <stdio.h>
#include <string.h>

bool first_line(const char *path, char *to, int room)
{
	FILE *file = fopen(path, "re");
	bool fine = file && fgets(to, room, file);

	if (file)
		fclose(file);
	if (fine)
		to[strcspn(to, "\n")] = '\0';
	return fine;
}
