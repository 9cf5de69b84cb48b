/*
 * Outlives files that are cut while they are mapped. SQLite maps its index of the WAL (`state.db-shm`, `store.db-shm`).
 * If somebody who may write to the folder cuts that file, the next look at a page that is gone is SIGBUS, which would
 * end the process. Nothing else of ours is mapped for writing. What waits for a destination is mapped for reading, from
 * files that nobody else can open (pipeline/shelf.h); only a disk that breaks takes pages of these away.
 *
 * A page that is gone becomes one of our own, all of it 0xff: no index that SQLite takes for whole. Its header then has
 * the wrong checksum, so the index is read again from the WAL; a table of frames without an end is a database that is
 * damaged (SQLITE_CORRUPT), as if the file itself had been written to. A file is cut from its end, and in each part of
 * the index the tables that are searched stand last, so none is left that leads to pages that are gone.
 */
#ifndef OXP_CUT_MAPS_H
#define OXP_CUT_MAPS_H

/* For all threads that do not block SIGBUS. Call it at the start. */
void cut_maps_outlive(void);

#endif
