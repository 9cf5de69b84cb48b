#include "config/value.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>

#include "base/text.h"

struct unit {
	const char *name; /* NULL ends the table */
	uint64_t factor;
};

static const struct unit sizes[] = {
	{ "B", 1 },
	{ "KiB", 1 << 10 },
	{ "MiB", 1 << 20 },
	{ "GiB", 1 << 30 },
	{ "TiB", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

/* As Kubernetes writes them. Read, never printed. */
static const struct unit short_sizes[] = {
	{ "Ki", 1 << 10 },
	{ "Mi", 1 << 20 },
	{ "Gi", 1 << 30 },
	{ "Ti", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

/* Other units that people write, in upper or lower case. MB may be a million bytes or a MiB, so it is suggested, not
 * accepted. */
static const struct unit guessed_sizes[] = {
	{ "", 1 },
	{ "B byte bytes", 1 },
	{ "K KB Ki KiB", 1 << 10 },
	{ "M MB Mi MiB", 1 << 20 },
	{ "G GB Gi GiB", 1 << 30 },
	{ "T TB Ti TiB", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit durations[] = {
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", UINT64_C(60) * 1000000000 },
	{ "h", UINT64_C(3600) * 1000000000 },
	{ NULL, 0 },
};

static const struct unit guessed_durations[] = {
	{ "", 1000000000 },
	{ "ms msec msecs millisecond milliseconds", 1000000 },
	{ "s sec secs second seconds", 1000000000 },
	{ "m min mins minute minutes", UINT64_C(60) * 1000000000 },
	{ "h hr hrs hour hours", UINT64_C(3600) * 1000000000 },
	{ "d day days", UINT64_C(86400) * 1000000000 },
	{ NULL, 0 },
};

static const char digits[] = "0123456789";

const char *value_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on", NULL }, *const no[] = { "false", "no", "off", NULL };

	if (value_is_one_of(bytes_of(text), yes))
		*ret = true;
	else if (value_is_one_of(bytes_of(text), no))
		*ret = false;
	else
		return "is neither true nor false";
	return NULL;
}

const char *value_count(const char *text, uint64_t *ret)
{
	if (!*text || text[strspn(text, digits)])
		return "is not a whole number";
	return u64_parse(bytes_of(text), ret) ? NULL : "is too large";
}

/* 0: none of that name. */
static uint64_t find_factor(const struct unit *units, const char *name)
{
	while (units->name && strcmp(units->name, name) != 0)
		units++;
	return units->factor;
}

static const char *read_unit(
	const char *text, const struct unit *units, const struct unit *more, uint64_t max, uint64_t *ret)
{
	size_t n = strspn(text, digits);
	uint64_t value, factor;

	if (n == 0)
		return "does not begin with a number";
	if (!text[n])
		return "has no unit";
	factor = find_factor(units, text + n);
	if (!factor && more)
		factor = find_factor(more, text + n);
	if (!factor)
		return "has an unknown unit";
	if (!u64_parse((struct bytes){ text, n }, &value) || value > max / factor)
		return "is too large";
	*ret = value * factor;
	return NULL;
}

const char *value_size(const char *text, uint64_t *ret)
{
	return read_unit(text, sizes, short_sizes, UINT64_MAX, ret);
}

const char *value_duration(const char *text, struct duration *ret)
{
	uint64_t ns;
	const char *wrong = read_unit(text, durations, NULL, INT64_MAX, &ns);

	if (!wrong)
		ret->ns = (int64_t)ns;
	return wrong;
}

/* Whether `name` is one of the words in `names`, which are separated by spaces, in upper or lower case. */
static bool is_word_of(const char *names, struct bytes name)
{
	bool found = name.size == 0 && !*names;

	for (size_t n; *names && !found; names += n + (names[n] == ' ')) {
		n = strcspn(names, " ");
		found = n == name.size && strncasecmp(names, name.data, n) == 0;
	}
	return found;
}

/* One number with its unit; *text moves on. A fraction is fine where a whole number comes out. */
static bool guess_one(const char **text, const struct unit *units, uint64_t *ret)
{
	const char *p = *text + strspn(*text, " ");
	size_t n = strspn(p, "0123456789.");
	double product = n > 0 && n < VALUE_TEXT_SIZE ? strtod(p, NULL) : -1;
	struct bytes name;

	p += n + strspn(p + n, " ");
	name = (struct bytes){ p, strcspn(p, "0123456789. ") };
	*text = p + name.size;
	while (units->name && !is_word_of(units->name, name))
		units++;
	product *= (double)units->factor;
	if (!units->name || !(product > 0 && product < (double)(UINT64_C(1) << 53)))
		return false;
	*ret = (uint64_t)product;
	return (double)*ret == product;
}

bool value_size_guess(const char *text, uint64_t *ret)
{
	uint64_t size;

	if (!guess_one(&text, guessed_sizes, &size) || *text)
		return false;
	*ret = size;
	return true;
}

bool value_duration_guess(const char *text, struct duration *ret)
{
	uint64_t sum = 0, one;

	do {
		if (!guess_one(&text, guessed_durations, &one) || sum > INT64_MAX / 2)
			return false;
		sum += one;
	} while (*text);
	if (sum % 1000000)
		return false;
	ret->ns = (int64_t)sum;
	return true;
}

static const char *check_unix_path(const char *path)
{
	if (*path != '/')
		return "has no absolute path after unix:";
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return "has a path longer than a socket address holds (107 bytes)";
	return NULL;
}

static const char *check_port(const char *port)
{
	uint64_t number;

	if (value_count(port, &number) || number > USHRT_MAX)
		return "has no port between 0 and 65535";
	return NULL;
}

static const char *check_host(struct bytes host)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	static const char v6[] = "0123456789abcdefABCDEF:.";
	bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
	const char *from = bracketed ? host.data + 1 : host.data;
	size_t size = bracketed ? host.size - 2 : host.size;

	return strspn(from, bracketed ? v6 : fine) >= size ? NULL : "has a host that is neither a name nor an address";
}

const char *value_address(const char *text)
{
	const char *colon = strrchr(text, ':'), *wrong;

	if (strncmp(text, "unix:", 5) == 0)
		return check_unix_path(text + 5);
	if (!colon)
		return "has no port";
	wrong = check_host((struct bytes){ text, (size_t)(colon - text) });
	return wrong ? wrong : check_port(colon + 1);
}

const char *value_own_address(const char *text)
{
	const char *wrong = value_address(text);
	struct in6_addr to;
	char host[INET6_ADDRSTRLEN];
	size_t size;

	if (wrong || *text == ':' || strncmp(text, "unix:", 5) == 0)
		return wrong;
	size = (size_t)(strrchr(text, ':') - text);
	if (*text == '[') {
		text++;
		size -= 2;
	}
	if (size < sizeof host) {
		memcpy(host, text, size);
		host[size] = '\0';
		if (strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &to) == 1 ||
			inet_pton(AF_INET6, host, &to) == 1)
			return NULL;
	}
	return "has a host name; the agent can listen only on an IP address of this machine, or on localhost";
}

/* An address to listen on, as numbers. An IPv4 address is in the first four bytes. */
struct endpoint {
	int family; /* AF_UNIX: a path */
	bool every; /* every address of the family; of IPv6 those of IPv4, too, as we listen */
	unsigned char host[16];
	uint64_t port;
};

static struct endpoint endpoint_of(const char *text)
{
	static const unsigned char zeros[16];
	const char *colon = strrchr(text, ':');
	struct endpoint e = { .family = AF_UNIX };
	struct bytes name = { text, (size_t)(colon - text) };
	bool v6 = *text == ':' || *text == '[';
	char host[INET6_ADDRSTRLEN];

	if (strncmp(text, "unix:", 5) == 0)
		return e;
	if (*text == '[')
		name = (struct bytes){ text + 1, name.size - 2 };
	else if (name.size == 0)
		name = bytes_of("::");
	else if (bytes_are(name, "localhost"))
		name = bytes_of("127.0.0.1");
	snprintf(host, sizeof host, "%.*s", (int)name.size, name.data);
	e.family = v6 ? AF_INET6 : AF_INET;
	inet_pton(e.family, host, e.host);
	e.every = memcmp(e.host, zeros, sizeof zeros) == 0;
	(void)value_count(colon + 1, &e.port);
	return e;
}

/* Double slashes, and dots for the folder itself, do not lead to another file. */
static const char *next_of_path(const char *path)
{
	while (path[0] == '/' && (path[1] == '/' || (path[1] == '.' && (path[2] == '/' || !path[2]))))
		path += path[1] == '/' ? 1 : 2;
	return path;
}

static bool same_path(const char *a, const char *b)
{
	for (a = next_of_path(a), b = next_of_path(b); *a == *b && *a; a = next_of_path(a + 1), b = next_of_path(b + 1))
		;
	return *a == *b;
}

bool value_addresses_meet(const char *one, const char *other)
{
	const struct endpoint a = endpoint_of(one), b = endpoint_of(other);
	bool both = (a.every && a.family == AF_INET6) || (b.every && b.family == AF_INET6);

	if (a.family == AF_UNIX || b.family == AF_UNIX)
		return a.family == b.family && same_path(one + 5, other + 5);
	if (a.port != b.port || a.port == 0)
		return false;
	return both || (a.family == b.family && (a.every || b.every || memcmp(a.host, b.host, sizeof a.host) == 0));
}

bool value_address_is_local(const char *text)
{
	const struct endpoint e = endpoint_of(text);

	return e.family == AF_UNIX || (e.family == AF_INET && e.host[0] == 127) ||
	       (e.family == AF_INET6 && memcmp(e.host, &in6addr_loopback, sizeof e.host) == 0);
}

struct bytes value_scheme(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");

	return (struct bytes){ text, text[n] == ':' && *text >= 'a' ? n : 0 };
}

bool value_is_one_of(struct bytes word, const char *const *words)
{
	for (; *words; words++)
		if (bytes_are(word, *words))
			return true;
	return false;
}

/* Something behind scheme:// and a user and password, if there are any. */
static bool has_host(const char *authority)
{
	size_t size = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', size);

	return size > 0 && at != authority + size - 1;
}

const char *value_url(const char *text, const char *const *schemes)
{
	struct bytes scheme = value_scheme(text);
	const char *rest = text + scheme.size + 1;

	if (scheme.size == 0)
		return "has no scheme";
	if (schemes && !value_is_one_of(scheme, schemes))
		return "has the wrong scheme";
	if (bytes_are(scheme, "unix"))
		return check_unix_path(rest);
	if (strncmp(rest, "//", 2) != 0 || !has_host(rest + 2))
		return "has no host";
	return strpbrk(text, " \t\r\n\"<>\\^`{|}") ? "has a character that a URL cannot hold" : NULL;
}

static void print_unit(uint64_t value, const struct unit *units, char to[VALUE_TEXT_SIZE])
{
	const struct unit *best = units;

	for (; units->name; units++)
		if (value % units->factor == 0 && value > 0)
			best = units;
	snprintf(to, VALUE_TEXT_SIZE, "%llu%s", (unsigned long long)(value / best->factor), best->name);
}

void value_size_print(uint64_t size, char to[VALUE_TEXT_SIZE])
{
	print_unit(size, sizes, to);
}

void value_duration_print(struct duration d, char to[VALUE_TEXT_SIZE])
{
	print_unit(d.ns > 0 ? (uint64_t)d.ns : 0, durations, to);
}
