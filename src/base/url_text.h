/* URLs as text, before libcurl parses them. */
#ifndef MULTISOCK_URL_TEXT_H
#define MULTISOCK_URL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#pragma GCC visibility push(hidden)

/* Whether the bytes end in the middle, or end a line: libcurl would send them
   as they are. */
bool url_text_breaks(const char *text, size_t size);

/* How many bytes behind the host are none that a URI has (RFC 3986 2). Control
   characters do not count, and blanks only with `blanks`: libcurl refuses them. */
size_t url_text_foreign(const char *text, size_t size, bool blanks);

/* The text with those percent-encoded, to be freed; NULL when memory ran out. */
char *url_text_encode(const char *text, size_t size, bool blanks);

/* As curl_url_get, for names that are not ASCII: libidn2 takes them for text in
   the encoding of the locale, which in a program that never calls setlocale is
   ASCII. */
CURLUcode url_text_get(CURLU *url, CURLUPart part, char **text,
                       unsigned int flags);

#pragma GCC visibility pop

#endif
