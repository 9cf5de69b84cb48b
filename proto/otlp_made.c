#include "proto/otlp_made.h"

#include <stdio.h>

#include "base/text.h"

enum { NAME_SHOWN = 32 };

void otlp_made_tell(const struct otlp_made *m, char *to, size_t room)
{
	char name[3 * NAME_SHOWN + 1];
	size_t size = m->name.size < NAME_SHOWN ? m->name.size : NAME_SHOWN;

	to[0] = '\0';
	if (m->refused == 0)
		return;
	while (size > 0 && size < m->name.size && ((unsigned char)m->name.data[size] & 0xc0) == 0x80)
		size--;
	name[utf8_mend(m->name.data, size, name)] = '\0';
	text_one_line(name);
	snprintf(to, room, "%llu of %llu spans refused; the first is span %llu, \"%s\": %s",
		(unsigned long long)m->refused, (unsigned long long)(m->refused + m->spans),
		(unsigned long long)m->number, name, m->why);
}
