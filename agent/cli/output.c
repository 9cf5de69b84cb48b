#include "cli/output.h"

#include <stdio.h>

#include "cli/command.h"

int output_buffer(struct buffer *b, int failed)
{
	bool fine = !failed && fwrite(b->data, 1, b->size, stdout) == b->size && fflush(stdout) == 0;

	buffer_done(b);
	return fine ? COMMAND_DONE : COMMAND_FAILED;
}
