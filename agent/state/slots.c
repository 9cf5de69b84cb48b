#include "state/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "state/database.h"
#include "state/record.h"

enum { LAYOUT = 2 };
static const char magic[16] = "oxpecker ledger";

struct slot {
	char key[STATE_KEY_MAX];
	uint64_t check; /* hash of the key; 0 if the slot is free */
	struct ledger_terms terms;
};

/* `check` covers the fields before it. `known` is the last field, so a file of an earlier version, which ends before
 * it, is still one of ours. */
struct slots {
	char magic[16];
	uint32_t layout, slot_size, count, unused;
	uint64_t check;
	struct slot slot[STATE_SLOTS];
	struct slots_known known;
};

static uint64_t header_check(const struct slots *m)
{
	return XXH3_64bits(m, offsetof(struct slots, check));
}

static uint64_t key_check(const char *key)
{
	uint64_t hash = XXH3_64bits(key, strlen(key));

	return hash ? hash : 1;
}

static bool header_fits(const struct slots *m)
{
	return memcmp(m->magic, magic, sizeof magic) == 0 && m->layout == LAYOUT && m->slot_size == sizeof m->slot[0] &&
	       m->count == STATE_SLOTS && m->check == header_check(m);
}

static void write_header(struct slots *m)
{
	memcpy(m->magic, magic, sizeof magic);
	m->layout = LAYOUT;
	m->slot_size = sizeof m->slot[0];
	m->count = STATE_SLOTS;
	m->check = header_check(m);
}

/* Frees the slots whose key was not written completely. */
static void drop_torn(struct slots *m)
{
	for (size_t i = 0; i < STATE_SLOTS; i++) {
		struct slot *s = &m->slot[i];
		if (s->check && memchr(s->key, '\0', sizeof s->key) && s->check == key_check(s->key))
			continue;
		if (s->check || s->key[0])
			memset(s, 0, sizeof *s);
	}
}

static bool is_size(off_t size)
{
	return size == 0 || (size_t)size == sizeof(struct slots) || (size_t)size == offsetof(struct slots, known);
}

/* Returns 0, 1 if the file was empty, or -errno. */
static int map(const struct path_folder *folder, const char *name, struct slots **ret, bool *ret_fits)
{
	int fd = path_ours_open(folder->fd, name, O_RDWR | O_CREAT), failed;
	struct stat info;
	struct slots *m;

	if (fd < 0)
		return fd;
	failed = fstat(fd, &info) < 0 ? errno : posix_fallocate(fd, 0, sizeof *m);
	if (failed) {
		close(fd);
		return -failed;
	}
	m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	failed = m == MAP_FAILED ? -errno : 0;
	close(fd);
	if (failed)
		return failed;
	if (info.st_size == 0)
		write_header(m);
	*ret_fits = is_size(info.st_size) && header_fits(m);
	*ret = m;
	return info.st_size == 0;
}

int slots_open(const struct path_folder *folder, const char *name, struct slots **ret, enum slots_found *ret_found)
{
	bool fits = false;
	int failed = map(folder, name, ret, &fits);

	*ret_found = failed > 0 ? SLOTS_NEW : SLOTS_THERE;
	if (failed >= 0 && !fits) {
		slots_close(*ret);
		*ret = NULL;
		failed = path_ours_set_aside(folder->fd, name);
		*ret_found = SLOTS_SET_ASIDE;
		if (!failed)
			failed = map(folder, name, ret, &fits);
	}
	if (failed < 0)
		return failed;
	drop_torn(*ret);
	return 0;
}

void slots_close(struct slots *m)
{
	if (m)
		munmap(m, sizeof *m);
}

static struct ledger_terms *take_slot(struct slot *s, const char *key)
{
	snprintf(s->key, sizeof s->key, "%s", key);
	memset(&s->terms, 0, sizeof s->terms);
	__atomic_store_n(&s->check, key_check(key), __ATOMIC_RELEASE); /* only after the key is written */
	return &s->terms;
}

struct ledger_terms *slots_find(struct slots *m, const char *key)
{
	struct slot *unused = NULL;

	OXP_ASSERT(strlen(key) < STATE_KEY_MAX);
	for (size_t i = 0; i < STATE_SLOTS; i++) {
		struct slot *s = &m->slot[i];
		if (s->check && strcmp(s->key, key) == 0)
			return &s->terms;
		if (!s->check && !unused)
			unused = s;
	}
	return unused ? take_slot(unused, key) : NULL;
}

struct slots_known slots_known(const struct slots *m)
{
	return m->known;
}

void slots_know(struct slots *m, const struct slots_known *known)
{
	m->known = *known;
}
