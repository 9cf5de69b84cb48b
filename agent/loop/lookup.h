/*
 * One name, asked of the name servers over UDP: for IPv4 and IPv6 at once, at one server after another, `attempts`
 * times. Each try has a connected socket of its own: the kernel drops whatever comes from anybody else, and nobody can
 * guess its port. If no address fits into the packet, the same server is asked over TCP.
 *
 * One family is enough: if the other one fails, it is not asked for again; if it is missing, it is not waited for long.
 * A server that does not answer is asked last for LOOKUP_PASSED_OVER_SECONDS.
 *
 * Whoever can send as the server decides how much comes. So a callback reads LOOKUP_READS packets, and a try ends with
 * LOOKUP_STRANGE_MAX of those that answer nothing that was asked.
 */
#ifndef OXP_LOOKUP_H
#define OXP_LOOKUP_H

#include "loop/loop.h"
#include "loop/resolv_conf.h"
#include "proto/dns.h"

enum {
	LOOKUP_READS = 8,
	LOOKUP_STRANGE_MAX = 64,
	LOOKUP_PACKET_MAX = 2048, /* of a longer one, what is behind is not looked at */
	LOOKUP_PASSED_OVER_SECONDS = 60,
};

enum lookup_end {
	LOOKUP_FOUND, /* at least one address */
	LOOKUP_NONE, /* there is no such name, or it has no address */
	LOOKUP_FAILED, /* the servers that answered could not say */
	LOOKUP_SILENT, /* no server answered */
};

/* What all lookups share. Only they write it. */
struct lookup_servers {
	const struct resolv_conf *conf; /* the caller's; may change while lookups run */
	size_t first; /* the server that is asked first; counts on with `rotate` */
	struct mono_time until; /* then it is the first of the list again */
};

/* What came over TCP: the size of a message, then as much of it as is looked at. */
struct lookup_stream {
	unsigned char bytes[2 + LOOKUP_PACKET_MAX];
	size_t used;
	size_t skip; /* bytes of the message before that are still to come */
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
	struct lookup_servers *servers;
	void (*done)(void *context, enum lookup_end);
	void *context;
	int fd; /* -1: no try is under way */
	struct loop_watch watch;
	struct loop_timer timer; /* of a try; at once, if it could not begin */
	size_t first, tries; /* the server asked first, and how many were asked since */
	size_t strange; /* packets of this try */
	bool over_tcp, heard; /* this try; the server answered a question */
	bool failed; /* a server answered that it could not say */
	struct lookup_part parts[LOOKUP_PARTS];
	struct lookup_stream stream;
};

void lookup_init(
	struct lookup *, struct loop *, struct lookup_servers *, void (*done)(void *, enum lookup_end), void *context);
/* done() is called once, from a later callback, unless lookup_done() is called before. May be called again after it,
 * from done() too. -EINVAL: the text is no name. */
int lookup_begin(struct lookup *, const char *name) MUST_CHECK;
void lookup_done(struct lookup *);

#endif
