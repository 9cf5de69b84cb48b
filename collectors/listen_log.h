/*
 * What collectors say in the log of the addresses that they listen on.
 */
#ifndef OXP_COLLECTORS_LISTEN_LOG_H
#define OXP_COLLECTORS_LISTEN_LOG_H

struct host;

/* It cannot be listened on, -errno; `option` is where it is written. `type` as in listen_why(). */
void listen_log_failed(struct host *, const char *option, const char *address, int type, int failed);
/* The socket file was removed, and was created again, or not: -errno. The same reason as `before` is not said again. */
void listen_log_anew(struct host *, const char *address, int type, int failed, int before);

#endif
