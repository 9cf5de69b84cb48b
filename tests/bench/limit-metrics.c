/* The unavoidable work on a sample: fetch the page when asked, find series and value of each line, look the series up by
 * hash, keep the value, write name and value out of the table, send. A yardstick, not a program.
 *   cc -O2 -march=native limit-metrics.c -o limit-metrics;  limit-metrics PORT_IN PORT_TARGET [SERIES] */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGE = 256 << 20, SLOTS_LEAST = 1 << 18 };
struct series {
	uint64_t hash;
	const char *name;
	uint32_t len;
	double value;
};
static struct series *table;
static uint32_t *order, count, mask = SLOTS_LEAST - 1;
static char page[PAGE], out[PAGE];

static uint64_t hash_of(const char *p, size_t n)
{
	uint64_t h = n * 0x9E3779B97F4A7C15ull, v;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&v, p, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, p, n);
	h = (h ^ v) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 29;
}
static size_t number(char *o, double v)
{
	char t[24];
	int n = 0;
	size_t k = 0;
	if (v != (double)(int64_t)v)
		return sprintf(o, "%.17g", v);
	uint64_t u = v < 0 ? -v : v;
	if (v < 0)
		o[k++] = '-';
	do
		t[n++] = '0' + u % 10;
	while (u /= 10);
	while (n)
		o[k++] = t[--n];
	return k;
}
static struct series *find(const char *p, size_t n)
{
	uint64_t h = hash_of(p, n);
	for (uint32_t i = h & mask;; i = (i + 1) & mask) {
		struct series *s = &table[i];
		if (s->hash == h && s->len == n && !memcmp(s->name, p, n))
			return s;
		if (!s->name) {
			*s = (struct series){ h, memcpy(malloc(n), p, n), n, 0 };
			order[count++] = i;
			return s;
		}
	}
}
static double value_of(const char *p, const char *end)
{
	int64_t v = 0;
	const char *q = p;
	while (q < end && *q >= '0' && *q <= '9')
		v = v * 10 + *q++ - '0';
	return q == end ? (double)v : strtod(p, 0);
}
static size_t fetch(int fd)
{
	static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	static char head[4096];
	size_t got = 0, want;
	char *e;
	ssize_t r;
	if (write(fd, ask, sizeof ask - 1) < 0)
		exit(2);
	do {
		if ((r = read(fd, head + got, sizeof head - 1 - got)) <= 0)
			exit(3);
		head[got += r] = 0;
	} while (!(e = strstr(head, "\r\n\r\n")));
	want = strtoul(strcasestr(head, "content-length:") + 15, 0, 10);
	e += 4;
	size_t n = head + got - e;
	memcpy(page, e, n);
	while (n < want) {
		if ((r = read(fd, page + n, want - n)) <= 0)
			exit(3);
		n += r;
	}
	return n;
}
/* Reads what page[] holds of the target into the table. */
static void take(size_t n)
{
	for (char *p = page, *end = page + n, *nl; p < end && (nl = memchr(p, '\n', end - p)); p = nl + 1) {
		if (*p == '#')
			continue;
		char *v = memrchr(p, ' ', nl - p);
		find(p, v - p)->value = value_of(v + 1, nl);
	}
}
static size_t show(void)
{
	size_t k = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct series *s = &table[order[i]];
		memcpy(out + k, s->name, s->len);
		k += s->len;
		out[k++] = ' ';
		k += number(out + k, s->value);
		out[k++] = '\n';
	}
	return k;
}
static void serve(int c, int target)
{
	char q[4096], h[128];
	ssize_t r;
	while ((r = read(c, q, sizeof q)) > 0) {
		take(fetch(target));
		size_t k = show();
		int hl = sprintf(h, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", k);
		if (write(c, h, hl) < 0)
			return;
		for (size_t at = 0; at < k; at += r)
			if ((r = write(c, out + at, k - at)) <= 0)
				return;
	}
}
int main(int argc, char **argv)
{
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
	while (argc > 3 && mask < 2 * strtoul(argv[3], 0, 10))
		mask = 2 * mask + 1;
	table = calloc(mask + 1ul, sizeof *table);
	order = calloc(mask + 1ul, sizeof *order);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])) }, b = a;
	a.sin_addr.s_addr = b.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b.sin_port = htons(atoi(argv[2]));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (connect(t, (void *)&b, sizeof b) || bind(l, (void *)&a, sizeof a) || listen(l, 8)) {
		perror("limit-metrics");
		return 1;
	}
	for (;;) {
		int c = accept(l, 0, 0);
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		serve(c, t);
		close(c);
	}
}
