/* See framing.h. */
#include "framing.h"

#include <strings.h>

static const char length_name[] = "Content-Length";
static const char coding_name[] = "Transfer-Encoding";

#define LENGTH_SIZE (sizeof length_name - 1)
#define CODING_SIZE (sizeof coding_name - 1)

/* Larger than any body that could be, and far from what would overflow. */
#define MOST 1000000000000000000 /* 10^18 */

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

/* Whether a chunked coding is named: then libcurl reads chunks. */
static bool names_chunks(const char *at, const char *end)
{
  for (; end - at >= 7; at++)
    if (strncasecmp(at, "chunked", 7) == 0)
      return true;
  return false;
}

/* What stands behind the colon of a field with this name, or NULL. libcurl does
   not know a name with blanks behind it, others do. */
static const char *value_of(Framing *framing, const char *line, size_t size,
                            const char *name, size_t name_size)
{
  size_t at = name_size;
  if (size <= name_size || (line[0] | 0x20) != (name[0] | 0x20) ||
      strncasecmp(line, name, name_size) != 0)
    return NULL;
  while (at < size && (line[at] == ' ' || line[at] == '\t'))
    at++;
  if (at == size || line[at] != ':')
    return NULL;
  framing->garbled = framing->garbled || at > name_size;
  return line + at + 1;
}

/* libcurl takes a field apart before it knows what continues it. */
static void take_continuation(Framing *framing, const char *line, size_t size)
{
  size_t at = 0;
  while (at < size && is_space(line[at]))
    at++;
  if (at < size && framing->in_length)
    framing->wrong = true;
  if (at < size && framing->in_coding)
    framing->garbled = true;
}

void framing_take(Framing *framing, const char *line, size_t size)
{
  const char *end = line + size;
  const char *value;
  if (size > 0 && (line[0] == ' ' || line[0] == '\t')) {
    take_continuation(framing, line, size);
    return;
  }
  value = value_of(framing, line, size, length_name, LENGTH_SIZE);
  framing->in_length = value != NULL;
  if (value != NULL)
    take_length(framing, value, end);
  value = value_of(framing, line, size, coding_name, CODING_SIZE);
  framing->in_coding = value != NULL;
  if (value != NULL && names_chunks(value, end))
    framing->coded = true;
}

const char *framing_fault(const Framing *framing, int status)
{
  if (status == 204 || status == 304)
    return NULL;
  if (framing->garbled)
    return "not all would read the Content-Length or Transfer-Encoding of the "
           "answer alike";
  if (status == 101 && framing->coded)
    return "an answer that switches protocols cannot be chunked";
  return framing->wrong && !framing->coded
             ? "the answer has no valid Content-Length"
             : NULL;
}
