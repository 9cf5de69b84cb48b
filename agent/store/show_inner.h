/*
 * What the parts of `show` know of each other: show.c asks and follows, show_match.c tells SQLite what rows say,
 * show_print.c writes them.
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

/* Rows as the queries of show.c have them. */
void show_print_log(sqlite3_stmt *, const struct page *);
void show_print_span(sqlite3_stmt *, const struct page *);
void show_print_sample(sqlite3_stmt *, const struct page *);

struct show_match; /* memory of the functions below */

/*
 * Adds to a connection, for the body of a log line:
 *   own_time(body, at)      when it was written, in ns; `at` where it does not say
 *   severity(body)          enum severity
 *   of_service(body, name)  whether it is of that service
 *   of_trace(body, id)      whether its trace's id begins so
 * NULL when SQLite does not take them.
 */
struct show_match *show_match_new(sqlite3 *) MUST_CHECK;
void show_match_free(struct show_match *); /* after the connection is closed; NULL is fine */

#endif
