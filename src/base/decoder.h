/* Undoes the content codings of a body: bytes in, bytes out, a bounded piece of
   work at a time. Whether the codings have ended is known. Pure C; used by
   coded.c and decoder_lua.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "coding.h"

/* More codings on one body are refused, as browsers and curl do: each may make
   the body a thousand times larger. */
#define DECODER_MOST 5

/* Codings in the order in which they were applied. */
typedef struct CodingList {
  const Coding *codings[DECODER_MOST];
  int count;
  int named;    /* names so far, "identity" and unknown ones too */
  bool unknown; /* one of them cannot be undone */
} CodingList;

typedef struct Decoder Decoder;

typedef enum DecoderResult {
  DECODER_WAITS, /* nothing can be done without more input */
  DECODER_BUSY,  /* its room or its share of work is used up */
  DECODER_CORRUPT,
  DECODER_NO_MEMORY
} DecoderResult;

/* Adds what a value of Content-Encoding names: a list with commas. False when
   it names too many. */
bool coding_list_add(CodingList *list, const char *value, size_t size);

/* The names of all codings that can be undone: NULL past the last one. */
const char *decoder_coding(int i);

/* NULL: out of memory. The list is not empty, and knows all of its names. */
Decoder *decoder_new(const CodingList *list);
void decoder_free(Decoder *decoder);

/* Decodes some more; `piece` moves on. A call takes about 1 ms at most for
   `work` of 256 KiB, whatever the input. */
DecoderResult decoder_run(Decoder *decoder, CodingPiece *piece, size_t work);

/* Whether all codings are complete, so that the body may end here. */
bool decoder_has_ended(const Decoder *decoder);
