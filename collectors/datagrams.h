/*
 * A socket that receives log lines in datagrams.
 *
 * Several are read with one call, and offered in batches of as many bytes as one callback can handle. A datagram that
 * begins as a syslog message is one record; of any other datagram each line is one. The kernel reports the datagrams
 * that it dropped because its buffer was full: these count as lost, too.
 */
#ifndef OXP_COLLECTORS_DATAGRAMS_H
#define OXP_COLLECTORS_DATAGRAMS_H

#include <sys/socket.h>

#include "collectors/lines.h"
#include "collectors/pace.h"
#include "collectors/patience.h"

enum { DATAGRAMS_AT_ONCE = 16, DATAGRAMS_ROOM = 1 << 20 /* bytes, or one datagram */ };

struct datagrams {
	struct host *host;
	struct lines *lines;
	struct patience *patience;
	struct loop_watch watch;
	int fd;
	char *memory;
	size_t each, at_once; /* bytes for a datagram; datagrams that are read with one call */
	struct iovec parts[DATAGRAMS_AT_ONCE];
	struct mmsghdr messages[DATAGRAMS_AT_ONCE];
	size_t count; /* datagrams that were read */
	size_t at, end; /* the first that waits for the pipeline, and the first behind the current slice */
	struct loop_soon more;
	struct pace pace;
	uint64_t offset;
	uint32_t kernel_drops; /* as of the last look */
	uint64_t *datagrams, *kernel_lost;
	struct mono_time last;
};

void datagrams_init(struct datagrams *, struct host *, struct lines *, struct patience *, int fd);
void datagrams_done(struct datagrams *); /* fine on zeroed memory; the descriptor is the caller's */
void datagrams_go_on(struct datagrams *); /* patience's go_on() */
void datagrams_finish(struct datagrams *); /* handles everything that was read; after patience_end() */
static inline bool datagrams_are_empty(const struct datagrams *d)
{
	return d->at == d->count;
}

#endif
