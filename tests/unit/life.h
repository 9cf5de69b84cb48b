/*
 * Lives of a process over one state folder. Each is a child that is killed (SIGKILL) at a step which the test names, or
 * lives to its end. A step is a write or sync of SQLite, each call of life_step(), and a turn of the loop behind
 * another step: so over all numbers of steps there is a kill between any two things that happen.
 *
 * What must outlive the process stands in shared memory: what destinations were given, which answers were heard, and
 * what the life that ended said of its ledger.
 */
#ifndef OXP_TEST_LIFE_H
#define OXP_TEST_LIFE_H

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "component.h"
#include "unit/state/folder.h"

enum { LIFE_ROUTES = 2, LIFE_TAKEN_MAX = 4096, LIFE_RECORDS_MAX = 256, LIFE_BROKEN = 99 };

/* One record as a destination got it. */
struct life_taken {
	size_t route;
	uint64_t generation, offset;
	unsigned number; /* of the record, as it stands in its bytes */
};

struct life {
	char path[64];
	atomic_long step;
	long turned; /* the step that the last turn of the loop was */
	long kill_at; /* 0: never */
	size_t taken_count;
	struct life_taken taken[LIFE_TAKEN_MAX];
	bool heard[LIFE_RECORDS_MAX]; /* by record: it was said to be safe */
	unsigned begun; /* records that were made, by all lives */
	bool file; /* they are of a file, not of a socket */
	struct ledger_terms terms[LIFE_ROUTES]; /* at the end of the life */
	uint64_t spool_bytes, parked; /* likewise */
};

/* The life that this process lives: SQLite's calls carry no context of ours. */
static struct life *life_now;

/* In a child: a broken expectation ends it with LIFE_BROKEN, and with its words on stderr. */
#define EXPECT(x)                                                                       \
	do {                                                                            \
		if (!(x)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
			_exit(LIFE_BROKEN);                                             \
		}                                                                       \
	} while (0)

static inline void life_step(void)
{
	if (life_now && atomic_fetch_add(&life_now->step, 1) + 1 == life_now->kill_at)
		raise(SIGKILL);
}

/* Of the loop. If nothing has happened since the last one, a kill now leaves what a kill then left. */
static inline void life_turn(void)
{
	if (life_now && atomic_load(&life_now->step) != life_now->turned) {
		life_step();
		life_now->turned = atomic_load(&life_now->step);
	}
}

/* Steps count from here: a kill before is another test's. */
static inline void life_begins(struct life *l)
{
	atomic_store(&l->step, 0);
}

static inline ssize_t life_pwrite(int fd, const void *data, size_t size, off_t at)
{
	life_step();
	return pwrite(fd, data, size, at);
}

/* In the place of libc's: a kill is no power cut, so nothing need reach the disk. */
int fsync(int fd)
{
	(void)fd;
	life_step();
	return 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

static inline struct life *life_new(void)
{
	struct life *l = mmap(NULL, sizeof *l, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(l != MAP_FAILED);
	snprintf(l->path, sizeof l->path, "/tmp/oxp-life-XXXXXX");
	assert_non_null(mkdtemp(l->path));
	return l;
}

static inline void life_free(struct life *l)
{
	scratch_remove(l->path);
	munmap(l, sizeof *l);
}

static inline void life_copy_file(int from_folder, int to_folder, const char *name)
{
	int from = openat(from_folder, name, O_RDONLY), to = openat(to_folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ssize_t some;

	assert_true(from >= 0 && to >= 0);
	while ((some = sendfile(to, from, NULL, 1 << 20)) > 0)
		;
	assert_int_equal(some, 0);
	close(from);
	close(to);
}

/* Another life that goes on from where this one is now. */
static inline struct life *life_copy(const struct life *like)
{
	struct life *l = life_new();
	char path[sizeof l->path];
	int to = open(l->path, O_RDONLY | O_DIRECTORY);
	DIR *from = opendir(like->path);
	struct dirent *file;

	assert_true(to >= 0 && from);
	while ((file = readdir(from)))
		if (file->d_name[0] != '.')
			life_copy_file(dirfd(from), to, file->d_name);
	closedir(from);
	close(to);
	memcpy(path, l->path, sizeof path);
	*l = *like;
	memcpy(l->path, path, sizeof path);
	return l;
}

/* Lives live() in a child, up to that step. True: it lived to its end. */
static inline bool life_live(struct life *l, long kill_at, void (*live)(struct life *))
{
	pid_t child;
	int status;

	l->kill_at = kill_at;
	l->turned = -1;
	atomic_store(&l->step, 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
		life_now = l;
		vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)life_pwrite);
		vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)life_pwrite);
		live(l);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return false;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

/* What is lived with a kill at step 1, again with one at step 2, and so on, until a life gets through. */
struct life_script {
	void (*before)(struct life *); /* once, to its end: each life begins with what it left. Or NULL */
	void (*live)(struct life *);
	void (*after)(struct life *); /* to its end */
	bool twice; /* every fourth time it is killed, too, and lived again */
	void (*check)(const struct life *, bool killed);
};

static inline bool life_killed_at(const struct life_script *s, const struct life *before, long step)
{
	struct life *l = before ? life_copy(before) : life_new();
	bool killed = !life_live(l, step, s->live);

	if (s->twice && step % 4 == 0)
		life_live(l, 1 + step * 7 % 40, s->after);
	assert_true(life_live(l, 0, s->after));
	s->check(l, killed);
	life_free(l);
	return killed;
}

static inline void life_at_every_step(const struct life_script *s, long at_least)
{
	struct life *before = s->before ? life_new() : NULL;
	long step = 1;

	assert_true(!before || life_live(before, 0, s->before));
	while (life_killed_at(s, before, step))
		step++;
	print_message("%ld steps\n", step);
	assert_true(step > at_least);
	if (before)
		life_free(before);
}

/* A destination has it: its bytes begin with the number of the record. */
static inline void life_took(size_t route, const struct batch_item *item)
{
	struct life_taken *t = &life_now->taken[life_now->taken_count];
	char text[16] = "";

	EXPECT(life_now->taken_count < LIFE_TAKEN_MAX);
	memcpy(text, item->data, item->size < sizeof text - 1 ? item->size : sizeof text - 1);
	*t = (struct life_taken){ route, item->generation, item->offset, (unsigned)strtoul(text, NULL, 10) };
	life_now->taken_count++;
}

/* How often a destination got the record. It always had the same id. */
static inline size_t life_times(const struct life *l, size_t route, unsigned number)
{
	const struct life_taken *first = NULL;
	size_t times = 0;

	for (size_t i = 0; i < l->taken_count; i++) {
		const struct life_taken *t = &l->taken[i];
		if (t->route != route || t->number != number)
			continue;
		first = first ? first : t;
		assert_true(t->generation == first->generation && t->offset == first->offset);
		times++;
	}
	return times;
}

/* How many records a destination got. No two of them had the same id. */
static inline size_t life_distinct(const struct life *l, size_t route)
{
	size_t count = 0;

	for (unsigned n = 0; n < l->begun; n++)
		count += life_times(l, route, n) > 0;
	for (size_t i = 0; i < l->taken_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct life_taken *a = &l->taken[i], *b = &l->taken[k];
			if (a->route == b->route && a->generation == b->generation && a->offset == b->offset)
				assert_int_equal(a->number, b->number);
		}
	return count;
}

#endif
