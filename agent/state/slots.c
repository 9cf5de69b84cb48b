#include "state/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/whole.h"
#include "state/database.h"
#include "state/record.h"

enum { LAYOUT = 2 };
static const char magic[16] = "oxpecker ledger";

struct slot {
	char key[STATE_KEY_MAX];
	uint64_t check; /* hash of the key; 0 if the slot is free */
	struct ledger_terms terms;
};

/* `check` covers the fields before it. */
struct header {
	char magic[16];
	uint32_t layout, slot_size, count, unused;
	uint64_t check;
};

/* The file. `known` is the last field, so a file of an earlier version, which ends before it, is still one of ours. */
struct image {
	struct header header;
	struct slot slot[STATE_SLOTS];
	struct slots_known known;
};

/* A slot as it is, and as the file has it. */
struct kept {
	struct slot now, written;
};

struct slots {
	int fd;
	int failed; /* of the last write; 0 or -errno */
	size_t used; /* slots from this one on are free */
	struct kept *kept[STATE_SLOTS]; /* NULL: free */
	struct slots_known known;
};

static uint64_t header_check(const struct header *h)
{
	return XXH3_64bits(h, offsetof(struct header, check));
}

static uint64_t key_check(const char *key)
{
	uint64_t hash = XXH3_64bits(key, strlen(key));

	return hash ? hash : 1;
}

static bool header_fits(const struct header *h)
{
	return memcmp(h->magic, magic, sizeof magic) == 0 && h->layout == LAYOUT &&
	       h->slot_size == sizeof(struct slot) && h->count == STATE_SLOTS && h->check == header_check(h);
}

static bool is_size(off_t size)
{
	return size == 0 || (size_t)size == sizeof(struct image) || (size_t)size == offsetof(struct image, known);
}

/* Reading and writing the file. */

static int put(struct slots *m, const void *data, size_t size, size_t at)
{
	ssize_t written;

	do
		written = pwrite(m->fd, data, size, (off_t)at);
	while (written < 0 && errno == EINTR);
	m->failed = written == (ssize_t)size ? 0 : written < 0 ? -errno : -ENOSPC;
	return m->failed;
}

static int put_header(struct slots *m)
{
	struct header header = { .layout = LAYOUT, .slot_size = sizeof(struct slot), .count = STATE_SLOTS };

	memcpy(header.magic, magic, sizeof magic);
	header.check = header_check(&header);
	return put(m, &header, sizeof header, 0);
}

/* The header goes with whatever is cut off. The size tells nothing: writing what is at the end brings it back. */
static bool is_whole(const struct slots *m)
{
	struct header header;
	struct stat info;

	return fstat(m->fd, &info) == 0 && (size_t)info.st_size >= sizeof(struct image) &&
	       pread(m->fd, &header, sizeof header, 0) == sizeof header && header_fits(&header);
}

static int put_known(struct slots *m)
{
	return put(m, &m->known, sizeof m->known, offsetof(struct image, known));
}

static int put_slot(struct slots *m, size_t i)
{
	struct kept *k = m->kept[i];
	int failed;

	if (memcmp(&k->now, &k->written, sizeof k->now) == 0)
		return 0;
	failed = put(m, &k->now, sizeof k->now, offsetof(struct image, slot) + i * sizeof k->now);
	if (!failed)
		k->written = k->now;
	return failed;
}

static bool is_taken(const struct slot *s)
{
	return s->check && memchr(s->key, '\0', sizeof s->key) && s->check == key_check(s->key);
}

/* A slot whose key was not written completely is free. */
static void keep(struct slots *m, const struct image *image)
{
	for (size_t i = 0; i < STATE_SLOTS; i++) {
		if (!is_taken(&image->slot[i]))
			continue;
		m->used = i + 1;
		m->kept[i] = oxp_new(sizeof *m->kept[i]);
		m->kept[i]->now = m->kept[i]->written = image->slot[i];
	}
	m->known = image->known;
}

/* What the file lacks stays zero. 0 or -errno. */
static int read_image(int fd, struct image *to)
{
	ssize_t got = whole_read(fd, to, sizeof *to, 0);

	return got < 0 ? (int)got : 0;
}

/* Takes the descriptor, which is valid. Returns 0, 1 if the file was empty, or -errno. */
static int load(struct slots *m, bool *ret_fits)
{
	struct image *image = oxp_new(sizeof *image);
	struct stat info;
	int failed = fstat(m->fd, &info) < 0 ? -errno : -posix_fallocate(m->fd, 0, sizeof *image);

	if (!failed && info.st_size == 0)
		failed = put_header(m);
	if (!failed)
		failed = read_image(m->fd, image);
	*ret_fits = !failed && is_size(info.st_size) && header_fits(&image->header);
	if (*ret_fits)
		keep(m, image);
	free(image);
	if (failed)
		return failed;
	return info.st_size == 0;
}

/* As load(). */
static int open_file(const struct path_folder *folder, const char *name, struct slots **ret, bool *ret_fits)
{
	int fd = path_ours_open(folder->fd, name, O_RDWR | O_CREAT), found;
	struct slots *m;

	if (fd < 0)
		return fd;
	m = oxp_new(sizeof *m);
	m->fd = fd;
	found = load(m, ret_fits);
	if (found >= 0)
		*ret = m;
	else
		slots_close(m);
	return found;
}

int slots_open(const struct path_folder *folder, const char *name, struct slots **ret, enum slots_found *ret_found)
{
	bool fits = false;
	int failed = open_file(folder, name, ret, &fits);

	*ret_found = failed > 0 ? SLOTS_NEW : SLOTS_THERE;
	if (failed >= 0 && !fits) {
		slots_close(*ret);
		*ret = NULL;
		failed = path_ours_set_aside(folder->fd, name);
		*ret_found = SLOTS_SET_ASIDE;
		if (!failed)
			failed = open_file(folder, name, ret, &fits);
	}
	return failed < 0 ? failed : 0;
}

void slots_close(struct slots *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->used; i++)
		free(m->kept[i]);
	close(m->fd);
	free(m);
}

int slots_file(const struct slots *m)
{
	return m->fd;
}

int slots_failed(const struct slots *m)
{
	return m->failed;
}

static struct ledger_terms *take_slot(struct slots *m, size_t i, const char *key)
{
	struct kept *k = m->kept[i] = oxp_new(sizeof *k);

	m->used = i < m->used ? m->used : i + 1;
	snprintf(k->now.key, sizeof k->now.key, "%s", key);
	k->now.check = key_check(key);
	return &k->now.terms;
}

struct ledger_terms *slots_find(struct slots *m, const char *key)
{
	size_t unused = STATE_SLOTS;

	OXP_ASSERT(strlen(key) < STATE_KEY_MAX);
	for (size_t i = 0; i < STATE_SLOTS; i++) {
		if (m->kept[i] && strcmp(m->kept[i]->now.key, key) == 0)
			return &m->kept[i]->now.terms;
		if (!m->kept[i] && unused == STATE_SLOTS)
			unused = i;
	}
	return unused < STATE_SLOTS ? take_slot(m, unused, key) : NULL;
}

void slots_save(struct slots *m)
{
	for (size_t i = 0; i < m->used; i++)
		if (m->kept[i] && put_slot(m, i) < 0)
			return;
}

int slots_mend(struct slots *m)
{
	int failed;

	if (is_whole(m))
		return 0;
	failed = m->failed = -posix_fallocate(m->fd, 0, sizeof(struct image));
	for (size_t i = 0; i < m->used && !failed; i++) {
		if (!m->kept[i])
			continue;
		memset(&m->kept[i]->written, 0, sizeof m->kept[i]->written);
		failed = put_slot(m, i);
	}
	if (!failed)
		failed = put_known(m);
	if (!failed)
		failed = put_header(m);
	if (failed)
		return failed;
	return 1;
}

struct slots_known slots_known(const struct slots *m)
{
	return m->known;
}

void slots_know(struct slots *m, const struct slots_known *known)
{
	if (memcmp(&m->known, known, sizeof *known) == 0)
		return;
	m->known = *known;
	put_known(m);
}

int slots_look(int fd, struct slots_known *ret)
{
	struct image *image = oxp_new(sizeof *image);
	struct stat info;
	int failed = fstat(fd, &info) < 0 ? -errno : read_image(fd, image);

	if (!failed && (info.st_size == 0 || !is_size(info.st_size) || !header_fits(&image->header)))
		failed = -EBADMSG;
	if (!failed)
		*ret = image->known;
	free(image);
	return failed;
}
