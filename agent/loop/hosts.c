#include "loop/hosts.h"

#include <unistd.h>

#include "base/path.h"
#include "loop/numeric.h"

void hosts_search_init(struct hosts_search *s, const char *path, const char *name)
{
	*s = (struct hosts_search){ .name = name, .fd = path ? path_regular_open(path) : -1 };
}

void hosts_search_done(struct hosts_search *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* The next word of the line, which is cut off from its front; size 0: there is none. */
static struct bytes next_word(struct bytes *line)
{
	const char *end = line->data + line->size, *from = line->data, *to;

	while (from < end && (*from == ' ' || *from == '\t' || *from == '\r'))
		from++;
	for (to = from; to < end && *to != ' ' && *to != '\t' && *to != '\r'; to++)
		;
	*line = (struct bytes){ to, (size_t)(end - to) };
	return (struct bytes){ from, (size_t)(to - from) };
}

static bool line_has(struct bytes line, struct bytes name)
{
	struct bytes word;

	do
		word = next_word(&line);
	while (word.size > 0 && !bytes_same_word(word, name));
	return word.size > 0;
}

static void take_line(struct hosts_search *s, struct bytes line)
{
	const char *comment = memchr(line.data, '#', line.size);
	struct bytes address;

	if (comment)
		line.size = (size_t)(comment - line.data);
	address = next_word(&line);
	if (s->count == HOSTS_FOUND_MAX || !line_has(line, bytes_of(s->name)))
		return;
	if (numeric_parse(address, 0, &s->found[s->count]))
		s->count++;
}

/* Takes the lines that end within the piece. Returns how much of it that was. */
static size_t take_lines(struct hosts_search *s, struct bytes piece)
{
	size_t used = 0;
	const char *end;

	while ((end = memchr(piece.data + used, '\n', piece.size - used))) {
		struct bytes line = { piece.data + used, (size_t)(end - piece.data) - used };
		if (!s->within_long_line)
			take_line(s, line);
		s->within_long_line = false;
		used += line.size + 1;
	}
	return used;
}

bool hosts_search_next(struct hosts_search *s)
{
	char data[HOSTS_SLICE + 1];
	ssize_t size = s->fd < 0 || s->at >= HOSTS_MAX ? 0 : pread(s->fd, data, HOSTS_SLICE, (off_t)s->at);
	size_t used;

	if (size <= 0)
		return false;
	used = take_lines(s, (struct bytes){ data, (size_t)size });
	if (used == 0 && size == HOSTS_SLICE) {
		s->within_long_line = true;
		used = HOSTS_SLICE;
	} else if (used == 0) { /* the last line has no end */
		data[size] = '\n';
		take_lines(s, (struct bytes){ data, (size_t)size + 1 });
		return false;
	}
	s->at += used;
	return true;
}
