#include "proto/cri.h"

#include "proto/rfc3339.h"

/* Takes the word up to the next space, and moves `line` behind that. Without a space, it is the last word. */
static struct bytes take_word(struct bytes *line)
{
	const char *space = line->size ? memchr(line->data, ' ', line->size) : NULL;
	struct bytes word = { line->data, space ? (size_t)(space - line->data) : line->size };
	size_t skip = word.size + (space != NULL);

	line->data += skip;
	line->size -= skip;
	return word;
}

static unsigned two_digits(const char *p)
{
	unsigned tens = (unsigned char)p[0] - '0', ones = (unsigned char)p[1] - '0';

	return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/* 2016-10-06T00:17:09.669794202Z, as containerd has it, on a day that every month has: most there are. */
static bool is_usual_moment(struct bytes time)
{
	const char *p = time.data;
	unsigned month, day;

	if (time.size != sizeof "2016-10-06T00:17:09.669794202Z" - 1 || p[4] != '-' || p[7] != '-' || p[10] != 'T' ||
		p[13] != ':' || p[16] != ':' || p[19] != '.' || p[29] != 'Z')
		return false;
	for (int i = 20; i < 28; i += 2)
		if (two_digits(p + i) > 99)
			return false;
	month = two_digits(p + 5);
	day = two_digits(p + 8);
	return two_digits(p) <= 99 && two_digits(p + 2) <= 99 && month >= 1 && month <= 12 && day >= 1 && day <= 28 &&
	       two_digits(p + 11) <= 23 && two_digits(p + 14) <= 59 && two_digits(p + 17) <= 59 &&
	       two_digits(p + 27) <= 99;
}

static bool is_moment(struct bytes time)
{
	struct rfc3339 moment;

	return is_usual_moment(time) || (rfc3339_read(time, &moment) && moment.strict && moment.zoned);
}

static bool is_partial(struct bytes tags)
{
	return tags.data[0] == 'P' && (tags.size == 1 || tags.data[1] == ':');
}

bool cri_read(struct bytes line, struct container_line *ret)
{
	struct bytes rest = line, time = take_word(&rest), stream = take_word(&rest), tags = take_word(&rest);
	enum log_stream which = log_stream_of(stream);

	if (!which || tags.size == 0 || !is_moment(time))
		return false;
	*ret = (struct container_line){ .text = rest, .time = time, .stream = which, .partial = is_partial(tags) };
	return true;
}
