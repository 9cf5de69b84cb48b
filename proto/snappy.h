/*
 * The block format of snappy (google/snappy, format_description.txt), by its own library.
 */
#ifndef OXP_SNAPPY_H
#define OXP_SNAPPY_H

#include "base/bytes.h"

/* Appends the packed form. 0, -ENOSPC or -ENOMEM. */
int snappy_pack(struct bytes, struct buffer *to) MUST_CHECK;
/* Appends what it was. 0, -EBADMSG, -ENOSPC or -ENOMEM. */
int snappy_unpack(struct bytes, struct buffer *to) MUST_CHECK;

#endif
