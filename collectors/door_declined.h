/*
 * Requests that a door declines: for something that is not served there, or from a web page that `origins` does not
 * list. Each is counted, and the first of each kind is logged.
 */
#ifndef OXP_DOOR_DECLINED_H
#define OXP_DOOR_DECLINED_H

#include "component.h"
#include "config/option.h"
#include "http/server.h"

#define DOOR_ORIGINS_HELP                                                                                             \
	"Origins of web pages that may send here: scheme://host:port, or *. Their browsers get the headers of CORS, " \
	"also for a preflight. A request that a browser sends for a page of any other origin is answered 403."

enum door_declined_kind { DOOR_NO_PATH, DOOR_NO_METHOD, DOOR_OTHERS_PAGE, DOOR_OTHERS_NAME, DOOR_DECLINED_KINDS };

struct door_declined {
	struct host *host;
	bool told[DOOR_DECLINED_KINDS];
	uint64_t *foreign, *unserved;
};

/* Whether each entry is an origin; if not, the reason is written into `why`. */
bool door_check_origins(const struct option_list *, char *why, size_t room);
void door_declined_init(struct door_declined *, struct host *);
/* A request was answered with that status. `why` ends with a line end. The server's callback, and for a route that
 * finds out later. */
void door_declined_note(void *door_declined, const struct http_request *, unsigned status, const char *why);
/* The server's other callback: a peer broke off. */
void door_broke_off(void *door_declined);

#endif
