/*
 * What a process of this machine is called, to tell a person who is meant.
 */
#ifndef OXP_PROCESS_NAME_H
#define OXP_PROCESS_NAME_H

enum { PROCESS_NAME_ROOM = 32 };

/* The kernel's name of it (proc(5), comm), as one line; "?" if it is in another namespace, or has ended. */
void process_name(long pid, char to[PROCESS_NAME_ROOM]);

#endif
