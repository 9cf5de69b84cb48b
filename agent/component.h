/*
 * What a component is, and what the core lends it.
 *
 * A collector brings telemetry in, an exporter takes it out, a step edits or drops log records in between, and a check
 * asks whether something the host app needs is there. Each is one const struct at the foot of one file, listed in
 * registry.c. The core finds it by name, reads its options into its config struct, and calls it. Components do not know
 * each other: all they see of the world is their `struct host`.
 *
 * The life of a component. A callback that may be NULL says so where it is declared; every other one is required.
 *
 *   1. check()    While the configuration is read, also by `oxpecker check`. It looks at the options and nothing else.
 *   2. create()   Once, at the start. Exporters and steps come before collectors, so the first offer has somewhere to
 *                 go. If it fails, the start fails, and destroy() is called for whatever was created before.
 *   3. start()    Collectors only, when all of them have been created. A check is started again and again instead,
 *                 once every `interval`.
 *   4. Work       Collectors: resume(), settled(), collect(), began(). Exporters: send() and cancel(). Steps: folds(),
 *                 folded(), apply() and ended(). Checks: start() and cancel(). report(). In any order.
 *   5. drain()    Collectors, when the process is asked to end; quiet() is asked until all are quiet or time is up.
 *                 Everything of 4 goes on meanwhile.
 *   6. stop()     Collectors. Nothing is offered afterwards; settled() may still come. Exporters get no further send()
 *                 after this, and cancel() for every send that is still under way. leave() may put on disk what the
 *                 next run cannot read.
 *   7. destroy()  Last, when the lanes are empty: no job of the component is left, no send, and no done() is due.
 *
 * Every callback runs on the loop thread and returns within about a millisecond. Work that may take longer
 * (compression, fsync, a query) goes to a lane (loop/lane.h) and comes back as a callback. In a lane only the functions
 * that read a sealed batch may be called: batch_items(), batch_item(), batch_size() and batch_signal(). Anything else
 * the job needs, such as which items the send wants, it takes along as a copy.
 *
 * To write an exporter, read about the batch, the send, exporter_type and what the core lends; for a collector, about
 * building batches, host_offer() and collector_type; for a step or a check, its own type.
 */
#ifndef OXP_COMPONENT_H
#define OXP_COMPONENT_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

struct host; /* one for each component */
struct collector; /* each file that implements one defines its own */
struct exporter;
struct check;
struct step;
struct record; /* what a step sees of one, see pipeline/step.h */
struct option; /* one row of a component's options, see config/option.h */
struct http_client;
struct json_writer; /* base/json_writer.h */
struct mapping_conflict;
struct lane;
struct loop;
struct pen;
struct quota; /* base/quota.h */
struct random;
struct resolver;
struct sampler; /* expression/sampler.h */
struct series;
struct series_counts;
struct store;

enum signal { SIGNAL_METRICS = 1, SIGNAL_LOGS = 2, SIGNAL_TRACES = 4 };

/* What a collector does when the pipeline is full. It is data, so that one conformance test can hold every collector to
 * it. */
enum when_full {
	FULL_PAUSE, /* stop reading; the file or the kernel keeps it */
	FULL_REFUSE, /* answer 429 or 503 with Retry-After; the peer keeps it */
	FULL_DROP, /* leave it in the kernel's buffer for a while, then lose it and call host_lost(): pipes, sockets,
		    * and what comes over UDP to a door that refuses otherwise */
};

/* What can be read again after a restart. It decides where the source's ledger is stored (status/ledger.h). */
enum rewind {
	REWIND_NONE, /* a socket: nobody else has what was taken */
	REWIND_SAVED, /* a file: reading starts at the saved position, as if nothing behind it had been read */
};

enum admit { ADMIT_TAKEN, ADMIT_WAITS, ADMIT_FULL, ADMIT_REFUSED };

/* How a send, or one item of it, ended. */
enum outcome {
	DELIVERED, /* the destination has answered that it has it */
	/* no item can be to blame: it cannot be reached, or asks for a wait. Try again, not before the time given */
	RETRY,
	/* Of a send: the destination was reached and did not answer (silence, a reset, an answer that breaks off).
	 * Tried again like RETRY, but an item may be to blame: the sender finds out by trying others, and its
	 * halves. */
	UNANSWERED,
	FAILED, /* the same, of a send or an item: it answered that it could not (500, the page of a firewall) */
	REJECTED, /* it will never be taken; the core parks it with the reason */
	SPLIT, /* of a send: too large for the destination, try the halves. Of a single item it means REJECTED */
};

/*
 * A batch: records of one signal from one collector, with the memory they stand in.
 *
 *   building  one owner, the collector; grows
 *   sealed    const for everyone, with a reference count: the delivery has one, a lane that reads it another
 *
 * An item is what a destination takes or refuses as one: a log line, or an OTLP request of several spans. Its bytes are
 * in a block of the batch, and move only when that block is trimmed. Its place, (generation, offset), says where it
 * came from; with the state id it makes the document's id. A collector without such places (REWIND_NONE) leaves both
 * numbers 0 and the core fills them in. The exception is a record that its writer has named: its generation is
 * PLACE_NAMED or more, which no other generation reaches, and the 83 bits of both numbers follow from the name.
 */
struct batch;
struct batch_note; /* what waits for a batch to be taken, see pipeline/batch.h */
#define PLACE_NAMED (UINT64_C(1) << 35)
#define PLACE_OFFSET_MAX ((UINT64_C(1) << 48) - 1)
struct batch_item {
	const char *data;
	uint32_t size;
	uint32_t records; /* log lines or spans in it */
	uint64_t generation;
	uint64_t offset;
};

/* Whether records of that signal have somewhere to go: a collector of several signals offers only those. True for the
 * signal of a collector that has one. */
bool host_takes(const struct host *, enum signal);
/* NULL if there is no room within `memory` for this signal. Then do what when_full says; resume() is called when there
 * is room again. Of metrics nothing is offered: such a batch is memory for what they are read from, and there is no
 * resume(). */
struct batch *host_batch_new(struct host *, enum signal) MUST_CHECK;
/* Whether it is others that leave no room, and will give it back: a destination has enough to do, or other batches hold
 * a good part of `memory`. */
bool host_others_hold_room(const struct host *, enum signal);
/* Whether a door reads no further for now: each destination that takes all it is given has enough to do. resume() is
 * called when it is worth asking again, which is soon, whatever becomes of them. */
bool host_has_enough(struct host *, enum signal);
/* Memory of the batch for `size` bytes, with BATCH_PADDING readable bytes behind them. NULL as above. */
char *batch_block(struct batch *, size_t size) MUST_CHECK;
/* Makes the newest block larger, if no item is in it yet. Its bytes may move. NULL: no room, and it stays as it is. */
char *batch_block_grow(struct batch *, size_t size) MUST_CHECK;
enum { BATCH_PADDING = 64 };
/* Gives back what the last block has beyond `size` bytes, and returns where it is now. Items that were added from it
 * move with it; any other pointer into it is void. */
char *batch_block_trim(struct batch *, size_t size) MUST_CHECK;
/* 0 or -ENOMEM (no room within `memory`). From here on a log line has no line end in it: those between the tokens of
 * its JSON become spaces, in a copy. A caller that may change the bytes saves that memory by calling
 * bytes_make_one_line() first. */
int batch_add(struct batch *, const struct batch_item *) MUST_CHECK;
/* What settled() is given once every destination has settled this batch. At most one for each batch that is offered. */
void batch_token(struct batch *, uint64_t token);
void batch_free(struct batch *); /* of a batch that is not sealed; NULL is fine */
/* Takes that many bytes of `memory` at once. Until batch_unreserve() blocks and items of the batch come out of these
 * alone, so a lane can add to it. False: no room. */
bool batch_reserve(struct batch *, size_t bytes) MUST_CHECK;
void batch_unreserve(struct batch *); /* gives back what is left; fine without batch_reserve() */
/* Keeps a sealed batch beyond send_done(), for a lane that still reads it, until batch_unkeep(). */
const struct batch *batch_keep(const struct batch *);
void batch_unkeep(const struct batch *);

enum signal batch_signal(const struct batch *);
size_t batch_items(const struct batch *);
uint64_t batch_records(const struct batch *);
size_t batch_size(const struct batch *); /* the sum of the item sizes */
/* Item i; valid as long as the batch is. */
const struct batch_item *batch_item(const struct batch *, size_t i);

/*
 * Offers a batch to the pipeline. If it returns ADMIT_TAKEN, the pipeline owns the batch and *batch is NULL. Otherwise
 * nothing has happened: the caller still owns it, and does what its when_full says.
 */
enum admit host_offer(struct host *, struct batch **batch) MUST_CHECK;

/*
 * The same for a door, whose batches may be large. ADMIT_WAITS: steps take longer than a slice, *batch is NULL, and
 * done() is called exactly once, from a later callback. 0: it is taken. -ENOMEM: there was no room for what the steps
 * made of it; -EMSGSIZE: nor will there be; -ECANCELED: the process ends. In these cases the records are nowhere and
 * were not counted.
 */
enum admit host_offer_long(
	struct host *, struct batch **batch, void (*done)(void *context, int failed), void *context) MUST_CHECK;

/*
 * host_offer() in two halves, for a batch with long lines: the steps see those in the CPU lane. ADMIT_TAKEN: they have
 * seen all of it. ADMIT_WAITS: *batch is NULL, and done() is called exactly once, from a later callback: with what
 * host_take() is to be given, or with NULL, failed as in host_offer_long(). ADMIT_FULL: as of host_offer(). Nothing of
 * it is counted before host_take(), which always takes it; it may be freed instead, or withdrawn (host_withdraw()).
 */
enum admit host_prepare(struct host *, struct batch **batch,
	void (*done)(void *context, int failed, struct batch *prepared), void *context) MUST_CHECK;
void host_take(struct host *, struct batch **prepared);

/*
 * The same for a door that answers once the records are on disk (`ack: disk`). If it returns ADMIT_TAKEN, done() is
 * called exactly once, from a later callback or from within the call. 0: they are on disk and on their way. -errno:
 * they are nowhere and were not counted; the answer must leave them with the peer. For sources that cannot be read
 * again.
 */
enum admit host_offer_spooled(
	struct host *, struct batch **batch, void (*done)(void *context, int failed), void *context) MUST_CHECK;

/*
 * Takes back what host_offer_long(), host_prepare() or host_offer_spooled() was given with that context, if it still
 * waits for steps: nothing of it has happened, and done(-ETIMEDOUT) is called within the call. False: it is too late
 * for that.
 */
bool host_withdraw(struct host *, enum signal, const void *context);

/* Whether the process is ending and may be killed at any time: doors use host_offer_spooled() then, whatever `ack`
 * says. */
bool host_ends(const struct host *);

/*
 * For leave() of a source that can be read again: a batch of what the next run cannot read, on its way to the disk and
 * no farther. The next start sends it. Steps run before it is written. As host_offer(), but if it is taken, done() is
 * called exactly once, from a later callback or from within the call. 0: it is on disk. -errno: it is nowhere, and was
 * not counted.
 */
enum admit host_leave(
	struct host *, struct batch **batch, void (*done)(void *context, int failed), void *context) MUST_CHECK;
/* As host_batch_new(), for such a batch: however much a destination has to do. */
struct batch *host_leave_batch(struct host *, enum signal) MUST_CHECK;
/* That much could not be put on disk, and the next run cannot read it: it is lost, and counts as dropped{exit}. */
void host_not_left(struct host *, enum signal, uint64_t records, uint64_t bytes);
/* Ends a leave() after stop(). */
void host_left(struct host *);

/* Logs and traces: that much came and is lost, because the pipeline is full (FULL_DROP). */
void host_lost(struct host *, enum signal, uint64_t records, uint64_t bytes);
/* Logs and traces of a source that cannot be read again: that much came and is refused here for good, because no
 * destination could take it. It counts as rejected; the collector tells the peer. */
void host_refused(struct host *, enum signal, uint64_t records, uint64_t bytes);

/*
 * A send under way: one batch, one exporter, one try. It is about those items of the batch for which send_wants() is
 * true. The exporter names the items that fared differently with send_item(): in any order, each at most once, and at
 * any time before the end; a cancel() may come in between. Then it ends the send with send_done(), exactly once, from
 * any later callback or from send() itself, and `send` is gone. `rest` is the outcome of the items that were not named.
 * An item that was named DELIVERED or REJECTED is not wanted any more. Breaking these rules aborts.
 *
 * Up to `concurrency` sends (2, unless configured) are under way at once: whatever belongs to one of them goes with it,
 * see send_context_set(). Reasons are copied, cut at 256 bytes, and shown to people: on /status, in the log, and with
 * parked records.
 */
struct send;
size_t send_first(const struct send *); /* items first … end - 1 belong to this send */
size_t send_end(const struct send *);
struct wall_time send_sealed(const struct send *); /* when its batch was sealed: the same for each try */
bool send_wants(const struct send *, size_t item); /* false: it settled in an earlier try */
void send_item(struct send *, size_t item, enum outcome, const char *reason);
void send_done(struct send *, enum outcome rest, const char *reason);
/* How many of the records that send_done(DELIVERED) is about to settle were refused, if nobody can say which (OTLP
 * partial success). Before send_done(). */
void send_partial(struct send *, uint64_t records, const char *reason);
/* The destination wants nothing more before that time, in ms from now (Retry-After). Before send_done(). */
void send_not_before(struct send *, uint64_t ms);
/* This host failed and another one can be tried right now, without back-off. Before send_done(RETRY), and at most as
 * often in a row as there are other hosts. */
void send_elsewhere(struct send *);
/* The exporter's own data of this send, until send_done(). */
void send_context_set(struct send *, void *context);
void *send_context(const struct send *);

struct collector_type {
	const char *name; /* as written in the configuration */
	const char *summary; /* one sentence for the reference */
	unsigned signals; /* with several, host_takes() says which of them have somewhere to go */
	enum when_full when_full;
	enum rewind rewind;
	const struct option *options; /* ends with a row without a name */
	size_t config_size;

	/* Whether options that are each fine also go together; if not, the reason is written into `why`. Touches
	 * nothing else, but may read a file that an option names. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	/* The longest line that it keeps whole, which must fit into `memory` (host_line_max()): its option line_max.
	 * May be NULL: it has no such option. */
	uint64_t (*line_max)(const void *config);
	/* Whether the addresses of that option are for datagrams, whose ports are not those of TCP. May be NULL: none
	 * are. */
	bool (*datagrams)(const void *config, const char *option);
	/* Whether it would read what is written to the file or FIFO of that path, by what the options say of names. May
	 * be NULL: it reads none. */
	bool (*reads)(const void *config, const char *path);
	/* `config` outlives the collector and does not change. 0; or -errno with the reason logged, and *ret is
	 * untouched. */
	int (*create)(const void *config, struct host *, struct collector **ret) MUST_CHECK;
	/* 0; or -errno, and the process does not start. */
	int (*start)(struct collector *) MUST_CHECK;
	/* Whether it follows everything that was there at the start. The process is not ready before, since what
	 * happens until then may go unseen. Becomes true soon, whatever fails. May be NULL: at once. */
	bool (*began)(const struct collector *);
	/* There is room again after ADMIT_FULL, or after NULL in place of a batch or block. May be NULL if when_full is
	 * not FULL_PAUSE. */
	void (*resume)(struct collector *);
	/* Every destination has settled the batch with this token, and all batches that were offered before it. May be
	 * NULL if it gives no tokens. */
	void (*settled)(struct collector *, uint64_t token);
	/* Metrics only: brings the series up to date before `deadline`, then calls host_collected() once. May be NULL:
	 * they always are. */
	void (*collect)(struct collector *, struct mono_time deadline);
	/* Whether that may show any: if no collector has, nobody wants a page for the embedded store. May be NULL: it
	 * always may. */
	bool (*has_series)(const struct collector *);
	/* Writes further members of the source's object on /status. `troubles` is a list of what cannot be read, each
	 * an object of `file` and `why`. May be NULL. */
	void (*report)(const struct collector *, struct json_writer *);
	/* The process was asked to end: read what is there to its end, and wait for nothing. May be NULL. */
	void (*drain)(struct collector *);
	/* Whether nothing is left to read and no peer is half-way through a request. Asked after drain(). May be NULL:
	 * it always is. */
	bool (*quiet)(struct collector *);
	/* Offers nothing afterwards. Also called without start(), and twice. May be NULL. */
	void (*stop)(struct collector *);
	/* The lanes are empty, and every done() of host_offer_spooled() and host_leave() was called. Takes NULL and the
	 * half-built. */
	void (*destroy)(struct collector *);

	/*
	 * The last five are for sources that can be read again, and are NULL for all others. What was read from a file
	 * that has lost its name, say, cannot be read again: at the end of the process it goes to disk.
	 */
	/* Finds out, a bit in each call, what lasting() will say. True: that is known. `anew`: nothing is known yet. */
	bool (*look)(struct collector *, bool anew) MUST_CHECK;
	/* Calls add() for each generation under which something is under way that the next run can read again. What
	 * look() has not come to is found out now. */
	void (*lasting)(struct collector *, void (*add)(void *to, uint64_t generation), void *to);
	/* Begins to hand what was not offered yet, and what the next run cannot read, to host_leave(). Called every
	 * second while the process ends, and once after stop(): that call ends with host_left(). */
	void (*leave)(struct collector *);
	/* Time is up: what was not handed over yet is lost, host_not_left(). Still ends with host_left(), soon. */
	void (*abandon)(struct collector *);
	/* What was offered under that generation could not be put on disk. It was counted: says so. */
	void (*lost)(struct collector *, uint64_t generation, uint64_t records, uint64_t bytes);
};

struct exporter_type {
	const char *name;
	const char *summary;
	unsigned signals;
	const struct option *options;
	size_t config_size;

	/* As of a collector. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	bool stores; /* it uses host_store(), which is opened before create() */
	/* Each send asks a peer by itself. Beside one that gets no answer, its first item may be sent again on its own,
	 * to see whether the peer answers by now. */
	bool has_peer;
	/* A send of no items is a request, too, and is DELIVERED, SPLIT or REJECTED if the destination answers it. With
	 * these the sender asks whether it answers at all. False: no send is without items. */
	bool empty_sends;
	/* What came first goes out first, whatever happens: one send at a time, and none goes past one that failed, so
	 * UNANSWERED and FAILED mean RETRY. */
	bool in_order;
	/* The most bytes of items that a send has, unless it is of a single item. May be NULL: as many as a batch
	 * has. */
	size_t (*send_max)(const void *config);
	/* Of metrics: it is told which series have ended. */
	bool tells_ends;
	/* Of metrics: whether it takes names that are not classic. May be NULL: it does not. */
	bool (*any_names)(const void *config);
	/* The file or FIFO that it appends to; NULL: none. May be NULL: it never does. */
	const char *(*writes)(const void *config);
	/* As of a collector; only for options that check() found fine. */
	int (*create)(const void *config, struct host *, struct exporter **ret) MUST_CHECK;
	/* One try. The batch stays valid until send_done(). Never blocks, and never retries: the sender does. A lot of
	 * cheap work, such as a datagram for each item, is done a few dozen at a time, with loop_soon_run()
	 * (loop/loop.h) in between. */
	void (*send)(struct exporter *, const struct batch *, struct send *);
	/* The sender lost patience: end this send within the call, with RETRY. */
	void (*cancel)(struct exporter *, struct send *);
	/* Writes further members of the destination's object on /status. May be NULL. */
	void (*report)(const struct exporter *, struct json_writer *);
	/* Every send has ended and the lanes are empty. Takes NULL. */
	void (*destroy)(struct exporter *);
};

enum step_answer {
	STEP_KEEP, /* as it is, or as edited */
	STEP_DROP, /* this record ends here; counted as dropped{step} */
	STEP_FOLD, /* it went into the one before: what folds() leads to, never an answer of apply() */
};

/*
 * A step sees each record between collector and batch, in the order of the configuration, and edits or drops it. What a
 * step did to a batch counts only if the pipeline takes that batch, which ended() says.
 */
struct step_type {
	const char *name;
	const char *summary;
	unsigned signals;
	const struct option *options;
	size_t config_size;

	/* As of a collector. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	/* As of a collector. */
	int (*create)(const void *config, struct host *, struct step **ret) MUST_CHECK;
	/* Whether the record goes into the one before it that passed this step. If so, it counts as merged and apply()
	 * is not called. The run ends with folded(), which may edit the record that stands for all of it. Both are
	 * NULL, or neither. */
	bool (*folds)(struct step *, struct record *);
	void (*folded)(struct step *, struct record *);
	/* How many bytes of its own it may need at a time for each byte of a line, or of a resource, scope or span.
	 * For a long one they are taken from `memory` before the steps see it. */
	unsigned scratch;
	/* It drops to have less, not because a span is unwanted: the flight recorder keeps what it drops. */
	bool samples;
	/* Never blocks, and keeps nothing that grows with the lines. A step that cannot do its work answers DROP. A
	 * long line, span, resource or scope may come in the CPU lane, and so may folds() and folded(), while nothing
	 * else is asked of the steps: what they touch is their own. */
	enum step_answer (*apply)(struct step *, struct record *);
	/*
	 * The next three are for a step of spans that only looks at them, and are NULL for all others. Where it is the
	 * only step, nothing is indexed: read() gets each request in place of apply(), and reads on in it where it
	 * stopped, about *bytes bytes, which it takes off *bytes. True: there is more of the request.
	 */
	bool (*read)(struct step *, struct record *, struct bytes request, size_t *bytes);
	/* What became of the span that apply() saw last, behind the other steps. Always on the loop. */
	void (*passed)(struct step *, bool stays);
	/* The steps are done with the batch, and it may still be refused: what waits for that, or NULL. Before
	 * ended(true). */
	struct batch_note *(*note)(struct step *);
	/* The batch ends. If it was not taken, what was done since the last ended() has not happened. May be NULL. */
	void (*ended)(struct step *, bool taken);
	void (*destroy)(struct step *); /* takes NULL */
};

/* A check of something the host app needs. It looks every `interval`; no answer within `timeout` is a no. */
struct check_type {
	const char *name;
	const char *summary;
	const char *const *schemes; /* of the URLs that select it; ends with NULL; NULL: it has no URL */
	const struct option *options;
	size_t config_size;

	/* As of a collector. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	/* As of a collector. */
	int (*create)(const void *config, struct host *, struct check **ret) MUST_CHECK;
	/* Begins one look. It ends with host_checked(), exactly once, from a later callback or from start() itself. */
	void (*start)(struct check *);
	/* Time is up: ends the look without host_checked(). */
	void (*cancel)(struct check *);
	void (*destroy)(struct check *);
};

/* What the core lends. */
const char *host_name(const struct host *); /* "logs.collect.tail" */
struct loop *host_loop(struct host *);
struct lane *host_cpu_lane(struct host *);
struct lane *host_disk_lane(struct host *);
struct http_client *host_http(struct host *);
struct resolver *host_resolver(struct host *);
struct random *host_random(struct host *);
struct series *host_series(struct host *);
struct sampler *host_sampler(struct host *);
/* The embedded store: one file with one ceiling, shared by everything that is stored. NULL if it is not open: it is
 * opened then, and may be there when it is asked for again; if it cannot be opened, that is logged. */
struct store *host_store(struct host *);
const char *host_state_path(struct host *); /* the agent's own folder */
/* What the unfinished lines of all collectors may take beside `memory`. It outlives them. */
struct quota *host_unfinished(struct host *) __attribute__((returns_nonnull));
/* The longest line that there is room for: options may ask for more than the container leaves. */
size_t host_line_max(const struct host *);
size_t host_memory_most(const struct host *, enum signal); /* of host_memory(): what one signal can have */
size_t host_memory(const struct host *); /* the ceiling of `memory` that is in force, in bytes */
/* What all peers of one listener may make it hold beside `memory`; 0: nothing limits that. */
size_t host_room(const struct host *);
/* Appends what a text of the config struct would be if it were read now, which differs if a file that ${file:…} names
 * has changed. 0, or -errno if it cannot be read. May block: call it in the disk lane. */
int host_text_now(const struct host *, const char *text, struct buffer *to) MUST_CHECK;
uint64_t host_state_id(struct host *); /* 64 random bits, as old as the state folder */
void host_log(struct host *, enum log_level, const char *format, ...) PRINTF_LIKE(3, 4);
/* A number on /metrics and /status: oxpecker_NAME{component="…"}. A counter only grows, and its name ends in _total.
 * The same name asked for twice is the same number. */
uint64_t *host_counter(struct host *, const char *name, const char *help);
uint64_t *host_gauge(struct host *, const char *name, const char *help);
/* The same counter for each reason: oxpecker_NAME{component="…",reason="…"}. */
uint64_t *host_counter_by(struct host *, const char *reason, const char *name, const char *help);
/* A gauge with another label in place of component: oxpecker_NAME{label="value"}; the value is the component's own
 * name. */
uint64_t *host_own_gauge(struct host *, const char *label, const char *name, const char *help);
/* A gauge without labels, which all components that ask for it share: each adds and takes away its own part. */
uint64_t *host_common_gauge(struct host *, const char *name, const char *help);
/* A peer of a door has closed its connection in the middle of a request, as an app does that is killed. It is a reason
 * for the flight recorder to send what it has. */
void host_broke_off(struct host *);
/* A document was refused because of the destination's mapping of a field. Shown on /status. */
void host_mapping_conflict(struct host *, const struct mapping_conflict *);

/* What we write ourselves is not the app's telemetry. An exporter tells of each file that it opened to append to;
 * false: another one writes there, or our own log goes there. A collector asks about each file that it opened. */
bool host_writes(struct host *, int fd) MUST_CHECK;
bool host_is_written(struct host *, int fd) MUST_CHECK;
/* Whose turn it is to write to what the descriptor leads to (loop/pen.h), for as long as others may do so, too.
 * pen_unref() before destroy() returns. */
struct pen *host_pen(struct host *, int fd) __attribute__((returns_nonnull));

/* What the host app is and where it runs: service.name, host.name …; ends with a row without a name. */
struct resource {
	const char *name; /* of the Elastic Common Schema */
	const char *otel; /* the same as OpenTelemetry calls it */
	const char *value;
};
const struct resource *host_resource(struct host *);

/* Ends a collect(): the series are as fresh as they get. */
void host_collected(struct host *);
/* Metrics: what became of the samples of one scrape, and how many bytes it had. */
void host_samples(struct host *, const struct series_counts *, uint64_t bytes);
void host_checked(struct host *, bool fine, const char *why);

/*
 * Positions of files: up to where every destination has settled. `generation` is new for each new identity and each
 * truncation, and is committed before the first line under it is offered. No file has generation 0: a row of that
 * number is the collector's own.
 */
struct position {
	uint64_t generation;
	uint64_t dev, inode;
	int64_t birth_ns; /* 0 if the file system has none */
	uint64_t head_at; /* how many zeros it begins with */
	uint64_t head_hash; /* XXH3 of the head_size bytes behind them */
	uint32_t head_size;
	uint64_t offset;
	uint64_t before_hash; /* XXH3 of the before_size bytes before `offset` */
	uint16_t before_size; /* 0: not known */
	bool ended; /* the run before took all of it, and only that one could read it */
	const char *path;
};
/* Visits what this collector saved in earlier runs. For create() and start() only: it reads the disk. 0 or -errno. */
int host_positions_load(struct host *, void (*visit)(void *, const struct position *), void *context) MUST_CHECK;
uint64_t host_generation_next(struct host *);
/* Staged: replaces the row of the same generation in the next commit. */
void host_position_put(struct host *, const struct position *);
void host_position_forget(struct host *, uint64_t generation);
/* Writes what is staged, and the ledger that goes with it, in one transaction, then calls done(). Calls while one is
 * under way share the next. */
void host_positions_commit(struct host *, void (*done)(void *, int failed), void *context);

#endif
