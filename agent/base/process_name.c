#include "base/process_name.h"

#include <stdio.h>

#include "base/first_line.h"
#include "base/text.h"

void process_name(long pid, char to[PROCESS_NAME_ROOM])
{
	char path[40];

	snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	if (!first_line(path, to, PROCESS_NAME_ROOM))
		snprintf(to, PROCESS_NAME_ROOM, "?");
	text_one_line(to);
}
