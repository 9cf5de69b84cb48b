#include "collectors/door_declined.h"

#include <stdio.h>

#include "base/text.h"

enum { SHOWN_MAX = 100 }; /* of a path, in the log */

bool door_check_origins(const struct option_list *origins, char *why, size_t room)
{
	for (size_t i = 0; i < origins->count; i++) {
		const char *wrong = http_origin_wrong(origins->items[i]);
		if (wrong) {
			snprintf(why, room, "origins: \"%.100s\" %s", origins->items[i], wrong);
			return false;
		}
	}
	return true;
}

void door_declined_init(struct door_declined *d, struct host *host)
{
	*d = (struct door_declined){ .host = host };
	d->foreign = host_counter(host, "refused_origin_total",
		"Requests refused because they came from a web page that `origins` does not list.");
	d->unserved = host_counter(
		host, "unserved_total", "Requests for a path or method that is not served, answered 404 or 405.");
}

static enum door_declined_kind kind_of(const struct http_request *request, unsigned status)
{
	if (status != 403)
		return status == 404 ? DOOR_NO_PATH : DOOR_NO_METHOD;
	return http_request_header(request, "Origin") || http_request_header(request, "Sec-Fetch-Site")
		       ? DOOR_OTHERS_PAGE
		       : DOOR_OTHERS_NAME;
}

/* Each kind is logged by itself: what a stranger sends must not keep the app's mistake out of the log. */
static void tell_once(struct door_declined *d, const struct http_request *request, unsigned status, const char *why)
{
	bool *told = &d->told[kind_of(request, status)];
	char path[SHOWN_MAX + 1];

	if (*told)
		return;
	*told = true;
	snprintf(path, sizeof path, "%s", http_request_path(request));
	text_one_line(path);
	host_log(d->host, LOG_LEVEL_WARN, "a request for %s is answered %u: %.*s; further ones are counted", path,
		status, (int)strcspn(why, "\n"), why);
}

void door_declined_note(void *context, const struct http_request *request, unsigned status, const char *why)
{
	struct door_declined *d = context;

	++*(status == 403 ? d->foreign : d->unserved);
	tell_once(d, request, status, why);
}

void door_broke_off(void *context)
{
	host_broke_off(((struct door_declined *)context)->host);
}
