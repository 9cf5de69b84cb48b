/*
 * Which links `tail` follows. It reads files that others name, with the agent's rights: anybody who can write to a
 * folder of logs can put a link there that leads to /etc/shadow, or to the agent's own secrets.
 *
 * So a file is read when only root or we can have made each link on the way to it (base/path.h), or when it really
 * stands below the folder that a glob of `paths` begins with, below one that `links` names, or, where the globs are
 * about the kubelet's links in /var/log/containers, below one that container runtimes write to. All of this is checked
 * on the open file, right after it was opened. With `links: [any]`, nothing is checked.
 */
#ifndef OXP_TAIL_LINKS_H
#define OXP_TAIL_LINKS_H

#include "collectors/tail/globs.h"
#include "component.h"

/* In place of an errno. */
enum { TAIL_LEADS_OUT = 200, TAIL_OTHER_NAMES, TAIL_OWN_OUTPUT };

struct tail_links {
	const struct option_list *paths, *links; /* links may be NULL */
	struct host *host;
};

/* To read. `name` is NULL, or the path that a rotated file was written under. The descriptor, or -errno: -EBADF for
 * anything but a regular file, -TAIL_LEADS_OUT, -TAIL_OTHER_NAMES, -TAIL_OWN_OUTPUT. */
int tail_links_open(const struct tail_links *, const char *path, const char *name) MUST_CHECK;
const char *tail_links_why(int error);
/* Whether a file of that path, which has no links, would be found: under its own name, or through a link that stands
 * before the first wildcard. */
bool tail_links_lead_to(const struct tail_globs *, const char *path) MUST_CHECK;
/* False: one of `links` is neither an absolute path nor `any`. */
bool tail_links_check(const struct option_list *links) MUST_CHECK;

#endif
