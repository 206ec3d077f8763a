/* Whether an answer says where it ends in a way that all would understand alike
   (RFC 9112 6.3). libcurl takes "5x", "5, 6" and "0x5" for some length, and of two
   it believes one; a proxy between us may believe the other, and then a part of
   one answer is the beginning of the next. The same with "Transfer-Encoding :" and
   a Transfer-Encoding that is folded: chunks to some, a plain body to libcurl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero at the beginning. */
typedef struct Framing {
  int64_t length;
  bool named;     /* that is what it has named */
  bool wrong;     /* it is none, or there are several */
  bool coded;     /* there are chunks, which count instead */
  bool garbled;   /* either is there in a form that libcurl overlooks */
  bool in_length; /* the next line may continue it */
  bool in_coding; /* or the Transfer-Encoding */
} Framing;

/* A line of a header block. */
void framing_take(Framing *framing, const char *line, size_t size);

/* At its end: why the answer is to be refused, or NULL. */
const char *framing_fault(const Framing *framing, int status);
