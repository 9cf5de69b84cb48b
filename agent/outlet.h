/*
 * Outlets: the exporters, each with what it was lent and its sender, in the order of the configuration. The sender owns
 * the exporter itself.
 */
#ifndef OXP_OUTLET_H
#define OXP_OUTLET_H

#include "base/clock.h"
#include "component.h"

struct buffer;
struct export_config;
struct sender;
struct source;

struct outlet {
	struct outlet *next;
	struct sender *sender;
	struct host *host;
	enum signal signal;
	const struct export_config *config;
	struct duration within; /* how long it may settle nothing before it counts as stalled: health.delivery */
};

struct outlets {
	struct outlet *first;
};

/* Adds a copy of what is given. */
struct outlet *outlet_new(struct outlets *, const struct outlet *) __attribute__((returns_nonnull));
/* Routes the source to each outlet of its signal that takes from this collector. */
void outlets_route(const struct outlets *, struct source *, const char *collector);
/* Appends how much waits for each of them, for people, as far as there is room. */
void outlets_tell_waiting(const struct outlets *, struct buffer *);
void outlets_done(struct outlets *); /* the senders are the pipeline's */

#endif
