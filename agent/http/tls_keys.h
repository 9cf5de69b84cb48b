/*
 * The pair that a server shows, as its files have it now.
 *
 * Whoever is about to shake hands asks for the pair. The files are looked at then, in the disk lane; many who ask at
 * the same time share one look. If one of the files has changed since it was read (or a link of Kubernetes, `..data`,
 * leads elsewhere), all are read again. If that fails, as while only one of certificate and key has been replaced, the
 * pair before stays in use, which is told once. A disk that does not answer holds nobody up for longer than
 * TLS_LOOK_MS.
 */
#ifndef OXP_HTTP_TLS_KEYS_H
#define OXP_HTTP_TLS_KEYS_H

#include <sys/queue.h>

#include "base/log.h"
#include "http/tls.h"
#include "loop/lane.h"

enum { TLS_LOOK_MS = 250 };

struct tls_keys;

struct tls_keys_options {
	struct tls_options files; /* the texts outlive the keys */
	struct lane *disk;
	/* What became of the files, in words. */
	void (*tell)(void *context, enum log_level, const char *text);
	void *context;
};

/* Somebody who asks. Embedded; nothing else is to be set. */
struct tls_ask {
	TAILQ_ENTRY(tls_ask) entry;
	struct tls_keys *keys; /* while it waits */
	void (*ready)(struct tls_ask *, struct tls_pair *); /* which may be held */
};

/* Reads the files, here and now. 0; or -errno, told. */
int tls_keys_new(struct loop *, const struct tls_keys_options *, struct tls_keys **ret) MUST_CHECK;
void tls_keys_free(struct tls_keys *); /* nobody waits any more; NULL is fine */
/* Calls ready() once, from within the call or later, unless it is cancelled. */
void tls_keys_ask(struct tls_keys *, struct tls_ask *, void (*ready)(struct tls_ask *, struct tls_pair *));
void tls_ask_cancel(struct tls_ask *); /* also if it has had its answer */
struct wall_time tls_keys_end(const struct tls_keys *); /* when the certificate that is shown runs out */
const char *tls_keys_wrong(const struct tls_keys *); /* why what the files have now is not in use; NULL: it is */

#endif
