/*
 * The simulated file system from the inside: what the test does to it (files.c) and what the program asks of it
 * (calls.c) share this.
 */
#ifndef OXP_SIM_INNER_H
#define OXP_SIM_INNER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "unit/sim/files.h"

enum { FILE_MAX = 64 << 20, NAMES_MAX = 512, FDS_MAX = 1024, WATCHES_MAX = 16, PATH_ROOM = 128, LINKS_MAX = 8 };
enum { BLOCK = 4096, BIRTH_STEP_MS = 4, DEVICE_MINOR = 77 };

struct sim_inode {
	struct sim_inode *next; /* of all that there are */
	uint64_t number;
	int64_t order; /* among the entries of its folder */
	int64_t born_ns, changed_ns;
	mode_t kind; /* S_IFREG, S_IFDIR, S_IFLNK */
	unsigned held; /* by its name, by those who have it open */
	struct buffer data; /* of a link: where it leads to */
	char path[PATH_ROOM]; /* empty: it has lost it */
};

struct sim_event {
	struct sim_event *next;
	size_t size;
	struct inotify_event event;
};

struct sim_watch {
	struct sim_inode *folder; /* NULL: free */
	uint32_t mask;
};

struct sim_notify {
	int fd; /* an eventfd, readable while there are events; -1: not open */
	struct sim_event *first, *last;
	size_t count;
	bool overflowed; /* the last event says so */
	struct sim_watch watches[WATCHES_MAX]; /* by number, which is never used again */
	int watch_count;
};

struct sim_open {
	struct sim_inode *inode; /* NULL: not one of ours */
	size_t at; /* where read() goes on */
};

struct sim_failure {
	unsigned one_in;
	int error;
};

/* What there is, as the linker knows only names. */
struct sim {
	bool on, inside;
	struct sim_files_options options;
	struct sim_inode *inodes;
	struct sim_inode *root;
	uint64_t number;
	int64_t first_order, last_order;
	size_t overflows;
	struct sim_notify notify;
	struct sim_open open[FDS_MAX];
	struct sim_failure failures[SIM_CALLS];
	size_t calls[SIM_CALLS];
	size_t read_most; /* bytes that one pread() has asked for */
};
extern struct sim sim;

struct sim_inode *sim_named(const char *path);
/* The last component is followed, too, if `follow`. False: it leads nowhere, or round and round. */
bool sim_resolve(const char *path, bool follow, char *ret);
struct sim_inode *sim_find(const char *path, bool follow);
void sim_release(struct sim_inode *);
void sim_forget_event(void);
void sim_forget_watches(void);

#endif
