/* What tests may ask of a `tail`. */
#ifndef OXP_TAIL_H
#define OXP_TAIL_H

struct collector;

/* Breaking an invariant of its parts aborts. */
void tail_collector_check(const struct collector *);

#endif
