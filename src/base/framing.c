/* See framing.h. */
#include "framing.h"

#include <strings.h>

static const char length_name[] = "Content-Length";
static const char coding_name[] = "Transfer-Encoding";

#define LENGTH_SIZE (sizeof length_name - 1)
#define CODING_SIZE (sizeof coding_name - 1)

/* Larger than any body that could be, and far from what would overflow. */
#define MOST 1000000000000000000   /* 10^18 */

static bool is_digit(char byte)
{
  return byte >= '0' && byte <= '9';
}

static bool is_space(char byte)
{
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* One number of those between commas; NULL when it is none, or too large. */
static const char *take_number(const char *at, const char *end, int64_t *value)
{
  bool found = false;
  *value = 0;
  while (at < end && is_space(*at))
    at++;
  for (; at < end && is_digit(*at); at++) {
    if (*value > MOST / 10)
      return NULL;
    *value = *value * 10 + (*at - '0');
    found = true;
  }
  if (!found)
    return NULL;
  while (at < end && is_space(*at))
    at++;
  return at;
}

/* Several are let pass when all say the same. */
static void take_length(Framing *framing, const char *at, const char *end)
{
  while (!framing->wrong) {
    int64_t value;
    at = take_number(at, end, &value);
    if (at == NULL || (at < end && *at != ',') ||
        (framing->named && framing->length != value)) {
      framing->wrong = true;
      return;
    }
    framing->named = true;
    framing->length = value;
    if (at == end)
      return;
    at++;
  }
}

static bool has_name(const char *line, size_t size, const char *name,
                     size_t name_size)
{
  return size > name_size && line[name_size] == ':' &&
         strncasecmp(line, name, name_size) == 0;
}

void framing_take(Framing *framing, const char *line, size_t size)
{
  bool continues = size > 0 && (line[0] == ' ' || line[0] == '\t');
  if (continues && framing->in_length) {
    size_t at = 0;
    while (at < size && is_space(line[at]))
      at++;
    framing->wrong = framing->wrong || at < size;
  }
  if (continues)
    return;
  framing->in_length = has_name(line, size, length_name, LENGTH_SIZE);
  if (framing->in_length)
    take_length(framing, line + LENGTH_SIZE + 1, line + size);
  else if (has_name(line, size, coding_name, CODING_SIZE))
    framing->coded = true;
}

bool framing_is_wrong(const Framing *framing, int status)
{
  return framing->wrong && !framing->coded && status != 204 && status != 304;
}
