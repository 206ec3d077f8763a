/* Keeps header blocks that begin with a blank away from libcurls which they
   crash, see quirk_folded_first_line. Such a libcurl writes a header line to the
   write function before it looks at it, if CURLOPT_HEADER is on. So that is on
   from the start of a transfer until its first header line has been seen, and
   every write function asks here what it gets. Used by receiver.c and
   callbacks_data.c. */
#pragma once

#include "compat.h"

/* RFC 9112, section 2.2. */
#define HEAD_GUARD_REASON "the answer's header block begins with a blank"

typedef enum HeadGuardState {
  HEAD_UNGUARDED,    /* what is written is the body */
  HEAD_BEFORE_BLOCK, /* a status line comes next */
  HEAD_IN_BLOCK,     /* a header line comes next */
  HEAD_SEEN          /* only the rest of a long line */
} HeadGuardState;

typedef struct HeadGuard {
  HeadGuardState state;
  bool in_line; /* the line is longer than a piece */
  bool wanted;  /* the user has set CURLOPT_HEADER */
  bool http09;  /* and CURLOPT_HTTP09_ALLOWED */
  bool refused; /* the block began with a blank */
} HeadGuard;

typedef enum HeadGuardVerdict {
  HEAD_IS_BODY,   /* for the user */
  HEAD_IS_LINE,   /* of the header block: not for the user */
  HEAD_IS_REFUSED /* the transfer has to end */
} HeadGuardVerdict;

/* At the start of a transfer. */
void head_guard_begin(HeadGuard *guard, CURL *handle);

/* What a write function got; `state` is not HEAD_UNGUARDED. */
HeadGuardVerdict head_guard_check(HeadGuard *guard, CURL *handle,
                                  const char *bytes, size_t size);
