#include "collectors/tail/closer.h"

#include <string.h>
#include <unistd.h>

static void close_all(int *fds, size_t *count)
{
	while (*count > 0)
		close(fds[--*count]);
}

/* In the lane. */
static void close_in_lane(struct job *job)
{
	const struct tail_closer *c = CONTAINER_OF(job, struct tail_closer, job);

	for (size_t i = 0; i < c->closing_count; i++)
		close(c->closing[i]);
}

static void begin(struct tail_closer *c)
{
	if (c->closing_count > 0 || c->waiting_count == 0)
		return;
	memcpy(c->closing, c->waiting, c->waiting_count * sizeof *c->closing);
	c->closing_count = c->waiting_count;
	c->waiting_count = 0;
	if (lane_run(host_disk_lane(c->host), &c->job) < 0)
		close_all(c->closing, &c->closing_count);
}

static void on_closed(struct job *job)
{
	struct tail_closer *c = CONTAINER_OF(job, struct tail_closer, job);

	c->closing_count = 0;
	begin(c);
}

void tail_closer_init(struct tail_closer *c, struct host *host)
{
	c->host = host;
	c->job = (struct job){ .work = close_in_lane, .done = on_closed };
}

void tail_closer_take(struct tail_closer *c, int fd)
{
	if (fd < 0)
		return;
	if (c->stopped || c->waiting_count == TAIL_CLOSER_MAX) {
		close(fd);
		return;
	}
	c->waiting[c->waiting_count++] = fd;
	begin(c);
}

void tail_closer_stop(struct tail_closer *c)
{
	c->stopped = true;
	close_all(c->waiting, &c->waiting_count);
}
