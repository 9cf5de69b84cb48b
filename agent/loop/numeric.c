#include "loop/numeric.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "base/text.h"

/* 0: there is no such interface. */
static uint32_t scope_id(const char *text)
{
	uint64_t number;

	return u64_parse(bytes_of(text), &number) && number <= UINT32_MAX ? (uint32_t)number : if_nametoindex(text);
}

bool numeric_parse(struct bytes text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	char address[INET6_ADDRSTRLEN + IF_NAMESIZE], *scope;

	*ret = (struct sockaddr_storage){ 0 };
	if (text.size >= sizeof address)
		return false;
	memcpy(address, text.data, text.size);
	address[text.size] = '\0';
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	scope = strchr(address, '%');
	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	v6->sin6_scope_id = scope ? scope_id(scope) : 0;
	return true;
}
