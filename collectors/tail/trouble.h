/* Files that cannot be opened or read: logged when it begins and when it ends, counted, and tried again by every
 * sweep. */
#ifndef OXP_TAIL_TROUBLE_H
#define OXP_TAIL_TROUBLE_H

#include "collectors/tail/file.h"

struct tail_troubles {
	struct host *host;
	size_t count; /* files that are in trouble */
	bool out_of_descriptors; /* since the last scan */
	uint64_t *errors, *refused;
};

void tail_troubles_init(struct tail_troubles *, struct host *);
/* `what` says what cannot be done with it: "open", "read". */
void tail_troubles_begin(struct tail_troubles *, struct tail_file *, const char *what, int error);
void tail_troubles_end(struct tail_troubles *, struct tail_file *);
/* It is no longer known, whatever trouble it was in. */
void tail_troubles_forget(struct tail_troubles *, struct tail_file *);
/* More positions are saved than files can be followed: only a stranger can have written this many. The one of the file
 * with this path is left out. */
void tail_troubles_no_room(struct tail_troubles *, const char *path);
/* A scan has tried all files. */
void tail_troubles_scanned(struct tail_troubles *);

#endif
