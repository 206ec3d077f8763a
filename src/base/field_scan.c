/* See field_scan.h. */
#include "field_scan.h"

#include <string.h>

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

/* How common each byte from '!' to '~' is in header fields, from 'a' for the rarest;
   a space where no name has it (RFC 9110 5.6.2). */
static const char common[] = "{ {{{{{  {{ |{ {{{{{{{{{{       "
                             "xeupzjimsbdqowvnatrykgflhc"
                             "   {{{xeupzjimsbdqowvnatrykgflhc { {";

bool field_name(FieldName *name, const char *text, size_t size)
{
  size_t i;
  char least = '~';
  name->text = text;
  name->size = size;
  name->rare = 0;
  name->lower = name->upper = NULL;
  for (i = 0; i < size; i++) {
    unsigned int place = (unsigned char)text[i] - (unsigned int)'!';
    if (place >= sizeof common - 1 || common[place] == ' ')
      return false;
    if (common[place] < least) {
      least = common[place];
      name->rare = i;
    }
  }
  return size > 0;
}

bool field_is_name(const char *text, size_t size)
{
  FieldName name;
  return field_name(&name, text, size);
}

/* A line that begins with a blank continues the value. */
static void take_continuation(Span *rest, Span *value)
{
  while (!span_is_empty(*rest) && field_blank(*rest->at))
    value->end = field_line(rest).end;
}

/* Whether a line begins with a name, a token, in any case. */
static bool begins_with(const char *line, const char *name, size_t size)
{
  size_t i;
  for (i = 0; i < size; i++) {
    char byte = name[i] | 0x20;
    if (line[i] != name[i] &&
        ((line[i] | 0x20) != byte || byte < 'a' || byte > 'z'))
      return false;
  }
  return true;
}

/* Takes the name, blanks and a colon from the beginning of a line. */
static bool take_name(Span *line, const FieldName *name)
{
  if ((size_t)(line->end - line->at) <= name->size ||
      !begins_with(line->at, name->text, name->size))
    return false;
  line->at += name->size;
  while (!span_is_empty(*line) && field_blank(*line->at))
    line->at++;
  return !span_is_empty(*line) && *line->at++ == ':';
}

static const char *seek(const char *at, const char *end, char byte)
{
  const char *found = memchr(at, byte, (size_t)(end - at));
  return found != NULL ? found : end;
}

/* The first such byte from `at` on: `known`, which an earlier look has found, is it
   still when it is not passed. So all looks together go over the bytes once. */
static const char *first_from(const char *known, const char *at,
                              const char *end, char byte)
{
  return known != NULL && known >= at ? known : seek(at, end, byte);
}

/* Goes from one to the next of the rarest letter of the name, either case, because
   memchr passes over many bytes at once: most lines need not be looked at. */
bool field_find(Span *rest, FieldName *name, Span *value)
{
  const char *start = rest->at, *end = rest->end;
  char letter = name->text[name->rare], low = letter | 0x20;
  bool has_case = low >= 'a' && low <= 'z';
  rest->at = end;
  if ((size_t)(end - start) <= name->rare)
    return false;
  start += name->rare;
  name->lower = first_from(name->lower, start, end, has_case ? low : letter);
  name->upper =
      has_case ? first_from(name->upper, start, end, letter & ~0x20) : end;
  while (name->lower < end || name->upper < end) {
    const char **next = name->lower < name->upper ? &name->lower : &name->upper;
    Span line = { *next - name->rare, end };
    if ((*next == start || line.at[-1] == '\n') && take_name(&line, name)) {
      *rest = line;
      *value = field_line(rest);
      take_continuation(rest, value);
      return true;
    }
    *next = seek(*next + 1, end, **next);
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
