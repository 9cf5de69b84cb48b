#include "state/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/rfc3339.h"
#include "state/backup_database.h"
#include "state/backup_files.h"
#include "state/database.h"
#include "state/slots.h"

enum { MOMENT_TRIES = 200, MOMENT_MS = 5 /* between two tries */, COPY_MAX = 1 << 30 /* bytes of *.sums or *.pages */ };

struct job {
	const struct backup_order *order;
	struct path_folder from, to;
	struct path_entry parent; /* of the backup, and its name there */
	char partial[NAME_MAX + 1];
	struct backup_manifest *made;
	char *why;
};

static int explain(const struct job *j, const char *what, int failed)
{
	return backup_explain(j->why, what, failed);
}

/* Adds a file to the manifest, as it stands in the backup. */
static int enter(struct job *j, const char *name)
{
	struct backup_file *f = &j->made->files[j->made->count];
	int fd, failed;

	if (j->made->count == BACKUP_FILES_MAX)
		return explain(j, name, -E2BIG);
	snprintf(f->name, sizeof f->name, "%s", name);
	fd = backup_open(j->to.fd, name, &f->size);
	if (fd < 0)
		return explain(j, name, fd);
	failed = backup_sum(fd, f->size, j->order->watch, f->sum);
	close(fd);
	j->made->count += !failed;
	return explain(j, name, failed);
}

static int copy_file(struct job *j, const char *name, bool moves)
{
	struct backup_copy c = { .folder = j->to.fd, .name = name, .moves = moves, .watch = j->order->watch };
	int failed;

	c.from = backup_open(j->from.fd, name, &c.size);
	if (c.from == -ENOENT)
		return 0; /* it went, or there never was one */
	if (c.from < 0)
		return explain(j, name, c.from);
	failed = c.size > COPY_MAX ? -EFBIG : backup_copy(&c);
	close(c.from);
	if (failed)
		return explain(j, name, failed);
	return enter(j, name);
}

/* state.db and ledger. */

/* Whether the ledger, read after the database was frozen, knows of no later commit. */
static int check_moment(struct job *j, sqlite3 *db)
{
	struct slots_known known;
	uint64_t commits, id, size;
	int fd, failed = database_ask(db, "SELECT value FROM meta WHERE name = 'commits'", &commits);

	if (!failed)
		failed = database_ask(db, "SELECT value FROM meta WHERE name = 'id'", &id);
	if (failed)
		return failed;
	j->made->state = id;
	fd = backup_open(j->to.fd, "ledger", &size);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	failed = slots_look(fd, &known);
	close(fd);
	return !failed && known.id == id && known.commits > commits ? -EAGAIN : 0;
}

static int copy_ledger(struct job *j)
{
	if (unlinkat(j->to.fd, "ledger", 0) < 0 && errno != ENOENT)
		return -errno;
	return copy_file(j, "ledger", false);
}

/* Freezes the database, and copies the ledger as it is at the same moment. */
static int find_moment(struct job *j, sqlite3 *db)
{
	const size_t count = j->made->count;
	int failed = -EAGAIN;

	for (int i = 0; i < MOMENT_TRIES && failed == -EAGAIN; i++) {
		if (i > 0 && sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK)
			sqlite3_sleep(MOMENT_MS);
		j->made->count = count;
		failed = backup_stops(j->order->watch) ? -EINTR : backup_database_freeze(db);
		if (!failed)
			failed = copy_ledger(j);
		if (!failed)
			failed = check_moment(j, db);
	}
	return failed;
}

static int copy_pages(struct job *j, sqlite3 *db, const char *name)
{
	return backup_database_copy(&(struct backup_pages){
		.from = db, .state = &j->from, .to = &j->to, .name = name, .watch = j->order->watch });
}

/* What the database is, and that it is ours. */
static int check_tables(sqlite3 *db)
{
	uint64_t version = 0;
	int failed = database_tables(db, &version);

	return !failed && version == 0 ? -EBADMSG : failed;
}

/* The manifest begins with the database, which is copied last. */
static int copy_state(struct job *j)
{
	sqlite3 *db = NULL;
	int failed = backup_database_open(&j->from, "state.db", BACKUP_LIVE, &db);

	if (!failed)
		failed = check_tables(db);
	j->made->count = 1;
	if (!failed)
		failed = find_moment(j, db);
	if (!failed)
		failed = copy_pages(j, db, "state.db");
	sqlite3_close(db);
	if (failed)
		return explain(j, "state.db", failed);
	return 0;
}

/* The sum of state.db, in its place at the head. */
static int enter_state(struct job *j)
{
	const size_t count = j->made->count;
	int failed;

	j->made->count = 0;
	failed = enter(j, "state.db");
	j->made->count = count;
	return failed;
}

/* The others. */

static int copy_store(struct job *j)
{
	sqlite3 *db = NULL;
	int failed = backup_database_open(&j->from, "store.db", BACKUP_LIVE, &db);

	if (failed == -ENOENT)
		return 0;
	if (!failed)
		failed = backup_database_freeze(db);
	if (!failed)
		failed = copy_pages(j, db, "store.db");
	sqlite3_close(db);
	if (failed)
		return explain(j, "store.db", failed);
	return enter(j, "store.db");
}

static int copy_saved(void *context, const char *name)
{
	struct job *j = context;

	if (strcmp(name, "state.db") == 0 || strcmp(name, "store.db") == 0 || strcmp(name, "ledger") == 0)
		return 0;
	return copy_file(j, name, true);
}

/* The folders. */

static int open_parent(struct job *j)
{
	struct stat info;
	int failed = path_entry_open(j->order->to, &j->parent);

	if (failed)
		return failed;
	if (j->parent.by_kernel)
		return -ENOTDIR;
	if (fstatat(j->parent.fd, j->parent.name, &info, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if ((size_t)snprintf(j->partial, sizeof j->partial, "%.240s.partial", j->parent.name) >= sizeof j->partial)
		return -ENAMETOOLONG;
	return backup_folder_new(j->parent.fd, j->partial, &j->to);
}

/* Of a descriptor that can do nothing itself (O_PATH). */
static int sync_folder(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed;

	if (fd < 0)
		return -errno;
	failed = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return failed;
}

/* From here on it has its name. */
static int name_it(struct job *j)
{
	if (syscall(SYS_renameat2, j->parent.fd, j->partial, j->parent.fd, j->parent.name, 1 /* RENAME_NOREPLACE */) <
			0 &&
		(errno != EINVAL || renameat(j->parent.fd, j->partial, j->parent.fd, j->parent.name) < 0))
		return -errno;
	path_folder_close(&j->to);
	return sync_folder(j->parent.fd);
}

static int fill(struct job *j)
{
	int failed = copy_state(j);

	if (!failed)
		failed = enter_state(j);
	if (!failed)
		failed = copy_store(j);
	if (!failed)
		failed = backup_each(j->from.fd, false, copy_saved, j);
	if (!failed)
		failed = explain(j, BACKUP_MANIFEST_NAME, backup_manifest_save(j->to.fd, j->made));
	if (!failed)
		failed = explain(j, j->order->to, name_it(j));
	return failed;
}

static void begin_manifest(struct job *j)
{
	struct backup_manifest *m = j->made;

	memset(m, 0, sizeof *m);
	snprintf(m->program, sizeof m->program, "%s", j->order->program);
	_Static_assert(RFC3339_SIZE <= sizeof m->made, "a moment fits");
	(void)rfc3339_write(j->order->now.ns / 1000000000, 0, m->made);
}

int backup_make(const struct backup_order *order, struct backup_manifest *ret, char why[BACKUP_WHY])
{
	struct job j = { .order = order, .made = ret, .why = why, .to = { .fd = -1 }, .parent = { .fd = -1 } };
	int failed = explain(&j, order->state, path_folder_open(order->state, false, &j.from));

	if (failed)
		return failed;
	begin_manifest(&j);
	failed = explain(&j, order->to, open_parent(&j));
	if (!failed) {
		failed = fill(&j);
		if (failed)
			backup_folder_remove(j.parent.fd, j.partial, &j.to);
	}
	path_entry_close(&j.parent);
	path_folder_close(&j.from);
	return failed;
}
