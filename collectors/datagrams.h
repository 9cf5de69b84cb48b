/*
 * A socket that receives log lines in datagrams.
 *
 * They are offered in batches of as many bytes as one callback can handle. A datagram that begins as a syslog message
 * is one record; of any other datagram each line is one.
 */
#ifndef OXP_COLLECTORS_DATAGRAMS_H
#define OXP_COLLECTORS_DATAGRAMS_H

#include "collectors/datagram_reader.h"
#include "collectors/lines.h"
#include "collectors/pace.h"
#include "collectors/patience.h"

struct datagrams {
	struct host *host;
	struct lines *lines;
	struct patience *patience;
	struct loop_watch watch;
	struct datagram_reader reader; /* line_max bytes of each datagram */
	size_t at, end; /* the first that waits for the pipeline, and the first behind the current slice */
	struct loop_soon more;
	struct pace pace;
	uint64_t offset;
	struct mono_time last;
};

void datagrams_init(struct datagrams *, struct host *, struct lines *, struct patience *, int fd);
void datagrams_done(struct datagrams *); /* fine on zeroed memory; the descriptor is the caller's */
void datagrams_go_on(struct datagrams *); /* patience's go_on() */
void datagrams_finish(struct datagrams *); /* handles everything that was read; after patience_end() */
static inline bool datagrams_are_empty(const struct datagrams *d)
{
	return d->at == d->reader.count;
}

#endif
