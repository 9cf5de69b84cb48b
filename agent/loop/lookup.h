/*
 * One name, asked of the name servers over UDP: for IPv4 and IPv6 at once, at one server after another, `attempts`
 * times. Each try has a connected socket of its own: the kernel drops whatever comes from anybody else, and nobody can
 * guess its port.
 *
 * Whoever can send as the server decides how much comes. So a callback reads LOOKUP_READS packets, and a try ends with
 * LOOKUP_STRANGE_MAX of those that answer nothing that was asked.
 */
#ifndef OXP_LOOKUP_H
#define OXP_LOOKUP_H

#include "loop/loop.h"
#include "loop/resolv_conf.h"
#include "proto/dns.h"

enum { LOOKUP_READS = 8, LOOKUP_STRANGE_MAX = 64 };

enum lookup_end {
	LOOKUP_FOUND, /* at least one address */
	LOOKUP_NONE, /* there is no such name, or it has no address */
	LOOKUP_FAILED, /* the servers that answered could not say */
	LOOKUP_SILENT, /* no server answered */
};

/* One of the two questions. */
struct lookup_part {
	char question[DNS_QUESTION_MAX];
	size_t size;
	bool answered;
	struct dns_answer answer; /* once it is answered */
};

enum { LOOKUP_V4, LOOKUP_V6, LOOKUP_PARTS };

/* Invariant: fd is open, and watched, from the begin of a try to its end. */
struct lookup {
	struct loop *loop;
	const struct resolv_conf *conf; /* may change while it runs */
	void (*done)(void *context, enum lookup_end);
	void *context;
	int fd; /* -1: no try is under way */
	struct loop_watch watch;
	struct loop_timer timer; /* of a try; at once, if it could not begin */
	size_t tries, strange;
	bool failed; /* a server answered that it could not say */
	struct lookup_part parts[LOOKUP_PARTS];
};

void lookup_init(struct lookup *, struct loop *, const struct resolv_conf *, void (*done)(void *, enum lookup_end),
	void *context);
/* done() is called once, from a later callback, unless lookup_done() is called before. May be called again after it,
 * from done() too. -EINVAL: the text is no name. */
int lookup_begin(struct lookup *, const char *name) MUST_CHECK;
void lookup_done(struct lookup *);

#endif
