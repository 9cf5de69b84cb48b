/*
 * A file system within the process, below SIM_ROOT: what the program under test asks of the kernel about files comes
 * here, since the linker wraps those calls (tests/CMakeLists.txt); other paths and descriptors go on to the kernel.
 *
 * So a seed gives the same life each time, wherever it runs; births, inodes and the queue of inotify are as mean as the
 * test wants them; any call may fail; and between any two calls of the program the test may do something to the files.
 *
 * What it knows: regular files, folders, symbolic links, one name a file; a file without a name that somebody has open;
 * inotify on folders, with the kernel's merging of equal events and its overflow. Failures of its own promises end the
 * process: it is the test's tool, never its subject.
 */
#ifndef OXP_SIM_FILES_H
#define OXP_SIM_FILES_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"

#define SIM_ROOT "/sim"

struct sim_inode;

enum sim_call { SIM_OPEN, SIM_READ, SIM_LIST, SIM_WATCH, SIM_NOTIFY /* an instance of inotify */, SIM_CALLS };

struct sim_files_options {
	struct random *random;
	const struct clock *clock; /* the test's; births and changes are its wall time */
	bool births; /* statx tells them */
	struct duration step; /* for how long the clock that births are taken from stands still; 0: 4 ms */
	bool reuse; /* an inode that is free is the next file's */
	size_t events_max; /* of inotify's queue */
	void (*between)(void *context); /* called before each call of the program; what it does itself calls it not */
	void *context;
};

/* One at a time. */
void sim_files_begin(const struct sim_files_options *);
/* Whatever the program has open or watches it has forgotten to close: the process ends. */
void sim_files_end(void);
/* The same after a test that failed: whatever is there goes, whoever has it open. Without a world it does nothing. */
void sim_files_abandon(void);
/* One call in `one_in` of that kind fails with `error`; 0: none. */
void sim_files_fail(enum sim_call, unsigned one_in, int error);
/* Another `between`, from now on; NULL: none. */
void sim_files_between(void (*between)(void *context), void *context);
size_t sim_files_overflows(void);
size_t sim_files_calls(enum sim_call); /* that there were, failed or not */
size_t sim_files_read_most(void); /* bytes that one of them has asked for at one offset of a file */

void sim_folder(const char *path);
/* An empty file, open to write: sim_close() gives it back. The path is nobody's. */
struct sim_inode *sim_create(const char *path);
void sim_link(const char *path, const char *target); /* symbolic; replaces a link of that path in one step */
void sim_rename(const char *from, const char *to);
void sim_unlink(const char *path);
void sim_write(struct sim_inode *, uint64_t at, struct bytes data); /* what is skipped is zeros */
void sim_truncate(struct sim_inode *);
uint64_t sim_size(const struct sim_inode *);
bool sim_is_followed(const struct sim_inode *); /* the program has it open */
uint64_t sim_number(const struct sim_inode *);
void sim_close(struct sim_inode *);

#endif
