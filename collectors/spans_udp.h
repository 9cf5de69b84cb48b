/*
 * A UDP socket that receives spans in another form than OTLP, one request in each datagram. There is nobody to answer:
 * what is refused is counted and told, and if there is no room it waits in the kernel for a while, and is lost then.
 */
#ifndef OXP_SPANS_UDP_H
#define OXP_SPANS_UDP_H

#include "collectors/datagram_reader.h"
#include "collectors/pace.h"
#include "collectors/patience.h"
#include "collectors/spans_tally.h"

enum { SPANS_DATAGRAM_MAX = 65000 }; /* what clients of Jaeger keep to */

struct spans_udp {
	struct host *host;
	const struct spans_form *form;
	struct spans_tally *tally;
	struct patience *patience;
	struct loop_watch watch;
	struct datagram_reader reader;
	size_t at; /* the first datagram that waits for the pipeline */
	struct loop_soon more;
	struct pace pace;
	struct mono_time last, told; /* when one came; when it was logged that one was refused, 0: never */
	uint64_t *refused;
};

void spans_udp_init(struct spans_udp *, const struct spans_form *, struct spans_tally *, struct patience *, int fd);
void spans_udp_done(struct spans_udp *); /* fine on zeroed memory; the descriptor is the caller's */
void spans_udp_go_on(struct spans_udp *); /* patience's go_on() */
void spans_udp_finish(struct spans_udp *); /* handles everything that was sent; after patience_end() */
static inline bool spans_udp_is_empty(const struct spans_udp *u)
{
	return u->at == u->reader.count;
}

#endif
