#include "loop/resolv_conf.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/text.h"
#include "loop/numeric.h"

enum { PORT = 53, NDOTS_MAX = 15, TIMEOUT_MAX_S = 30, ATTEMPTS_MAX = 5, TIMEOUT_S = 5, ATTEMPTS = 2, WORD_SIZE = 256 };

/* The next word of the line, without the blanks around it; false: there is none, or it is too long to be one. */
static bool next_word(struct bytes *line, char word[WORD_SIZE])
{
	size_t size = 0;

	*line = bytes_trimmed(*line);
	while (size < line->size && !strchr(" \t\r", line->data[size])) /* a NUL ends the line, too */
		size++;
	if (size == 0 || size >= WORD_SIZE)
		return false;
	memcpy(word, line->data, size);
	word[size] = '\0';
	*line = (struct bytes){ line->data + size, line->size - size };
	return true;
}

static void add_search(struct resolv_conf *c, const char *domain)
{
	size_t size = strlen(domain);

	if (size > 0 && domain[size - 1] == '.')
		size--;
	if (size == 0 || size >= SEARCH_DOMAIN_SIZE || c->search_count == SEARCH_DOMAINS_MAX)
		return;
	memcpy(c->search[c->search_count], domain, size);
	c->search[c->search_count++][size] = '\0';
}

/* The number behind `name` and a colon, if the option has that name. */
static bool option_is(const char *option, const char *name, uint64_t most, uint64_t *ret)
{
	size_t size = strlen(name);

	if (strncmp(option, name, size) != 0 || option[size] != ':' || !u64_parse(bytes_of(option + size + 1), ret))
		return false;
	*ret = *ret < most ? *ret : most;
	return true;
}

static void take_option(struct resolv_conf *c, const char *option)
{
	uint64_t value;

	if (option_is(option, "ndots", NDOTS_MAX, &value))
		c->ndots = (unsigned)value;
	else if (option_is(option, "timeout", TIMEOUT_MAX_S, &value))
		c->timeout = DURATION_S(value > 0 ? value : 1);
	else if (option_is(option, "attempts", ATTEMPTS_MAX, &value))
		c->attempts = value > 0 ? (unsigned)value : 1;
	else if (strcmp(option, "rotate") == 0)
		c->rotate = true;
}

/* The last line of `search` and `domain` counts, as in libc. A comment begins with the line. Returns whether it is one
 * that says where to search, which may be nowhere ("search ."). */
static bool take_line(struct resolv_conf *c, struct bytes line)
{
	char key[WORD_SIZE], word[WORD_SIZE];
	bool searches;

	if (!next_word(&line, key))
		return false;
	searches = strcmp(key, "search") == 0 || strcmp(key, "domain") == 0;
	if (searches)
		c->search_count = 0;
	while (next_word(&line, word)) {
		if (searches)
			add_search(c, word);
		else if (strcmp(key, "options") == 0)
			take_option(c, word);
		else if (strcmp(key, "nameserver") == 0 && c->servers_count < NAME_SERVERS_MAX)
			c->servers_count += numeric_parse(bytes_of(word), PORT, &c->servers[c->servers_count]);
	}
	return searches;
}

static void add_own_domain(struct resolv_conf *c)
{
	char name[HOST_NAME_MAX + 1] = "";
	const char *dot;

	gethostname(name, sizeof name - 1);
	dot = strchr(name, '.');
	if (dot)
		add_search(c, dot + 1);
}

void resolv_conf_parse(struct resolv_conf *c, struct bytes text)
{
	bool searches = false;

	*c = (struct resolv_conf){ .ndots = 1, .attempts = ATTEMPTS, .timeout = DURATION_S(TIMEOUT_S) };
	while (text.size > 0) {
		const char *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;
		searches |= take_line(c, (struct bytes){ text.data, size });
		size += end != NULL;
		text = (struct bytes){ text.data + size, text.size - size };
	}
	if (!searches)
		add_own_domain(c);
	if (c->servers_count == 0 && numeric_parse(bytes_of("127.0.0.1"), PORT, &c->servers[0]))
		c->servers_count = 1;
}

/* Part of a line may read as another address. */
static size_t without_cut_line(const char *text, size_t size)
{
	while (size > 0 && text[size - 1] != '\n')
		size--;
	return size;
}

void resolv_conf_load(struct resolv_conf *c, const char *path)
{
	char text[RESOLV_CONF_MAX];
	struct stat st;
	int fd = path_regular_open(path);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
	size_t size = got > 0 ? (size_t)got : 0;

	if (got > 0 && (fstat(fd, &st) < 0 || st.st_size > got))
		size = without_cut_line(text, size);
	if (fd >= 0)
		close(fd);
	resolv_conf_parse(c, (struct bytes){ text, size });
}
