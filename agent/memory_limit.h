/*
 * How much telemetry the process may hold: `memory`, or less if the cgroup would kill the process before it got there;
 * and what is left for the rest.
 */
#ifndef OXP_MEMORY_LIMIT_H
#define OXP_MEMORY_LIMIT_H

#include <stddef.h>
#include <stdint.h>

/* `limit` is the cgroup's, UINT64_MAX if there is none (base/cgroup.h). Not less than 2 MiB, unless less is wanted. */
uint64_t memory_within(uint64_t wanted, uint64_t limit);

/*
 * What the container leaves beside `memory`; 0 if nothing limits it. What strangers can make the process hold there, at
 * doors and at `listen`, is bounded by parts of this.
 */
uint64_t memory_beside(uint64_t memory, uint64_t limit);
/* How much free memory the allocator may keep while much comes: up to `memory` again, if the container leaves that
 * beside what the process may need; `beside` is what memory_beside() says. */
size_t memory_kept(uint64_t memory, uint64_t beside);
/* The part that one listener may have, with all its peers. */
uint64_t memory_of_listener(uint64_t beside);

/*
 * The longest line that such a `memory` has room for: a sixteenth of it, but always 1 MiB. With everything that is made
 * of it, a line may take nine times its size of `memory`: as it came; as a message, in which each byte may be escaped;
 * two of that while steps work on it; and that as they leave it. Three times its size stand beside it until then.
 */
uint64_t memory_line_max(uint64_t memory);
/* A `memory` that has room for such a line. */
uint64_t memory_for_line(uint64_t line_max);

#endif
