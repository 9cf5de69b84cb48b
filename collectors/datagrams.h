/*
 * A socket that log lines come to in datagrams.
 *
 * Several are taken out of the kernel with one call, and become offers of as many bytes as a callback can deal with. A
 * datagram that begins as a syslog message is one record, of any other each line is. What the kernel had to throw away,
 * since its buffer was full, it tells: that is counted as lost, too.
 */
#ifndef OXP_COLLECTORS_DATAGRAMS_H
#define OXP_COLLECTORS_DATAGRAMS_H

#include <sys/socket.h>

#include "collectors/lines.h"
#include "collectors/pace.h"
#include "collectors/patience.h"

enum { DATAGRAMS_AT_ONCE = 16 };

struct datagrams {
	struct host *host;
	struct lines *lines;
	struct patience *patience;
	struct loop_watch watch;
	int fd;
	char *room; /* of line_max bytes for each */
	struct iovec parts[DATAGRAMS_AT_ONCE];
	struct mmsghdr messages[DATAGRAMS_AT_ONCE];
	size_t count; /* that were read */
	size_t at, end; /* of those: the first that waits for the pipeline, and the first behind the slice at hand */
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
void datagrams_finish(struct datagrams *); /* deals with all that was read, behind patience_end() */
static inline bool datagrams_are_empty(const struct datagrams *d)
{
	return d->at == d->count;
}

#endif
