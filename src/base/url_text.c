/* See url_text.h. */
#include "url_text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

bool url_text_breaks(const char *text, size_t size)
{
  return memchr(text, '\0', size) != NULL || memchr(text, '\r', size) != NULL ||
         memchr(text, '\n', size) != NULL;
}

static bool is_letter(char byte)
{
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Where path, query and fragment begin: behind "scheme:" and "//authority". */
static const char *skip_authority(const char *at, const char *end)
{
  const char *colon = at;
  while (colon < end &&
         (is_letter(*colon) || (*colon >= '0' && *colon <= '9') ||
          *colon == '+' || *colon == '-' || *colon == '.'))
    colon++;
  if (colon < end && *colon == ':' && is_letter(*at))
    at = colon + 1;
  if (at == end || *at != '/' || end - at < 2 || at[1] != '/')
    return at;
  while (at < end && *at == '/')
    at++;
  while (at < end && *at != '/' && *at != '?' && *at != '#')
    at++;
  return at;
}

static bool is_foreign(char byte, bool blanks)
{
  switch (byte) {
  case ' ': return blanks;
  case '"':
  case '<':
  case '>':
  case '\\':
  case '^':
  case '`':
  case '{':
  case '|':
  case '}': return true;
  default: return (unsigned char)byte >= 0x80;
  }
}

static bool is_digit(char byte)
{
  return byte >= '0' && byte <= '9';
}

size_t url_text_place(const char *text, size_t size)
{
  const char *end = text + size, *at, *host;
  if (size > 7 && memcmp(text, "http://", 7) == 0)
    at = text + 7;
  else if (size > 8 && memcmp(text, "https://", 8) == 0)
    at = text + 8;
  else
    return 0;
  host = at;
  while (at < end &&
         (is_letter(*at) || is_digit(*at) || *at == '.' || *at == '-'))
    at++;
  if (at > host && at < end && *at == ':')
    for (at++; at < end && is_digit(*at);)
      at++;
  return at > host && at < end && *at == '/' ? (size_t)(at - text) : 0;
}

/* Whether this is an escape that libcurl would rewrite when it takes the path by
   itself: as a part it gets its digits in lower case, in a whole URL it does not. */
static bool is_upper_escape(const char *at, const char *end)
{
  return *at == '%' && end - at > 2 &&
         ((at[1] >= 'A' && at[1] <= 'F') || (at[2] >= 'A' && at[2] <= 'F'));
}

/* Whether a part of the path begins here that libcurl may take for "." or "..": newer
   versions do so where the dot is escaped, but only in a whole URL. */
static bool is_dot_part(const char *at, const char *end)
{
  return at[-1] == '/' &&
         (*at == '.' || (end - at > 2 && memcmp(at, "%2e", 3) == 0));
}

/* libcurl takes no more than 8 MB. */
#define LONGEST (1024 * 1024)

bool url_text_is_sent_so(const char *at, size_t size)
{
  const char *end = at + size;
  if (size > LONGEST)
    return false;
  for (; at < end; at++)
    if (*at <= ' ' || *at == 0x7f || is_foreign(*at, true) ||
        is_dot_part(at, end) || is_upper_escape(at, end))
      return false;
  return true;
}

static bool is_upper_digit(char byte)
{
  return is_digit(byte) || (byte >= 'A' && byte <= 'F');
}

/* RFC 3986 3.3, and slashes. */
static bool is_of_path(char byte)
{
  return is_letter(byte) || is_digit(byte) ||
         (byte != '\0' && strchr("/-._~%!$&'()*+,;=:@", byte) != NULL);
}

/* Of a query; libcurl may write other escapes in another way. */
static bool is_plain_query(const char *at, const char *end)
{
  if (at == end)
    return false; /* libcurl leaves the question mark out */
  for (; at < end; at++)
    if ((!is_of_path(*at) && *at != '?') ||
        (*at == '%' &&
         !(end - at > 2 && is_upper_digit(at[1]) && is_upper_digit(at[2]))))
      return false;
  return true;
}

bool url_text_is_plain(const char *at, size_t size)
{
  const char *end = at + size, *part = at;
  if (size == 0 || size > LONGEST || *at == '?')
    return false;
  for (; at < end && *at != '?'; at++) {
    if (!is_of_path(*at) || (at == part && *at == '.') ||
        (*at == ':' && end - at > 2 && at[1] == '/' && at[2] == '/'))
      return false;
    if (*at == '/')
      part = at + 1;
  }
  return at == end || is_plain_query(at + 1, end);
}

size_t url_text_foreign(const char *text, size_t size, bool blanks)
{
  const char *end = text + size, *at = skip_authority(text, end);
  size_t count = 0;
  for (; at < end; at++)
    count += is_foreign(*at, blanks);
  return count;
}

char *url_text_encode(const char *text, size_t size, bool blanks)
{
  static const char digits[] = "0123456789ABCDEF";
  const char *end = text + size, *at = skip_authority(text, end);
  size_t head = (size_t)(at - text);
  const char *from;
  char *made = malloc(size + 2 * url_text_foreign(text, size, blanks) + 1);
  char *to;
  if (made == NULL)
    return NULL;
  memcpy(made, text, head);
  to = made + head;
  for (from = at; from < end; from++) {
    unsigned char code = (unsigned char)*from;
    if (!is_foreign(*from, blanks)) {
      *to++ = *from;
      continue;
    }
    *to++ = '%';
    *to++ = digits[code >> 4];
    *to++ = digits[code & 15];
  }
  *to = '\0';
  return made;
}

/* ---- Names that are not ASCII ---- */

#define PUNYCODE (1u << 12) /* CURLU_PUNYCODE, since 7.88 */

/* (locale_t)0 where the system has none with UTF-8. */
static locale_t utf8_locale(void)
{
  static const char *const names[] = { "C.UTF-8", "C.utf8", "en_US.UTF-8",
                                       "UTF-8" };
  locale_t made = (locale_t)0;
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names && made == (locale_t)0; i++)
    made = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
  return made;
}

CURLUcode url_text_get(CURLU *url, CURLUPart part, char **text,
                       unsigned int flags)
{
  locale_t utf8 = flags & PUNYCODE ? utf8_locale() : (locale_t)0;
  locale_t before = (locale_t)0;
  CURLUcode code;
  if (utf8 != (locale_t)0)
    before = uselocale(utf8); /* of this thread alone */
  code = curl_url_get(url, part, text, flags);
  if (utf8 != (locale_t)0) {
    (void)uselocale(before);
    freelocale(utf8);
  }
  /* libcurl leaves its copy there when a name cannot be converted. */
  if (code != CURLUE_OK) {
    curl_free(*text);
    *text = NULL;
  }
  return code;
}
