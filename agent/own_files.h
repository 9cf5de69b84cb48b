/*
 * Files that we write, and that nothing of ours may read as telemetry or write to a second time: what `file` exporters
 * append to, what our own log goes to, and the files of the state folder. If they were read, they would feed
 * themselves.
 *
 * The configuration shows most of it. Names lie: a file that is open is known by its device and inode.
 */
#ifndef OXP_OWN_FILES_H
#define OXP_OWN_FILES_H

#include <sys/types.h>

#include "agent_config.h"

/* Complains about each exporter that writes to a file that another one writes, to a file of the state or to a device
 * that keeps no lines, and about each collector that reads one of those. 0, or -EINVAL. */
int own_files_check(struct agent_config *) MUST_CHECK;

/* What is written while we run. The state folder may not be there yet. */
struct own_file {
	dev_t device;
	ino_t inode;
};
struct own_files {
	const char *state_path;
	struct own_file *files;
	size_t count;
};
/* Standard output and standard error are in it. */
void own_files_init(struct own_files *, const char *state_path);
void own_files_done(struct own_files *); /* fine on zeroed memory */
/* False: it is there already. Only of regular files and FIFOs; everything else is fine, and not remembered. */
bool own_files_add(struct own_files *, int fd) MUST_CHECK;
bool own_files_have(const struct own_files *, int fd) MUST_CHECK;

#endif
