#include "state/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "state/backup_database.h"
#include "state/backup_files.h"
#include "state/database.h"
#include "state/lock.h"
#include "state/record.h"

static const char partial_name[] = "restore.partial", ready_name[] = "restore.ready";
#define ROOM_SPARE (UINT64_C(4) << 20) /* bytes of the disk that are left to others */

struct job {
	const struct restore_order *order;
	struct path_folder from, state, to; /* `to`: restore.partial */
	int lock;
	struct backup_manifest *manifest;
	char *why;
};

static int explain(const struct job *j, const char *what, int failed)
{
	return backup_explain(j->why, what, failed);
}

/* Into restore.partial. */

static int check_room(const struct job *j)
{
	struct statvfs info;
	uint64_t need = ROOM_SPARE;

	for (size_t i = 0; i < j->manifest->count; i++)
		need += j->manifest->files[i].size;
	if (fstatvfs(j->state.fd, &info) < 0)
		return -errno;
	if (info.f_frsize == 0) /* some file systems of users do not say */
		return 0;
	return need / info.f_frsize < info.f_bavail ? 0 : -ENOSPC;
}

/* It is summed where it was copied to, so nobody can change it in between. */
static int compare(const struct job *j, const struct backup_file *f)
{
	unsigned char sum[SHA256_SIZE];
	uint64_t size;
	int fd = backup_open(j->to.fd, f->name, &size), failed;

	if (fd < 0)
		return fd;
	failed = backup_sum(fd, f->size, j->order->watch, sum);
	close(fd);
	if (!failed && memcmp(sum, f->sum, sizeof sum) != 0)
		failed = -EBADMSG;
	return failed;
}

static int copy_file(const struct job *j, const struct backup_file *f)
{
	struct backup_copy c = { .folder = j->to.fd, .name = f->name, .watch = j->order->watch };
	int failed;

	c.from = backup_open(j->from.fd, f->name, &c.size);
	if (c.from < 0)
		return c.from;
	failed = c.size == f->size ? backup_copy(&c) : -EBADMSG;
	close(c.from);
	if (!failed)
		failed = compare(j, f);
	return failed;
}

static int copy_files(const struct job *j)
{
	int failed = 0;

	for (size_t i = 0; i < j->manifest->count && !failed; i++)
		failed = explain(j, j->manifest->files[i].name, copy_file(j, &j->manifest->files[i]));
	return failed;
}

/* The database. */

/* Otherwise it would be taken for a copy, and get another id (database.c). */
static int know_file(const struct job *j, sqlite3 *db)
{
	uint64_t size;
	int fd = backup_open(j->to.fd, "state.db", &size);
	char sql[200];

	if (fd < 0)
		return fd;
	snprintf(sql, sizeof sql,
		"UPDATE meta SET value = %lld WHERE name = 'birth'; UPDATE meta SET value = value + %llu"
		" WHERE name = 'generation'",
		(long long)database_birth(fd), (unsigned long long)RESTORE_LEAP);
	close(fd);
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int check_tables(const struct job *j, sqlite3 *db)
{
	uint64_t version = 0, id = 0, generation = 0;
	int failed = database_tables(db, &version);

	if (!failed && version == 0)
		failed = -EBADMSG;
	if (!failed)
		failed = backup_database_check(db, j->order->watch);
	if (!failed)
		failed = database_ask(db, "SELECT value FROM meta WHERE name = 'id'", &id);
	if (!failed)
		failed = database_ask(db, "SELECT value FROM meta WHERE name = 'generation'", &generation);
	if (failed)
		return failed == -ENOENT ? -EBADMSG : failed;
	return id == j->manifest->state && generation < STATE_GENERATION_MAX - RESTORE_LEAP ? 0 : -EBADMSG;
}

static int adopt(const struct job *j)
{
	sqlite3 *db = NULL;
	int failed = backup_database_open(&j->to, "state.db", BACKUP_WRITE, &db);

	if (!failed)
		failed = check_tables(j, db);
	if (!failed)
		failed = know_file(j, db);
	if (sqlite3_close(db) != SQLITE_OK && !failed)
		failed = -EIO;
	return explain(j, "state.db", failed);
}

/* Into their places. */

struct finish {
	const struct path_folder *state;
	const struct backup_manifest *manifest;
	int ready;
};

static int remove_other(void *context, const char *name)
{
	const struct finish *f = context;

	if (backup_manifest_find(f->manifest, name) || unlinkat(f->state->fd, name, 0) == 0)
		return 0;
	return -errno;
}

static int place(const struct finish *f, const char *name)
{
	if (renameat(f->ready, name, f->state->fd, name) == 0 || errno == ENOENT) /* an earlier try had placed it */
		return 0;
	return -errno;
}

static int finish(struct finish *f)
{
	int failed = backup_each(f->state->fd, true, remove_other, f);

	for (size_t i = 0; i < f->manifest->count && !failed; i++)
		failed = place(f, f->manifest->files[i].name);
	if (!failed && fsync(f->state->fd) < 0)
		failed = -errno;
	if (failed)
		return failed;
	if (unlinkat(f->ready, BACKUP_MANIFEST_NAME, 0) < 0 || unlinkat(f->state->fd, ready_name, AT_REMOVEDIR) < 0 ||
		fsync(f->state->fd) < 0)
		return -errno;
	return 0;
}

/* Without its manifest, all of it is in its place. */
static int finish_ready(const struct path_folder *state, int ready)
{
	struct backup_manifest *m = oxp_new(sizeof *m);
	int failed = backup_manifest_load(ready, m);

	if (!failed)
		failed = finish(&(struct finish){ state, m, ready });
	else if (failed == -ENOENT)
		failed = unlinkat(state->fd, ready_name, AT_REMOVEDIR) < 0 ? -errno : 0;
	free(m);
	return failed;
}

/* Whether nobody else can have put it there. */
static bool is_ours(const struct path_folder *state, int ready)
{
	struct stat of, info;

	return fstat(state->fd, &of) == 0 && fstat(ready, &info) == 0 &&
	       (info.st_uid == 0 || info.st_uid == geteuid() || info.st_uid == of.st_uid);
}

int restore_finish(const struct path_folder *state, const char *path, char *why, size_t room)
{
	int ready = openat(state->fd, ready_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), failed;
	char said[BACKUP_WHY];

	if (ready < 0 && errno == ENOENT)
		return 0;
	failed = ready < 0 ? -errno : is_ours(state, ready) ? finish_ready(state, ready) : -EKEYREJECTED;
	if (ready >= 0)
		close(ready);
	if (backup_explain(said, ready_name, failed))
		snprintf(why, room, "cannot end the restore that was begun in %.120s: %s", path, said);
	return failed;
}

/* The whole. */

static int is_there(void *context, const char *name)
{
	(void)context, (void)name;
	return 1;
}

static int check_empty(const struct job *j)
{
	int found = j->order->replace ? 0 : backup_each(j->state.fd, true, is_there, NULL);

	if (found <= 0)
		return explain(j, j->order->state, found);
	snprintf(j->why, BACKUP_WHY, "%.200s has a state already; --replace puts the backup in its place",
		j->order->state);
	return -EEXIST;
}

/* Root may restore what an agent of another user goes on with. */
static int give_owner(const struct job *j)
{
	struct stat of;

	if (fstat(j->state.fd, &of) < 0)
		return -errno;
	if (geteuid() != 0 || of.st_uid == 0)
		return 0;
	for (size_t i = 0; i < j->manifest->count; i++)
		if (fchownat(j->to.fd, j->manifest->files[i].name, of.st_uid, of.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
	if (fchownat(j->to.fd, BACKUP_MANIFEST_NAME, of.st_uid, of.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchown(j->to.fd, of.st_uid, of.st_gid) < 0 || fchown(j->lock, of.st_uid, of.st_gid) < 0)
		return -errno;
	return 0;
}

/* Nothing of the state has changed yet. */
static int fill(const struct job *j)
{
	int failed = explain(j, j->order->state, check_room(j));

	if (!failed)
		failed = copy_files(j);
	if (!failed)
		failed = adopt(j);
	if (!failed)
		failed = explain(j, BACKUP_MANIFEST_NAME, backup_manifest_save(j->to.fd, j->manifest));
	if (!failed)
		failed = explain(j, j->order->state, give_owner(j));
	return failed;
}

static int sync_state_db(const struct job *j)
{
	uint64_t size;
	int fd = backup_open(j->to.fd, "state.db", &size), failed;

	if (fd < 0)
		return fd;
	failed = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return failed;
}

/* With this it is decided. */
static int decide(struct job *j)
{
	int failed = sync_state_db(j);

	if (!failed && backup_stops(j->order->watch))
		failed = -EINTR;
	if (!failed && renameat(j->state.fd, partial_name, j->state.fd, ready_name) < 0)
		failed = -errno;
	return explain(j, partial_name, failed);
}

static int put(struct job *j)
{
	int failed = explain(j, partial_name, backup_folder_new(j->state.fd, partial_name, &j->to));

	if (failed)
		return failed;
	failed = fill(j);
	if (!failed)
		failed = decide(j);
	if (failed) {
		backup_folder_remove(j->state.fd, partial_name, &j->to);
		return failed;
	}
	path_folder_close(&j->to);
	if (fsync(j->state.fd) < 0)
		return explain(j, j->order->state, -errno);
	return restore_finish(&j->state, j->order->state, j->why, BACKUP_WHY);
}

/* The backup is looked at first: what is none makes no state folder. */
static int open_backup(struct job *j)
{
	int failed = explain(j, j->order->from, path_folder_open(j->order->from, false, &j->from));

	if (failed)
		return failed;
	failed = backup_manifest_load(j->from.fd, j->manifest);
	if (failed == -ENOENT)
		snprintf(j->why, BACKUP_WHY, "%.200s is no backup: it has no manifest", j->order->from);
	else
		explain(j, BACKUP_MANIFEST_NAME, failed);
	return failed;
}

static int open_state(struct job *j)
{
	int failed = explain(j, j->order->state, path_folder_open(j->order->state, true, &j->state));

	if (!failed)
		failed = lock_take(&j->state, j->order->state, &j->lock, j->why, BACKUP_WHY);
	if (!failed)
		failed = restore_finish(&j->state, j->order->state, j->why, BACKUP_WHY);
	if (!failed)
		failed = check_empty(j);
	return failed;
}

int restore_run(const struct restore_order *order, struct backup_manifest *ret, char why[BACKUP_WHY])
{
	struct job j = { .order = order,
		.manifest = ret,
		.why = why,
		.from = { .fd = -1 },
		.state = { .fd = -1 },
		.to = { .fd = -1 },
		.lock = -1 };
	int failed = open_backup(&j);

	if (!failed)
		failed = open_state(&j);
	if (!failed)
		failed = put(&j);
	path_folder_close(&j.from);
	path_folder_close(&j.state);
	if (j.lock >= 0)
		close(j.lock);
	return failed;
}
