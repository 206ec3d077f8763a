/* Header fields in the bytes that a server sent. Nothing is kept: each look
   walks over the lines, in time that is in proportion to the bytes, whatever
   they are. Pure C; used by headers.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Span {
  const char *at, *end;
} Span;

/* RFC 9112 5.1: what may stand around a value. */
static inline bool field_blank(char byte)
{
  return byte == ' ' || byte == '\t';
}

/* A carriage return or a zero byte within a line is to be taken for a space
   (RFC 9110 5.5): it could end a line where the value is written again. */
static inline bool field_forged(char byte)
{
  return byte == '\r' || byte == '\0';
}

static inline bool span_is_empty(Span span)
{
  return span.at == span.end;
}

/* Without what may stand around a value. */
Span field_trim(Span span);

/* Takes the next line, which is not empty of bytes, from `rest`. */
Span field_line(Span *rest);

/* Whether it can be the name of a field. */
bool field_is_name(const char *name, size_t size);

/* A name to look for in one block, from its start to its end. */
typedef struct FieldName {
  const char *text;
  size_t size;
  size_t rare; /* which of its bytes is the rarest in header fields */
  const char *lower,
      *upper; /* where the next ones of that byte are, as it is in
                                either case; NULL: nobody has looked */
} FieldName;

/* Makes one of a text, which has to stay; false when it cannot be the name of a
   field. */
bool field_name(FieldName *name, const char *text, size_t size);

/* Takes lines up to the next field with this name; false at the end. */
bool field_find(Span *rest, FieldName *name, Span *value);

/* Takes lines up to the next field of any name; false at the end. What is no
   field is passed over: the status line, for one. */
bool field_next(Span *rest, Span *name, Span *value);
