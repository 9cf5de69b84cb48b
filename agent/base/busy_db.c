#include "base/busy_db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/process_name.h"

enum {
	LOOK_MS = 10,
	/* Bytes of the index that readers lock, one of them each (SQLite, "WAL-mode File Format", 2.3.1): aReadMark[1]
	 * and those behind it. */
	READERS_AT = 124,
	READERS = 4,
};

/* False: it was waited for long enough. */
static bool wait_on(const struct busy_db *b, int tries)
{
	if (atomic_load(&b->hurried) || tries >= BUSY_DB_MS / LOOK_MS)
		return false;
	sqlite3_sleep(LOOK_MS);
	return true;
}

/* SQLite asks after each try. */
static int on_busy(void *context, int tries)
{
	return wait_on(context, tries);
}

/* By others, so that nobody can read. */
static bool is_locked(int index)
{
	for (int i = 0; i < READERS; i++) {
		struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = READERS_AT + i, .l_len = 1 };
		if (fcntl(index, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
			return false;
	}
	return true;
}

int busy_db_ready(const struct busy_db *b, int index)
{
	for (int tries = 0; index >= 0 && is_locked(index); tries++)
		if (!wait_on(b, tries))
			return -EBUSY;
	return 0;
}

void busy_db_wait(struct busy_db *b, struct sqlite3 *db)
{
	sqlite3_busy_handler(db, on_busy, b);
}

void busy_db_hurry(struct busy_db *b)
{
	atomic_store(&b->hurried, true);
}

bool busy_db_holder(int fd, char ret[BUSY_DB_HOLDER])
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char name[PROCESS_NAME_ROOM];

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return false;
	if (lock.l_pid > 0) {
		process_name(lock.l_pid, name);
		snprintf(ret, BUSY_DB_HOLDER, "process %ld (%s)", (long)lock.l_pid, name);
	} else {
		snprintf(ret, BUSY_DB_HOLDER, "another process"); /* an open file's lock, or another namespace */
	}
	return true;
}
