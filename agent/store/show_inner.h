/*
 * What the parts of `show` share: show.c queries and follows, show_match.c gives SQLite functions that look into rows,
 * show_print.c prints rows.
 */
#ifndef OXP_STORE_SHOW_INNER_H
#define OXP_STORE_SHOW_INNER_H

#include <sqlite3.h>
#include <stdio.h>

#include "base/bytes.h"

struct page {
	FILE *to;
	bool json, colour;
};

/* Rows as the queries of show.c return them. */
void show_print_log(sqlite3_stmt *, const struct page *);
void show_print_span(sqlite3_stmt *, const struct page *);
void show_print_sample(sqlite3_stmt *, const struct page *);

struct show_match; /* memory of the functions below */

/*
 * Adds to a connection, for the body of a log line:
 *   own_time(body, at)      the line's own time in ns, or `at` if it has none
 *   severity(body)          enum severity
 *   of_service(body, name)  whether it is of that service
 *   of_trace(body, id)      whether its trace's id begins with that
 * NULL if SQLite refuses them.
 */
struct show_match *show_match_new(sqlite3 *) MUST_CHECK;
void show_match_free(struct show_match *); /* after the connection is closed; NULL is fine */

#endif
