/* See field_scan.h. */
#include "field_scan.h"

#include <string.h>

#include <curl/curl.h>

Span field_trim(Span span)
{
  while (!span_is_empty(span) &&
         (field_blank(*span.at) || field_forged(*span.at)))
    span.at++;
  while (!span_is_empty(span) &&
         (field_blank(span.end[-1]) || field_forged(span.end[-1])))
    span.end--;
  return span;
}

Span field_line(Span *rest)
{
  Span line = *rest;
  const char *end = memchr(rest->at, '\n', (size_t)(rest->end - rest->at));
  if (end != NULL)
    line.end = end;
  rest->at = end != NULL ? end + 1 : rest->end;
  return line;
}

/* RFC 9110 5.6.2 */
bool field_is_name(const char *name, size_t size)
{
  static const char others[] = "!#$%&'*+-.^_`|~";
  size_t i;
  for (i = 0; i < size; i++) {
    char byte = name[i];
    if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
          (byte >= '0' && byte <= '9') ||
          (byte != '\0' && strchr(others, byte) != NULL)))
      return false;
  }
  return size > 0;
}

/* A line that begins with a blank continues the value. */
static void take_continuation(Span *rest, Span *value)
{
  while (!span_is_empty(*rest) && field_blank(*rest->at))
    value->end = field_line(rest).end;
}

bool field_find(Span *rest, const char *name, size_t size, Span *value)
{
  while (!span_is_empty(*rest)) {
    Span line = field_line(rest);
    /* The byte behind the name tells at once of nearly all other lines. */
    if ((size_t)(line.end - line.at) <= size ||
        (line.at[size] != ':' && !field_blank(line.at[size])) ||
        !curl_strnequal(line.at, name, size))
      continue;
    line.at += size;
    while (!span_is_empty(line) && field_blank(*line.at))
      line.at++;
    if (span_is_empty(line) || *line.at != ':')
      continue;
    line.at++;
    *value = line;
    take_continuation(rest, value);
    return true;
  }
  return false;
}

bool field_next(Span *rest, Span *name, Span *value)
{
  while (!span_is_empty(*rest)) {
    Span line = field_line(rest);
    const char *colon = memchr(line.at, ':', (size_t)(line.end - line.at));
    if (colon == NULL)
      continue;
    name->at = line.at;
    name->end = colon;
    while (!span_is_empty(*name) && field_blank(name->end[-1]))
      name->end--;
    if (!field_is_name(name->at, (size_t)(name->end - name->at)))
      continue;
    value->at = colon + 1;
    value->end = line.end;
    take_continuation(rest, value);
    return true;
  }
  return false;
}
