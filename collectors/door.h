/*
 * What the doors that take bodies over HTTP or gRPC have in common. The server receives the pieces of a body in a block
 * of the batch that the body becomes, or hands them over to be copied there. The body is inflated or mended if it has
 * to be, checked (in the CPU lane if it is large), and then refused, or answered once the batch is held in memory or on
 * disk. All memory is taken from the budget before it is used: for the inflated or mended body, for the check, and for
 * the answer until the peer has read it. A request that finds no room is refused before anything of it is taken.
 *
 * A door is a part of a collector. A request begins with door_begin() in the route's begin(); the other callbacks of
 * the route are the ones below. Invariant: `open` counts the requests that have neither been answered nor left.
 */
#ifndef OXP_DOOR_H
#define OXP_DOOR_H

#include <stdatomic.h>

#include "access/guard.h"
#include "collectors/door_declined.h"
#include "collectors/door_memory.h"
#include "component.h"
#include "config/option.h"
#include "http/server.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "proto/packed.h"

enum {
	DOOR_INLINE_MAX = 256 << 10, /* bodies up to this size are checked on the loop, larger ones in the CPU lane;
				      * unless the type says another */
	DOOR_MEND_INLINE_MAX = 32 << 10, /* the same for a body that has to be mended */
	DOOR_BODY_CEILING = 64 << 20, /* of `body_max` */
	DOOR_BODY_PART = 4, /* a request has a quarter of `memory`, unless `body_max` says otherwise */
	DOOR_REASON_MAX = 256,
	DOOR_OPTION_MAX = 128,
};

/* When a request is answered as taken. */
enum door_ack { ACK_MEMORY, ACK_DISK };
extern const char *const door_acks[]; /* the words */
#define DOOR_ACK_HELP                                                                                        \
	"What the answer means. memory: the records are held within `memory`, and a SIGKILL may lose them; " \
	"disk: they are in the spool under `state`."
#define DOOR_CONNECTIONS_HELP                                                                                \
	"Most connections at a time. A further one replaces the one that has been silent or unfinished for " \
	"longest."

/* The row of `body_max`; `part` is the word for DOOR_BODY_PART or what the door has in its place. */
#define DOOR_BODY_MAX_OPTION(type, field, part, more)                                                              \
	{                                                                                                          \
		OPT_SIZE(type, field), .name = "body_max", .text = "auto", .zero = "auto", .min = 1 << 10,         \
				       .max = DOOR_BODY_CEILING,                                                   \
				       .help = "Largest request, both before and after decompression; a larger "   \
					       "one is answered 413" more ". auto: " part " of `memory`, at most " \
					       "64 MiB."                                                           \
	}

struct door_request;
struct grpc_call;
struct unpacker;

/* What a job in the lane does, in this order. A stage is left out if it has nothing to do, and all but the first are
 * done on the loop if the body, or the answer, is small. */
enum door_stage {
	DOOR_INFLATE, /* may run again, with more room; also checks the body if that needs no memory */
	DOOR_LOOK,
	DOOR_MEND, /* the body is written again, into a batch of its own */
	DOOR_WRITE, /* the answer */
};

/* How a peer is spoken to that does not expect a plain answer of HTTP. Statuses are those of HTTP all the same. */
struct door_voice {
	void (*refuse)(struct door_request *, unsigned status, const char *message);
	void (*respond)(struct door_request *, const struct http_answer *);
	void (*done)(struct door_request *); /* the request ends */
};

/* What a kind of door does with a body. */
struct door_type {
	enum signal signal;
	const char *const *content; /* the Content-Types that it takes, ends with NULL; NULL: who begins says it */
	size_t request_size; /* of the struct that begins with a struct door_request */
	size_t inline_max; /* in place of DOOR_INLINE_MAX; 0: that */
	/* Sees the body in pieces as they come, or whole if it was inflated. On the loop or in the CPU lane. NULL if
	 * need() is. */
	void (*count)(struct door_request *, struct bytes piece);
	/* How many bytes of `work` look() uses. They stay until fill() has been called. NULL: none. */
	size_t (*need)(const struct door_request *);
	/* On the loop or in the CPU lane: checks data and size, and sets `fault`, or `wants` if the body has to be
	 * mended. On the loop it may set `later` instead: then it is called again in the lane, where it clears `later`.
	 * Touches no memory but the request's. */
	void (*look)(struct door_request *);
	/* On the loop or in the CPU lane, after look() asked for `wants` bytes: writes to `body.data` what `body.old`
	 * becomes, and returns its size. If look() set `again`, it is called for what was written, unless `fault` is
	 * set here. NULL for a door that never asks. */
	size_t (*mend)(struct door_request *);
	/* The most bytes the answer may have; and write(), which writes it to `reply.data` and returns its size, on the
	 * loop or in the CPU lane. NULL: taken() makes a small one. */
	size_t (*reply_max)(const struct door_request *);
	size_t (*write)(struct door_request *);
	/* On the loop: makes items of everything that is fine. False: no room. */
	bool (*fill)(struct door_request *);
	/* On the loop, for a type whose bodies are not offered, in place of that: does some of the work that a body is,
	 * for about half a millisecond. True: there is more of it. Bodies are worked on one after another, each to its
	 * end, even if its peer leaves; one that was not begun has a deadline. NULL: they are offered. */
	bool (*apply)(struct door_request *);
	/* The items are taken: counts them, and ends with door_answered(). */
	void (*taken)(struct door_request *);
	/* Sends the answer to a request that was not taken. */
	void (*answer)(struct http_request *, unsigned status, const char *message);
};

struct door {
	const struct door_type *type; /* of what door_begin() begins; others begin with door_begin_as() */
	struct host *host;
	struct door_memory memory;
	size_t body_max;
	enum door_ack ack;
	const struct option_list *origins; /* web pages that are let in; NULL: none */
	const struct guard_config *guarded; /* who is let in; NULL: everybody, in the clear */
	struct guard guard; /* from the first way on */
	char origins_option[DOOR_OPTION_MAX]; /* where they are written */
	struct door_declined declined;
	struct mono_time told; /* when it was logged that the disk does not take everything; 0: never */
	struct unpacker *unpacker; /* the CPU lane's; jobs run one after another */
	size_t open;
	struct mono_time last; /* when a request had something in it */
	bool stopped; /* takes nothing more */
	struct door_request *due, **due_last; /* their outcome is known: to be answered, some at a time */
	struct loop_soon answering;
	struct door_request *applied, **applied_last; /* the first is worked on, the others wait for that */
	struct loop_soon applying;
	uint64_t *requests, *refused_full, *refused_bad;
};

/* What a route leads to, for doors that take several kinds of bodies. */
struct door_entry {
	struct door *door;
	const struct door_type *type;
};

/*
 * One request, from its headers to its answer.
 *
 * Invariant: while a request is in the lane only the lane touches it, except `request` and `gone`: if the peer goes
 * away they become NULL and true. While it is `offered` the pipeline has the batch, or has said what became of it and
 * the answer is due.
 */
struct door_request {
	struct job job;
	struct door *door;
	const struct door_type *type;
	struct http_request *request;
	const struct door_voice *voice; /* NULL: the type's answer() */
	struct grpc_call *call; /* what collectors/grpc.c has of it */
	struct door_request *next; /* in door.due, or in door.applied */
	size_t content; /* the number of its Content-Type among those of the type */
	int failed; /* what became of it: 0 or -errno */
	struct door_body body;
	struct door_reply reply;
	enum packing packing; /* what the body is packed with */
	bool in_lane, offered;
	bool applies, begun; /* it is in door.applied; some of it is taken */
	bool late; /* to be answered 504 as soon as the lane is done with it */
	atomic_bool gone; /* for the lane, which then does nothing */
	bool short_of_room; /* inflated it is larger than `body.room`, which is less than body_max */
	size_t next_room; /* what to try then */
	bool over_max; /* `fault` says that it grows beyond body_max: 413 */
	bool later; /* look() is to be called in the lane */
	bool again; /* what mend() writes is to be looked at, too */
	enum door_stage stage;
	size_t wants; /* bytes that mend() needs; 0: the body stays as it is */
	bool may_stay; /* so it does if there is no room for them; otherwise the request is refused then */
	const char *fault; /* why the body is refused; NULL if it is fine */
	char reason[DOOR_REASON_MAX]; /* room for one */
};

/* What `body_max` is: as configured, or that part of `memory`. */
size_t door_body_max(const struct host *, uint64_t configured, unsigned part);
/* Answers at ACK_MEMORY, lets no web page and everybody else in, unless `ack`, `origins` and `guarded` are set. 0 or
 * -errno. */
int door_init(struct door *, const struct door_type *, struct host *, size_t body_max) MUST_CHECK;
/* A way in: where a door listens, and what is served there. */
struct door_way {
	const char *option; /* that `addresses` are written in */
	enum http_speaker engine;
	const struct option_list *addresses;
	size_t connections;
	const struct http_route *routes; /* outlive the door */
};

/* Listens. 0; or -errno, logged with the address. At most DOOR_WAYS_MAX ways. */
int door_open_way(struct door *, const struct door_way *) MUST_CHECK;
/* The same for the usual ways: HTTP, and gRPC, of the options of that name. 0 or -errno. */
int door_start(struct door *, const struct option_list *addresses, size_t connections,
	const struct http_route *routes) MUST_CHECK;
int door_start_grpc(struct door *, const struct option_list *addresses, size_t connections,
	const struct http_route *routes) MUST_CHECK;
/* resume() of the collector. */
void door_resume(struct door *);
/* Members of the source's object on /status. */
void door_report(const struct door *, struct json_writer *);
/* Whether no request is under way, and no peer may have more to send while the process ends. */
bool door_quiet(const struct door *);
void door_stop(struct door *);
void door_done(struct door *); /* fine on zeroed memory */

/* A request has come, to be spoken to with that voice. It is the request's context from now on. */
struct door_request *door_open(
	struct door *, const struct door_type *, struct http_request *, const struct door_voice *);
/* The same for its body: `announced` bytes, or -1. HTTP_ANSWERED: refused. */
enum http_take door_expect(struct door_request *, int64_t announced);
/* Its peer waits no longer: 504, unless it is taken already, or waits for the disk. */
void door_expire(struct door_request *);

/* Routes' callbacks. `wanted` is what the Content-Type must be, NULL for any. */
enum http_take door_begin(struct door *, struct http_request *, const char *wanted);
/* The same for a door that takes several kinds of bodies. */
enum http_take door_begin_as(struct door *, const struct door_type *, struct http_request *, const char *wanted);
enum http_take door_body(void *door, struct http_request *, struct bytes piece);
char *door_into(void *door, struct http_request *, size_t *room);
bool door_enough(void *door); /* `enough`, of a route whose context is the door; or a struct door_entry */
bool door_entry_enough(void *entry);
void door_complete(void *door, struct http_request *);
void door_gone(void *door, struct http_request *);

/* End a request: refused, or with the caller's answer. It is gone afterwards; its peer may be gone already. */
enum http_take door_refuse(struct door_request *, unsigned status, const char *message);
void door_answered(struct door_request *, const struct http_answer *); /* the reply, if there is one, is its body */

#endif
