/*
 * As much of the domain name system as is needed to ask a recursive server for addresses (RFC 1035, RFC 3596).
 *
 * The server has followed the aliases, so every address in the answer section counts, whoever it belongs to. So nothing
 * is followed here, and no chain of aliases can lead in a circle.
 */
#ifndef OXP_DNS_H
#define OXP_DNS_H

#include "base/bytes.h"

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };
enum dns_code {
	DNS_FINE = 0,
	DNS_FAILED = 2, /* and all that are not here */
	DNS_NO_NAME = 3,
	DNS_CUT = 16, /* ours: no address fitted into the packet, so the question is one for TCP */
};
enum {
	DNS_NAME_MAX = 253, /* as text, without the last dot */
	DNS_QUESTION_MAX = 12 + 255 + 4,
	DNS_ADDRESSES_MAX = 8,
	DNS_RECORDS_MAX = 64, /* those behind them are not looked at */
	DNS_ADDRESS_SIZE = 16,
};

struct dns_answer {
	enum dns_code code; /* DNS_FINE with no address: the name has none of this type */
	uint32_t ttl; /* seconds; of the records that were looked at, the shortest */
	size_t count;
	unsigned char addresses[DNS_ADDRESSES_MAX][DNS_ADDRESS_SIZE]; /* 4 bytes of each for DNS_A */
};

/* Writes a question. Returns its size; 0 if the text is no name: a label may have 1 to 63 bytes. */
size_t dns_question_write(uint16_t id, const char *name, enum dns_type, char to[DNS_QUESTION_MAX]) MUST_CHECK;
/* Whether the bytes are an answer to this question; only then is *ret filled in. An answer that was cut off counts as
 * what is left of it. If that is no address, it is DNS_CUT if the server says so, and DNS_FAILED otherwise. */
bool dns_answer_read(struct bytes question, struct bytes answer, struct dns_answer *ret) MUST_CHECK;

#endif
