/*
 * One followed file: who it is, how far it was read, and turning what is new in it into a batch.
 *
 *   saved <= told <= offset <= size
 *
 * `offset` is the start of the first byte not offered, `saved` what every destination has settled. A last line
 * without its end is left in the file and read again later, so nothing is kept between two reads but the offset.
 */
#ifndef OXP_TAIL_FILE_H
#define OXP_TAIL_FILE_H

#include <sys/queue.h>

#include "collectors/tail_scan.h"
#include "proto/json_line.h"

enum tail_state {
	TAIL_NEW, /* its generation is not on disk yet: nothing may be offered */
	TAIL_COMMITTING,
	TAIL_FOLLOWED,
};

enum { TAIL_HEAD_MAX = 256 };

struct tail_file {
	TAILQ_ENTRY(tail_file) entry, ready_entry;
	struct tail_file *by_path, *by_inode; /* next in the tables' chains */
	char *path; /* its name, or the last one it had */
	int fd;
	struct tail_identity identity;
	uint64_t generation, offset, saved, head_hash;
	uint32_t head_size;
	uint32_t offers; /* under way */
	unsigned seen; /* number of the last scan that found it */
	unsigned idle_sweeps; /* since it was gone and did not grow */
	enum tail_state state;
	bool ready; /* in the queue of files to read */
	bool gone; /* its name is another's now, or nobody's */
	bool dirty; /* saved has moved since the last commit */
	bool skipping; /* inside a line that was cut */
};

/* What a read needs to know, and what it counts. */
struct tail_reader {
	struct host *host;
	const struct json_scan *scan;
	bool text; /* lines are no JSON, whatever they look like */
	uint64_t line_max;
	struct buffer message; /* for lines that become {"message": …} */
	uint64_t *lines, *bytes, *not_json, *cut, *empty;
};

enum tail_read { TAIL_READ_MORE, TAIL_READ_END, TAIL_READ_FULL, TAIL_READ_FAILED };

/* Offers what one slice can take. MORE: there may be more. FULL: no room, nothing was taken. `end` is where the
 * batch that was offered ends; 0 when none was. `token` is what the batch is given. */
enum tail_read tail_file_read(struct tail_file *, struct tail_reader *, uint64_t token, bool *ret_offered);
/* Hashes the beginning that is there now, if it was shorter before. */
void tail_file_head(struct tail_file *);
/* Whether the file begins with the bytes of that hash. */
bool tail_head_is(int fd, uint64_t hash, uint32_t size);

#endif
