#include "loop/resolv_conf.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

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

/* An interface by its name or number; 0: there is none. */
static uint32_t scope_id(const char *text)
{
	uint64_t number;

	return u64_parse(bytes_of(text), &number) && number <= UINT32_MAX ? (uint32_t)number : if_nametoindex(text);
}

bool name_server_parse(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	char digits[INET6_ADDRSTRLEN];
	size_t size = strcspn(address, "%");

	*ret = (struct sockaddr_storage){ 0 };
	if (size >= sizeof digits)
		return false;
	memcpy(digits, address, size);
	digits[size] = '\0';
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, digits, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		v6->sin6_scope_id = address[size] ? scope_id(address + size + 1) : 0;
	}
	return ret->ss_family != AF_UNSPEC;
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
			c->servers_count += name_server_parse(word, PORT, &c->servers[c->servers_count]);
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
	if (c->servers_count == 0 && name_server_parse("127.0.0.1", PORT, &c->servers[0]))
		c->servers_count = 1;
}

/* O_NONBLOCK: a FIFO in the place of the file would stop everything. */
void resolv_conf_load(struct resolv_conf *c, const char *path)
{
	char text[RESOLV_CONF_MAX];
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t size = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		size = read(fd, text, sizeof text);
	if (fd >= 0)
		close(fd);
	resolv_conf_parse(c, (struct bytes){ text, size > 0 ? (size_t)size : 0 });
}
