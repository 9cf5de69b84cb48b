/*
 * A look at the disk for `tail`: which files the globs match now, and which folders to watch for more. Runs in a
 * lane, since ten thousand names take tens of milliseconds: in the CPU lane, since names are in memory most of the
 * time, and in the disk lane a new file would wait for every fsync before it.
 *
 * A folder is watched before it is read, so that a file is either found or told of. Files that lost their names while
 * nobody looked are searched for in the folder where they had them.
 */
#ifndef OXP_TAIL_SCAN_H
#define OXP_TAIL_SCAN_H

#include <string.h>
#include <sys/stat.h>

#include "component.h"
#include "config/option.h"
#include "loop/lane.h"

/* What a file is, whatever it is called: inodes are used again, so birth and the first bytes belong to it. */
struct tail_identity {
	uint64_t dev, inode;
	int64_t birth_ns; /* 0 where the file system tells none */
};

struct tail_found {
	char *path; /* where it stands now */
	char *name; /* of a rotated file, and of a copy: the path it was written under; else NULL */
	uint64_t generation; /* of a copy: that of the file which was cut down */
	struct tail_identity identity;
	uint64_t size;
	uint16_t length; /* of the path; of a file */
	bool linked; /* the name is a symbolic link: what is told of the file is told of other names */
	bool silent; /* inotify may not tell what is written to it */
};

struct tail_folder {
	char *path;
	int watch; /* inotify's number for it; -1: not watched */
	bool silent; /* as of a file */
	int64_t changed_ns; /* its time of change before it was read */
};

/* A file that lost its name, or may have. */
struct tail_lost {
	char *path; /* the last that is known */
	struct tail_identity identity;
	bool gone; /* answer: its folder was read and it is not there */
	bool last; /* nobody is known to have had the name after it */
};

struct tail_lost_list {
	struct tail_lost *items;
	size_t count, room;
};

/* A file that was cut down, whose copy is looked for. */
struct tail_cut {
	char *path;
	struct position at; /* what it began with, and how far it was read */
	bool looked; /* answer: all that may be its copy was looked at, */
	bool found; /* and some of it is */
};

struct tail_cut_list {
	struct tail_cut *items;
	size_t count, room;
};

/* `exclude` may be NULL. It is asked with the whole path, as `paths` is, or with the name if it has no slash. */
struct tail_globs {
	const struct option_list *paths, *exclude;
};

/* 0 or -errno; anything but a regular file is -EINVAL. */
int tail_identify(int fd, const char *path, struct tail_identity *ret, uint64_t *ret_size) MUST_CHECK;
bool tail_same(const struct tail_identity *, const struct tail_identity *);
/* The same for what was known in an earlier run: NFS, btrfs, LVM and others are other devices when they are mounted
 * again, but inode and birth stay. */
bool tail_same_later(const struct tail_identity *then, const struct tail_identity *now);
/* Whether a file of this path is one to follow: a glob matches it, and none of those left out does. */
bool tail_matches(const struct tail_globs *, const char *path);

/* Whether inotify may be silent about a file system of this statfs() type: it does not tell what others write to it
 * (NFS, SMB, 9p, FUSE) or below it (overlay). */
bool tail_is_silent(uint64_t type);

static inline int64_t tail_changed_ns(const struct stat *info)
{
	return info->st_mtim.tv_sec * 1000000000LL + info->st_mtim.tv_nsec;
}

struct tail_device {
	uint64_t dev;
	bool known, silent;
};

/* What it takes to know a file, at the end of a scan (measured); its path stands in the answer, in the table and in
 * what is saved. */
enum { TAIL_FILE_COST = 512, TAIL_PATH_COPIES = 3 };
static inline size_t tail_cost(const char *path)
{
	return TAIL_FILE_COST + TAIL_PATH_COPIES * strlen(path);
}

/* Of a file: whether it was known before the scan, and whether the scan has found it, with its name or without. Of a
 * folder: whether it has. */
struct tail_mark {
	uint64_t dev, inode; /* of a folder: 0, and a hash of its path */
	bool used, known, found, rotated;
};

/* A hash table, at most half full; its room is a power of two. */
struct tail_marks {
	struct tail_mark *items;
	size_t count, room;
};

/* So that as many more can be put in without moving those that are there. */
void tail_marks_reserve(struct tail_marks *, size_t count);
/* That file is known. */
void tail_marks_know(struct tail_marks *, const struct tail_identity *);
void tail_marks_clear(struct tail_marks *);

/*
 * Bytes that it may take to know what is found; beside telemetry, so whoever makes files and folders without end fills
 * no memory. `free` is what is left beside the files that are known. `files` and `folders` are what is left of the
 * share of the glob, and of the folder, that the walk has come to (names.h), where known files count, too: so
 * nobody crowds out those who write elsewhere. A file that is known has room in any case.
 */
struct tail_budget {
	size_t free, files, folders, rotated;
};

struct tail_scan {
	struct job job;
	const struct clock *clock;
	struct duration took; /* answer: without the time in the lane's queue */
	struct tail_globs globs;
	int inotify; /* where folders are watched; -1: nowhere */
	/* Beside each old name stand the file itself and those that had the name after it: `rotated` is what was found
	 * of them, oldest first. */
	struct tail_lost_list lost;
	struct tail_found *rotated;
	size_t rotated_count, rotated_room;
	/* Copies of files that were cut down, as far as those were read or farther. */
	struct tail_cut_list cuts;
	struct tail_found *copies;
	size_t copy_count, copy_room;
	struct tail_found *files; /* short paths first: a file before its copies */
	size_t count, files_room;
	struct tail_budget room;
	struct tail_marks marks, folder_marks; /* of files, those that are known among them; of folders */
	struct tail_folder *folders; /* in the order of their watches */
	size_t folder_count, folder_room;
	int watch_failed; /* errno of the last folder that could not be watched */
	bool too_many; /* files: the rest was left out; or folders: of the rest only a sweep tells */
	bool all_silent; /* asked for: inotify is not believed anywhere */
	bool linked, silent; /* answer: some file or folder is */
	bool unlisted; /* answer: a folder in which lost files are looked for could not be read */
	struct tail_device device; /* the last that was asked about */
};

void tail_lost_add(struct tail_lost_list *, const char *path, const struct tail_identity *);
/* Moves the last one of a list to another; with NULL it is forgotten. */
void tail_lost_move(struct tail_lost_list *, struct tail_lost_list *to);
void tail_lost_clear(struct tail_lost_list *);
/* It is worked through: its path is not needed any more. */
void tail_found_spend(struct tail_found *);
void tail_folders_free(struct tail_folder **, size_t *count);
/* The same of files whose copy is looked for. */
void tail_cut_add(struct tail_cut_list *, const struct position *);
void tail_cut_move(struct tail_cut_list *, struct tail_cut_list *to);
void tail_cut_clear(struct tail_cut_list *);
/* Whether all that may be the copy of the file of that generation was looked at. */
bool tail_scan_looked(const struct tail_scan *, uint64_t generation);
/* Whether a copy of it was found. */
bool tail_scan_has_copy(const struct tail_scan *, uint64_t generation);
/* The answer about a file that was asked for as lost. */
const struct tail_lost *tail_scan_lost(const struct tail_scan *, const char *path, const struct tail_identity *);
/* Frees the answer and the question. */
void tail_scan_clear(struct tail_scan *);
/* Work of the job. */
void tail_scan_work(struct job *);

#endif
