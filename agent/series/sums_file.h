/*
 * A file of records that outlives SIGKILL: what sums have come to, so that the next run goes on with them. A record has
 * a key, which stays, and a value of one size, which is written again and again.
 *
 *	header	whose file it is
 *	record	head, key, and the value twice: a new one is written over the older of the two
 *
 * Head with key, and each value, have a checksum of their own, so a kill between any two bytes leaves the value before
 * or the one behind, and a power cut that or none: nothing is synced. What cannot be read costs its record at most. All
 * stands in cells of SUMS_CELL bytes; a record that is removed leaves its cells to others of its size.
 *
 * The file is written, not mapped. The page cache outlives the process either way. A mapped file that a neighbour cuts
 * down kills whoever has mapped it (SIGBUS); and a store to a page that is being written back may wait for the disk,
 * wherever in the program it stands. Blocks are taken before they are written, so a full disk stops new records, and no
 * others.
 *
 * Others may have written to the file. Whatever it says, nothing is read beyond its records. A checksum tells a torn
 * record, not a forged one: keys and values are to be checked before they are used.
 */
#ifndef OXP_SERIES_SUMS_FILE_H
#define OXP_SERIES_SUMS_FILE_H

#include "base/bytes.h"

enum {
	SUMS_CELL = 64,
	SUMS_RECORD_MAX = 64 << 10, /* bytes of a record */
	SUMS_NAME_MAX = 200,
};
#define SUMS_FILE_MAX (UINT64_C(64) << 20)

struct sums_file;

/* Where a record stands; all zeros: nowhere. Only sums_file.c writes it, and its user clears it. */
struct sums_place {
	uint32_t file; /* its number: it is void if that is not sums_file_number() */
	uint32_t cell, cells;
	uint32_t key; /* bytes */
	uint64_t life; /* no other record has it, and a later one has a larger one */
	uint64_t serial; /* of the value */
};

struct sums_options {
	const char *folder; /* which is locked */
	const char *name;
	uint64_t seed; /* of the folder: another one's file is not ours */
	uint64_t most; /* bytes that the file may have; 0: SUMS_FILE_MAX */
};

enum sums_found { SUMS_NONE, SUMS_THERE, SUMS_SET_ASIDE /* it was not a file of ours, or of another version */ };

/* Opens the file if there is one; it is made with its first record. 0 or -errno; even then *ret is there, and the file
 * is tried again by sums_file_look(). A file that is not ours is renamed to NAME.corrupt-N. */
int sums_file_open(const struct sums_options *, struct sums_file **ret, enum sums_found *ret_found) MUST_CHECK;
void sums_file_close(struct sums_file *); /* NULL is fine */

struct sums_record {
	struct sums_place place;
	struct bytes key, value; /* until the visit returns */
	bool older; /* the value behind this one could not be read */
};
struct sums_visit {
	/* False: nobody wants it, and it goes. */
	bool (*record)(void *context, const struct sums_record *);
	void *context;
};
/* Visits all records, in no order. 0; -errno, and what was not read yet stays in the file as it is. *ret_damaged is how
 * many pieces could not be made sense of, and are free now. It reads the whole file: for the start. */
int sums_file_load(struct sums_file *, const struct sums_visit *, size_t *ret_damaged) MUST_CHECK;

/* One more record. 0, and *place says where; -E2BIG: larger than SUMS_RECORD_MAX; -ENOSPC: no room; -errno. */
int sums_file_add(struct sums_file *, struct bytes key, struct bytes value, struct sums_place *place) MUST_CHECK;
/* The key of a record, read again; *ret stands in the buffer. 0; -EBADMSG: it is not what it was; -errno. */
int sums_file_key(const struct sums_file *, const struct sums_place *, struct buffer *, struct bytes *ret) MUST_CHECK;
/* Another value, of the same size. 0; -errno, and what was there stays. */
int sums_file_change(struct sums_file *, struct sums_place *, struct bytes value) MUST_CHECK;
/* It goes with one of the next calls of sums_file_sweep(), and *place is cleared. */
void sums_file_remove(struct sums_file *, struct sums_place *, size_t value);
/* Frees so many of those that were removed. True: there are more, and nothing has failed. */
bool sums_file_sweep(struct sums_file *, size_t count);

/* Whether the name still leads to the file, which is whole. If not, it has another number from now on, all places are
 * void, and it is made anew with the next record. What has its name by then and is not ours is set aside, too. */
bool sums_file_look(struct sums_file *);
uint32_t sums_file_number(const struct sums_file *); /* never 0 */
uint64_t sums_file_size(const struct sums_file *); /* bytes on disk */
size_t sums_file_records(const struct sums_file *);

#endif
