/*
 * The credentials that a listener takes, as their file has them now: it is looked at every second, in the disk lane. If
 * what it has then is no such list, or it is gone, the ones before stay in force, which is told once. So a credential
 * that is taken out of the file is refused a second later, and a new one is taken as soon.
 */
#ifndef OXP_ALLOWED_H
#define OXP_ALLOWED_H

#include "base/log.h"
#include "base/small_file.h"
#include "http/credentials.h"
#include "loop/lane.h"

enum { ALLOWED_WHY_MAX = 256 };

/* Written by allowed.c only. */
struct allowed {
	const char *path; /* NULL: there is no list */
	struct lane *disk;
	void (*tell)(void *context, enum log_level, const char *text);
	void *context;
	struct credentials in_force;
	struct loop_timer again;
	/* The lane's while `looking`. */
	struct job job;
	bool looking, changed;
	struct file_identity seen;
	struct credentials fresh;
	const char *wrong; /* with what was read; NULL: nothing */
};

/* With path, disk, tell and context set. Reads the file. 0; or -errno, told. Not to be moved afterwards. */
int allowed_init(struct allowed *, struct loop *) MUST_CHECK;
void allowed_done(struct allowed *); /* fine on zeroed memory */

#endif
