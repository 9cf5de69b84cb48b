#include "base/new_db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/strange_db.h"

bool new_db_is(int folder, const char *name)
{
	struct stat info;

	return fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_size == 0;
}

int new_db_sync(sqlite3 *db)
{
	static const int which[] = { SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER };

	for (size_t i = 0; i < COUNT_OF(which); i++) {
		sqlite3_file *file = NULL;
		int code = sqlite3_file_control(db, "main", which[i], &file);
		if (code == SQLITE_OK && file && file->pMethods)
			code = file->pMethods->xSync(file, SQLITE_SYNC_FULL);
		if (code != SQLITE_OK)
			return strange_db_errno(NULL, code);
	}
	return 0;
}
