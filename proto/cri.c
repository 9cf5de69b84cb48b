#include "proto/cri.h"

#include "proto/rfc3339.h"

/* The word up to the next space; `line` is behind that then. What ends without a space is its last word. */
static struct bytes take_word(struct bytes *line)
{
	const char *space = line->size ? memchr(line->data, ' ', line->size) : NULL;
	struct bytes word = { line->data, space ? (size_t)(space - line->data) : line->size };
	size_t skip = word.size + (space != NULL);

	line->data += skip;
	line->size -= skip;
	return word;
}

static bool is_partial(struct bytes tags)
{
	return tags.data[0] == 'P' && (tags.size == 1 || tags.data[1] == ':');
}

bool cri_read(struct bytes line, struct container_line *ret)
{
	struct bytes rest = line, time = take_word(&rest), stream = take_word(&rest), tags = take_word(&rest);
	enum log_stream which = log_stream_of(stream);
	struct rfc3339 moment;

	if (!which || tags.size == 0 || !rfc3339_read(time, &moment) || !moment.strict || !moment.zoned)
		return false;
	*ret = (struct container_line){ .text = rest, .time = time, .stream = which, .partial = is_partial(tags) };
	return true;
}
