#include "collectors/tail/trouble.h"

#include <errno.h>

#include "collectors/tail/links.h"

void tail_troubles_init(struct tail_troubles *t, struct host *host)
{
	t->host = host;
	t->refused = host_counter(host, "refused_links_total",
		"Files not opened because the link to them may have been planted by another user.");
	t->errors = host_counter(
		host, "read_errors_total", "Failed attempts to read a file or folder, or to save a position.");
}

void tail_troubles_begin(struct tail_troubles *t, struct tail_file *f, const char *what, int error)
{
	bool none_left = error == EMFILE || error == ENFILE;

	++*t->errors;
	if (f->trouble != error && !(none_left && t->out_of_descriptors))
		host_log(t->host, LOG_LEVEL_WARN, "cannot %s %s: %s", what, f->path, tail_links_why(error));
	*t->refused += f->trouble != error && error >= TAIL_LEADS_OUT;
	t->count += !f->trouble;
	f->trouble = error;
	t->out_of_descriptors = t->out_of_descriptors || none_left;
}

void tail_troubles_end(struct tail_troubles *t, struct tail_file *f)
{
	if (f->trouble)
		host_log(t->host, LOG_LEVEL_INFO, "%s can be read again", f->path);
	tail_troubles_forget(t, f);
}

void tail_troubles_forget(struct tail_troubles *t, struct tail_file *f)
{
	t->count -= f->trouble != 0;
	f->trouble = 0;
}

void tail_troubles_no_room(struct tail_troubles *t, const char *path)
{
	++*t->errors;
	host_log(t->host, LOG_LEVEL_WARN,
		"too many saved positions: that of %s is left out; expected as many as half of `memory` has room for: "
		"raise `memory`",
		path);
}

void tail_troubles_scanned(struct tail_troubles *t)
{
	t->out_of_descriptors = false;
}
