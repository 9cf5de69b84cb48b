#include "base/process_name.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

void process_name(long pid, char to[PROCESS_NAME_ROOM])
{
	char path[40];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(to, PROCESS_NAME_ROOM, file))
		snprintf(to, PROCESS_NAME_ROOM, "?");
	if (file)
		fclose(file);
	to[strcspn(to, "\n")] = '\0';
	text_one_line(to);
}
