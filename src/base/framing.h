/* Whether an answer says where it ends in a way that all would understand alike
   (RFC 9112 6.3). libcurl takes "5x", "5, 6" and "0x5" for some length, and of two
   it believes one; a proxy between us may believe the other, and then a part of
   one answer is the beginning of the next. */
#ifndef MULTISOCK_FRAMING_H
#define MULTISOCK_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

#define FRAMING_REASON "the answer has no valid Content-Length"

/* Zero at the beginning. */
typedef struct Framing {
  int64_t length;
  bool named;              /* that is what it has named */
  bool wrong;              /* it is none, or there are several */
  bool coded;              /* there is a Transfer-Encoding, which counts instead */
  bool in_length;          /* the next line may continue it */
} Framing;

/* A line of a header block. */
void framing_take(Framing *framing, const char *line, size_t size);

/* At its end: whether the answer is to be refused. */
bool framing_is_wrong(const Framing *framing, int status);

#pragma GCC visibility pop

#endif
