/* A file that takes a body as it arrives: fewer and larger writes than
   there are pieces. Used by receiver.c and easy_transfer.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Sink {
  int fd;              /* of its own: the file may be closed meanwhile */
  unsigned forks;      /* process_forks when it was opened */
  int error;           /* errno of a write that failed; 0: none */
  char *bytes;         /* those that wait to be written; NULL: not open */
  size_t used, room;   /* how many wait, and how many may */
  uint64_t written_ms; /* the clock of sink_put at the last write */
} Sink;

/* Writes to this descriptor from now on, which may be closed at any time. False:
   out of memory or descriptors, errno tells. */
bool sink_open(Sink *sink, int fd);

static inline bool sink_is_open(const Sink *sink)
{
  return sink->bytes != NULL;
}

/* Takes bytes; false, with `error` set, when the file does not. `now_ms` is any
   clock that only goes forward. */
bool sink_put(Sink *sink, const char *bytes, size_t size, uint64_t now_ms);

/* Writes what still waits, and lets go of the file. `error` stays. */
void sink_close(Sink *sink);
