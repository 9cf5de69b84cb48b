#include "state/backup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/whole.h"

enum {
	WINDOW = 256 << 10, /* bytes that are read at a time */
	TRIES = 16, /* to read a piece that somebody is writing to */
	SYNC_STEP = 8 << 20, /* bytes that go to the disk at once: a sync of ours delays those of the agent */
};

const char *const backup_sides[BACKUP_SIDES] = { "-wal", "-shm", "-journal" };

int backup_explain(char why[BACKUP_WHY], const char *what, int failed)
{
	static const struct {
		int failed;
		const char *said;
	} causes[] = {
		{ -EINTR, "interrupted" },
		{ -EBADMSG, "it is damaged, or not ours" },
		{ -ENODATA, "it is shorter than it should be" },
		{ -EPROTO, "it was written by a newer oxpecker: use that one" },
		{ -EAGAIN, "it changes too fast to be read as of one moment: try again" },
		{ -EFBIG, "it is too large, or grows faster than it can be copied" },
		{ -ETIME, "looking at it takes too long" },
		{ -EEXIST, "it exists; expected a name that is free" },
		{ -ENOTEMPTY, "something else is in it: remove it, or give another name" },
	};
	const char *said = path_why(failed);

	for (size_t i = 0; i < COUNT_OF(causes); i++)
		if (causes[i].failed == failed)
			said = causes[i].said;
	if (failed)
		snprintf(why, BACKUP_WHY, "%.240s: %.150s", what, said);
	return failed;
}

int backup_open(int folder, const char *name, uint64_t *ret_size)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat info;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
		*ret_size = (uint64_t)info.st_size;
		return fd;
	}
	close(fd);
	return -EBADF;
}

/* All of a piece, or -errno. */
static int read_piece(int fd, char *to, size_t size, uint64_t at)
{
	ssize_t got = whole_read(fd, to, size, at);

	if (got < 0)
		return (int)got;
	return (size_t)got == size ? 0 : -ENODATA;
}

int backup_sum(int fd, uint64_t size, const struct backup_watch *watch, unsigned char ret[SHA256_SIZE])
{
	char *piece = oxp_new(WINDOW);
	struct sha256 sum;
	uint64_t at = 0;
	int failed = 0;

	sha256_begin(&sum);
	while (at < size && !failed) {
		size_t n = smaller(size - at, WINDOW);
		failed = backup_stops(watch) ? -EINTR : read_piece(fd, piece, n, at);
		if (!failed)
			sha256_add(&sum, (struct bytes){ piece, n });
		at += n;
	}
	sha256_end(&sum, ret);
	free(piece);
	return failed;
}

/* Copying. */

/* A value that is written at this moment could be read half old and half new. */
static int read_still(int fd, char *pieces, size_t size, uint64_t at)
{
	int failed = read_piece(fd, pieces, size, at);

	for (int i = 0; i < TRIES && !failed; i++) {
		failed = read_piece(fd, pieces + WINDOW, size, at);
		if (!failed && memcmp(pieces, pieces + WINDOW, size) == 0)
			return 0;
		memcpy(pieces, pieces + WINDOW, size);
	}
	return failed; /* each value has a checksum and one before it, so the one that was torn goes back by one */
}

static int copy_pieces(const struct backup_copy *c, int to, char *pieces)
{
	uint64_t at = 0, synced = 0;
	int failed = 0;

	while (at < c->size && !failed) {
		size_t n = smaller(c->size - at, WINDOW);
		if (backup_stops(c->watch))
			return -EINTR;
		failed = c->moves ? read_still(c->from, pieces, n, at) : read_piece(c->from, pieces, n, at);
		if (!failed)
			failed = whole_write(to, pieces, n, at);
		at += n;
		if (!failed && at - synced >= SYNC_STEP) {
			failed = fdatasync(to) < 0 ? -errno : 0;
			synced = at;
		}
	}
	return failed;
}

int backup_copy(const struct backup_copy *c)
{
	int to = openat(c->folder, c->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), failed;
	char *pieces;

	if (to < 0)
		return -errno;
	pieces = oxp_new(2 * WINDOW);
	failed = copy_pieces(c, to, pieces);
	if (!failed && fsync(to) < 0)
		failed = -errno;
	if (close(to) < 0 && !failed)
		failed = -errno;
	free(pieces);
	return failed;
}

/* Folders. */

static bool is_side(const char *name, size_t stem)
{
	for (size_t i = 0; i < BACKUP_SIDES; i++)
		if (strcmp(name + stem, backup_sides[i]) == 0)
			return true;
	return false;
}

static bool belongs(const char *name, bool sides)
{
	static const char *const databases[] = { "state.db", "store.db" };

	if (backup_name_fits(bytes_of(name)))
		return true;
	for (size_t i = 0; i < COUNT_OF(databases) && sides; i++)
		if (strncmp(name, databases[i], strlen(databases[i])) == 0 && is_side(name, strlen(databases[i])))
			return true;
	return false;
}

int backup_each(int folder, bool sides, int (*visit)(void *, const char *name), void *context)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!list) {
		failed = -errno;
		if (fd >= 0)
			close(fd);
		return failed;
	}
	while (!failed && (entry = readdir(list)))
		if (belongs(entry->d_name, sides))
			failed = visit(context, entry->d_name);
	closedir(list);
	return failed;
}

static int unlink_one(void *context, const char *name)
{
	const struct path_folder *f = context;

	return unlinkat(f->fd, name, 0) < 0 ? -errno : 0;
}

static int empty(struct path_folder *f)
{
	int failed = backup_each(f->fd, true, unlink_one, f);

	if (!failed && unlinkat(f->fd, BACKUP_MANIFEST_NAME, 0) < 0 && errno != ENOENT)
		failed = -errno;
	return failed;
}

static int open_folder(int parent, const char *name, struct path_folder *ret)
{
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	ret->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd < 0)
		return -errno;
	if (flock(ret->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return path_of(ret->fd, ret->name);
}

/* Whether nothing is in it: then it could be removed, and made again. */
static int check_empty(int parent, const char *name, struct path_folder *f)
{
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return errno == EEXIST ? -ENOTEMPTY : -errno;
	path_folder_close(f);
	return open_folder(parent, name, f);
}

int backup_folder_new(int parent, const char *name, struct path_folder *ret)
{
	int failed;

	ret->fd = -1;
	failed = open_folder(parent, name, ret);
	if (!failed)
		failed = empty(ret);
	if (!failed)
		failed = check_empty(parent, name, ret);
	if (failed)
		path_folder_close(ret);
	return failed;
}

void backup_folder_remove(int parent, const char *name, struct path_folder *f)
{
	if (empty(f) == 0)
		(void)unlinkat(parent, name, AT_REMOVEDIR);
	path_folder_close(f);
}

/* The manifest. */

static int read_manifest(int fd, uint64_t size, struct backup_manifest *ret)
{
	char *text;
	int failed;

	if (size > BACKUP_MANIFEST_MAX)
		return -EBADMSG;
	text = oxp_new(BACKUP_MANIFEST_MAX);
	failed = read_piece(fd, text, size, 0);
	if (!failed)
		failed = backup_manifest_read((struct bytes){ text, size }, ret);
	free(text);
	return failed;
}

int backup_manifest_load(int folder, struct backup_manifest *ret)
{
	uint64_t size;
	int fd = backup_open(folder, BACKUP_MANIFEST_NAME, &size), failed;

	if (fd < 0)
		return fd;
	failed = read_manifest(fd, size, ret);
	close(fd);
	return failed;
}

static int put_manifest(int folder, struct bytes text)
{
	int fd = openat(folder, BACKUP_MANIFEST_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
	    failed;

	if (fd < 0)
		return -errno;
	failed = whole_write(fd, text.data, text.size, 0);
	if (!failed && (fsync(fd) < 0 || fsync(folder) < 0))
		failed = -errno;
	if (close(fd) < 0 && !failed)
		failed = -errno;
	return failed;
}

int backup_manifest_save(int folder, const struct backup_manifest *m)
{
	struct buffer text;
	int failed;

	buffer_init(&text, BACKUP_MANIFEST_MAX);
	failed = backup_manifest_write(m, &text);
	if (!failed)
		failed = put_manifest(folder, buffer_bytes(&text));
	buffer_done(&text);
	return failed;
}
