#include "http/redirect.h"

#include <curl/curl.h>
#include <errno.h>
#include <strings.h>

bool http_is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

struct bytes http_location(struct bytes line)
{
	static const char name[] = "location:";
	size_t size = sizeof name - 1;

	while (line.size > 0 && strchr("\r\n", line.data[line.size - 1]))
		line.size--;
	if (line.size < size || strncasecmp(line.data, name, size) != 0)
		return (struct bytes){ NULL, 0 };
	return bytes_trimmed((struct bytes){ line.data + size, line.size - size });
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *one = NULL, *other = NULL;
	bool same = curl_url_get(a, part, &one, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		    curl_url_get(b, part, &other, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(one, other) == 0;

	curl_free(one);
	curl_free(other);
	return same;
}

static int resolve(CURLU *from, CURLU *moved, const char *url, const char *location, char **ret)
{
	if (curl_url_set(from, CURLUPART_URL, url, 0) != CURLUE_OK ||
		curl_url_set(moved, CURLUPART_URL, url, 0) != CURLUE_OK ||
		curl_url_set(moved, CURLUPART_URL, location, 0) != CURLUE_OK)
		return -EINVAL;
	/* A fragment is for whoever shows the page, a user's name for nobody. */
	if (curl_url_set(moved, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
		curl_url_set(moved, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
		curl_url_set(moved, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK)
		return -EINVAL;
	if (!same_part(from, moved, CURLUPART_SCHEME) || !same_part(from, moved, CURLUPART_HOST) ||
		!same_part(from, moved, CURLUPART_PORT))
		return -EXDEV;
	return curl_url_get(moved, CURLUPART_URL, ret, 0) == CURLUE_OK ? 0 : -EINVAL;
}

int http_redirect(const char *url, const char *location, char *to, size_t room)
{
	CURLU *from = curl_url(), *moved = curl_url();
	char *made = NULL;
	int failed = from && moved ? resolve(from, moved, url, location, &made) : -ENOMEM;

	if (!failed && strlen(made) >= room)
		failed = -ENAMETOOLONG;
	if (!failed)
		memcpy(to, made, strlen(made) + 1);
	curl_free(made);
	curl_url_cleanup(from);
	curl_url_cleanup(moved);
	return failed;
}
