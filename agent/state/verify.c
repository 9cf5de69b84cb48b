#include "state/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/strange_db.h"
#include "base/whole.h"
#include "state/backup_database.h"
#include "state/backup_files.h"
#include "state/database.h"
#include "state/slots.h"

/* How the files of *.sums and *.pages begin (series/sums_file.h). One that was made and not begun is zeros. */
static const char sums_magic[16] = "oxpecker sums";

struct job {
	struct path_folder folder;
	const struct backup_watch *watch;
	struct verify_report *report;
};

/* Databases. */

static int count(sqlite3 *db, const char *sql, uint64_t *ret)
{
	int failed = database_ask(db, sql, ret);

	return failed == -ENOENT ? -EBADMSG : failed;
}

static int count_state(const struct job *j, sqlite3 *db)
{
	struct verify_contents *h = &j->report->has;
	const struct {
		const char *sql;
		uint64_t *number;
	} rows[] = {
		{ "SELECT value FROM meta WHERE name = 'id'", &h->state },
		{ "SELECT count(*) FROM positions", &h->positions },
		{ "SELECT count(*) FROM spool WHERE parts > 0", &h->spooled },
		{ "SELECT coalesce(sum(length(payload)), 0) FROM spool", &h->spool_bytes },
		{ "SELECT count(*) FROM parked", &h->parked },
		{ "SELECT coalesce(sum(length(payload)), 0) FROM parked", &h->parked_bytes },
	};
	uint64_t version = 0;
	int failed = database_tables(db, &version);

	if (!failed && version == 0)
		failed = -EBADMSG;
	for (size_t i = 0; i < COUNT_OF(rows) && !failed; i++)
		failed = count(db, rows[i].sql, rows[i].number);
	return failed;
}

static int count_store(const struct job *j, sqlite3 *db)
{
	struct verify_contents *h = &j->report->has;
	int failed = count(db, "SELECT count(*) FROM logs", &h->logs);

	if (!failed)
		failed = count(db, "SELECT count(*) FROM spans", &h->spans);
	if (!failed)
		failed = count(db, "SELECT count(*) FROM samples", &h->samples);
	return failed;
}

static int look_at_database(const struct job *j, const char *name, int (*counts)(const struct job *, sqlite3 *))
{
	sqlite3 *db = NULL;
	int failed = backup_database_open(&j->folder, name, j->report->backup ? BACKUP_STILL : BACKUP_LIVE, &db);

	if (!failed)
		failed = backup_database_freeze(db);
	if (!failed)
		failed = backup_database_check(db, j->watch);
	if (!failed)
		failed = counts(j, db);
	sqlite3_close(db);
	return failed;
}

/* Other files. */

static int look_at_ledger(int fd)
{
	struct slots_known known;

	return slots_look(fd, &known);
}

static int look_at_sums(int fd)
{
	static const char none[sizeof sums_magic];
	char head[sizeof sums_magic] = "";
	ssize_t got = whole_read(fd, head, sizeof head, 0);

	if (got < 0)
		return (int)got;
	return memcmp(head, sums_magic, sizeof head) == 0 || memcmp(head, none, sizeof head) == 0 ? 0 : -EBADMSG;
}

static int look_inside(const struct job *j, const char *name, int fd)
{
	if (strcmp(name, "state.db") == 0)
		return look_at_database(j, name, count_state);
	if (strcmp(name, "store.db") == 0)
		return look_at_database(j, name, count_store);
	return strcmp(name, "ledger") == 0 ? look_at_ledger(fd) : look_at_sums(fd);
}

/* What the manifest says of it, if there is one. */
static int compare(const struct job *j, const char *name, int fd, uint64_t size)
{
	const struct backup_file *said = backup_manifest_find(&j->report->manifest, name);
	unsigned char sum[SHA256_SIZE];
	int failed;

	if (!said)
		return 0;
	if (said->size != size)
		return -EBADMSG;
	failed = backup_sum(fd, size, j->watch, sum);
	if (failed)
		return failed;
	return memcmp(sum, said->sum, sizeof sum) == 0 ? 0 : -EBADMSG;
}

static int look_at(const struct job *j, struct verify_file *f)
{
	int fd = backup_open(j->folder.fd, f->name, &f->size), failed;

	if (fd < 0)
		return fd;
	failed = compare(j, f->name, fd, f->size);
	if (!failed)
		failed = look_inside(j, f->name, fd);
	close(fd);
	return failed;
}

static int look_at_one(void *context, const char *name)
{
	struct job *j = context;
	struct verify_file *f = &j->report->files[j->report->count];
	char said[BACKUP_WHY];
	int failed;

	if (j->report->count == VERIFY_FILES_MAX)
		return -E2BIG;
	snprintf(f->name, sizeof f->name, "%s", name);
	failed = look_at(j, f);
	if (failed == -EINTR)
		return failed;
	j->report->count++;
	if (failed) {
		j->report->whole = false;
		backup_explain(said, "", failed);
		snprintf(f->wrong, sizeof f->wrong, "%.*s", VERIFY_WHAT - 1, said + strlen(": "));
	}
	return 0;
}

/* Folders. */

static int look_at_backup(struct job *j)
{
	const struct backup_manifest *m = &j->report->manifest;
	int failed = 0;

	for (size_t i = 0; i < m->count && !failed; i++)
		failed = look_at_one(j, m->files[i].name);
	if (j->report->whole && m->state != j->report->has.state) {
		j->report->whole = false;
		snprintf(j->report->files[0].wrong, VERIFY_WHAT, "it is of another state than the manifest");
	}
	return failed;
}

static int look_at_state(struct job *j)
{
	struct stat info;

	if (fstatat(j->folder.fd, "state.db", &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	j->report->restoring = fstatat(j->folder.fd, "restore.ready", &info, AT_SYMLINK_NOFOLLOW) == 0;
	return backup_each(j->folder.fd, false, look_at_one, j);
}

/* What cannot be told of single files: -errno with one sentence in `why`. */
static int look(struct job *j, const char *path, char why[BACKUP_WHY])
{
	int failed = backup_manifest_load(j->folder.fd, &j->report->manifest);

	j->report->backup = failed != -ENOENT;
	if (failed && j->report->backup)
		return backup_explain(why, BACKUP_MANIFEST_NAME, failed);
	failed = j->report->backup ? look_at_backup(j) : look_at_state(j);
	if (failed == -ENOENT)
		snprintf(why, BACKUP_WHY, "%.300s holds neither a state nor a backup", path);
	else
		backup_explain(why, path, failed);
	return failed;
}

int verify_run(const char *path, const struct backup_watch *watch, struct verify_report *ret, char why[BACKUP_WHY])
{
	struct job j = { .watch = watch, .report = ret };
	int failed = backup_explain(why, path, path_folder_open(path, false, &j.folder));

	if (failed)
		return failed;
	memset(ret, 0, sizeof *ret);
	ret->whole = true;
	failed = look(&j, path, why);
	path_folder_close(&j.folder);
	return failed;
}
