/*
 * What was pushed, in a file that the next run reads: NAME.pages in the state folder, of series/sums_file.h.
 *
 *   owner   a group or a worker: who it is, and when it was pushed to. Its value is written again in place
 *   page    of an owner, in parts, with a number; what came later has a larger one. It is there if all parts are
 *   sum     what the dead have left: pages of text whose series add up, a part each. The latest that has its end counts
 *
 * The first page of an owner is written before its owner, and an owner goes before its pages: a page without one is
 * none. What another page replaces leaves the file when no page is half-written. So after a kill between any two writes
 * there is the state before or the one behind.
 *
 * A page whose owner's worker is dead, or has begun anew, is marked with a number. The next sum has a larger number,
 * and all pages that are marked by then in it: they go, and if a kill comes before that, they do not count.
 *
 * What cannot be written is logged and counted; it is tried again every few seconds, and nothing else waits for that.
 */
#ifndef OXP_PUSH_FILE_H
#define OXP_PUSH_FILE_H

#include <sys/queue.h>

#include "loop/loop.h"
#include "proto/exposition_parse.h"
#include "series/sums_file.h"

struct host;
struct json_writer;
struct batch;

enum {
	PUSH_PART_MAX = SUMS_RECORD_MAX - 256, /* bytes of a page in a part */
	PUSH_PARTS_MAX = 65536, /* parts and owners that are read at the start; further ones go */
	PUSH_SAVED_AT_ONCE = 256 << 10, /* bytes, in a callback: 0.2 ms */
};

enum push_owner_kind { PUSH_GROUP = 1, PUSH_WORKER };

/* Only push_file.c writes it, but for the last three. */
struct push_owner {
	LIST_ENTRY(push_owner) entry;
	struct sums_place place;
	bool listed;
	uint64_t id; /* push_file_number(), or as it was found */
	enum push_owner_kind kind;
	struct bytes identity; /* stays for as long as the owner */
	struct wall_time pushed, failed;
};

enum push_saved_state { PUSH_UNSAVED, PUSH_SAVED, PUSH_NOT_SAVED /* it failed */ };

/* What the file has of a page, or of a sum. Only push_file.c writes it. */
struct push_saved {
	TAILQ_ENTRY(push_saved) entry;
	uint64_t owner, number; /* 0: it is a sum */
	uint64_t marked; /* 0: it is not */
	enum exposition_format format;
	bool replaces;
	enum push_saved_state state;
	struct bytes text; /* NULL: nobody has it any more, or ever had */
	size_t at; /* bytes that are saved */
	struct sums_place *parts;
	size_t count, room;
};

TAILQ_HEAD(push_saved_list, push_saved);

/* Invariant: `unsaved` pages of the list are PUSH_UNSAVED. */
struct push_file {
	struct host *host;
	struct sums_file *file; /* NULL: nothing is saved */
	char name[SUMS_NAME_MAX];
	struct push_saved_list pages;
	LIST_HEAD(push_owner_list, push_owner) owners;
	size_t unsaved;
	uint64_t last; /* number that was given */
	uint64_t losses; /* how often the file was lost while it was open */
	int failed; /* why not all is saved; 0 */
	bool failed_since; /* the last look */
	bool owes_sum; /* nothing that it has says what is in the sum of the dead */
	struct loop_timer look;
	struct loop_soon more;
	void (*looked)(void *context); /* NULL: nobody wants to know */
	void *context;
	struct buffer key; /* that is made */
	size_t restored, damaged;
	uint64_t *pages_shown, *bytes, *failures, *lost;
};

/* Opens the file. Whatever is wrong with it is logged. */
void push_file_init(struct push_file *, struct host *);
/* `looked` is called every few seconds, when it was looked whether the file is still there. NULL is fine. */
void push_file_watch(struct push_file *, void (*looked)(void *context), void *context);
/* All that is unsaved: nothing comes any more. */
void push_file_end(struct push_file *);
/* Nothing is written or removed from here on. Fine on zeroed memory, and twice. */
void push_file_close(struct push_file *);
/* When all pages and owners are gone. Fine on zeroed memory. */
void push_file_done(struct push_file *);
void push_file_report(const struct push_file *, struct json_writer *);

uint64_t push_file_number(struct push_file *); /* the next one */

/* Adds the owner, or writes its times. */
void push_file_own(struct push_file *, struct push_owner *);
void push_file_disown(struct push_file *, struct push_owner *);

/* A page of that owner that is to be saved; the text stays until it is removed or marked. NULL: nothing is saved. */
struct push_saved *push_file_page(
	struct push_file *, uint64_t owner, struct bytes text, enum exposition_format, bool replaces);
/* Saves so many bytes of it. True: there is more, and nothing has failed. NULL is fine. */
bool push_file_some(struct push_file *, struct push_saved *, size_t bytes);
/* Nobody has its text any more, and what it counted is in no sum yet. NULL is fine. */
void push_file_mark(struct push_file *, struct push_saved *);
/* It goes, and is freed. NULL is fine. */
void push_file_remove(struct push_file *, struct push_saved *);

/* A sum without any part. NULL: nothing is saved. */
struct push_saved *push_file_sum(struct push_file *);
/* Its next part, at most PUSH_PART_MAX bytes. 0 or -errno. */
int push_file_sum_put(struct push_file *, struct push_saved *, struct bytes part, bool last) MUST_CHECK;

/* Whether the sum is to be written since a page that is in it is not there. All is not saved until it is. */
void push_file_owe_sum(struct push_file *, bool owed);

/* Something has no place in it, or in memory. */
void push_file_left_out(struct push_file *, int failed);

/*
 * For push_found.c, which reads the file at the start.
 */
enum push_part_kind { PUSH_PART_GROUP = PUSH_GROUP, PUSH_PART_WORKER = PUSH_WORKER, PUSH_PART_PAGE, PUSH_PART_SUM };
/* The key of a record: this, and then the bytes of the part, or the owner's identity. */
struct push_part_key {
	uint8_t kind, format, replaces, zero[5];
	uint64_t owner, number;
	uint64_t at; /* of its bytes in the page */
	uint64_t total; /* bytes of the page; of a sum this is known with its last part, and 0 before */
};
/* Its value: of a page in its first part. */
struct push_part_value {
	uint64_t marked;
	int64_t pushed, failed;
};

/* `to` is that owner from now on, with an identity of its own. */
void push_file_adopt(struct push_file *, struct push_owner *to, const struct push_owner *found, struct bytes identity);
/* A page that is there already; its text stands there from now on. */
void push_file_adopt_page(struct push_file *, struct push_saved *, struct bytes text);
/* That number was given in an earlier run. */
void push_file_number_seen(struct push_file *, uint64_t number);
/* What the start has found: pages, and pieces that are no part of any; and why it found no more, as -errno. */
void push_file_found(struct push_file *, size_t pages, size_t damaged, int failed);

#endif
