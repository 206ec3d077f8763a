/* URLs as text, before libcurl parses them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

/* Whether the bytes end in the middle, or end a line: libcurl would send them
   as they are. */
bool url_text_breaks(const char *text, size_t size);

/* How many bytes behind the host are none that a URI has (RFC 3986 2). Control
   characters do not count, and blanks only with `blanks`: libcurl refuses them. */
size_t url_text_foreign(const char *text, size_t size, bool blanks);

/* The text with those percent-encoded, to be freed; NULL when memory ran out. */
char *url_text_encode(const char *text, size_t size, bool blanks);

/* The length of what is before the path, where that is http or https, a host of
   letters, digits, dots and hyphens, and a port or none; 0 where it is not. */
size_t url_text_place(const char *text, size_t size);

/* Whether libcurl sends the path at `at`, and what is behind it, as it is written. */
bool url_text_is_sent_so(const char *at, size_t size);

/* Whether this, behind a path that ends with a slash, is sent as it is written, and is
   nothing but the rest of the path and perhaps a query. */
bool url_text_is_plain(const char *at, size_t size);

/* As curl_url_get, for names that are not ASCII: libidn2 takes them for text in
   the encoding of the locale, which in a program that never calls setlocale is
   ASCII. */
CURLUcode url_text_get(CURLU *url, CURLUPart part, char **text,
                       unsigned int flags);
