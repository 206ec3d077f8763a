/* One content coding: what a row of decoder.c's table has. Pure C; one file for
   each library that undoes codings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum CodingResult {
  CODING_GOES_ON, /* took all input, or filled all room */
  CODING_ENDED,   /* its stream ends where `in` stands now */
  CODING_CORRUPT, /* `message` may tell why */
  CODING_NO_MEMORY
} CodingResult;

/* Bytes to decode and room for what they become; `run` moves both on. */
typedef struct CodingPiece {
  const char *in;
  size_t in_size;
  char *out;
  size_t room;
  const char *message; /* static */
} CodingPiece;

typedef struct Coding {
  const char *name, *alias; /* alias: NULL, or an old name */
  bool (*is_there)(void);   /* NULL: always */
  void *(*open)(void);      /* NULL: out of memory */
  CodingResult (*run)(void *state, CodingPiece *piece);
  /* Ready for another stream behind one that has ended; NULL: none may follow. */
  bool (*again)(void *state);
  void (*close)(void *state);
} Coding;

extern const Coding coding_gzip, coding_deflate; /* coding_zlib.c */
extern const Coding coding_br;                   /* coding_brotli.c */
extern const Coding coding_zstd;                 /* coding_zstd.c */
