/*
 * What a component is, and what the core lends it.
 *
 * A collector brings telemetry in, an exporter takes it out, a check asks whether something the host app needs is
 * there. Each is one const struct at the foot of one file, listed in registry.c; the core finds it by name, reads
 * its options into its config struct and calls it. Components never meet each other: all they know of the world is
 * their `struct host`.
 *
 * Every callback runs on the loop thread and returns within about a millisecond. What may take longer (compress, fsync,
 * a query) goes to a lane (loop/lane.h) and comes back as a callback. In a lane nothing of this file may be called but
 * what reads a sealed batch: batch_items(), batch_item(), batch_size(), batch_signal(). So what the work needs to know
 * besides, such as which items the send wants, goes along as a copy.
 *
 * Who writes an exporter needs the batch, the send, exporter_type and what the core lends; a collector: building
 * batches, host_offer() and collector_type; a step or a check: its own type.
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
struct mapping_conflict;
struct lane;
struct loop;
struct random;
struct resolver;
struct series;
struct series_counts;
struct store;

enum signal { SIGNAL_METRICS = 1, SIGNAL_LOGS = 2, SIGNAL_TRACES = 4 };

/* What a collector does when the pipeline is full. Data, so that one conformance test can hold every collector to
 * it. */
enum when_full {
	FULL_PAUSE, /* stop reading; the file or the kernel keeps it */
	FULL_REFUSE, /* answer 429 or 503 with Retry-After; the peer keeps it */
	FULL_DROP, /* leave it in the kernel's buffer for a while, then lose it and tell host_lost(): pipes, sockets */
};

/* What may be read again after a restart. It decides where the source's ledger lives (status/ledger.h). */
enum rewind {
	REWIND_NONE, /* a socket: what was taken is ours */
	REWIND_SAVED, /* a file: reading starts at the saved position, so nothing behind it has happened */
};

enum admit { ADMIT_TAKEN, ADMIT_FULL, ADMIT_REFUSED };

/* How a send, or one item of it, ended. */
enum outcome {
	DELIVERED, /* the destination has answered that it has it */
	RETRY, /* nobody's fault: it cannot be reached, or says later; try again, not before the time given */
	/* Of a send: it was reached and did not answer (silence, a reset, an end within the answer). As RETRY; but
	 * something in this send may be why, and the sender finds out by what becomes of others and of its halves. */
	UNANSWERED,
	FAILED, /* likewise, of a send or an item: it answered that it could not (500, the page of a firewall) */
	REJECTED, /* it will never be taken; the core parks it with the reason */
	SPLIT, /* of a send: too large for the destination, try the halves; of one item alone it means REJECTED */
};

/*
 * A batch: records of one signal from one collector, with the memory they stand in.
 *
 *   building  one owner, the collector; grows
 *   sealed    const for everyone; counted by reference: the delivery holds one, a lane that reads it another
 *
 * An item is what a destination takes or refuses: one log line, or one OTLP request of several spans. Its bytes
 * stand in a block of the batch and never move. (generation, offset) is where it came from, and with the state id
 * makes the document's id; a collector that has no such place (REWIND_NONE) leaves both to the core, but for records
 * that whoever wrote them has named: those have a generation of PLACE_NAMED or more, which no other comes to, and 83
 * bits in all that follow from the name.
 */
struct batch;
#define PLACE_NAMED (UINT64_C(1) << 35)
#define PLACE_OFFSET_MAX ((UINT64_C(1) << 48) - 1)
struct batch_item {
	const char *data;
	uint32_t size;
	uint32_t records; /* log lines or spans in it */
	uint64_t generation;
	uint64_t offset;
};

/* NULL when there is no room within `memory` for this signal: act by when_full; resume() tells of room. */
struct batch *host_batch_new(struct host *, enum signal) MUST_CHECK;
/* Memory of the batch for `size` bytes and BATCH_PADDING readable ones behind them, or NULL as above. */
char *batch_block(struct batch *, size_t size) MUST_CHECK;
/* Makes the newest block larger, in which no item stands yet. What is in it may move. NULL: no room, it stays as it
 * is. */
char *batch_block_grow(struct batch *, size_t size) MUST_CHECK;
enum { BATCH_PADDING = 64 };
/* The last block turned out shorter; returns where it stands now. Items that were added from it move with it, any other
 * pointer into it is void. */
char *batch_block_trim(struct batch *, size_t size) MUST_CHECK;
/* 0 or -ENOMEM (no room within `memory`). The item of a log line has no line end in it from here on: those between the
 * tokens of its JSON become spaces, in a copy. Who has no more use for the bytes saves that memory with
 * bytes_make_one_line() before. */
int batch_add(struct batch *, const struct batch_item *) MUST_CHECK;
/* What settled() will be given once every destination has settled this batch. At most one for each offered batch. */
void batch_token(struct batch *, uint64_t token);
void batch_free(struct batch *); /* while building; NULL is fine */
/* Keeps a sealed batch beyond send_done(), for a lane that still reads it. Each batch_keep() has its batch_unkeep(). */
const struct batch *batch_keep(const struct batch *);
void batch_unkeep(const struct batch *);

enum signal batch_signal(const struct batch *);
size_t batch_items(const struct batch *);
uint64_t batch_records(const struct batch *);
size_t batch_size(const struct batch *); /* the sum of the item sizes */
/* Item i, valid as long as the batch. */
const struct batch_item *batch_item(const struct batch *, size_t i);

/*
 * Offers a batch to the pipeline. Takes it and sets *batch to NULL if and only if it returns ADMIT_TAKEN; otherwise the
 * caller still owns it and acts by its own when_full.
 */
enum admit host_offer(struct host *, struct batch **batch) MUST_CHECK;

/*
 * The same for who answers once the records are on disk (`ack: disk`). When it returns ADMIT_TAKEN, done() is called
 * exactly once, from a later callback or from within the call: 0, they are on disk and on their way; -errno, they are
 * nowhere and count for nothing, let the peer keep them. For sources that cannot be read again.
 */
enum admit host_offer_kept(struct host *, struct batch **batch, void (*done)(void *context, int failed),
	void *context) MUST_CHECK;

/* The process ends and may be killed any time: who answers does so with host_offer_kept(), whatever `ack` says. */
bool host_ends(const struct host *);

/* Logs and traces: so much has come and is lost, since the pipeline is full (FULL_DROP). */
void host_lost(struct host *, uint64_t records, uint64_t bytes);
/* Logs and traces, of a source that cannot be read again: so much has come and is refused here for good, since no
 * destination could take it (rejected). The peer is told. */
void host_refused(struct host *, uint64_t records, uint64_t bytes);

/*
 * A send under way: one batch, one exporter, one try. Of the batch's items it is about those that send_wants(). The
 * exporter names the items that fared differently with send_item(), in any order, each at most once, at any time before
 * the end (a cancel may still come between); then it ends the send with send_done() exactly once, from any later
 * callback or from send() itself, and `send` is gone. `rest` is for the items that were not named, if there are any. An
 * item that was named DELIVERED or REJECTED is not wanted any more. Who breaks this ends the process.
 *
 * Up to `concurrency` sends (2, unless configured) are under way at once: what belongs to one goes with it, see
 * send_context_set(). Reasons are copied, cut at 256 bytes, and shown to people: on /status, in the log, and with a
 * parked record.
 */
struct send;
size_t send_first(const struct send *); /* items first … end - 1 are this send's */
size_t send_end(const struct send *);
struct wall_time send_sealed(const struct send *); /* when its batch was complete: the same for each try */
bool send_wants(const struct send *, size_t item); /* false: it settled in an earlier try */
void send_item(struct send *, size_t item, enum outcome, const char *reason);
void send_done(struct send *, enum outcome rest, const char *reason);
/* Of the records that send_done(DELIVERED) is about to settle, so many were refused, and nobody can say which (OTLP
 * partial success). */
void send_partial(struct send *, uint64_t records, const char *reason);
/* The destination named a time before which it wants no more, in ms from now. To be called before send_done(). */
void send_not_before(struct send *, uint64_t ms);
/* The try failed where it went, and there is another place to try right now: no back-off. Before send_done(RETRY). As
 * often in a row as there are other places, no more. */
void send_elsewhere(struct send *);
/* What the exporter keeps for this send, until send_done(). */
void send_context_set(struct send *, void *context);
void *send_context(const struct send *);

struct collector_type {
	const char *name; /* as written in the configuration */
	const char *summary; /* one sentence for the reference */
	unsigned signals;
	enum when_full when_full;
	enum rewind rewind;
	const struct option *options; /* ends with a row without a name */
	size_t config_size;

	/* As of an exporter. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	/* Whether what it listens on takes datagrams, whose ports are others than those of TCP. NULL: no. */
	bool (*datagrams)(const void *config);
	/* `config` outlives the collector and does not change. On failure *ret is untouched and the reason is
	 * logged. */
	int (*create)(const void *config, struct host *, struct collector **ret) MUST_CHECK;
	int (*start)(struct collector *) MUST_CHECK;
	/* Whether what was there at the start is followed by now; until then the process is not ready, as what happens
	 * meanwhile may go unseen. Soon true, whatever fails. May be NULL. */
	bool (*began)(const struct collector *);
	/* There is room again after ADMIT_FULL or a NULL block. May be NULL for collectors that refuse or drop. */
	void (*resume)(struct collector *);
	/* Every destination has settled the batch with this token (delivered, parked or spooled), and all offered
	 * before it. May be NULL. */
	void (*settled)(struct collector *, uint64_t token);
	/* Metrics only: bring the series up to date before `deadline`, then call host_collected() once. May be NULL. */
	void (*collect)(struct collector *, struct mono_time deadline);
	/* Further members of the source's object on /status, each with a comma before it. `troubles` is a list of what
	 * cannot be read: `{"file":…,"why":…}`. May be NULL. */
	int (*report)(const struct collector *, struct buffer *) MUST_CHECK;
	/* The process is asked to end: read what is there to its end, wait for nothing. */
	void (*drain)(struct collector *);
	/* Nothing is left to read, nobody is half-way through giving. Asked while draining. */
	bool (*quiet)(struct collector *);
	void (*stop)(struct collector *); /* no more offers after it; may be called without start */
	/* The lanes are empty, and every done() of host_offer_kept() was called. NULL is fine, so is half-built. */
	void (*destroy)(struct collector *);
};

struct exporter_type {
	const char *name;
	const char *summary;
	unsigned signals;
	const struct option *options;
	size_t config_size;

	/* Whether options that are each fine go together; what does not is written into `why`. Asked while the
	 * configuration is read, and touches nothing else. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	/* Only for options that check() found fine. On failure *ret is untouched and the reason is logged. */
	int (*create)(const void *config, struct host *, struct exporter **ret) MUST_CHECK;
	/* The batch stays valid until send_done(). Never blocks, never retries: the sender does. Much cheap work, such
	 * as a datagram for each item, is done some dozens at a time with loop_soon_run() (loop/loop.h) in between. */
	void (*send)(struct exporter *, const struct batch *, struct send *);
	/* The sender lost patience: end this send now, with RETRY. */
	void (*cancel)(struct exporter *, struct send *);
	/* Further members of the destination's object on /status, each with a comma before it: `,"host":"a:9200"`. May
	 * be NULL. */
	int (*report)(const struct exporter *, struct buffer *) MUST_CHECK;
	/* Every send has ended and the lanes are empty. NULL is fine. */
	void (*destroy)(struct exporter *);
};

enum step_answer {
	STEP_KEEP, /* as it is, or as edited */
	STEP_DROP, /* this record ends here; counted as dropped{step} */
	STEP_FOLD, /* it is in the one before; what folds() says, no answer of apply() */
};

/*
 * A step looks at each record between collector and batch, in the order of the configuration: it edits it or has it
 * dropped. What a step does to a batch counts only when the pipeline takes that batch: settle() tells.
 */
struct step_type {
	const char *name;
	const char *summary;
	unsigned signals;
	const struct option *options;
	size_t config_size;

	/* As of an exporter. May be NULL. */
	bool (*check)(const void *config, char *why, size_t room);
	int (*create)(const void *config, struct host *, struct step **ret) MUST_CHECK;
	/* Whether the record goes into the one before it that passed this step; then it is counted as merged and not
	 * applied. Such a run ends with folded(), which may edit the record that stands for it, as it was written. Both
	 * may be NULL. */
	bool (*folds)(struct step *, struct record *);
	void (*folded)(struct step *, struct record *);
	/* Never blocks and allocates nothing that grows with the lines. Who cannot do his work answers DROP. */
	enum step_answer (*apply)(struct step *, struct record *);
	/* Ends a batch; not `taken`: what was done since the last settle() has not happened. May be NULL. */
	void (*settle)(struct step *, bool taken);
	void (*destroy)(struct step *); /* NULL is fine */
};

/* A check of something the host app needs. It is asked every `interval`; no answer within `timeout` is a no. */
struct check_type {
	const char *name;
	const char *summary;
	const char *const *schemes; /* of the URL that selects it, ends with NULL */
	const struct option *options;
	size_t config_size;

	int (*create)(const void *config, struct host *, struct check **ret) MUST_CHECK;
	/* Begins one look. Ends with host_checked() exactly once, from a later callback or from start() itself. */
	void (*start)(struct check *);
	/* Time is up: end the look without host_checked(). */
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
/* The embedded store: one file with one ceiling, shared by all who keep things in it. NULL: it cannot be opened, and
 * that was logged. */
struct store *host_store(struct host *);
const char *host_state_path(struct host *); /* the folder that is ours */
size_t host_memory(const struct host *); /* `memory`, in bytes, or what of it this process may have */
/* Appends what a text of the config struct would be if it was read now: another one where a file that ${file:…} names
 * has changed. 0, or -errno when it cannot be read. It may block: in the disk lane. */
int host_text_now(const struct host *, const char *text, struct buffer *to) MUST_CHECK;
uint64_t host_state_id(struct host *); /* 64 random bits, born with `state` */
void host_log(struct host *, enum log_level, const char *format, ...) PRINTF_LIKE(3, 4);
/* A number on /metrics and /status: oxpecker_NAME{component="…"}. A counter only grows and its name ends in _total; the
 * same name given twice is the same number. */
uint64_t *host_counter(struct host *, const char *name, const char *help);
uint64_t *host_gauge(struct host *, const char *name, const char *help);
/* A gauge with a label of its own in place of component: oxpecker_NAME{label="value"}, the component's own name as
 * value. */
uint64_t *host_own_gauge(struct host *, const char *label, const char *name, const char *help);
/* A document was refused for what the destination's mapping says of a field: shown on /status. */
void host_mapping_conflict(struct host *, const struct mapping_conflict *);

/* What the host app is and where it runs: service.name, host.name …; ends with a row without a name. */
struct resource {
	const char *name, *value;
};
const struct resource *host_resource(struct host *);

/* Ends a collect(): the series are as fresh as they get. */
void host_collected(struct host *);
/* Metrics: what became of the samples of one scrape, and the bytes it had. */
void host_samples(struct host *, const struct series_counts *, uint64_t bytes);
void host_checked(struct host *, bool fine, const char *why);

/*
 * Positions of files: how far every destination has settled. `generation` is a number that is new for each new identity
 * and each truncation, and is committed before the first line under it is offered. None is 0: a row of that number is
 * the collector's own, and no file.
 */
struct position {
	uint64_t generation;
	uint64_t dev, inode;
	int64_t birth_ns; /* 0 where the file system tells none */
	uint64_t head_at; /* 0, or what it begins with are so many zeros */
	uint64_t head_hash; /* XXH3 of the head_size bytes from there on */
	uint32_t head_size;
	uint64_t offset;
	uint64_t before_hash; /* XXH3 of the before_size bytes that stand before `offset` */
	uint16_t before_size; /* 0: not known */
	const char *path;
};
int host_positions_load(struct host *, void (*visit)(void *, const struct position *), void *context) MUST_CHECK;
uint64_t host_generation_next(struct host *);
/* Staged: replaces the row of the same generation with the next commit. */
void host_position_put(struct host *, const struct position *);
void host_position_forget(struct host *, uint64_t generation);
/* Writes what is staged, and the ledger that goes with it, in one transaction; then calls done(). Calls made while
 * one is under way share the next. */
void host_positions_commit(struct host *, void (*done)(void *, int failed), void *context);

#endif
