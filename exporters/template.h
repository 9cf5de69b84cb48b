/*
 * The index template that is put on request: @timestamp is a date, messages and stack traces are text, all other
 * strings are keywords, nothing is guessed to be a date; if it is for a data stream, it says so.
 *
 * It is put with `create`, so an existing one stays as it is. An index that a bulk creates before its template exists
 * has the wrong mappings for good. So bulks wait until the try under way has ended, however it ends, and never longer
 * than `timeout`. A server that does not answer is asked again with the next bulk. One that refuses is asked again
 * after a minute, then less and less often, and bulks no longer wait.
 */
#ifndef OXP_TEMPLATE_H
#define OXP_TEMPLATE_H

#include "exporters/access.h"
#include "exporters/hosts.h"

struct index_template;

/* All pointers outlive the template. */
struct template_options {
	struct host *host;
	struct hosts *hosts;
	struct access *access;
	struct duration timeout;
	const char *pattern; /* index_name.h, one that is fine */
	bool stream;
	void (*release)(void *exporter, const struct batch *, struct send *);
	void *exporter;
};

/* Begins the first try. 0 or -errno. */
int template_new(const struct template_options *, struct index_template **ret) MUST_CHECK;
void template_free(struct index_template *);
/* True if the send has to wait: it comes back through release(), from a later callback. */
bool template_hold(struct index_template *, const struct batch *, struct send *);
/* True if the send was waiting; it is the caller's again. */
bool template_let_go(struct index_template *, struct send *);
/* The request's body, for tests. 0 or -errno. */
int template_body(const char *pattern, bool stream, struct buffer *) MUST_CHECK;

#endif
