#include "collectors/tail/fill.h"

#include <errno.h>
#include <unistd.h>

void tail_fill_begin(struct tail_fill *f, char *data, size_t size, uint64_t generation, uint64_t from)
{
	OXP_ASSERT(!f->data && !f->batch);
	*f = (struct tail_fill){ .data = data, .size = size, .generation = generation, .from = from };
}

int tail_fill_read(struct tail_fill *f, int fd, size_t most)
{
	size_t left = f->size - f->got, want = f->size <= TAIL_FILL_WHOLE ? left : smaller(left, most);
	ssize_t got = pread(fd, f->data + f->got, want, (off_t)(f->from + f->got));
	int failed = got < 0 ? -errno : 0;

	f->got += got > 0 ? (size_t)got : 0;
	if (got > 0 && (size_t)got == want && f->got < f->size)
		return 1;
	f->data = NULL;
	return failed;
}

void tail_fill_keep(struct tail_fill *f, struct batch **batch)
{
	OXP_ASSERT(f->data && !f->batch);
	f->batch = *batch;
	*batch = NULL;
}

struct batch *tail_fill_take(struct tail_fill *f)
{
	struct batch *batch = f->batch;

	OXP_ASSERT(f->data && batch);
	f->batch = NULL;
	return batch;
}

void tail_fill_drop(struct tail_fill *f)
{
	batch_free(f->batch);
	*f = (struct tail_fill){ .data = NULL };
}
