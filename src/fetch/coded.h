/* A body that comes in content codings. Its raw bytes wait in the receiver as
   those of any other body, and are decoded here a slice at a time, at the pace
   of who reads: so what is held is bounded, however much it decodes to. No Lua.
   Used by receiver.c, easy_transfer.c and easy_coded.c. */
#pragma once

#include <strings.h>

#include "buffer.h"
#include "compat.h"
#include "decoder.h"

struct Receiver;

typedef struct Coded {
  CodingList list;
  Decoder *decoder;     /* NULL until the first byte is decoded */
  Buffer plain;         /* decoded bytes that nobody took yet */
  curl_off_t made;      /* decoded bytes so far */
  DecoderResult result; /* of the last slice */
  const char *message;  /* why it is corrupt, or NULL */
} Coded;

/* Whether a header line tells of codings; chunks, which many answers come in,
   are libcurl's. */
static inline bool coded_concerns(const char *line, size_t size)
{
  if (size > 17 && (line[0] | 0x20) == 'c' &&
      (line[16] == ':' || line[16] == ' ' || line[16] == '\t'))
    return strncasecmp(line, "Content-Encoding", 16) == 0;
  return size > 18 && line[17] == ':' && (line[0] | 0x20) == 't' &&
         strncasecmp(line, "Transfer-Encoding", 17) == 0 &&
         (size != 28 || strncasecmp(line + 18, " chunked", 8) != 0);
}

/* Finds out from a complete header block how its body is coded. NULL, or why
   the answer has to be refused. */
const char *coded_begin(struct Receiver *receiver);

/* Decodes some of what waits: as much as one who reads may hold, for `us`
   microseconds at most. Returns whether there is more to do. */
bool coded_work(struct Receiver *receiver, unsigned us);

/* Whether the body, all of which has come, may end where it does. */
bool coded_ends_well(const struct Receiver *receiver);

/* Whether the end of the connection is the end of the body, which may be
   anywhere. */
bool coded_is_open_ended(const struct Receiver *receiver);

/* No codings, or no longer. */
void coded_end(struct Receiver *receiver);
