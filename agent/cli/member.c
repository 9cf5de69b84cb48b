#include "cli/member.h"

#include "base/text.h"

long long member_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *member_text(const json_t *object, const char *key)
{
	char *value = (char *)json_string_value(json_object_get(object, key));

	if (value)
		text_one_line(value);
	return value ? value : "";
}
